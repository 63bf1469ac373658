"""Proof in a real Chromium: what a rationale model left out does not move it, and masks that leak are red."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image
from visitor import Visitor

pytestmark = pytest.mark.browser


def rows(visitor: Visitor) -> list[str]:
    """The lines of the first check once all are computed."""
    visitor.page.locator(".rk-proof").wait_for()
    visitor.settle()
    return [" ".join(row.split()) for row in visitor.page.locator(".rk-proof tbody tr").all_inner_texts()]


def test_scrambling_moves_no_rationale_model_and_a_model_that_reads_everything(chromium, address):
    visitor = Visitor(chromium, f"{address}?task=digits&deeper=proof&draws=20&methods=-")
    teacher, re_, rekd, *whole = rows(visitor)
    for row in (teacher, re_, rekd):
        assert "reads its rationale alone ✓ exactly 0 0 of 20" in row
    assert len(whole) == 2
    for row in whole:
        assert "reads everything" in row and float(re.search(r"up to ([\d.]+)", row)[1]) > 0
    assert visitor.page.locator(".rk-strip figure img").count() == 4
    visitor.page.get_by_text("100", exact=True).first.click()
    visitor.page.locator(".rk-proof", has_text="0 of 100").wait_for()
    assert all("✓ exactly 0 0 of 100" in row for row in rows(visitor)[:3])
    assert visitor.page.locator('[data-testid="stAlert"]').count() == 0
    visitor.leave()


def redness(visitor: Visitor, selector: str) -> float:
    """How much more red than green and blue, 0 to 255, the letters of the first such element are."""
    drawn = """node => {
      const canvas = Object.assign(document.createElement("canvas"), {width: 1, height: 1}).getContext("2d");
      canvas.fillStyle = getComputedStyle(node).color;
      canvas.fillRect(0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data];
    }"""
    red, green, blue, _ = visitor.page.locator(selector).first.evaluate(drawn)
    return red - max(green, blue)


def test_the_leaky_exhibit_is_red_on_its_card_and_in_the_proof(chromium, address, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "mine.png")
    models = "teacher=-&re=cifar10-leaky-re&rekd=-&cls=-"
    visitor = Visitor(chromium, f"{address}?task=cifar10&own=1&{models}&deeper=proof&draws=20&methods=-")
    visitor.page.locator('input[type="file"]').set_input_files(tmp_path / "mine.png")
    visitor.page.wait_for_selector(".rk-proof")
    row = rows(visitor)[0]
    assert "cifar10-leaky-re, reads its rationale alone ✓ exactly 0" in row, "no content leaks: the mask itself does"
    (card,) = visitor.cards()
    assert "exhibit" in card and "⚑ swap" in card
    for place in (".st-key-cards", ".rk-leaks"):
        assert redness(visitor, f"{place} .rk-flag") > 60 > redness(visitor, f"{place} .rk-note")
    visitor.page.get_by_text("Over a whole test split").wait_for()
    visitor.leave()
