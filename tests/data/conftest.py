"""A folder for local data, development splits small enough for a test, and a machine without `datasets`."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("REKD_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def small_dev(monkeypatch):
    # Not above: tests/conftest.py settles the number of threads before torch is loaded.
    from rekd.data.spec import BUILT_IN

    for name in ("imdb", "cifar10", "cifar100"):
        monkeypatch.setitem(BUILT_IN, name, replace(BUILT_IN[name], dev_rows=4))


@pytest.fixture
def no_datasets(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
