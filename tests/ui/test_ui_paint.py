"""Painting without a page: masks packed and back, steps undone, the input cut so that no character is lost."""

from __future__ import annotations

import pytest
from helpers import MIXED_TEXT
from hypothesis import given
from hypothesis import strategies as st

from rekd.types import Prediction, Units
from rekd.ui import paint, paint_said, state
from rekd.ui.paint import Easel, History
from rekd.ui.paint_said import Said
from rekd.ui.text import TAIL
from rekd.units import words

MASKS = st.lists(st.booleans(), min_size=1, max_size=600)
HOSTILE = [
    "<script>alert(1)</script> and 'quotes' \"too\" &amp; <b>",
    "  two  spaces\n\n\tand a tab\r\nand\ra line ",
    "سلام یک فیلم خوب",
    "这部电影很好看。",
    "😀👨‍👩‍👧🇳🇱 good\u200bfilm e\u0301",
    "good good good, good",
]


@given(MASKS)
def test_a_mask_survives_the_address(mask):
    packed = paint.pack(mask)
    assert paint.unpack(packed, len(mask)) == mask
    assert state.parse({"painted": packed}) == (state.View(painted=packed), [])


def test_the_packing_is_the_browsers():
    assert paint.pack([True, False, False, False, False, True]) == "6-84"
    assert paint.unpack("6-84", 6) == [True, False, False, False, False, True]


@pytest.mark.parametrize(
    "text", ["", "6-8", "6-840", "6-85", "6-8g", "06-84", "5-84", "7-84", "6-84 ", None, 6, "٦-84"]
)
def test_what_is_no_mask_of_six_units_is_none(text):
    assert paint.unpack(text, 6) is None


@given(st.lists(MASKS.map(paint.pack), min_size=2, max_size=8))
def test_undoing_everything_leads_back_and_redoing_forth(steps):
    history, now = History(), steps[0]
    for then in steps[1:]:
        history, now = history.step(now, then), then
    while history.past:
        now, history = history.undo(now)
    assert now == steps[0] and history.undo(now) == (now, history)
    while history.future:
        now, history = history.redo(now)
    assert now == steps[-1] and history.redo(now) == (now, history)


def test_a_step_after_an_undo_forgets_what_was_undone_and_no_step_is_none():
    now, history = History().step("1-0", "1-8").undo("1-8")
    assert history.step(now, now) is history, "a stroke that changed nothing takes no redo away"
    assert history.step(now, "1-8").future == ()


def test_what_is_remembered_has_an_end():
    history = History()
    for number in range(paint.REMEMBERED + 10):
        history = history.step(str(number), str(number + 1))
    assert len(history.past) == paint.REMEMBERED and history.past[-1] == str(paint.REMEMBERED + 9)


def test_the_browser_is_told_of_buttons_and_not_of_its_own_strokes():
    easel = Easel("sheet").stroke("1-0", "1-8", turn=4)
    assert (easel.turn, easel.version) == (4, 0)
    assert easel.put("1-8", "1-0", "Started.").version == 1


@given(st.integers(1, 300), st.integers(0, 400), st.integers(0, 5))
def test_a_random_mask_has_its_number_and_is_repeated_by_its_seed(n, k, seed):
    mask = paint.at_random(n, k, seed)
    assert len(mask) == n and sum(mask) == min(k, n) and mask == paint.at_random(n, k, seed)


def test_each_unit_is_as_likely_in_a_random_mask():
    draws = [paint.at_random(10, 3, seed) for seed in range(2000)]
    assert all(abs(sum(column) / 2000 - 0.3) < 0.04 for column in zip(*draws, strict=True))


def lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_on_the_board_is_the_text(text):
    whole_on_the_board(text)


@given(MIXED_TEXT)
def test_any_text_on_the_board_is_the_text(text):
    whole_on_the_board(text)


def whole_on_the_board(text: str) -> None:
    places = words(text)
    sheet = paint.text_sheet(text, Units("words", places), len(text))
    assert "".join(cell.gap + cell.text for cell in sheet.cells) + sheet.rest == lines(text)
    assert [cell.text for cell in sheet.cells] == [lines(text[start:stop]) for start, stop in places]
    assert [unit for cell in sheet.cells for unit in cell.units] == list(range(len(places)))


def test_what_was_not_read_can_not_be_painted_and_what_is_left_out_is_counted():
    text = "one two. " + "x" * (TAIL + 50)
    sheet = paint.text_sheet(text, Units("words", ((0, 3), (4, 7))), 8)
    assert [cell.text for cell in sheet.cells] == ["one", "two"]
    assert sheet.rest == "." and sheet.unread == " " + "x" * (TAIL - 1) and sheet.hidden == 51


def test_pieces_that_share_characters_are_one_cell_and_slots_without_any_are_none():
    units = Units("tokens", ((0, 0), (0, 4), (0, 4), (5, 8), (8, 8)))
    cells = paint.text_sheet("👩👩👩👩 ant", units, 8).cells
    assert [(cell.units, cell.text) for cell in cells] == [((1, 2), "👩👩👩👩"), ((3,), "ant")]
    assert cells[1].label == "ant, token 2 of 2"


def test_patches_are_called_by_row_and_column():
    boxes = tuple((x, y, x + 4, y + 4) for y in (0, 4) for x in (0, 4, 8))
    labels = [cell.label for cell in paint.image_sheet(Units("patches", boxes)).cells]
    assert labels[0] == "patch in row 1, column 1" and labels[5] == "patch in row 2, column 3"


CLASSES = ("no", '<i>"yes"</i>')
NO, YES = Prediction((0.8, 0.2)), Prediction((0.3, 0.7))


def test_a_card_says_in_words_whether_the_prediction_breaks():
    holds = paint_said.card("", Said(NO, 3, 9, NO), CLASSES, None, whole=False)
    breaks = paint_said.card("", Said(YES, 3, 9, NO), CLASSES, None, whole=True)
    assert "holds" in holds and "breaks" not in holds and "from its own mask" in holds
    assert "breaks the prediction" in breaks and "no, 80\u00a0% from the whole input" in breaks
    assert "<b>3</b> of 9 painted" in breaks and "<i>" not in breaks
    assert "said from nothing" in paint_said.card("", Said(NO, 0, 9, NO), CLASSES, None, whole=False)


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([Said(NO, 1, 9, NO), Said(YES, 1, 9, NO)], "1 of 2 predictions break."),
        ([Said(NO, 1, 9, NO)] * 2, "All 2 predictions hold."),
        ([Said(YES, 1, 9, NO)], "The prediction breaks."),
        ([Said(YES, 1, 9, YES)], "The prediction holds."),
    ],
)
def test_the_summary_counts_what_breaks(answers, told):
    assert told in paint_said.summary(answers, 1)
    assert "from nothing" in paint_said.summary(answers, 0) and "from nothing" not in paint_said.summary(answers, 1)
