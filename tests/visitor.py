"""One person's browser window on the running app, and what has to be there for it: a browser and a server."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[1]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
PLACES = (
    "/usr/bin/chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
# The browser calls home for nothing.
FLAGS = ("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync")
PATIENCE = 120_000
"""Milliseconds; a cold start imports torch and loads four models on two slow cores."""


def browser_path() -> str | None:
    found = [shutil.which(name) for name in NAMES] + [place for place in PLACES if Path(place).is_file()]
    return next((path for path in found if path), None)


@contextmanager
def served(settings: Mapping[str, str], log: Path) -> Iterator[str]:
    """Where the app answers, started as the README starts it under these environment variables."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true"]
    command += [f"--server.port={port}", "--server.address=127.0.0.1"]
    with log.open("wb") as held, subprocess.Popen(command, cwd=ROOT, env=settings, stdout=held, stderr=held) as server:
        try:
            wait_for(f"http://127.0.0.1:{port}/_stcore/health", server, log)
            yield f"http://127.0.0.1:{port}/"
            assert server.poll() is None, f"the app died:\n{log.read_text(encoding='utf-8')}"
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
        """What the cards of the models say, one string a card, spaces evened out."""
        self.page.wait_for_selector(".st-key-cards .rk-role")
        columns = self.page.locator('.st-key-cards [data-testid="stColumn"]').all_inner_texts()
        return [" ".join(column.split()) for column in columns]

    def press(self, name: str) -> None:
        """Press the button of exactly this name, and wait for what follows."""
        self.page.get_by_role("button", name=name, exact=True).click()
        self.settle()

    def copy_link(self) -> str:
        """The address that the page offers for copying."""
        self.page.get_by_text("Copy link", exact=True).first.click()
        return self.page.locator('[data-testid="stPopoverBody"] code').first.inner_text().strip()

    def leave(self) -> None:
        """Close the window; neither page nor console may have complained until then."""
        self.settle()
        assert self.complaints == []
        self.context.close()
