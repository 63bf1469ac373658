"""What a person calls a run and notes of it: kept beside the run, never in its way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rekd.config import TrainConfig
from rekd.training.about import ABOUT, NAME, NOTE, About, called, named, read_about, role_of, title_of, write_about


@pytest.fixture
def run(tmp_path):
    (tmp_path / "digits-re-1").mkdir()
    return tmp_path / "digits-re-1"


def test_name_and_note_are_said_apart_and_either_keeps_the_other(run):
    assert read_about(run) == About() and called(run) == "digits-re-1"
    write_about(run, name="Half the rate")
    write_about(run, note="Two lines,\n  the second indented.")
    assert read_about(run) == About("Half the rate", "Two lines,\n  the second indented.")
    assert called(run) == "Half the rate" and run.name == "digits-re-1"
    assert write_about(run, name="", note="") == About() and called(run) == "digits-re-1"


@pytest.mark.parametrize("name", ["<b>&amp;\"'", "../../etc", "حروف 文字 👩‍🔬", "a|b`c$", "x" * NAME])
def test_a_name_may_hold_any_sign_and_makes_no_path(run, name):
    assert write_about(run, name=name).name == read_about(run).name == name
    assert [path.name for path in run.parent.rglob("*")] == ["digits-re-1", ABOUT]


def test_a_name_is_one_line_and_half_a_sign_harms_nothing(run):
    assert write_about(run, name="  one\n\ttwo\ud800  ", note="\udcff") == read_about(run) == About("one two?", "?")


@pytest.mark.parametrize(("what", "most"), [("name", NAME), ("note", NOTE)])
def test_what_is_too_long_is_refused_in_a_sentence_and_the_old_stays(run, what, most):
    write_about(run, name="mine", note="own")
    with pytest.raises(
        ValueError, match=rf"The {what} has {most + 1:,} characters; a run's {what} has at most {most:,}"
    ):
        write_about(run, **{what: "x" * (most + 1)})
    assert read_about(run) == About("mine", "own")


@pytest.mark.parametrize("held", ["", "{", "[1]", '{"name": 3, "note": ["x"]}', '{"other": 1}'])
def test_a_damaged_file_says_nothing_and_is_mended_by_the_next_word(run, held):
    (run / ABOUT).write_text(held)
    assert read_about(run) == About()
    assert write_about(run, note="again") == read_about(run) == About("", "again")


def test_a_run_that_is_gone_is_not_made_again(tmp_path):
    with pytest.raises(FileNotFoundError, match="no longer there"):
        write_about(tmp_path / "gone", name="x")
    assert not (tmp_path / "gone").exists()


def test_a_run_is_a_teacher_where_that_was_said_of_one_that_selects(run):
    config = TrainConfig("digits", "re", seed=3)
    assert role_of(run, config) == "re" and title_of(config) == "RE · digits · seed 3"
    write_about(run, role="teacher")
    assert role_of(run, config) == "teacher" and title_of(config, "teacher") == "Teacher · digits · seed 3"
    assert role_of(run, replace(config, kind="cls")) == "cls", "what selects nothing teaches nobody"
    assert named(run) == "digits-re-1"
    write_about(run, name="Half the rate")
    assert named(run) == "Half the rate (digits-re-1)" and read_about(run).role == "teacher", (
        "a new name keeps the role"
    )
