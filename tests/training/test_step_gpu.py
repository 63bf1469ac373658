"""Steps replayed from CUDA graphs, where there is a GPU; test_step.py has what of them runs on a CPU."""

from __future__ import annotations

import json
import types
import warnings

import pytest
import torch
from helpers import same
from stepping import drawn, made, told, weights

from rekd import masks
from rekd.training.state import flatten_optimizer, restore_optimizer

REKD = {"kind": "rekd", "teacher": "t"}
PARTS = {"precision": "bf16", "device": "cuda"}
GRAPH = {"engine": "graph"}
gpu = pytest.mark.gpu


@gpu
@pytest.mark.parametrize("modality", ["text", "image"])
@pytest.mark.parametrize("values", [{}, {"accumulation": 2}, {"optimizer": "muon"}], ids=["plain", "parts", "muon"])
def test_replayed_steps_are_the_steps_made_as_they_are(modality, values):
    replayed, eager = (made(modality, engine="graph", **PARTS, **REKD, **values) for _ in range(2))
    eager.graphs.refused = True  # the same way, called as it is
    for mine, theirs in zip(told(replayed, 50), told(eager, 50), strict=True):
        for name in ("total", "r", "gradient_norm"):
            same(mine[name], theirs[name], atol=1e-3, rtol=1e-2, what=name)
    assert replayed.graphs.graphs and not replayed.graphs.refused
    same(weights(replayed), weights(eager), atol=2e-2)


@gpu
@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method:DeprecationWarning")  # of the compiler's own parts
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")  # likewise
@pytest.mark.filterwarnings("ignore:.*Function'> should not be instantiated:DeprecationWarning")  # likewise
@pytest.mark.parametrize("engine", ["graph", "compile"])
@pytest.mark.parametrize("modality", ["text", "image"])
def test_fifty_steps_of_a_graph_lose_what_eager_ones_lose(modality, engine):
    """Against the way of other devices: the parameters themselves, under autocast."""
    quick, eager = (made(modality, engine=each, dropout=0.0, **PARTS, **REKD) for each in (engine, "eager"))
    for mine, theirs in zip(told(quick, 50), told(eager, 50), strict=True):
        for name in ("task", "r"):
            same(mine[name], theirs[name], atol=0.05, what=name)
    assert quick.graphs.graphs and not quick.graphs.refused and eager.graphs is None


@gpu
def test_the_masks_of_a_graph_are_those_of_the_seed():
    made_so = {"dropout": 0.0, **PARTS, **REKD}
    replayed, eager, other = (made("image", **made_so, **more) for more in (GRAPH, {}, GRAPH | {"seed": 7}))
    theirs = drawn(eager, 20)
    assert (drawn(replayed, 20) == theirs).float().mean() > 0.97
    assert (drawn(other, 20) == theirs).float().mean() < 0.9


@gpu
def test_strongly_augmented_steps_are_replayed_too():
    values = {"engine": "graph", "augment": True, "augmentation": "strong", "dropout": 0.0, **PARTS, **REKD}
    replayed, eager = (made("image", **values) for _ in range(2))
    eager.graphs.refused = True
    for mine, theirs in zip(told(replayed, 30), told(eager, 30), strict=True):
        same(mine["total"], theirs["total"], atol=1e-3, rtol=1e-2)
    assert replayed.graphs.graphs and not replayed.graphs.refused


@gpu
def test_texts_of_different_lengths_have_a_graph_each():
    step = made("text", engine="graph", **PARTS, **REKD)
    told(step, 40)
    assert 1 < len(step.graphs.graphs) <= 4


@gpu
def test_no_step_makes_the_host_wait():
    step = made("text", engine="graph", **PARTS, **REKD)
    told(step, 30)
    torch.cuda.synchronize()
    try:
        with warnings.catch_warnings(action="ignore"):  # that the mode is a prototype
            torch.cuda.set_sync_debug_mode("error")
        for number in range(30, 50):
            step(number)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@gpu
def test_dropout_differs_from_step_to_step_under_replay():
    step = made("image", engine="graph", dropout=0.5, kind="cls", learning_rate=1e-9, **PARTS)
    step._parts = lambda number: [torch.arange(8).numpy()]
    losses = [one["total"] for one in told(step, 8)]
    assert len({round(loss, 6) for loss in losses[3:]}) == 5


@gpu
def test_what_cannot_be_captured_runs_as_it_is_and_says_so(caplog):
    step, plain = (made("image", engine="graph", **PARTS) for _ in range(2))
    plain.graphs.refused = True
    forward = step.objective.forward

    def waits(self, *given):
        terms = forward(*given)
        terms["total"].item()
        return terms

    step.objective.forward = types.MethodType(waits, step.objective)
    assert told(step, 6) == told(plain, 6)
    assert "can't be captured" in caplog.text


@gpu
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_steps_go_on_from_a_state_to_the_numbers_of_an_unbroken_run(optimizer):
    whole, first, again = (made("text", engine="graph", optimizer=optimizer, **PARTS, **REKD) for _ in range(3))
    wanted = told(whole, 24)[12:]
    told(first, 12)
    weights_then, (tensors, groups) = first.objective.state_dict(), flatten_optimizer(first.optimizer)
    json.dumps(groups)
    again.objective.load_state_dict(weights_then)
    restore_optimizer(again.optimizer, tensors, groups)
    again.dual.copy_(first.dual)
    for number, theirs in zip(range(12, 24), wanted, strict=True):
        again(number)
        mine = again.means()
        for name in ("total", "r"):
            same(mine[name], theirs[name], atol=1e-3, rtol=1e-2, what=f"{name} at step {number}")
    assert again.graphs.graphs and not again.graphs.refused


@gpu
@pytest.mark.parametrize("width", [60, 196])
def test_noise_on_a_gpu_is_that_of_everywhere(width):
    ids = torch.arange(32) * 7 + 3
    drawn = masks.logistic_noise(2026, torch.tensor(5), ids, width)
    there = masks.logistic_noise(2026, torch.tensor(5, device="cuda"), ids.cuda(), width)
    same(there.cpu(), drawn, atol=1e-5)
