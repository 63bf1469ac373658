"""Chance in a real Chromium: the temperature moves the values and nothing else; another seed draws another mask."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from visitor import Visitor

pytestmark = pytest.mark.browser

REVIEW = "The story is slow at first, but the end is warm, funny and never dull: a lovely film."


def relaxed(visitor: Visitor, tau: str) -> list[tuple[bool, float, float]]:
    """Of each word of each model: is it marked as drawn, its relaxed value s, and its l + noise."""
    words = visitor.page.locator(f'[aria-label*="relaxed values at tau {tau},"] mark')
    words.first.wait_for()
    visitor.settle()
    told = words.evaluate_all("marks => marks.map(mark => [mark.className, mark.title])")
    numbers = [re.fullmatch(r"s ([\d.]+), l \+ noise ([+-][\d.]+)", tip) for _, tip in told]
    return [(sign == "rk-heat-sel", float(n[1]), float(n[2])) for (sign, _), n in zip(told, numbers, strict=True)]


def test_tau_moves_the_values_and_neither_the_drawn_mask_nor_the_draws(chromium, address):
    own, models = f"task=imdb&own=1&text={quote(REVIEW)}", "teacher=-&cls=-"
    visitor = Visitor(chromium, f"{address}?{own}&{models}&deeper=chance&draws=20&seed=7&tau=5")
    visitor.page.get_by_text("masks drawn from seed 7").wait_for()
    draws = visitor.page.locator('[aria-label*="share of 20 draws"]')
    warm = relaxed(visitor, "5")  # which waits for the whole page
    before = draws.evaluate_all("blocks => blocks.map(block => block.outerHTML)")
    slider = visitor.page.get_by_role("slider")
    slider.press("End")
    cold = relaxed(visitor, "0.1")
    assert [(on, pushed) for on, _, pushed in warm] == [(on, pushed) for on, _, pushed in cold]
    assert any(on for on, *_ in cold) and all(on == (pushed > 0) for on, _, pushed in cold if pushed)
    soft = [sum(0.05 < s < 0.95 for _, s, _ in values) for values in (warm, cold)]
    assert soft[0] > soft[1], "a lower temperature makes the values harder"
    assert draws.evaluate_all("blocks => blocks.map(block => block.outerHTML)") == before
    slider.press("ArrowLeft")
    assert relaxed(visitor, "0.125") != cold
    assert "tau=0.125" in visitor.page.url and "seed=7" in visitor.page.url

    visitor.press("Draw others")
    visitor.page.get_by_text("masks drawn from seed 8").wait_for()
    assert [pushed for *_, pushed in relaxed(visitor, "0.125")] != [pushed for *_, pushed in cold]
    assert "seed=8" in visitor.page.url
    visitor.leave()
