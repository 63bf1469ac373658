"""`python -m rekd bench app`: how fast Explore answers on this machine, as a person in a browser sees it."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from rekd.bench.page import browser, free_port, machine, open_at, resident, server, settled, spread, until
from rekd.files import write_json

STARTS, CLICKS, REVIEWS, STROKES = 3, 5, 5, 10
"""How often each thing is measured: machines have their moods, and one number would be one of them."""
REVIEW = (
    "I went in expecting very little and came out quietly delighted. The opening half hour moves slowly, and for "
    "a while I feared the worst: two brothers repair a ferry, argue about paint, and say almost nothing that "
    "matters. Then their sister arrives, and the film wakes up. She is played with such warmth and such wicked "
    "timing that every scene around her becomes funnier and sadder at once. The music is dull and the ending is "
    "too neat, but the long dinner in the middle is one of the best things I have seen this year. It is honest, "
    "generous and beautifully acted. Forgive it the first thirty minutes, and it will stay with you for weeks "
    "afterwards."
)
CARDS = "document.querySelectorAll('.st-key-cards .rk-role').length > 0"
CAPTIONS = "[...document.querySelectorAll('[data-testid=\"stCaptionContainer\"]')]"
SCORES = f"{CAPTIONS}.some(e => e.textContent.includes('★ marks'))"
IDLE = "document.querySelector('[data-testid=\"stApp\"]').dataset.testScriptState === 'notRunning'"


def _start(windows, port: int, query: dict[str, str]) -> dict[str, float]:
    """Seconds from starting the server to the cards and to the full view, and its memory then (GB).

    The browser is open before, and the port is the one of the starts before, for which it has the page's scripts.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, closing(windows.new_page()) as page:
        since = time.perf_counter()
        with server(Path(home), port) as (address, process):
            open_at(page, f"{address}?{urlencode(query)}")
            out = {"cards": until(page, CARDS, since), "full": until(page, SCORES, since)}
            settled(page)
            return out | {"memory": resident(process) / 1e9}


def _warm(windows, port: int) -> dict[str, list[float]]:
    """Seconds to the next example without Captum, and to cards and scores of a new review, on a server that runs."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home,
        server(Path(home), port) as (address, _),
        closing(windows.new_page()) as page,
    ):
        open_at(page, f"{address}?{urlencode({'task': 'imdb', 'own': '1', 'text': 'A warm, funny film.'})}")
        until(page, SCORES, 0.0)
        settled(page)
        out = {"next": _next(page, address)}
        settled(page)
        out |= _typed(page, address)
        settled(page)
        return out | {"paint": _painted(page, address)}


def _typed(page, address: str) -> dict[str, list[float]]:
    """Seconds from the press that hands in a typed review to its cards, and to the full view."""
    page.goto(f"{address}?{urlencode({'task': 'imdb', 'own': '1', 'text': 'A dull, cold film.'})}")
    until(page, SCORES, 0.0)
    out: dict[str, list[float]] = {"review_cards": [], "review_full": []}
    for place in ("ferry", "tractor", "lighthouse", "bakery", "windmill")[:REVIEWS]:  # what was seen is not new
        settled(page)
        box = page.locator("textarea")
        box.fill(REVIEW.replace("ferry", place))
        since = time.perf_counter()
        box.press("Control+Enter")
        seen = f"document.querySelector('.st-key-cards')?.textContent.includes({json.dumps(place)})"
        out["review_cards"].append(until(page, seen, since))
        # scores of the view before stay until the run ends
        out["review_full"].append(until(page, f"{IDLE} && {SCORES}", since))
    return out


def _next(page, address: str) -> list[float]:
    """Seconds from a click on Next to the new example's cards, with Captum switched off."""
    page.goto(f"{address}?{urlencode({'task': 'imdb', 'data': 'reviews', 'methods': '-'})}")
    until(page, CARDS, 0.0)
    settled(page)
    taken = []
    for _ in range(CLICKS):
        before = page.locator(".st-key-cards").inner_text()
        since = time.perf_counter()
        page.locator(".st-key-next button").click()
        changed = f"document.querySelector('.st-key-cards').innerText.slice(0, 2000) !== {json.dumps(before[:2000])}"
        taken.append(until(page, changed, since))
        settled(page)
    return taken


def _painted(page, address: str) -> list[float]:
    """Seconds from pressing the mouse on a word until every model's answer to the painted mask stands."""
    page.goto(f"{address}?{urlencode({'task': 'imdb', 'own': '1', 'text': REVIEW, 'methods': '-', 'deeper': 'paint'})}")
    until(page, "document.querySelector('.rk-answers') !== null", 0.0)
    taken = []
    for word in range(1, 2 * STROKES, 2):
        settled(page)
        before = page.locator(".rk-answers").inner_text()  # counts what is painted
        place = page.locator('[role="checkbox"]').nth(word)
        place.scroll_into_view_if_needed()
        box = place.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        since = time.perf_counter()
        page.mouse.down()
        page.mouse.up()
        taken.append(until(page, f"document.querySelector('.rk-answers').innerText !== {json.dumps(before)}", since))
    return taken


ROWS: tuple[tuple[str, str, float, str], ...] = (
    ("cards", "second start to the cards", 10.0, "s"),
    ("full", "second start to the full view, three Captum methods and scores", 15.0, "s"),
    ("next", "next example, without Captum", 0.6, "s"),
    ("review_cards", "a new review of 120 words: its cards", 5.0, "s"),
    ("review_full", "the same with three Captum methods and scores", 5.0, "s"),
    ("paint", "a painted word, until all four models have answered", 0.3, "s"),
    ("memory", "memory of the server, one task loaded", 2.0, "GB"),
)
"""Name, what a person reads, target, unit."""


def lines(measured: dict[str, list[float]], on: dict[str, Any]) -> list[str]:
    """The table as Markdown: medians, and from where to where the measurements ran."""
    rows = [f"| {what} | {spread(measured[name], unit)} | {target:g} {unit} |" for name, what, target, unit in ROWS]
    where = ", ".join(f"{name} {value}" for name, value in on.items())
    head = ["| what | median (least to most) | at most |", "| --- | --- | --- |"]
    return [
        *head,
        *rows,
        "",
        f"Measured on: {where}; {STARTS} starts, {CLICKS} clicks, {REVIEWS} reviews, {STROKES} strokes.",
    ]


def bench_app(path: str | None, out: Path | None, say: Callable[[str], None] = print) -> int:
    """Measure, print the table, and write it as JSON where `out` is given."""
    query, port = {"task": "imdb"}, free_port()
    with browser(path) as windows:
        _start(windows, port, query)  # the first start after installing reads everything from disk
        starts = [_start(windows, port, query) for _ in range(STARTS)]
        measured = {name: [each[name] for each in starts] for name in starts[0]} | _warm(windows, port)
    for line in lines(measured, machine()):
        say(line)
    if out is not None:
        write_json(out, {"measured": measured, "machine": machine()})
    return 0
