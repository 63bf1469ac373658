"""`python -m rekd bench app`: how fast Explore answers on this machine, as a person in a browser sees it."""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil

from rekd.files import write_json

ROOT = Path(__file__).resolve().parent.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
PATIENCE = 180_000
"""Milliseconds until something that never appears is given up."""
STARTS, CLICKS, REVIEWS = 3, 5, 5
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
WAIT = """patience => new Promise(done => {
  const end = held => { watch.disconnect(); clearTimeout(late); done(held) };
  const look = () => { if (%s) end(true) };
  const watch = new MutationObserver(look);
  const late = setTimeout(end, patience, false);
  watch.observe(document, {subtree: true, childList: true, characterData: true, attributes: true});
  look();
})"""
IDLE = "document.querySelector('[data-testid=\"stApp\"]').dataset.testScriptState === 'notRunning'"


def free_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def server(home: Path, port: int) -> Iterator[tuple[str, psutil.Process]]:
    """The app on a port, with a home folder of its own: its address and process."""
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true"]
    command += [f"--server.port={port}", "--server.address=127.0.0.1"]
    environment = os.environ | {"HOME": str(home), "USERPROFILE": str(home), "REKD_CACHE": str(home / "cache")}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=quiet, stderr=quiet) as child:
        process = psutil.Process(child.pid)
        try:
            yield f"http://127.0.0.1:{port}/", process
        finally:
            with suppress(psutil.NoSuchProcess):
                for each in [*process.children(recursive=True), process]:
                    each.kill()


@contextmanager
def browser(path: str | None):
    """A headless Chromium with one profile: what it has fetched once it keeps, as a person's own browser does.

    Raises:
        RuntimeError: Playwright or a browser is missing, with what to do.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise RuntimeError(
            "the app is measured in a real browser, which Playwright drives; install it by "
            "`pip install -r tests/requirements.txt`"
        ) from None
    found = path or next((place for name in BROWSERS if (place := shutil.which(name))), None)
    if found is None:
        raise RuntimeError("no Chromium or Chrome was found; install one, or name it with --browser")
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as engine:
        chromium = engine.chromium.launch(executable_path=found, args=["--disable-gpu", *root])
        yield chromium.new_context()
        chromium.close()


def _open(page, address: str) -> None:
    """Go to an address as soon as somebody answers there."""
    deadline = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(f"{address}_stcore/health", timeout=5):
            break
        time.sleep(0.05)
    page.goto(address)


def _until(page, condition: str, since: float) -> float:
    """Seconds from `since` until a condition of the page holds.

    It is looked at when the page changes: asking all the time would take the processor from what is measured.

    Raises:
        RuntimeError: it did not come to hold.
    """
    if not page.evaluate(WAIT % condition, PATIENCE):
        raise RuntimeError(f"the page did not show within {PATIENCE // 1000} s what is measured: {condition}")
    return time.perf_counter() - since


def _settled(page) -> None:
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=PATIENCE)
    page.wait_for_timeout(1000)


def _start(windows, port: int, query: dict[str, str]) -> dict[str, float]:
    """Seconds from starting the server to the cards and to the full view, and its memory then (GB).

    The browser is open before, and the port is the one of the starts before, for which it has the page's scripts.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, closing(windows.new_page()) as page:
        since = time.perf_counter()
        with server(Path(home), port) as (address, process):
            _open(page, f"{address}?{urlencode(query)}")
            out = {"cards": _until(page, CARDS, since), "full": _until(page, SCORES, since)}
            _settled(page)
            return out | {"memory": _resident(process) / 1e9}


def _resident(process: psutil.Process) -> int:
    """Bytes resident in a process and its children."""
    return sum(each.memory_info().rss for each in [process, *process.children(recursive=True)])


def _warm(windows, port: int) -> dict[str, list[float]]:
    """Seconds to the next example without Captum, and to cards and scores of a new review, on a server that runs."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home,
        server(Path(home), port) as (address, _),
        closing(windows.new_page()) as page,
    ):
        _open(page, f"{address}?{urlencode({'task': 'imdb', 'own': '1', 'text': 'A warm, funny film.'})}")
        _until(page, SCORES, 0.0)
        _settled(page)
        out = {"next": _next(page, address)}
        _settled(page)
        return out | _typed(page, address)


def _typed(page, address: str) -> dict[str, list[float]]:
    """Seconds from the press that hands in a typed review to its cards, and to the full view."""
    page.goto(f"{address}?{urlencode({'task': 'imdb', 'own': '1', 'text': 'A dull, cold film.'})}")
    _until(page, SCORES, 0.0)
    out: dict[str, list[float]] = {"review_cards": [], "review_full": []}
    for place in ("ferry", "tractor", "lighthouse", "bakery", "windmill")[:REVIEWS]:  # what was seen is not new
        _settled(page)
        box = page.locator("textarea")
        box.fill(REVIEW.replace("ferry", place))
        since = time.perf_counter()
        box.press("Control+Enter")
        seen = f"document.querySelector('.st-key-cards')?.textContent.includes({json.dumps(place)})"
        out["review_cards"].append(_until(page, seen, since))
        # scores of the view before stay until the run ends
        out["review_full"].append(_until(page, f"{IDLE} && {SCORES}", since))
    return out


def _next(page, address: str) -> list[float]:
    """Seconds from a click on Next to the new example's cards, with Captum switched off."""
    page.goto(f"{address}?{urlencode({'task': 'imdb', 'data': 'reviews', 'methods': '-'})}")
    _until(page, CARDS, 0.0)
    _settled(page)
    taken = []
    for _ in range(CLICKS):
        before = page.locator(".st-key-cards").inner_text()
        since = time.perf_counter()
        page.locator(".st-key-next button").click()
        changed = f"document.querySelector('.st-key-cards').innerText.slice(0, 2000) !== {json.dumps(before[:2000])}"
        taken.append(_until(page, changed, since))
        _settled(page)
    return taken


ROWS: tuple[tuple[str, str, float, str], ...] = (
    ("cards", "second start to the cards", 10.0, "s"),
    ("full", "second start to the full view, three Captum methods and scores", 15.0, "s"),
    ("next", "next example, without Captum", 0.6, "s"),
    ("review_cards", "a new review of 120 words: its cards", 5.0, "s"),
    ("review_full", "the same with three Captum methods and scores", 5.0, "s"),
    ("memory", "memory of the server, one task loaded", 2.0, "GB"),
)
"""Name, what a person reads, target, unit."""


def machine() -> dict[str, Any]:
    """What the numbers were taken on."""
    from importlib import metadata

    names = ("torch", "streamlit")
    versions = {name: metadata.version(name) for name in names}
    system = {"system": platform.system(), "cores": os.cpu_count(), "python": platform.python_version()}
    return {**system, **versions, "date": date.today().isoformat()}


def lines(measured: dict[str, list[float]], on: dict[str, Any]) -> list[str]:
    """The table as Markdown: medians, and from where to where the measurements ran."""
    rows = [f"| {what} | {_spread(measured[name], unit)} | {target:g} {unit} |" for name, what, target, unit in ROWS]
    where = ", ".join(f"{name} {value}" for name, value in on.items())
    head = ["| what | median (least to most) | at most |", "| --- | --- | --- |"]
    return [*head, *rows, "", f"Measured on: {where}; {STARTS} starts, {CLICKS} clicks, {REVIEWS} reviews."]


def _spread(values: list[float], unit: str) -> str:
    return f"{statistics.median(values):.1f} {unit} ({min(values):.1f} to {max(values):.1f})"


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
