"""What a record holds of a painted mask and of the proof: back without loss, and refused where it does not fit."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from records import painted, proof, put, record

from rekd.explanations.record import Record, RecordError, read, settled, to_json


def full(text: str | None = "The story is slow.") -> Record:
    made = record(text)
    return replace(made, painted=painted(made.models))


@pytest.mark.parametrize("text", ["The story is slow.", "שלום עולם 👩‍🚀 中文", None])
def test_both_come_back_as_they_were(text):
    made = full(text)
    again = read(to_json(made))
    assert again == made and to_json(read(to_json(again))) == to_json(again)
    assert again.painted.count == 1 and again.painted.mask[-1]
    assert [moved.slot for moved in again.proof.moved] == ["teacher", "re"]


def test_the_file_says_what_both_are():
    held = json.loads(to_json(full()))
    told = " ".join(held["about"])
    assert "movement.largest" in told and "painted.slot" in told
    assert held["painted"]["mask"] == [False, False, False, False, True]
    assert [answer["breaks"] for answer in held["painted"]["answers"]] == [True, True, True]
    assert held["proof"]["moved"][0]["movement"]["largest"] == 0.0


def test_logits_that_are_no_numbers_stay_a_failed_check():
    made = record()
    made = settled(replace(made, proof=proof(made.models, math.nan)))
    found = made.proof.moved[0].movement
    assert math.isnan(found.largest) and not found.exact


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda held: held.pop("painted"), "lacks painted"),
        (lambda held: held.pop("proof"), "lacks proof"),
        (put("choice.draws", 0), "choice.draws is 0; it must be between 1 and 10,000"),
        (put("painted.slot", "nobody"), "painted.slot is “nobody”, where no model stands"),
        (put("painted.mask", [True]), "painted.mask has 1 entries for 5 units"),
        (put("painted.mask.0", 1), "painted.mask[0] is 1, not true or false"),
        (put("painted.answers", []), "painted.answers are not one for each model"),
        (put("painted.answers.0.slot", "cls"), "painted.answers are not one for each model"),
        (put("painted.answers.0.breaks", False), "painted.answers[0].breaks does not fit the two predictions"),
        (put("painted.answers.0.count", 6), "painted.answers[0] is of 6 of 5 units"),
        (put("painted.answers.0.n", 7), "painted.answers[0] is of 1 of 7 units"),
        (put("painted.answers.0.prediction.probs", [1.0]), "painted.answers[0].prediction is not of 2 classes"),
        (put("painted.answers.0.prediction", None), "painted.answers[0].prediction is null"),
        (put("painted.others.0.name", "x" * 301), "painted.others[0] has a name or a number that can't be"),
        (put("painted.others.0.count", -1), "painted.others[0] has a name or a number that can't be"),
        (put("painted.others.0.own", "nobody"), "painted.others[0].own is “nobody”"),
        (put("painted.others.0.answers", []), "painted.others[0].answers are not one for each model"),
        (put("proof.moved", []), "proof.moved has 0 entries"),
        (put("proof.moved.0.slot", "cls"), "proof.moved[0].slot is “cls”, where no model stands that selects"),
        (put("proof.moved.0.slot", "re"), "proof.moved has two entries of one model"),
        (put("proof.moved.0.movement.replaced", 5), "proof.moved[0].movement is not of the mask"),
        (put("proof.moved.0.movement.draws", 19), "proof.moved[0].movement is not of 20 draws"),
        (put("proof.moved.0.movement.moves", [0.0]), "proof.moved[0].movement is not of 20 draws"),
        (put("proof.moved.0.movement.flips", 21), "proof.moved[0].movement is not of 20 draws"),
        (put("proof.moved.0.movement.changed", 1.5), "a share outside of 0 to 1"),
        (put("proof.moved.0.movement.changed", None), "a share outside of 0 to 1"),
        (put("proof.moved.0.movement.largest", -1), "a negative distance"),
        (put("proof.content", "x" * 301), "proof has a name of more than 300 characters"),
    ],
)
def test_a_file_whose_proof_or_painting_does_not_fit_is_refused_in_a_sentence(change, said):
    held = json.loads(to_json(full()))
    change(held)
    with pytest.raises(RecordError) as fault:
        read(json.dumps(held))
    assert said in str(fault.value) and str(fault.value).startswith("This file can't be opened")
