"""The comparison `same` fails where it should, and the stand-in checkpoints can be used like real ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from helpers import ROLES, TEXT_ARCHS, same, text_arch, tiny_checkpoints, tiny_tokenizer
from transformers import AutoConfig

from rekd import checkpoints
from rekd.types import Example


@pytest.mark.parametrize(
    ("actual", "expected", "tolerance"),
    [
        (torch.tensor([1.0, 2.0]), [1.0, 2.0 + 1e-7], 1e-6),
        (np.array([1, 2]), (1, 2), 0),
        ([math.inf, -math.inf, 0.5], torch.tensor([math.inf, -math.inf, 0.5]), 0),
        ([True, False], torch.tensor([True, False]), 0),
        (["word", "patch"], ("word", "patch"), 0),
        (torch.zeros(0), np.zeros(0), 0),
    ],
)
def test_same_passes(actual, expected, tolerance):
    same(actual, expected, atol=tolerance)


@pytest.mark.parametrize(
    ("actual", "expected", "said"),
    [
        ([1.0, 2.0], [1.0, 2.1], "expected: [1.0, 2.1]"),
        ([1.0, 2.0], [[1.0, 2.0]], "shape (2,) is not (1, 2)"),
        (torch.zeros(3), 0.0, "shape (3,) is not ()"),
        ([math.nan], [math.nan], "1 of 1 differ"),
        ([math.inf], [-math.inf], "1 of 1 differ"),
        ([1.0], [math.inf], "1 of 1 differ"),
        (["word"], ["patch"], "actual:   ['word']"),
        (np.zeros((9, 9)), np.eye(9), "at (0, 0): actual"),
    ],
)
def test_same_fails_and_prints_both_sides(actual, expected, said):
    with pytest.raises(AssertionError) as failure:
        same(actual, expected, atol=1e-3, rtol=1e-3)
    assert said in str(failure.value)


@pytest.mark.parametrize("name", TEXT_ARCHS)
def test_text_architectures_are_transformers_configurations(name):
    values = text_arch(name)
    config = AutoConfig.for_model(values.pop("model_type"), **values)
    assert config.hidden_size == 16 and config.vocab_size == len(tiny_tokenizer())


@pytest.mark.parametrize(
    ("task", "example"),
    [
        ("imdb", Example("own/text", text="A slow story, but the end is lovely!")),
        (
            "digits",
            Example("own/picture", image=np.arange(64 * 64 * 3, dtype=np.uint32).astype(np.uint8).reshape(64, 64, 3)),
        ),
    ],
)
def test_stand_in_checkpoints_load_select_and_differ(tmp_path, task, example):
    tiny_checkpoints(tmp_path, task=task)
    assert not checkpoints.problems(tmp_path)
    infos = {info.role: info for info in checkpoints.available(tmp_path)}
    assert set(infos) == set(ROLES)
    seen = set()
    for info in infos.values():
        loaded = checkpoints.load(info.folder)
        batch = loaded.reader.read([example]).batch
        seen.add(tuple(loaded.model.predict(batch)[0].tolist()))
        if info.config.selects:
            assert loaded.model.select(batch).std() > 0.1, "a selection that is flat shows nothing"
    assert len(seen) == len(infos), "two models say the same to the last digit"


def test_one_worker_takes_a_file_all_browsers_or_all_processes(request):
    here = request.path.parent
    conftest = request.config.pluginmanager.get_plugin(str(here / "conftest.py"))
    for nodeid, group in (
        ("tests/browser/test_browser.py::test_a", "browser"),
        ("tests/training/test_sweep.py::test_a[x::y]", "processes"),
        ("tests/test_cli_sweep.py::test_a", "processes"),
        ("tests/training/test_sweep_ray.py::test_a", "tests/training/test_sweep_ray.py"),
        ("tests/test_cli.py::test_a[tests/browser]", "tests/test_cli.py"),
    ):
        assert conftest.group_of(nodeid) == group
    assert {path.name for path in here.rglob("test_*.py")} >= set(conftest.PROCESSES), "a file was renamed"
