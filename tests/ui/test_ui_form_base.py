"""Where the full form starts: the data that were chosen stay chosen, whatever else is changed, undone or opened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from forms import address, given, has, named, opened, pressed, run_of, said, sound

from rekd.config import PRESETS, TrainConfig
from rekd.training.about import NAME
from rekd.training.suggested import suggested
from rekd.ui.form_base import Base, name_of

pytestmark = pytest.mark.usefixtures("form_house")

RE_OF_IMDB = {"line": "paper", "slot": "re", "task": "imdb"}


@pytest.fixture
def imdb_re():
    """The settings of the paper's RE, opened from the line-up whose data were chosen."""
    return pressed(given(opened(line="paper"), "f_task", "imdb"), "f_open_re")


def test_a_line_up_s_data_stay_while_its_settings_are_changed(imdb_re):
    at = given(imdb_re, "f_learning_rate", 0.001)
    assert address(at) == {**RE_OF_IMDB, "learning_rate": "0.001"}
    assert named(at, "f_task").value == "imdb" and "learning_rate 1e-05 → 0.001" in said(at)


def test_undoing_is_offered_once_something_was_changed_and_leaves_the_data(imdb_re):
    assert "Changed: nothing yet" in said(imdb_re) and not has(imdb_re, "f_undo")
    at = pressed(given(imdb_re, "f_learning_rate", 0.001), "f_undo")
    assert address(at) == RE_OF_IMDB and not has(at, "f_undo")


def test_back_at_the_line_up_the_data_are_as_chosen_and_can_be_chosen_anew(imdb_re):
    at = pressed(imdb_re, "f_back")
    assert address(at) == {"line": "paper", "task": "imdb"} and named(at, "f_task").value == "imdb"
    at = given(at, "f_task", "cifar10")
    assert address(at) == {"line": "paper"}
    assert address(given(at, "f_task", "imdb")) == {"line": "paper", "task": "imdb"}


def test_data_can_be_chosen_for_a_line_up_after_a_run_of_them_was_looked_at():
    run_of("imdb")
    at = opened(**{"from": "mine"})
    at.query_params.clear()
    at.query_params["line"] = "paper"
    assert named(given(sound(at.run()), "f_task", "imdb"), "f_task").value == "imdb"


def test_other_data_of_a_line_up_bring_the_line_up_s_own_sizes():
    at = given(opened(line="paper", slot="re"), "f_task", "imdb")
    assert address(at) == RE_OF_IMDB and "Changed: nothing yet" in said(at)


def test_data_that_a_line_up_is_not_for_are_a_change_that_can_be_undone():
    at = given(opened(slot="re"), "f_task", "imdb")
    assert address(at)["task"] == "imdb" and "task digits → imdb" in said(at)
    assert address(pressed(at, "f_undo")) == {"slot": "re"}


def test_data_chosen_where_a_run_to_duplicate_is_gone_stay_too():
    at = given(given(opened(**{"from": "gone"}), "f_task", "imdb"), "f_learning_rate", 0.001)
    assert address(at)["task"] == "imdb" and named(at, "f_task").value == "imdb"
    assert address(pressed(at, "f_undo"))["task"] == "imdb"


def test_the_ready_starts_begin_with_their_own_data():
    at = pressed(opened(line="-", task="imdb", kind="cls"), "f_back")
    assert address(at) == {}


@pytest.mark.parametrize("preset", ["paper", "default"])
def test_another_preset_of_a_duplicate_whose_data_are_gone(preset):
    other = {"paper": "default", "default": "paper"}[preset]
    run_of(**{"preset": other, **PRESETS[other], "units": ""}, task="digits")
    gone = Path(os.environ["REKD_RUNS"]) / "mine" / "config.json"
    gone.write_text(gone.read_text(encoding="utf-8").replace('"digits"', '"own-gone"'), encoding="utf-8")
    at = given(opened(**{"from": "mine"}), "f_preset", preset)
    assert address(at)["preset"] == preset and address(at)["masking"] == {"paper": "zero", "default": "drop"}[preset]
    assert "The data set own-gone is not here (any more)" in said(at)


def test_a_run_is_called_by_what_was_changed_and_else_by_its_seed():
    taught = Base({**suggested("digits", "rekd"), "teacher": "/runs/big/checkpoint"}, "", role="rekd")

    def called(several=False, **changed):
        return name_of(taught, TrainConfig(**{**taught.values, **changed}), several)

    assert called(seed=3) == "REKD · digits · seed 3"
    assert called(rate=0.25, seed=3) == "REKD · digits · rate 0.25"
    assert called(True, rate=0.25, seed=3) == "REKD · digits · rate 0.25 · seed 3"
    assert called(teacher="/runs/small/checkpoint") == "REKD · digits · teacher small"
    assert called(kind="re", teacher="", seed=3) == "RE · digits · seed 3"
    assert len(called(backbone_args={f"argument{n}": n for n in range(30)})) == NAME
