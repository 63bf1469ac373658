"""Paint in Explore: predictions from the mask of the address, every button, and strokes as a browser tells of them."""

from __future__ import annotations

import json
import re

import pytest
import streamlit as st
from explore import blocks, opened, picked, reopened, said, sound, text_of
from streamlit.testing.v1 import AppTest

from rekd.ui import attributing, cache, components, paint

REVIEW = "A good film, a weak plot."
OWN = {"deeper": "paint", "task": "imdb", "own": "1", "text": REVIEW}
N = 8


def told(at: AppTest, sign: str) -> list[str]:
    return [block for block in blocks(at) if sign in block]


def answers(at: AppTest) -> list[str]:
    """What the models say of the painted mask: teacher, CLS, RE, REKD."""
    (block,) = told(at, "rk-answers")
    return [text_of(part) for part in re.split(r'<div class="rk-tone-', block)[1:]]


def rows(at: AppTest) -> list[str]:
    (block,) = told(at, "rk-whose")
    return [text_of(row) for row in re.findall(r"<tr>(<th scope=.row.*?)</tr>", block)]


def painted(at: AppTest, n: int = N) -> list[bool]:
    return paint.unpack(at.query_params["painted"], n)


def press(at: AppTest, name: str) -> AppTest:
    picked(at, f"paint-{name}").click()
    return sound(at.run())


def start(at: AppTest, name: str) -> AppTest:
    at.menu_button(key="paint-start").click(name)
    return sound(at.run())


def the_rekd_mask(at: AppTest) -> list[bool]:
    names = {info.name: info for info in cache.infos()}
    from rekd.types import Example

    return list(cache.rationale(names["imdb-rekd"], Example("own/text", text=REVIEW), "calibrated", 0).mask)


def the_ablation(k: int):
    from rekd.types import Example

    names = {info.name: info for info in cache.infos()}
    return attributing.attribution(names["imdb-cls"], Example("own/text", text=REVIEW), "FeatureAblation", k, 0)


@pytest.mark.parametrize("mask", [[True] * N, [False, True, *[False] * 6], [False] * N])
def test_every_model_predicts_from_the_mask_of_the_address(mask):
    from rekd import checkpoints
    from rekd.explanations.rationale import predict
    from rekd.types import Example

    at = opened(**OWN, painted=paint.pack(mask))
    found = answers(at)
    for name, card in zip(("teacher", "cls", "re", "rekd"), found, strict=True):
        info = next(info for info in cache.infos() if info.name == f"imdb-{name}")
        loaded = checkpoints.load(info.folder)
        expected = predict(loaded.model, loaded.reader.read([Example("a", text=REVIEW)]), mask)
        assert info.config.classes[expected.label] in card and components.percent(expected.confidence) in card
        assert f"{sum(mask)}  of {N} painted" in card
        assert ("said from nothing" in card) == (not any(mask))


def test_before_anything_is_painted_the_board_shows_the_rekd_mask_and_the_address_none():
    at = opened(**OWN)
    assert "painted" not in at.query_params and "It is REKD's mask now" in said(at).replace("\\", "")
    press(at, "invert")
    assert painted(at) == [not on for on in the_rekd_mask(at)]


def test_buttons_undo_and_redo():
    at = opened(**OWN)
    assert picked(at, "paint-undo").disabled and picked(at, "paint-redo").disabled
    start_mask = the_rekd_mask(at)
    assert painted(press(at, "all")) == [True] * N
    assert painted(press(at, "clear")) == [False] * N
    assert "from nothing" in told(at, "rk-answers")[0]
    assert painted(press(at, "undo")) == [True] * N
    assert painted(press(at, "undo")) == start_mask
    assert picked(at, "paint-undo").disabled
    assert painted(press(at, "redo")) == [True] * N
    press(at, "invert")
    assert picked(at, "paint-redo").disabled


def test_the_link_reopens_the_painted_mask():
    at = press(opened(**OWN), "all")
    again = reopened(at)
    assert answers(again) == answers(at) and painted(again) == [True] * N
    assert any(f"painted={N}-ff" in code.value for code in at.code)


def test_started_from_a_model_a_method_and_chance():
    at = start(opened(**OWN), "teacher")
    assert "Started from Teacher's mask" in said(at).replace("\\", "")
    assert painted(start(at, "rekd")) == the_rekd_mask(at)
    before = len(rows(at))
    start(at, "FeatureAblation")
    assert painted(at) == list(the_ablation(sum(the_rekd_mask(at))).mask)
    assert len(rows(at)) == before + 1 and any("FeatureAblation on imdb-cls" in row for row in rows(at))
    first = painted(start(at, "random"))
    assert "seed 0" in said(at)
    second = painted(start(at, "random"))
    assert "seed 1" in said(at) and sum(first) == sum(second)
    k = sum(the_rekd_mask(at))
    assert (first, second) == (paint.at_random(N, k, 0), paint.at_random(N, k, 1))


def test_a_method_that_fails_is_said_and_the_mask_stays(monkeypatch):
    at = press(opened(**OWN), "all")

    def fail(*_, **__):
        raise ValueError("no gradient here")

    monkeypatch.setattr(attributing, "attribution", fail)
    start(at, "FeatureAblation")
    assert "no gradient here" in at.error[0].value and painted(at) == [True] * N


def test_the_table_has_every_model_on_every_mask_and_frames_its_own():
    at = opened(**OWN, painted=f"{N}-80")
    found = rows(at)
    assert [row.split("  ")[0].strip() for row in found] == [
        "Teacher's mask", "everything", "RE's mask", "REKD's mask", "painted",
    ]  # fmt: skip
    (block,) = told(at, "rk-whose")
    framed = [[("rk-diagonal" in cell) for cell in row.split("<td")[1:]] for row in block.split("<tr>")[2:]]
    assert framed == [[i == j for j in range(4)] for i in range(4)] + [[False] * 4]
    assert f"1 of {N} words" in found[-1] and "calibrated to the rate p" in said(at)
    assert "wrong" not in block, "the true class of an own text is not known"


def test_wrong_classes_are_marked_where_the_true_one_is_known():
    at = opened(deeper="paint", task="digits", painted="16-0000")
    label = re.search(r"True class: \*\*(\d)\*\*", said(at))[1]
    (block,) = told(at, "rk-whose")
    cells = re.findall(r"<td[^>]*><b>(\d)</b>(.*?)</td>", block)
    assert len(cells) == 20 and all(("✗ wrong" in rest) == (name != label) for name, rest in cells)


@pytest.mark.parametrize("other", ["9-800", "300-8", "16-0000"])
def test_a_mask_of_other_units_starts_anew_and_says_so(other):
    at = opened(**OWN, painted=other)
    assert "it starts anew" in said(at) and "painted" not in at.query_params
    assert "starts anew" not in said(press(at, "all"))


def test_another_text_starts_anew_and_another_picture_keeps_the_patches():
    at = press(opened(**OWN), "all")
    picked(at, "w_text").set_value("A dull film, a fine plot.")
    assert "another text" in said(sound(at.run())) and "painted" not in at.query_params
    at = press(opened(deeper="paint", task="digits"), "all")
    picked(at, "next").click()
    assert at.query_params["painted"] == sound(at.run()).query_params["painted"] and picked(at, "paint-undo").disabled


def test_a_whole_input_model_alone_starts_from_nothing():
    at = opened(**OWN, teacher="-", re="-", rekd="-")
    assert len(answers(at)) == 1 and "said from nothing" in answers(at)[0]


@pytest.fixture
def browser(monkeypatch):
    """In place of the board, which tests of a page can't press: a field that tells what a browser would."""

    def field(sheet, easel, painted, label, picture, on_stroke, on_command):
        st.session_state["seen"] = (easel, painted)
        st.text_input("stroke", key="stroke", on_change=lambda: on_stroke(json.loads(st.session_state["stroke"])))
        st.text_input("command", key="command", on_change=lambda: on_command(st.session_state["command"]))

    monkeypatch.setattr("rekd.ui.deeper_paint.board", field)


def tell(at: AppTest, key: str, value: str) -> AppTest:
    picked(at, key).set_value(value)
    return sound(at.run())


def test_strokes_of_a_browser_are_taken_answered_and_undone(browser):
    at = opened(**OWN)
    easel = at.session_state["seen"][0]
    tell(at, "stroke", json.dumps({"sheet": easel.sheet, "painted": f"{N}-c0", "turn": 7}))
    easel, shown = at.session_state["seen"]
    assert painted(at) == [True, True, *[False] * 6] and shown == f"{N}-c0"
    assert easel.turn == 7 and easel.version == 0, "the browser is not told what it told"
    tell(at, "command", "undo")
    assert painted(at) == the_rekd_mask(at) and at.session_state["seen"][0].version == 1


@pytest.mark.parametrize("value", [None, 3, [], {}, {"painted": "8-c0", "turn": 1}, {"sheet": "other", "turn": 1}])
def test_what_does_not_come_from_the_board_changes_nothing(browser, value):
    at = tell(opened(**OWN), "stroke", json.dumps(value))
    assert "painted" not in at.query_params and picked(at, "paint-undo").disabled


@pytest.mark.parametrize("mask", ["9-c00", "<b>", None, 8])
def test_a_stroke_of_another_size_is_answered_with_the_mask_as_it_was(browser, mask):
    at = opened(**OWN)
    sheet = at.session_state["seen"][0].sheet
    tell(at, "stroke", json.dumps({"sheet": sheet, "painted": mask, "turn": 2}))
    easel, shown = at.session_state["seen"]
    assert easel.turn == 2 and paint.unpack(shown, N) == the_rekd_mask(at) and not easel.history.past
