"""Many inputs in a real Chromium: pasted or as a CSV file, opened in the full view, walked through and back."""

from __future__ import annotations

import pytest
from visitor import Visitor

pytestmark = pytest.mark.browser

TEXTS = (
    "A warm and funny film, never dull.",
    "Slow, long and badly acted: a waste of time.",
    "Not <b>bad</b> at all.",
)


@pytest.fixture
def visitor(chromium, address):
    made = Visitor(chromium, f"{address}?task=imdb&own=1&many=1&teacher=-&cls=-&deeper=chance&draws=20")
    yield made
    made.leave()


def lines(visitor: Visitor) -> list[str]:
    """The lines of the table once each model's answer stands in it."""
    visitor.page.locator(".rk-many-line").first.wait_for()
    visitor.settle()
    found = [" ".join(line.split()) for line in visitor.page.locator(".rk-many-line").all_inner_texts()]
    assert not any("not read" in line for line in found)
    return found


def shown(visitor: Visitor, number: int, text: str) -> None:
    """Input `number` stands in the full view, every card showing its text."""
    visitor.page.get_by_text(f"Input {number} of {len(TEXTS)}").first.wait_for()
    visitor.settle()
    assert f"row={number}" in visitor.page.url
    assert len(visitor.cards()) == 2 and all(text in card for card in visitor.cards())


def test_pasted_texts_are_opened_and_walked_through(visitor):
    visitor.page.get_by_role("textbox", name="Your texts").fill("\n".join(TEXTS))
    visitor.press("Show the table")
    found = lines(visitor)
    assert len(found) == len(TEXTS)
    for line, text in zip(found, TEXTS, strict=True):
        assert text in line and line.count("%") == 2
    assert visitor.page.locator(".rk-many-line mark.rk-sel").count() >= 2 * len(TEXTS), "a small rationale each"
    visitor.press("2")
    shown(visitor, 2, TEXTS[1])
    visitor.press("Next")
    shown(visitor, 3, TEXTS[2])
    visitor.press("Next")
    shown(visitor, 1, TEXTS[0])
    visitor.press("Previous")
    shown(visitor, 3, TEXTS[2])
    visitor.page.reload()
    shown(visitor, 3, TEXTS[2])
    visitor.press("Back to the table")
    assert lines(visitor) == found


def test_a_csv_file_brings_its_labels_along(visitor, tmp_path):
    path = tmp_path / "mine.csv"
    rows = [f'"{text}",{label}' for text, label in zip(TEXTS, ("positive", "negative", "positive"), strict=True)]
    path.write_text("\n".join(["review,label", *rows]), encoding="utf-8")
    visitor.page.get_by_text("CSV file", exact=True).first.click()
    visitor.page.locator('input[type="file"]').set_input_files(path)
    visitor.settle()
    visitor.press("Show the table")
    found = lines(visitor)
    for line, label in zip(found, ("positive", "negative", "positive"), strict=True):
        assert f"label {label}" in line and line.count("✓ right") + line.count("✗ wrong") == 2
    visitor.press("1")
    shown(visitor, 1, TEXTS[0])
    visitor.page.get_by_text("True class: positive").wait_for()
