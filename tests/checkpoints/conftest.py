"""A shelf of tiny checkpoints, written once, and a copy of it for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers import tiny_checkpoints


@pytest.fixture(scope="module")
def shelf(tmp_path_factory) -> Path:
    """Pristine checkpoints imdb-re and imdb-cls beside their word table, and digits-re; tests change copies."""
    root = tmp_path_factory.mktemp("shelf")
    tiny_checkpoints(root, roles=("re", "cls"), metrics={"accuracy": 0.5})
    return tiny_checkpoints(root, task="digits", roles=("re",))


@pytest.fixture
def own(shelf, tmp_path) -> Path:
    """A copy of that shelf for one test."""
    return Path(shutil.copytree(shelf, tmp_path / "shelf"))
