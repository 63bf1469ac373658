"""Take away holds what was painted and what was proved, and a file opens with its painted mask."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from explore import REVIEW, blocks, opened, own, picked, reopened, sound, text_of
from taken import alike, command, give, said, taken

from rekd.explanations.record import to_json
from rekd.models.rationale import RationaleModel
from rekd.ui import paint, proof_runs
from rekd.ui.report import page
from rekd.units import words

__all__ = ["taken"]

TEXT = "A good film, a weak plot."
OTHER = "A weak plot, a good film."
MASK = [True, False, True, False, False, False, False, True]
OWN = {"task": "imdb", "own": "1", "text": TEXT, "painted": paint.pack(MASK), "draws": "20"}


def answers(at) -> list[tuple[str, str]]:
    """Class and confidence that the page Paint shows for each model."""
    (block,) = (block for block in blocks(at) if "rk-answers" in block)
    pattern = r'rk-class">(.*?)</span>.*?<span title="([\d.]+)"'
    return re.findall(pattern, block, re.S)


def test_the_painted_mask_is_in_the_record_with_what_the_page_says_from_it(taken):
    shown = answers(opened(deeper="paint", **OWN))
    opened(deeper="take", **OWN)
    record = taken[-1]
    painted = record.painted
    assert painted.slot == "rekd" and list(painted.mask) == MASK and painted.count == 3
    held = [
        (record.classes[answer.prediction.label], f"{answer.prediction.confidence:.4f}") for answer in painted.answers
    ]
    assert held == shown and len(held) == 4
    for answer, model in zip(painted.answers, record.models, strict=True):
        assert answer.count == 3 and answer.breaks == (answer.prediction.label != model.shown.prediction.label)
    assert [line.name for line in painted.others] == [
        *("Teacher's mask", "everything", "RE's mask", "REKD's mask"),
        "FeatureAblation on imdb-cls",
    ]
    for line in painted.others[:4]:
        own_answer = next(answer for answer in line.answers if answer.slot == line.own)
        assert own_answer.prediction.probs == pytest.approx(record.model(line.own).shown.prediction.probs, abs=1e-5)
    assert "A mask painted by hand" in page(record)


def test_a_mask_of_nothing_is_a_painting_too(taken):
    opened(deeper="take", **OWN | {"painted": paint.pack([False] * 8)})
    assert taken[-1].painted.count == 0 and all(answer.count == 0 for answer in taken[-1].painted.answers)
    assert "Nothing is painted: all is said from nothing." in page(taken[-1])


def test_a_mask_that_does_not_fit_and_none_at_all_are_no_part_of_the_record(taken):
    opened(deeper="take", **OWN | {"painted": "5-a8"})
    assert taken[-1].painted is None
    opened(deeper="take", task="digits")
    assert taken[-1].painted is None


def test_a_mask_painted_on_another_text_of_as_many_words_is_no_part_of_the_record(taken):
    at = opened(deeper="paint", **OWN)
    own(at, OTHER)
    picked(at, "w_deeper").set_value("take")
    sound(at.run())
    assert taken[-1].input.text == OTHER and taken[-1].painted is None
    assert "painted" not in taken[-1].address


def test_a_painting_on_the_page_is_what_is_taken_away(taken):
    at = opened(deeper="paint", **OWN)
    picked(at, "paint-invert").click()
    sound(at.run())
    picked(at, "w_deeper").set_value("take")
    sound(at.run())
    assert list(taken[-1].painted.mask) == [not on for on in MASK]


def test_a_file_opens_with_its_painted_mask_even_where_something_else_was_painted(taken):
    opened(deeper="take", **OWN)
    made = taken[-1]
    at = opened(deeper="paint", **OWN | {"text": OTHER, "painted": paint.pack([not on for on in MASK])})
    picked(at, "w_deeper").set_value("take")
    sound(at.run())
    give(at, to_json(made))
    assert alike(taken[-1]) == alike(made) and taken[-1].painted == made.painted
    assert at.query_params["painted"] == paint.pack(MASK) and at.query_params["draws"] == "20"
    picked(at, "w_deeper").set_value("paint")
    assert "starts anew" not in said(sound(at.run()))
    assert answers(at) == answers(opened(deeper="paint", **OWN)) == answers(reopened(at))


def test_a_file_without_a_painting_takes_the_painted_mask_away(taken):
    at = opened(deeper="take", **OWN)
    give(at, to_json(replace(taken[-1], painted=None)))
    assert taken[-1].painted is None and "painted" not in at.query_params


@pytest.mark.parametrize(
    ("task", "where"),
    [("imdb", "test examples of “A dozen film reviews”"), ("digits", "test examples of “Handwritten digits”")],
)
def test_the_proof_says_exactly_zero_of_every_model_that_selects(taken, task, where):
    opened(deeper="take", task=task, draws="20", seed="4")
    proof = taken[-1].proof
    assert where in proof.content and taken[-1].choice.draws == 20
    assert [moved.slot for moved in proof.moved] == ["teacher", "re", "rekd"]
    for moved in proof.moved:
        assert moved.movement.exact and moved.movement.tested and moved.movement.draws == 20
    said = " ".join(text_of(page(taken[-1])).split())
    assert said.count("✓ exactly 0 0 of 20") == 3 and "20 times, drawn with seed 4" in said


def test_a_model_that_peeks_is_an_alarm_in_the_file(taken, monkeypatch):
    honest = RationaleModel.predict
    monkeypatch.setattr(RationaleModel, "predict", lambda self, batch, mask=None: honest(self, batch, None))
    opened(deeper="take", task="digits", methods="-", re="-", teacher="-", draws="20")
    (moved,) = taken[-1].proof.moved
    assert not moved.movement.exact and "REKD fails the check" in page(taken[-1])


def test_where_no_model_selects_nothing_is_proved(taken):
    opened(deeper="take", task="digits", methods="-", re="-", teacher="-", rekd="-")
    assert taken[-1].proof is None and "left out matter" not in page(taken[-1])


def test_data_that_turn_out_broken_and_a_check_that_fails_are_said(taken, monkeypatch):
    from rekd.data import DataBroken

    def broken(desk):
        raise DataBroken("the folder is damaged.")

    monkeypatch.setattr(proof_runs, "source", broken)
    at = opened(deeper="take", task="digits", draws="20")
    assert "pixels of this very picture" in taken[-1].proof.content and "the folder is damaged" in said(at)

    def failing(*args):
        raise MemoryError("no room")

    monkeypatch.setattr(proof_runs, "moved", failing)
    at = opened(deeper="take", task="digits", draws="20")
    assert taken[-1].proof is None
    assert "The check of what digits-rekd left out can't be made: no room" in said(at)


def test_the_command_line_proves_the_same(taken):
    opened(deeper="take", task="imdb", own="1", text=REVIEW)
    theirs = command(text=REVIEW, task="imdb")
    assert theirs.proof == taken[-1].proof and theirs.proof is not None and theirs.choice.draws == 100


def test_the_command_line_takes_the_same_painted_mask_and_number_of_draws(taken):
    mask = paint.pack([i in (1, 3) for i in range(len(words(REVIEW)))])
    opened(deeper="take", task="imdb", own="1", text=REVIEW, painted=mask, draws="20")
    theirs, ours = command(text=REVIEW, task="imdb", painted=mask, draws=20), taken[-1]
    assert theirs.painted == ours.painted and theirs.painted is not None
    assert theirs.proof == ours.proof and theirs.choice.draws == 20
