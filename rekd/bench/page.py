"""What every bench of the app needs: a server of its own, a browser, a page that says when something shows."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any

import psutil

from rekd.cores import cores

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
PATIENCE = 180_000
"""Milliseconds until something that never appears is given up."""
WAIT = """patience => new Promise(done => {
  const end = held => { watch.disconnect(); clearTimeout(late); done(held) };
  const look = () => { if (%s) end(true) };
  const watch = new MutationObserver(look);
  const late = setTimeout(end, patience, false);
  watch.observe(document, {subtree: true, childList: true, characterData: true, attributes: true});
  look();
})"""


def free_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def server(home: Path, port: int, **settings: str) -> Iterator[tuple[str, psutil.Process]]:
    """The app on a port, with a home folder of its own: its address and process."""
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true"]
    command += [f"--server.port={port}", "--server.address=127.0.0.1"]
    environment = os.environ | {"HOME": str(home), "USERPROFILE": str(home), "REKD_CACHE": str(home / "cache")}
    environment |= settings
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


def open_at(page, address: str) -> None:
    """Go to an address as soon as somebody answers there."""
    deadline = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(f"{address}_stcore/health", timeout=5):
            break
        time.sleep(0.05)
    page.goto(address)


def until(page, condition: str, since: float, patience: int = 0) -> float:
    """Seconds from `since` until a condition of the page holds.

    It is looked at when the page changes: asking all the time would take the processor from what is measured.

    Raises:
        RuntimeError: it did not come to hold.
    """
    patience = patience or PATIENCE
    if not page.evaluate(WAIT % condition, patience):
        raise RuntimeError(f"the page did not show within {patience // 1000} s what is measured: {condition}")
    return time.perf_counter() - since


def settled(page) -> None:
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=PATIENCE)
    page.wait_for_timeout(1000)


def resident(process: psutil.Process) -> int:
    """Bytes resident in a process and its children."""
    return sum(each.memory_info().rss for each in [process, *process.children(recursive=True)])


def machine(gpu: bool = False) -> dict[str, Any]:
    """What the numbers were taken on. gpu: by name, where they were taken on one."""
    from importlib import metadata

    versions = {}
    for name in ("torch", "streamlit"):
        with suppress(metadata.PackageNotFoundError):  # a machine that only trains needs no Streamlit
            versions[name] = metadata.version(name)
    system = {"system": platform.system(), "cores": cores(), "python": platform.python_version()}
    about = {**system, **versions, "date": date.today().isoformat()}
    if gpu:
        import torch

        about["gpu"] = torch.cuda.get_device_name()
    return about


def spread(values: list[float], unit: str) -> str:
    return f"{statistics.median(values):.1f} {unit} ({min(values):.1f} to {max(values):.1f})"
