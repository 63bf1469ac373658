"""Words of a text: runs of letters with their marks, in every script, and which of them evidence touches."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import MIXED_TEXT
from hypothesis import given, settings
from hypothesis import strategies as st

from rekd.types import Units
from rekd.units import mark, words


def cut(text: str) -> list[str]:
    return [text[start:stop] for start, stop in words(text)]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("I don't think so.", ["I", "don't", "think", "so", "."]),
        ("It’s rock'n'roll, well-known", ["It’s", "rock'n'roll", ",", "well-known"]),
        ("'quoted' -dash- a--b", ["'", "quoted", "'", "-", "dash", "-", "a", "--", "b"]),
        ("wait...what?!", ["wait", "...", "what", "?!"]),
        ("<b>10/10</b>", ["<", "b", ">", "10", "/", "10", "</", "b", ">"]),
        ("tab\tnew\nline\r\n\u00a0end", ["tab", "new", "line", "end"]),
        ("nul\x00and\x07bell", ["nul", "\x00", "and", "\x07", "bell"]),
        ("👩‍👩‍👧 ok", ["👩‍👩‍👧", "ok"]),  # joined by zero width joiners
        ("❤️love 1️⃣ 👍🏽", ["❤️", "love", "1️⃣", "👍🏽"]),  # variation selector, keycap, skin tone
        ("cafe\u0301 étude", ["cafe\u0301", "étude"]),
        ("مَرْحَبًا بِكُم", ["مَرْحَبًا", "بِكُم"]),
        ("שָׁלוֹם \u200fעולם!", ["שָׁלוֹם", "\u200fעולם", "!"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("วันดี", ["วั", "น", "ดี"]),
        ("我爱ABC电影。", ["我", "爱", "ABC", "电", "影", "。"]),
        ("葛\U000e0100城 か\u3099き", ["葛\U000e0100", "城", "か\u3099", "き"]),  # a variant form, a voiced kana
        ("映画はすごい!", ["映", "画", "は", "す", "ご", "い", "!"]),
        ("영화가 좋아요", ["영화가", "좋아요"]),
        ("\ufeffBOM \u0301stray", ["\ufeffBOM", "\u0301stray"]),
        ("lone \ud800 half", ["lone", "\ud800", "half"]),
        (" \t\n", []),
        ("", []),
    ],
)
def test_words(text, expected):
    assert cut(text) == expected


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(MIXED_TEXT)
def test_every_character_but_space_lies_in_exactly_one_word(text):
    covered = [place for start, stop in words(text) for place in range(start, stop)]
    assert covered == [place for place, char in enumerate(text) if not char.isspace()]


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.one_of(MIXED_TEXT, st.text(st.sampled_from("aZ_09 \t\n\x1c\x85\xa0é’'-.,!?<🎬"), max_size=40)))
def test_words_are_the_same_whatever_stands_behind_them(text):
    behind = (len(text) + 1, len(text) + 2)
    assert words(f"{text} 中") == (*words(text), behind) == words(f"{text} x")


def test_evidence_marks_the_words_that_it_touches():
    units = Units("words", ((0, 4), (5, 9), (10, 14)))
    assert mark(units, [(8, 10)]) == (False, True, False)
    assert mark(units, [(3, 6), (13, 99)]) == (True, True, True)
    assert mark(units, [(4, 5), (9, 9)]) == mark(units, ()) == (False, False, False)
    assert np.array(mark(units, [(0, 14)])).all()
