"""The section about chance without a page: sentences, heat, bars, tables and charts from plain values."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from explore import text_of
from hypothesis import given
from hypothesis import strategies as st

from rekd.explanations import chance
from rekd.types import Explanation, Prediction, Units
from rekd.ui import chance_charts, chance_words, curves
from rekd.ui.deeper_chance import TAUS, nearest
from rekd.units import Reading

TEXT = "a <b>wild</b> & “warm” film"
UNITS = Units("words", ((0, 1), (2, 13), (16, 22), (23, 27)))
LOGITS = (-30.0, 0.0, 30.0, -30.0)
PROBS = tuple(1 / (1 + math.exp(-x)) for x in LOGITS)
ITEM = Explanation("rationale", "m", UNITS, PROBS, (False, False, True, False), "calibrated", 1, Prediction((0.1, 0.9)))
DRAWN = chance.draw(LOGITS, torch.tensor([3]), 0, 20)
READING = Reading(None, (UNITS,), ("",), (len(TEXT),))
CLASSES = ("<i>bad</i>", "go*od")


def voted(*counts: int) -> chance.Votes:
    return chance.Votes(counts, 1, chance.Spread(0.9, 0.05))


def test_the_sentence_to_read_aloud():
    said = chance_words.lead("my_model", ITEM, DRAWN, voted(2, 18), CLASSES)
    assert said.startswith("**my\\_model** selects **1** of 4 words (calibrated). Over 20 draws it selects **1")
    assert said.endswith("its prediction stays **go\\*od** in **18 of 20**.")
    assert " is **go\\*od** in **8 of 20**" in chance_words.lead("m", ITEM, DRAWN, voted(12, 8), CLASSES)
    for unfinished in (None, voted(1, 7)):
        assert "being counted below" in chance_words.lead("m", ITEM, DRAWN, unfinished, CLASSES)
    assert "(in draw 0)" in chance_words.lead("m", replace(ITEM, rule="sampled"), DRAWN, None, CLASSES)


def test_units_are_called_by_word_or_place():
    assert chance_words.names(UNITS, TEXT) == ["“a”", "“<b>wild</b>”", "““warm””", "“film”"]
    assert chance_words.names(Units("words", ((0, 99),)), "x" * 99) == ["“" + "x" * 39 + "…”"]
    boxes = Units("patches", ((0, 0, 8, 8), (8, 0, 16, 8), (0, 8, 8, 16), (8, 8, 16, 16)))
    assert chance_words.names(boxes, None)[1:3] == ["row 1, column 2", "row 2, column 1"]


def test_heat_on_a_text_escapes_it_and_marks_the_mask():
    tips = ['1 "of" 20'] * 4
    drawn = chance_words.warm(READING, TEXT, UNITS, [0, 0.5, 1, 0], ITEM.mask, tips, "student", "<label>")
    assert "<b>" not in drawn and "&lt;b&gt;wild" in drawn and 'aria-label="&lt;label&gt;"' in drawn
    assert "".join(text_of(drawn).split()) == "".join(TEXT.split())
    assert re.findall(r'<mark class="(rk-heat(?:-sel)?)"', drawn) == ["rk-heat"] * 2 + ["rk-heat-sel", "rk-heat"]
    assert re.findall(r"--rk-level:(\d+)%", drawn) == ["0", "31", "62", "0"]
    assert drawn.count("1 &quot;of&quot; 20") == 4


def test_heat_on_an_image_says_where_the_marked_patches_are():
    boxes = Units("patches", ((0, 0, 8, 8), (8, 0, 16, 8)))
    reading = Reading(None, (boxes,), ("",), (0,), np.zeros((1, 8, 16, 3), np.uint8))
    drawn = chance_words.warm(reading, None, boxes, [0.2, 1.0], [False, True], ["", ""], "teacher", "Shares.")
    assert 'alt="Shares. Outlined: Row 1: 2."' in drawn


def test_bars_hold_each_class_that_was_said_and_always_the_usual_one():
    drawn = chance_words.bars(voted(20, 0), CLASSES)
    assert "<i>" not in drawn and "&lt;i&gt;bad" in drawn
    assert re.findall(r"(\d+) of 20 draws", drawn) == ["20", "0"]
    assert "rk-votes" in drawn and text_of(drawn).count("of 20 draws") == 2
    assert chance_words.bars(chance.Votes((0, 3, 0), 1, chance.Spread(1, 0)), "abc").count("draws<") == 1


def test_the_rules_table_marks_the_chosen_one():
    ruled = [chance.Ruled(rule, ITEM.mask, rule == "threshold", ITEM.prediction) for rule in ("threshold", "top-k")]
    sampled = (DRAWN, chance.Spread(0.8, 0.1), voted(5, 15))
    drawn = chance_words.rules_table([(row, 0.5) for row in ruled], sampled, "top-k", CLASSES)
    marked = re.findall(r'<tr aria-current="true">(.*?)</tr>', drawn)
    assert len(marked) == 1 and text_of(marked[0]).split()[:4] == ["▸", "top-k", "1", "0.50"]
    assert "1 (repaired)" in drawn and drawn.count("repaired") == 1
    assert "go*od, 15 of 20" in text_of(drawn) and "0.80\u00a0±\u00a00.10" in drawn
    waiting = chance_words.rules_table([], (DRAWN, chance.Spread(0.8, 0.1), None), "sampled", CLASSES)
    assert "…" in waiting and "IoU is with draw 0" in waiting


def test_the_facts_of_a_gate():
    facts = chance_words.gate_facts(chance.gate(PROBS), DRAWN, 0.25, 1, chance.iou_of_two(DRAWN.raw))
    assert facts["Certainty, mean |2s − 1|"].startswith("0.750")
    assert facts["Units expected, Σ s"] == "1.5\u00a0±\u00a00.5"
    assert facts["Target p · N"] == "1 (p = 0.25)" and facts["Empty draws"] == "0 of 20"
    empty = chance.draw([-30.0] * 4, torch.tensor([3]), 0, 20)
    facts = chance_words.gate_facts(chance.gate([0.0] * 4), empty, 0.25, 1, chance.iou_of_two(empty.raw))
    assert facts["Empty draws"] == "20 of 20, given their most probable unit"


def test_the_gates_chart_shows_every_unit_that_matters_with_the_spread_to_expect():
    probs, times = [0.001, 0.5, 0.9, 0.002], [0, 8, 20, 1]
    figure = chance_charts.gate_chart("g", "student", probs, times, 20, ["<b>a</b>", "b", "c", "d"], 1)
    below, above, line, points = figure.data
    assert list(line.y) == pytest.approx([0.9, 0.5, 0.002]), "the largest first, what was drawn though rare as well"
    assert list(points.y) == pytest.approx([1.0, 0.4, 0.05])
    assert above.y[1] - line.y[1] == pytest.approx(2 * math.sqrt(0.25 / 20), abs=1e-6)
    assert below.y[1] == pytest.approx(1 - above.y[1], abs=1e-6) and max(above.y) <= 1 and min(below.y) >= 0
    assert points.text[0] == "c<br>P(select) 0.900<br>drawn in 20 of 20"
    assert "1 more below 0.01" in figure.layout.xaxis.title.text
    assert points.marker.color == curves.STUDENT and figure.layout.shapes[0].x0 == 1.5
    escaped = chance_charts.gate_chart("g", "teacher", [0.9], [1], 20, ["<b>a</b>"], 1).data[3]
    assert escaped.text[0].startswith("&lt;b&gt;a") and escaped.marker.color == curves.TEACHER


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_a_gates_chart_never_leaves_0_to_1_and_never_is_empty(probs):
    figure = chance_charts.gate_chart("g", "student", probs, [0] * len(probs), 20, ["u"] * len(probs), 1)
    assert len(figure.data[3].y) >= 1
    assert all(0 <= y <= 1 for trace in figure.data for y in trace.y)


def test_the_relaxed_chart_parts_drawn_from_not_drawn_at_0_whatever_tau():
    pushed = [-2.0, 0.5, 3.0]
    for tau in (5.0, 0.1):
        values = [1 / (1 + math.exp(-x / tau)) for x in pushed]
        line, drawn, rest = chance_charts.relaxed_chart("r", "student", pushed, values, tau, "abc").data
        assert list(drawn.x) == [0.5, 3.0] and list(rest.x) == [-2.0]
        assert drawn.name == "drawn: 2" and drawn.marker.symbol != rest.marker.symbol
        assert list(drawn.y) == pytest.approx(values[1:])
        on_line = np.interp(pushed, line.x, line.y)
        assert list(on_line) == pytest.approx(values, abs=0.15 if tau < 1 else 0.01), "points lie on the line"


def test_the_slider_runs_through_the_temperatures_of_training():
    from rekd.ui import state

    assert (TAUS[0], TAUS[-1]) == state.TAUS and list(TAUS) == sorted(TAUS, reverse=True)
    assert state.View().tau in TAUS
    assert all(nearest(tau) == tau for tau in TAUS) and nearest(4.9) == 5.0 and nearest(0.11) in (0.1, 0.125)
    steps = [above / below for above, below in zip(TAUS, TAUS[1:], strict=False)]
    assert max(steps) < 1.3 and min(steps) > 1.2
