"""From a configuration to what the loop is given."""

from __future__ import annotations

import torch

from rekd.config import TrainConfig
from rekd.training.setup import prepare, resolve

SMALL = {"embed_dim": 16, "depth": 1, "num_heads": 2, "img_size": 64, "patch_size": 8}


def test_a_limited_dev_is_spread_over_the_split_and_keeps_its_row_numbers():
    """A split may hold one class after the other, as IMDB's does: its first rows would be of one class."""
    setup = prepare(resolve(TrainConfig("digits", "cls", backbone_args=SMALL, dev_limit=4)), torch.device("cpu"))
    assert setup.dev_rows.tolist() == setup.dev.ids.tolist() == [0, 250, 500, 750]
    assert setup.dev.labels.tolist() == setup.dev_split.labels[[0, 250, 500, 750]].tolist()
    assert len(setup.dev_split) == 1000
