"""What stands around the page Explore in every test: tiny models, no data but the built in, caches of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

# Imports stand in the fixtures: tests/conftest.py settles the number of threads before torch is loaded.


@pytest.fixture(scope="session")
def house(tmp_path_factory) -> Path:
    """Tiny models of imdb and digits, and of cifar10, whose data are not at hand."""
    from explore import LEAKS
    from helpers import image_config, tiny_checkpoints

    from rekd import checkpoints
    from rekd.data import TASKS
    from rekd.models import build

    root = tmp_path_factory.mktemp("house")
    tiny_checkpoints(root, task="imdb", metrics={"examples": 100, "leaks": LEAKS})
    tiny_checkpoints(root, task="digits")
    config = image_config(kind="cls", classes=TASKS["cifar10"].classes)
    checkpoints.save(root / "cifar10-cls", build(config), task="cifar10", role="cls")
    return root


@pytest.fixture(autouse=True)
def surroundings(house, tmp_path, monkeypatch):
    """No shipped models, no data, caches of one's own; what an earlier test computed is forgotten."""
    from rekd.ui import cache

    monkeypatch.setattr("rekd.checkpoints.folders.shipped", lambda: tmp_path / "none")
    monkeypatch.setenv("REKD_CHECKPOINTS", str(house))
    monkeypatch.setenv("REKD_CACHE", str(tmp_path / "cache"))
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """An empty folder of runs, the page's own."""
    folder = tmp_path / "runs"
    folder.mkdir()
    monkeypatch.setenv("REKD_RUNS", str(folder))
    return folder


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Where the page looks for results; nothing is there yet, nor in the box."""
    path = tmp_path / "results.parquet"
    monkeypatch.setattr("rekd.ui.results_read.results_file", lambda: path)
    monkeypatch.setattr("rekd.ui.results_read.infos", list)
    return path


@pytest.fixture(scope="module")
def everything():
    """Made-up results."""
    from results.made import some

    return some()


@pytest.fixture
def many(file):
    """A file of them."""
    from results.made import written

    file.write_bytes(written())
    return file
