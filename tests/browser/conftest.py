"""A browser, and the running app in a home folder of its own; nothing of either is loaded before a test asks for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="package")
def chromium():
    """A running headless browser. Without one the test is skipped on a laptop and fails where CI is set."""
    from visitor import FLAGS, browser_path

    playwright = pytest.importorskip("playwright.sync_api", reason="tests/requirements.txt is not installed")
    with playwright.sync_playwright() as engine:
        own = engine.chromium.executable_path
        path = browser_path() or (own if Path(own).is_file() else None)
        if path is None:
            reason = (
                "no Chromium or Chrome was found; install one (Debian: apt install chromium) to run the browser test"
            )
            pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
        # No sandbox for root in a container.
        root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        browser = engine.chromium.launch(executable_path=path, args=[*FLAGS, *root])
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="package")
def address(home):
    """Where the app answers; one server for all tests of this folder."""
    from visitor import served

    from rekd.checkpoints import shipped

    settings = {"HOME": str(home), "USERPROFILE": str(home), "REKD_CACHE": str(home / "cache")}
    settings["REKD_RUNS"] = str(home / "runs")
    if not all((shipped() / f"imdb-{role}").is_dir() for role in ("teacher", "cls", "re", "rekd")):
        from helpers import tiny_checkpoints

        # Where not all four trained models are at hand, random ones of these names stand in.
        settings["REKD_CHECKPOINTS"] = str(tiny_checkpoints(home / "checkpoints"))
    with served(os.environ | settings, home / "log.txt") as where:
        yield where
