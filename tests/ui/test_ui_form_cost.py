"""What runs cost, told before they start: nothing is downloaded for it, and what went wrong is tried again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from forms import Told, given, named, opened, pressed, run_of, said, table

from rekd.training import follow, runs
from rekd.training.suggested import suggested
from rekd.ui.form_check import Entry, check
from rekd.ui.form_cost import Stopwatch

pytestmark = pytest.mark.usefixtures("form_house")

PRETRAINED = {"backbone": "vit_small_patch16_224", "backbone_args": json.dumps({"pretrained": True, "img_size": 224})}


@pytest.fixture
def weights(monkeypatch):
    """Sets whether timm's weights are here."""
    return lambda here: monkeypatch.setattr("rekd.training.blueprint.weights_at_hand", lambda name: here)


def test_what_begins_with_a_download_is_not_timed(weights):
    weights(here=False)
    at = opened(line="-", **PRETRAINED)
    assert "Not timed: its weights are not here yet; they are fetched when the run starts." in said(at)
    assert Told.asked == [] and "could not be timed" not in said(at) and not named(at, "f_train").disabled


def test_weights_that_are_here_are_timed(weights):
    weights(here=True)
    at = opened(line="-", **PRETRAINED)
    assert len(Told.asked) == 1 and "Not timed" not in said(at)


def test_a_run_that_waits_for_a_teacher_from_pretrained_weights_is_not_timed(weights):
    weights(here=False)
    small = {**suggested("digits", "rekd"), "teacher": "@teacher"}
    large = {**suggested("digits", "re"), "backbone": "vit_small_patch16_224", "backbone_args": {"pretrained": True}}
    check([Entry("REKD", small, (1, 2), large)], [], "cpu", Path(os.environ["REKD_RUNS"]))
    assert Told.asked == []
    check([Entry("REKD", small, (1, 2))], [], "cpu", Path(os.environ["REKD_RUNS"]))
    assert len(Told.asked) == 1


def test_what_failed_is_told_to_who_asked_and_tried_again_later():
    watch = Stopwatch()
    Told.fault = "It fell over."
    assert not watch.ask("me", ['{"a": 1}']) and watch.ask("me", ['{"a": 1}'])
    assert watch.answers("me")['{"a": 1}'].fault == "It fell over." and watch.known == {}
    assert watch.ask("me", ['{"a": 1}']) and len(Told.asked) == 1, "not tried again while it stands"
    Told.fault = ""
    assert not watch.ask("you", ['{"a": 1}']) and len(Told.asked) == 2
    assert watch.ask("you", ['{"a": 1}']) and watch.answers("me")['{"a": 1}'].fault, "mine stands until I ask again"
    watch.ask("me", ['{"b": 1}'])
    assert watch.ask("me", ['{"a": 1}']) and not watch.answers("me")['{"a": 1}'].fault
    assert watch.failed == {}


def test_a_fault_of_the_form_is_gone_with_the_next_measurement():
    Told.fault = "It fell over."
    at = opened(slot="re").run()
    assert "It could not be timed. It fell over." in said(at)
    Told.fault = ""
    at = given(given(at, "f_rate", 0.3).run(), "f_rate", 0.15).run()
    assert "could not be timed" not in said(at) and "3 minutes" in table(at)


def test_runs_are_followed_and_their_metrics_read_once_not_at_every_click(monkeypatch):
    (run_of() / "metrics.jsonl").write_text('{"step": 3, "loss": 1.0}\n', encoding="utf-8")
    read = []
    for module in (follow, runs):
        monkeypatch.setattr(module, "Lines", lambda path, lines=module.Lines: read.append(path) or lines(path))
    at = pressed(opened(line="-"), "f_draw")
    assert "minutes" in table(at.run()) and len(read) == 1


def test_the_table_that_scrolls_has_a_name():
    assert 'tabindex="0" role="group" aria-label="Parameters of both towers' in table(opened())
