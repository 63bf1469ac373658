"""The section Proof as HTML: passed, failed and empty checks in words, excerpts and pictures with what was kept."""

from __future__ import annotations

import html
import re

import numpy as np
import pytest

from rekd.explanations.proof import Movement
from rekd.explanations.proof_swap import Followed
from rekd.types import Explanation, Units
from rekd.ui import proof_draw
from rekd.ui.proof_draw import Line

STILL = Movement(draws=100, replaced=54, units=64, changed=0.71, largest=0.0, moves=(0.0,) * 100, flips=0)
MOVED = Movement(draws=4, replaced=54, units=64, changed=1.0, largest=3.5, moves=(0.5, 1.0, 1.5, 3.0), flips=1)
EVIL = "<b>\"'&`</b>"


def words(block: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", block)).split())


def row(**values) -> str:
    shown = proof_draw.movements([Line("REKD", "digits-rekd", "patches", **values)], "Check")
    return words(shown.split("<tbody>")[1])


def test_a_passed_check_says_exactly_0_in_words():
    assert row(movement=STILL) == "REKD digits-rekd ✓ exactly 0 0 of 100 54 of 64 patches 71 %"


def test_a_failed_check_is_flagged_and_told():
    assert "⚑ up to 3.5" in row(movement=MOVED) and "exactly 0" not in row(movement=MOVED)
    told = proof_draw.alarm("REKD", MOVED)
    assert "REKD fails the check" in told and "3.5" in told
    lost = Movement(4, 54, 64, 1.0, float("nan"), (float("nan"),) * 4, 0)
    assert "⚑" in row(movement=lost) and "exactly 0" not in row(movement=lost)


def test_a_model_that_reads_everything_moves_by_a_median_and_a_largest():
    shown = row(movement=MOVED, whole=True)
    assert "median 1.25, up to 3.00" in shown and "1 of 4" in shown and "⚑" not in shown
    assert "exactly 0" not in row(movement=STILL, whole=True), "that is no promise of a model that reads everything"


@pytest.mark.parametrize(("replaced", "said"), [(0, "nothing to replace"), (54, "nothing changed")])
def test_a_check_that_changed_nothing_claims_nothing(replaced, said):
    shown = row(movement=Movement(20, replaced, 64, 0.0, 0.0, (0.0,) * 20, 0))
    assert said in shown and "exactly 0" not in shown


def test_a_row_waits_or_says_why_it_has_no_numbers():
    assert row() == "REKD digits-rekd …"
    assert row(fault=EVIL).endswith(EVIL)


def test_nothing_from_outside_is_markup():
    shown = proof_draw.movements([Line(EVIL, EVIL, EVIL, STILL)], EVIL)
    shown += proof_draw.followed(EVIL, Followed(4, 1, 1, 1, 1), (EVIL,), 0)
    assert '<b>"' not in shown and EVIL in words(shown) and html.escape(EVIL) in shown


def test_the_second_check_is_one_sentence():
    said = words(proof_draw.followed("REKD", Followed(100, 87, 4, 80, 5), ("cat", "dog"), 1))
    assert "REKD follows the content in 87 of 100 , the mask's class (dog) in 4 , neither in 9" in said
    assert "random mask: 80 and 5 ± 2" in said and "⚑" not in said
    assert "⚑ more than a random mask explains" in proof_draw.followed(
        "REKD", Followed(500, 84, 95, 110, 55), ("cat",), 0
    )


def item(places, mask, kind="words") -> Explanation:
    return Explanation("rationale", "m", Units(kind, tuple(places)), (0.5,) * len(mask), tuple(mask), "calibrated", 0)


def test_pictures_say_in_words_what_was_kept():
    boxes = [(x, y, x + 4, y + 4) for y in (0, 4) for x in (0, 4)]
    pixels = np.zeros((8, 8, 3), np.uint8)
    shown = proof_draw.picture_strip(item(boxes, [1, 0, 0, 1], "patches"), "student", pixels, [pixels] * 3, EVIL)
    alts = [html.unescape(alt) for alt in re.findall(r'alt="([^"]*)"', shown)]
    assert [alt.split(":")[0] for alt in alts] == ["The input", "Scrambled 1", "Scrambled 2", "Scrambled 3"]
    assert all(f"{EVIL} selected 2 of 4 patches, outlined. Row 1: 1. Row 2: 2." in alt for alt in alts)


def marked(shown: str) -> list[list[str]]:
    """The marked stretches of each tile."""
    tiles = shown.split("<figure>")[1:]
    return [[html.unescape(m) for m in re.findall(r"<mark[^>]*>(.*?)</mark>", tile)] for tile in tiles]


@pytest.mark.parametrize("kept", ["lovely", "👩‍👧", "שלום", "素晴", "<b>"])
def test_texts_keep_what_was_selected_and_are_cut_between_words(kept):
    text = "word " * 40 + kept + " word" * 200
    start = text.index(kept)
    one = item([(0, 4), (start, start + len(kept))], [False, True])
    other = [("other " * 60, False), (kept, True), ("more " * 90, False)]
    shown = proof_draw.text_strip(one, "student", text, len(text), [other], "REKD")
    assert marked(shown) == [[kept], [kept]]
    for tile in shown.split("<figure>")[1:]:
        said = words(tile.split("</figcaption>")[1])
        assert said.startswith("… ") and said.endswith(" …") and len(said) < 400
        assert set(said.split()) <= {"word", "other", "more", "…", *kept.split()}


def test_no_space_stands_before_a_comma():
    other = [("warm", True), (", it said", False), ("!", True), ("and", False)]
    shown = proof_draw.text_strip(item([(0, 4)], [True]), "teacher", "warm", 4, [other], "T")
    tile = shown.split("Scrambled 1</figcaption>")[1]
    assert re.sub(r"<[^>]*>", "", tile).strip() == "warm, it said! and"


def test_a_short_text_is_shown_whole_and_no_mark_is_needed():
    shown = proof_draw.text_strip(item([(0, 4)], [False]), "teacher", "word", 4, [[("other", False)]], "T")
    assert marked(shown) == [[], []] and "…" not in shown and "other" in shown
