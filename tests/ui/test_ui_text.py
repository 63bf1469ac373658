"""A text on a card: every character as it was typed, nothing of it read as HTML, units marked where they stand."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rekd.types import Explanation, Units
from rekd.ui import figures
from rekd.ui.text import TAIL, Mark, escape, passage, runs, unread

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "[CLS] [SEP] </s> [MASK] [PAD]",
    "&amp; &lt; & <",
    "  two  spaces\n\n\tand a tab\r\nand a line",
    "مرحبا بكم في الفيلم",
    "这部电影很好看",
    "😀👨‍👩‍👧🇳🇱",
    "e\u0301 combining",
]


def shown(block: str) -> str:
    """The characters that a browser would show, without what the page itself adds."""
    block = re.sub(r'<span class="rk-more">.*?</span>', "", block)
    return html.unescape(re.sub(r"<[^>]*>", "", block))


def words(text: str) -> Units:
    return Units("words", tuple(match.span() for match in re.finditer(r"\w+|[^\w\s]+", text)))


def explanation(text: str, mask, scores=None) -> Explanation:
    units = words(text)
    return Explanation("rationale", "m", units, tuple(scores or [0.5] * len(units)), tuple(mask), "calibrated", 0)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("show", ["whole", "mask", "select", "difference"])
def test_every_view_shows_exactly_the_text(text, show):
    n = len(words(text))
    item = explanation(text, [i % 2 == 0 for i in range(n)])
    block = figures.on_text(text, len(text), item, "Teacher", "teacher", show, [i % 3 == 0 for i in range(n)])
    assert shown(block) == text.replace("\r\n", "\n").replace("\r", "\n")
    assert set(re.findall(r"<(/?\w+)", block)) <= {"div", "/div", "mark", "/mark", "span", "/span"}
    assert "\n" not in block, (
        "a line break in the source would be moved by a dedent or a strip on its way to the browser"
    )


@given(st.text(max_size=60), st.integers(0, 60))
def test_no_character_is_lost_or_doubled(text, stop):
    stop = min(stop, len(text))
    places = words(text[:stop]).places
    block = passage(text, runs(text, places, ["rk-sel"] * len(places)), stop, "x")
    assert shown(block) == text.replace("\r\n", "\n").replace("\r", "\n")


def test_a_label_from_outside_can_not_leave_its_attribute():
    block = passage("fine", [Mark(0, 4, "rk-sel", tip='"><b>')], 4, '"><script>alert(1)</script>')
    assert "<script" not in block and "<b>" not in block


def test_marks_join_over_a_space_but_not_over_a_line_or_an_unmarked_word():
    text = "a b\nc d e"
    places = words(text).places
    assert [(m.start, m.stop) for m in runs(text, places, ["x", "x", "x", "", "x"])] == [(0, 3), (4, 5), (8, 9)]


def test_marks_of_two_signs_do_not_join():
    assert len(runs("a b", words("a b").places, ["rk-agreed", "rk-only-own"])) == 2


def test_a_unit_that_spans_the_next_is_not_shown_twice():
    assert shown(passage("abc", [Mark(0, 3, "x"), Mark(1, 2, "x")], 3, "x")) == "abc"


def test_the_unread_rest_is_greyed_and_its_length_said():
    text = "read " + "x" * 5_000
    block = passage(text, [], 5, "x")
    assert "not read from here" in block
    assert f"and {5_000 - TAIL:,} more characters" in block
    assert block.count("x" * TAIL) == 1 and "x" * (TAIL + 1) not in block


def test_a_text_read_to_its_end_has_no_unread_rest():
    assert "not read" not in passage("all of it \n", [], 9, "x")
    assert unread("  \n") == "  &#10;"


def test_direction_is_the_text_s_own():
    assert 'dir="auto"' in passage("مرحبا", [], 5, "x")


def test_the_three_signs_of_a_difference_are_three():
    item = explanation("a b c d", [True, True, False, False])
    signs = figures.signs(item.mask, [True, False, True, False], "difference")
    assert signs == ["rk-agreed", "rk-only-own", "rk-only-theirs", ""]
    assert figures.tally(item.mask, [True, False, True, False]) == (1, 1, 1)


def test_heat_follows_p_select_and_says_the_number():
    block = figures.on_text("a b", 3, explanation("a b", [False, True], [0.0, 1.0]), "x", "student", "select")
    levels = [int(level) for level in re.findall(r"--rk-level:(\d+)%", block)]
    assert levels == [0, figures.HEAT]
    assert 'title="P(select) 1.000"' in block and 'title="P(select) 0.000"' in block


def test_attributions_are_drawn_relative_to_the_largest_and_negative_ones_not_at_all():
    assert figures.heat(explanation("a b c", [True] * 3, [-2.0, 1.0, 4.0]), relative=True) == [0.0, 0.25, 1.0]
    assert figures.heat(explanation("a b", [True] * 2, [-2.0, -1.0]), relative=True) == [0.0, 0.0]


def test_escape_keeps_what_a_browser_would_collapse():
    assert escape("a\r\nb\tc") == "a&#10;b&#9;c"
