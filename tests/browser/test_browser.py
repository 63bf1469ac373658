"""The app as a person meets it: a real Chromium, a review of one's own, four cards, a link that opens them again."""

from __future__ import annotations

import time

import pytest
from visitor import Visitor

from rekd.bench import page as bench

pytestmark = pytest.mark.browser

REVIEW = "The story is slow at first, but the end is warm, funny and never dull: a lovely film."


def test_an_own_review_gets_four_cards_and_a_link_that_opens_them_again(chromium, address):
    from playwright.sync_api import expect

    author = Visitor(chromium, f"{address}?task=imdb")
    author.page.get_by_text("Own text", exact=True).first.click()
    author.settle()
    box = author.page.locator("textarea")
    box.fill(REVIEW)
    box.press("Control+Enter")
    author.settle()
    author.page.get_by_text("P(select)", exact=True).first.click()
    author.settle()
    seen = author.cards()
    assert len(seen) == 4
    for card, role in zip(seen, ("Teacher", "CLS", "RE", "REKD"), strict=True):
        assert card.split()[0].rstrip(",") == role, card
        assert "lovely film" in card, f"the {role} card does not show the review: {card}"
        assert "%" in card, f"the {role} card tells no confidence: {card}"
    copied = author.copy_link()
    assert author.complaints == []
    author.context.close()

    reader = Visitor(chromium, copied)
    assert reader.cards() == seen, "the link shows another view"
    expect(reader.page.locator("textarea")).to_have_value(REVIEW, timeout=30_000)  # drawn before it is filled
    assert reader.complaints == []
    reader.context.close()


def test_a_run_outlives_the_tab_is_seen_by_two_is_stopped_and_goes_on(chromium, address, home):
    from rekd.config import TrainConfig
    from rekd.training.status import standing
    from rekd.training.worker import Plan, launch

    tiny = {"img_size": 64, "patch_size": 8, "embed_dim": 24, "depth": 1, "num_heads": 2}
    values = {"backbone_args": tiny, "batch_size": 8, "dev_limit": 50, "evaluate_every": 200, "log_every": 5}
    run = home / "runs" / "mine"
    launch([Plan(run, TrainConfig("digits", "re", steps=20_000, **values), name="My run")])

    first = Visitor(chromium, f"{address}train")
    first.page.locator(".st-key-t_open_mine button").first.click()
    first.page.wait_for_selector(".rk-film-card")
    first.context.close()  # the tab is closed; the run goes on

    again, other = Visitor(chromium, f"{address}train?run=mine"), Visitor(chromium, f"{address}train?run=mine")
    steps = (
        "Number(document.querySelector('.rk-run .rk-note').textContent.match(/step ([\\d,]+) of/)[1].replace(',', ''))"
    )
    before = again.page.evaluate(steps)
    again.page.wait_for_function(f"{steps} > {before}")
    assert again.page.locator(".rk-film-card").count() == 8
    again.page.reload()
    again.settle()
    assert again.page.locator(".rk-state-running").count()

    again.page.locator(".st-key-v_stop button").first.click()
    for visitor in (again, other):
        visitor.page.locator(".rk-state-stopped").first.wait_for()
    assert standing(run).state == "stopped" and (run / "state" / "latest").is_file()

    again.settle()  # the page of a stopped run is drawn anew; a key pressed meanwhile would go to the old slider
    again.page.get_by_role("slider").first.press("Home")
    again.page.get_by_text("after 0 of 20,000 steps").first.wait_for()
    again.page.locator(".st-key-v_resume button").first.click()
    for visitor in (again, other):
        visitor.page.locator(".rk-state-running").first.wait_for()
    other.page.locator(".st-key-v_stop button").first.click()
    again.page.locator(".rk-state-stopped").first.wait_for()
    again.page.get_by_text("after 0 of 20,000 steps").first.wait_for()
    assert again.complaints == other.complaints == []
    again.context.close()
    other.context.close()


def test_the_bench_sees_what_appears_when_it_does_and_gives_up_on_what_does_not(chromium):
    page = chromium.new_page()
    page.set_content("<p></p><script>setTimeout(() => document.querySelector('p').textContent = 'there', 400)</script>")
    there = "document.querySelector('p').textContent === 'there'"
    assert bench.until(page, there, time.perf_counter()) > 0.1
    bench.until(page, there, 0.0, patience=1)  # what is there already is not waited for
    with pytest.raises(RuntimeError, match="did not show within"):
        bench.until(page, "false", 0.0, patience=200)
    page.close()
