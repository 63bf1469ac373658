"""From a configuration to what the loop is given."""

from __future__ import annotations

import pytest
import torch
from helpers import tiny_checkpoints

from rekd import checkpoints
from rekd.config import TrainConfig
from rekd.training.setup import prepare, resolve
from rekd.training.untrained import NotAMatch, begin_from

SMALL = {"embed_dim": 16, "depth": 1, "num_heads": 2, "img_size": 64, "patch_size": 8}


def test_a_limited_dev_is_spread_over_the_split_and_keeps_its_row_numbers():
    """A split may hold one class after the other, as IMDB's does: its first rows would be of one class."""
    setup = prepare(resolve(TrainConfig("digits", "cls", backbone_args=SMALL, dev_limit=4)), torch.device("cpu"))
    assert setup.dev_rows.tolist() == setup.dev.ids.tolist() == [0, 250, 500, 750]
    assert setup.dev.labels.tolist() == setup.dev_split.labels[[0, 250, 500, 750]].tolist()
    assert len(setup.dev_split) == 1000


def test_a_batch_larger_than_the_training_split_is_refused_before_it_takes_all_memory():
    config = resolve(TrainConfig("digits", "cls", backbone_args=SMALL, batch_size=100_000))
    with pytest.raises(ValueError, match="batch of 100,000 is larger than the 12,000 examples of train"):
        prepare(config, torch.device("cpu"))


def test_a_run_starts_from_a_model_that_read_everything_alone(tmp_path):
    folder = tiny_checkpoints(tmp_path, task="digits", roles=("re", "cls"))
    re, cls = (checkpoints.load(str(folder / f"digits-{role}")) for role in ("re", "cls"))
    with pytest.raises(NotAMatch, match="digits-re is of kind 're'; start from one of kind cls"):
        begin_from(re.model, re)
    begin_from(re.model, cls)
    weights = cls.model.predictor.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in re.model.predictor.state_dict().items())
