"""The bench of inference: every way gives the same logits, and the table says what was measured."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
import torch
from helpers import same, tiny_checkpoints

from rekd import checkpoints
from rekd.bench import answers, infer
from rekd.cli import main
from rekd.explanations.rationale import rationale
from rekd.files import read_json
from rekd.models.backbone import fixed_shapes, may_look
from rekd.types import Example


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    for task in ("imdb", "digits"):
        tiny_checkpoints(root, task=task, roles=("rekd",))
    return root


@pytest.fixture
def quick(monkeypatch):
    """Few calls, and nothing compiled, which needs a compiler and its time."""
    ways = {"ours": answers.ours, "masked": answers._masked, "plain": answers._plain, "no_grad": answers._no_grad}
    monkeypatch.setattr(infer, "ways", lambda device: ways)
    monkeypatch.setattr(infer, "SECONDS", 0.0)
    monkeypatch.setattr(infer, "LEAST", 2)
    return ways


@pytest.mark.parametrize("task", ["imdb", "digits"])
def test_every_way_gives_what_explore_shows_and_leaves_nothing_behind(models, quick, task):
    checkpoint = checkpoints.load(models / f"{task}-rekd")
    batch = answers.inputs(checkpoint, 3)
    shown = [logits.softmax(0) for logits in answers.ours(checkpoint.model, batch)]
    for run in quick.values():
        same(run(checkpoint.model, batch).softmax(1), torch.stack(shown), atol=1e-5)
    assert not any(weight.requires_grad for weight in checkpoint.model.parameters()) and may_look()
    if task == "digits":
        return
    text = " ".join(answers.REVIEW.split() * 2)
    alone = rationale("m", checkpoint.model, checkpoint.reader.read([Example("x", text=text)]), rule="top-k")
    same(alone.prediction.probs, shown[0], atol=1e-5)


def test_inputs_fill_all_that_a_model_reads_and_differ(models):
    text = answers.inputs(checkpoints.load(models / "imdb-rekd"), 4)
    assert text.token_mask.all() and text.token_mask.shape == (4, 64)
    assert len({tuple(row.tolist()) for row in text.content}) == 4
    image = answers.inputs(checkpoints.load(models / "digits-rekd"), 4)
    assert image.content.shape == (4, 3, 64, 64) and not torch.equal(image.content[0], image.content[1])


def test_dropping_computes_less_than_masking(models):
    checkpoint = checkpoints.load(models / "digits-rekd")
    batch = answers.inputs(checkpoint, 2)
    cut = infer._flops(checkpoint.model, batch)
    with fixed_shapes():
        whole = infer._flops(checkpoint.model, batch)
    assert 0 < cut < 0.75 * whole


def test_the_command_measures_what_is_here_and_writes_it(models, quick, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("rekd.checkpoints.folders.shipped", lambda: tmp_path / "none")
    monkeypatch.setenv("REKD_CHECKPOINTS", str(models))
    monkeypatch.setattr(infer, "BATCHES", {"cpu": (1, 2), "cuda": (1, 2)})
    monkeypatch.setattr(infer, "limit", lambda device: 1e10)
    assert main(["bench", "infer", "--json", str(tmp_path / "x.json")]) == 0
    told = capsys.readouterr().out
    for name in ("imdb-rekd", "digits-rekd"):
        assert f"| {name} | 1 | " in told and f"| {name} | 2 | " in told
    assert "imdb-teacher" not in told and "0.01 TFLOPS" in told and "Measured on: system" in told and "load " in told
    held = read_json(tmp_path / "x.json")
    assert [(row["model"], row["batch"]) for row in held["measured"]] == [
        (name, count) for name in ("digits-rekd", "imdb-rekd") for count in (1, 2)
    ]
    assert all(
        way["calls"] == 2 and way["low"] <= way["seconds"] for row in held["measured"] for way in row["ways"].values()
    )


def test_without_the_models_it_says_so(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("rekd.checkpoints.folders.shipped", lambda: tmp_path / "none")
    monkeypatch.setattr(infer, "limit", lambda device: 1e10)
    assert main(["bench", "infer"]) == 2
    assert "get the folder checkpoints/ that comes with the code" in capsys.readouterr().err


def test_a_way_that_can_not_be_gone_or_gives_other_logits_is_named(models, quick):
    def broken(model, batch):
        raise RuntimeError("no compiler\nat all")

    checkpoint = checkpoints.load(models / "digits-rekd")
    quick |= {"compiled": broken, "no_grad": lambda model, batch: answers.ours(model, batch) + 1}
    found = infer.row("digits-rekd", checkpoint.model, answers.inputs(checkpoint, 1))
    assert found.ways["compiled"].fault == "no compiler" and "not close" in found.ways["no_grad"].fault
    assert infer.line(found, 1e10).endswith("| can't be done here | can't be done here |")
    assert "digits-rekd, 1, torch.compile: no compiler" in infer._sentences([found], 1e10)


def test_the_table_divides_by_the_batch_and_compares_with_ours():
    ours = infer.Measured(0.064, 0.032, 0.096, 0.5, 10, memory=3 << 20)
    ways = {"ours": ours, "masked": replace(ours, seconds=0.128), "compiled": replace(ours, first=42.0)}
    row = infer.Row("m", 32, 250, 0.1, 6.4e8, ways)
    assert infer.head(["masked", "compiled"])[0].endswith("| unselected tokens masked, not dropped | torch.compile |")
    assert infer.line(row, 1e11) == (
        "| m | 32 | 2.00 ms (1.00 to 3.00) | 500 | 10% | 3 MB | 2.00 x (0.50 to 1.50) | 1.00 x (0.50 to 1.50) |"
    )
    said = infer._sentences([row], 1e11)
    assert said[-1] == "torch.compile took 42 s at the first call (median), and does at each new shape."


def test_what_was_compiled_before_is_out_of_sight_and_stays(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    with infer._nothing_compiled():
        assert os.environ["TORCHINDUCTOR_CACHE_DIR"] != str(tmp_path)
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path)
