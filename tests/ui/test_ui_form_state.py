"""What was chosen in the form goes into the address and comes back from it, whatever stands there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rekd.config import TrainConfig
from rekd.ui.form_state import FIELDS, Choice, address, parse

LINES = {"laptop": ("cls", "teacher", "re", "rekd"), "paper": ("cls", "teacher", "re", "rekd")}


def test_as_the_form_opens_the_address_is_empty():
    assert address(Choice()) == {}
    assert parse({}, LINES) == (Choice(), [])


@pytest.mark.parametrize(
    "choice",
    [
        Choice(line=""),
        Choice(line="paper", members=("teacher", "re"), seeds=(2026, 2027, 2028), device="cuda:1"),
        Choice(slot="rekd", values={"alpha": 0.0, "teacher": "runs/a b/checkpoint", "shared_noise": False}),
        Choice(source="digits-re-1", seeds=(7, 3), values={"learning_rate": 1e-05, "steps": 10, "rate": 0.25}),
        Choice(line="", values={"backbone_args": {"layers": [0, 5]}, "watched": (3, 14), "task": "own-moods"}),
        Choice(line="", values={"watched": (), "backbone_args": {}, "backbone": "", "train_words": True}),
    ],
)
def test_there_and_back(choice):
    assert parse(address(choice), LINES) == (choice, [])


def test_every_field_of_a_run_travels():
    values = TrainConfig("digits", "rekd", teacher="t", backbone_args={"a": 1}, watched=(1, 2)).to_dict()
    values.pop("seed")
    found, notes = parse(address(Choice(line="", values=values)), LINES)
    assert notes == [] and set(found.values) == set(FIELDS)
    assert {k: list(v) if isinstance(v, tuple) else v for k, v in found.values.items()} == {
        k: list(v) if isinstance(v, tuple) else v for k, v in values.items()
    }


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"line": "nobody"}, "the start “nobody”; known are laptop, paper"),
        ({"slot": "judge"}, "the member “judge”"),
        ({"members": "re,judge"}, "the member “judge”"),
        ({"seeds": "2026-"}, "seeds “2026-”"),
        ({"seeds": "5-1"}, "the smaller first"),
        ({"steps": "many"}, "steps “many”, which can't be read"),
        ({"learning_rate": "nan"}, "learning_rate “nan”"),
        ({"shared_noise": "yes"}, "shared_noise “yes”"),
        ({"kind": "foo"}, "kind “foo”; known are cls, re, rekd, random"),
        ({"preset": "ours"}, "preset “ours”; known are default, paper, official"),
        ({"backbone_args": "[1]"}, "backbone_args “[1]”"),
        ({"watched": "1,a"}, "watched “1,a”"),
        ({"novelty": "1"}, "“novelty”, which the form does not know"),
    ],
)
def test_what_can_not_be_used_is_told_and_left_out(params, said):
    found, notes = parse(params, LINES)
    assert len(notes) == 1 and said in notes[0]
    assert found.values == {} and found.line == "laptop"


def test_what_the_page_keeps_there_is_not_the_form_s():
    assert parse({"run": "a", "runs": "a,b", "new": "1"}, LINES) == (Choice(), [])


@given(
    st.dictionaries(st.sampled_from([*FIELDS, "line", "slot", "from", "members", "seeds", "?"]), st.text(max_size=30))
)
def test_no_address_raises(params):
    found, _ = parse(params, LINES)
    assert parse(address(found), LINES)[0] == found
