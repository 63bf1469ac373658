"""The app as a person meets it: a real Chromium, a review of one's own, four cards, a link that opens them again."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest
from helpers import tiny_checkpoints

from rekd.bench import page as bench
from rekd.checkpoints import shipped

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[1]
REVIEW = "The story is slow at first, but the end is warm, funny and never dull: a lovely film."
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
PLACES = (
    "/usr/bin/chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
# No sandbox for root in a container; the rest keeps the browser from calling home.
FLAGS = ("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync")
PATIENCE = 120_000
"""Milliseconds; a cold start imports torch and loads four models on two slow cores."""


def browser_path() -> str | None:
    found = [shutil.which(name) for name in NAMES] + [place for place in PLACES if Path(place).is_file()]
    return next((path for path in found if path), None)


@pytest.fixture(scope="module")
def chromium():
    """A running headless browser. Without one the test is skipped on a laptop and fails where CI is set."""
    playwright = pytest.importorskip("playwright.sync_api", reason="tests/requirements.txt is not installed")
    with playwright.sync_playwright() as engine:
        path = browser_path() or (
            engine.chromium.executable_path if Path(engine.chromium.executable_path).is_file() else None
        )
        if path is None:
            reason = (
                "no Chromium or Chrome was found; install one (Debian: apt install chromium) to run the browser test"
            )
            pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
        root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        browser = engine.chromium.launch(executable_path=path, args=[*FLAGS, *root])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def address(home):
    """Where the app answers, started as the README starts it, in a home folder of its own."""
    settings = {"HOME": str(home), "USERPROFILE": str(home), "REKD_CACHE": str(home / "cache")}
    settings["REKD_RUNS"] = str(home / "runs")
    if not all((shipped() / f"imdb-{role}").is_dir() for role in ("teacher", "cls", "re", "rekd")):
        # Where not all four trained models are at hand, random ones of these names stand in.
        settings["REKD_CHECKPOINTS"] = str(tiny_checkpoints(home / "checkpoints"))
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true"]
    command += [f"--server.port={port}", "--server.address=127.0.0.1"]
    log = (home / "log.txt").open("wb")
    with log, subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, stdout=log, stderr=log) as server:
        try:
            wait_for(f"http://127.0.0.1:{port}/_stcore/health", server, home / "log.txt")
            yield f"http://127.0.0.1:{port}/"
            assert server.poll() is None, f"the app died:\n{(home / 'log.txt').read_text(encoding='utf-8')}"
        finally:
            with suppress(psutil.NoSuchProcess):  # it died by itself: the log above says why
                for process in [*psutil.Process(server.pid).children(recursive=True), server]:
                    process.kill()


def wait_for(url: str, server: subprocess.Popen, log: Path, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            if answer.status == 200:
                return
        time.sleep(0.2)
    pytest.fail(f"the app did not start:\n{log.read_text(encoding='utf-8', errors='replace')}")


class Visitor:
    """One person's browser window on the app; what the page and its console complained about is collected."""

    def __init__(self, browser, address: str):
        self.context = browser.new_context(viewport={"width": 1400, "height": 1000})
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)
        self.page.goto(address)
        self.settle()

    def _hear(self, message) -> None:
        # Streamlit looks for its own endpoints under a deep link's path first; that 404 is its way of looking.
        if message.type == "error" and "/_stcore/" not in (message.location or {}).get("url", ""):
            self.complaints.append(message.text)

    def settle(self) -> None:
        """Wait until the script has run to its end and nothing is left to be drawn."""
        for _ in range(2):  # a run can follow the one just ended, such as that of a new address
            self.page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
            self.page.wait_for_timeout(500)
        assert not self.page.locator('[data-testid="stException"]').all_inner_texts()

    def cards(self) -> list[str]:
        """What the four cards say, one string a card, spaces evened out."""
        self.page.wait_for_selector(".st-key-cards .rk-role")
        columns = self.page.locator('.st-key-cards [data-testid="stColumn"]').all_inner_texts()
        return [" ".join(column.split()) for column in columns]

    def copy_link(self) -> str:
        """The address that the page offers for copying."""
        self.page.get_by_text("Copy link", exact=True).first.click()
        return self.page.locator('[data-testid="stPopoverBody"] code').first.inner_text().strip()


def test_an_own_review_gets_four_cards_and_a_link_that_opens_them_again(chromium, address):
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
    assert reader.page.locator("textarea").input_value() == REVIEW
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


def test_the_bench_sees_what_appears_when_it_does_and_gives_up_on_what_does_not(chromium, monkeypatch):
    page = chromium.new_page()
    page.set_content("<p></p><script>setTimeout(() => document.querySelector('p').textContent = 'there', 400)</script>")
    there = "document.querySelector('p').textContent === 'there'"
    took = bench.until(page, there, time.perf_counter())
    assert took > 0.1
    assert bench.until(page, there, time.perf_counter()) < took, "what is there already is not waited for"
    monkeypatch.setattr(bench, "PATIENCE", 200)
    with pytest.raises(RuntimeError, match="did not show within"):
        bench.until(page, "false", 0.0)
    page.close()
