"""The bench of the app: its table and its sentences; the browser itself is driven by tests/browser/test_browser.py."""

from __future__ import annotations

import builtins

import numpy as np
import pytest

from rekd.bench import app as bench
from rekd.bench import live, methods, page
from rekd.cli import main

MEASURED = {
    "cards": [7.04, 6.5, 8.0],
    "full": [12.0],
    "next": [0.4],
    "review_cards": [0.5],
    "review_full": [4.2],
    "paint": [0.21],
    "memory": [1.25, 1.26, 1.2],
}


def test_the_table_names_what_was_measured_its_limit_and_the_machine():
    told = "\n".join(bench.lines(MEASURED, {"cores": 2, "torch": "2.14"}))
    assert "| second start to the cards | 7.0 s (6.5 to 8.0) | 10 s |" in told
    assert "| memory of the server, one task loaded | 1.2 GB (1.2 to 1.3) | 2 GB |" in told
    assert "Measured on: cores 2, torch 2.14; 3 starts" in told


def test_the_review_has_the_length_that_the_limit_speaks_of():
    assert 110 <= len(bench.REVIEW.split()) <= 130


def test_without_playwright_the_command_says_what_to_install(monkeypatch, capsys):
    real = builtins.__import__

    def none(name, *args, **more):
        if name.startswith("playwright"):
            raise ImportError(name)
        return real(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", none)
    assert main(["bench", "app"]) == 2
    assert "pip install -r tests/requirements.txt" in capsys.readouterr().err


def test_without_a_browser_the_command_says_so(monkeypatch, capsys):
    pytest.importorskip("playwright")
    monkeypatch.setattr(page.shutil, "which", lambda name: None)
    assert main(["bench", "app"]) == 2
    assert "name it with --browser" in capsys.readouterr().err


def test_the_table_of_the_live_page_counts_the_clicks_that_took_too_long():
    measured = {"click": [0.1, 0.2, 0.45], "training": [12.0], "idle": [0.25]}
    told = "\n".join(live.lines(measured, {"cores": 2}))
    assert "0.20 s (0.10 to 0.45) | 0.3 s |" in told and "| of 3 clicks, longer than that | 1 |" in told
    assert "0.2 % of a core | 3 % |" in told and "Measured on: cores 2." in told


def test_the_cost_of_every_method_is_measured_and_summed():
    from explained import image_case

    from rekd.checkpoints import Checkpoint, Info
    from rekd.explanations.attributions import METHODS
    from rekd.types import Example
    from rekd.units import ImageReader

    model, _ = image_case()
    info = Info("tiny", None, model.config, "digits", "cls", "", 0, 0)
    example = Example("bench", image=np.random.default_rng(5).integers(0, 256, (16, 16, 3), dtype=np.uint8))
    found = methods.costs(Checkpoint(info, model, ImageReader(model.config.reader)), example)
    assert {cost.method for cost in found} == set(METHODS), "each stands in the table, whether it fits or not"
    assert [cost.passes for cost in found] == sorted(cost.passes for cost in found)
    assert all(cost.fault or (cost.seconds > 0 and cost.n) for cost in found)
    for cost in found:
        sampled = METHODS[cost.method].samples and not cost.fault
        assert (cost.iou is not None) == (cost.second is not None) == sampled
    panels, second = (sum(getattr(cost, name) or 0 for cost in found) for name in ("seconds", "second"))
    told = methods.lines("tiny", "4 patches", found, 10)
    assert told[-3].startswith(f"| all panels | | {panels:.1f} s (at most 10 s)") and second > 0
    assert told[-2].startswith(f"| with second seeds | | {panels + second:.1f} s")


def test_the_review_of_the_methods_fills_what_the_models_read():
    assert len(methods.example_of("imdb-cls").text.split()) > 220
