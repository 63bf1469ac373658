"""A view's record: there and back again without loss, and a sentence for every file that is none."""

from __future__ import annotations

import base64
import copy
import json
import math
from dataclasses import replace

import pytest
from helpers import MIXED_TEXT
from hypothesis import given
from hypothesis import strategies as st
from records import explanation, model, painted, put, record

from rekd.explanations.record import FORMAT, LARGEST, RecordError, read, settled, to_json
from rekd.types import Units
from rekd.units import words


@pytest.mark.parametrize("text", ["The story is slow.", None, "שלום עולם 👩‍🚀 中文 <script>'\"&"])
def test_a_record_comes_back_as_it_was(text):
    made = record(text)
    assert read(to_json(made)) == made
    again = to_json(settled(made))
    assert to_json(read(again)) == again


@given(MIXED_TEXT.filter(words))
def test_any_text_comes_back_with_its_offsets(text):
    again = settled(record(text))
    assert len(again.input.text) == len(text)
    for mine, theirs in zip(text, again.input.text, strict=True):
        assert mine == theirs or ("\ud800" <= mine <= "\udfff" and theirs == "\ufffd")
    assert again.models[0].shown.units.places == words(text)
    assert settled(again) == again


def test_the_file_says_its_format_and_how_places_count_and_is_strict():
    held = json.loads(to_json(record()), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert held["format"] == FORMAT
    assert any("code points" in line and "UTF-16" in line for line in held["about"])
    assert "left, top, right, bottom" in " ".join(held["about"])


def test_numbers_that_are_none_are_null_in_the_file_and_still_none_afterwards():
    made = record()
    shown = replace(made.models[0].shown, scores=(math.inf, math.nan, *made.models[0].shown.scores[2:]))
    made = replace(made, models=(replace(made.models[0], shown=shown), *made.models[1:]))
    assert json.loads(to_json(made))["models"][0]["shown"]["scores"][:2] == [None, None]
    again = settled(made)
    assert math.isnan(again.models[0].shown.scores[0]) and settled(again) == again


def test_a_list_of_numbers_stands_on_one_line():
    assert any(line.strip().startswith('"mask": [true, false, false, true') for line in to_json(record()).splitlines())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put("format", 2), "its format is 2, and this version reads format 1"),
        (put("format", True), "its format is True"),
        (lambda held: held.pop("format"), "holds no view"),
        (lambda held: held["models"][0].pop("hash"), "models[0] lacks hash"),
        (put("colour", 1), "has 'colour', which is not known here"),
        (put("models.0.stop", "x"), "models[0].stop is “x”, not a whole number"),
        (put("models.0.stop", True), "models[0].stop is true, not a whole number"),
        (put("models.0.stop", 999), "outside of the text"),
        (put("models.0.leaks.rates", [0.1]), "models[0].leaks.rates has 1 entries for 2 classes"),
        (put("models.0.leaks.empty", [None, None]), "or none known"),
        (put("models.0.leaks.classes", ["a", "b"]), "models[0].leaks is of other classes"),
        (put("models.0.rate", 10**400), "models[0].rate is a huge number, not a number"),
        (put("models.0.shown.mask", [True]), "models[0].shown.mask has 1 entries for "),
        (put("models.0.shown.mask.0", 1), "models[0].shown.mask[0] is 1, not true or false"),
        (put("models.0.shown.scores.0", "<b>"), "scores[0] is “<b>”, not a number"),
        (put("models.0.shown.units.places.1", [5, 3]), "places[1] is [5, 3], which lies outside"),
        (put("models.0.shown.units.places.1", [-1, 3]), "lies outside"),
        (put("models.0.shown.units.places.1", [0, 10**9]), "lies outside"),
        (put("models.0.shown.units.kind", "patches"), "which the input does not have"),
        (put("models.0.shown.units.kind", "sounds"), "it must be one of words"),
        (put("models.0.shown.target", 7), "target is 7"),
        (put("models.0.shown.prediction", None), "has no prediction"),
        (put("models.0.shown.prediction.probs", [1.0]), "1 probabilities for 2 classes"),
        (put("models.0.picture", 3), "there is no such picture"),
        (put("models.1.slot", "teacher"), "two models stand in one slot"),
        (put("models", []), "models has 0 entries"),
        (put("models.0.name", "x" * 5000), "names have 300 at most"),
        (put("input.text", None), "either a text or pictures"),
        (put("input.label", 2), "input.label is 2"),
        (put("input.pictures", ["no base 64!"]), "input.pictures[0] is no Base64 text"),
        (put("table.target", -1), "table.target is -1"),
        (put("table.lines.0.scores.0.better", "sideways"), "it must be one of higher, lower, neither"),
        (put("table.lines.0.curves.deletion", [0.5]), "curves have different lengths"),
        (put("choice.seed", -1), "choice.seed is -1"),
        (put("versions", {"rekd": 1}), "versions.rekd is 1, not a text"),
    ],
)
def test_a_file_that_does_not_fit_together_is_refused_in_a_sentence(change, said):
    held = json.loads(to_json(record()))
    change(held)
    with pytest.raises(RecordError) as fault:
        read(json.dumps(held))
    assert said in str(fault.value) and str(fault.value).startswith("This file can't be opened")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is no JSON"),
        ("<html>", "it is no JSON"),
        ("[]", "holds no view"),
        ("{}", "holds no view"),
        ('{"format": NaN}', "it holds NaN"),
        ("[" * 200_000, "too deep"),
        ('{"format":1,"task":' + "[" * 5_000 + "]" * 5_000 + "}", "can't be opened"),
        ('{"format": ' + "9" * 6_000 + "}", "can't be opened"),
        (" " * (LARGEST + 1), "are read at most"),
    ],
)
def test_what_is_no_record_at_all_is_refused_in_a_sentence(text, said):
    with pytest.raises(RecordError, match=said):
        read(text)


def test_a_picture_that_is_none_or_whose_patches_lie_outside_is_refused():
    held = json.loads(to_json(record(None)))
    broken = copy.deepcopy(held)
    broken["input"]["pictures"] = [base64.b64encode(b"GIF89a, not really").decode()]
    with pytest.raises(RecordError, match="picture 0 of the input"):
        read(json.dumps(broken))
    held["methods"][0]["shown"]["units"]["places"][3] = [4, 4, 9, 8]
    with pytest.raises(RecordError, match=r"methods\[0\].*outside"):
        read(json.dumps(held))


JUNK = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just([]), st.just({}))


@given(st.data())
def test_no_value_anywhere_in_a_file_makes_anything_but_a_record_or_a_sentence(data):
    from rekd.ui.report import page

    made = record(data.draw(st.sampled_from(["Slow, but warm.", None])))
    held = json.loads(to_json(replace(made, painted=painted(made.models))))
    node, key = held, None
    while isinstance(node[key] if key is not None else node, dict | list) and (key is None or node[key]):
        node = node if key is None else node[key]
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        if data.draw(st.integers(0, 5)) == 0:
            break
    node[key] = data.draw(JUNK)
    try:
        found = read(json.dumps(held))
    except RecordError:
        return
    assert page(found)


def test_what_a_model_gave_that_can_not_be_kept_is_refused_before_it_is_handed_out():
    units = Units("words", words("one two"))
    broken = replace(model("re", units), shown=replace(explanation(units, "x"), scores=(0.5,)))
    with pytest.raises(RecordError, match="scores has 1 entries"):
        settled(record("one two", models=(broken,)))
