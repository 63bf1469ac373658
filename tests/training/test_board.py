"""Metrics in TensorBoard: off unless asked for, refused where the package is missing, no doubles after a resume."""

from __future__ import annotations

import json

import pytest
from accelerate import Accelerator

from rekd.config import TrainConfig
from rekd.training import board, fit
from rekd.training.board import check_report, reported, scalars
from rekd.training.state import Progress

LINE = {"step": 4, "total": 2.5, "dev_accuracy": 0.5, "gradients": {"task": 1.0, "rate": 0.25}, "dev_mask": None}
TINY = {"img_size": 64, "patch_size": 8, "embed_dim": 16, "depth": 1, "num_heads": 2}


def points(folder, name):
    """(step, value) of a curve as TensorBoard shows it."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / board.FOLDER)).Reload()
    return [(event.step, event.value) for event in events.Scalars(name)] if name in events.Tags()["scalars"] else []


def test_a_line_of_metrics_is_flat_numbers_by_name():
    assert scalars(LINE) == {"total": 2.5, "dev_accuracy": 0.5, "gradients/task": 1.0, "gradients/rate": 0.25}


def test_where_the_package_is_missing_a_sentence_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr(board, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install tensorboard.*metrics.jsonl"):
        fit.fit(TrainConfig("digits", "re", report_to="tensorboard"), tmp_path, cpu=True)
    assert not list(tmp_path.iterdir()), "nothing was begun"
    check_report("")


def test_nothing_is_written_where_nothing_was_asked_for(tmp_path):
    accelerator = Accelerator(cpu=True)
    with reported(accelerator, tmp_path):
        accelerator.log(scalars(LINE), step=4)
    assert not list(tmp_path.iterdir())


def test_a_resumed_run_goes_on_in_the_same_curves_without_doubles(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed; a run does without it")

    def write(saved, *steps):
        monkeypatch.setattr(board, "load_progress", lambda run: saved and Progress(step=saved))
        accelerator = Accelerator(cpu=True, log_with="tensorboard", project_dir=tmp_path)
        with reported(accelerator, tmp_path):
            for step in steps:
                accelerator.log({"total": float(step)}, step=step)
        assert accelerator.trackers == []

    write(None, 2, 4, 6)
    write(4, 6, 8)
    assert points(tmp_path, "total") == [(2, 2.0), (4, 4.0), (6, 6.0), (8, 8.0)]
    write(None, 2, 4)  # killed before its first state, and begun anew
    assert points(tmp_path, "total") == [(2, 2.0), (4, 4.0)]


def test_a_run_writes_the_numbers_of_its_metrics(tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed; a run does without it")
    config = TrainConfig("digits", "re", steps=2, batch_size=4, log_every=1, dev_limit=16, report_to="tensorboard")
    run = tmp_path / "run"
    config = fit.start(
        TrainConfig(**{**config.to_dict(), "backbone": "vit_tiny_patch16_224", "backbone_args": TINY}), run
    )
    fit.fit(config, run, cpu=True)
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    for name in ("total", "dev_accuracy"):
        expected = [(row["step"], row[name]) for row in rows if name in row]
        assert points(run, name) == [(step, pytest.approx(value, rel=1e-6)) for step, value in expected] != []
    assert points(run, "gradients/rate")[0][0] == 2
