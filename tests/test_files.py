"""Files are replaced whole or not at all, also while another process has the old one open."""

from __future__ import annotations

import os

import pytest

from rekd import files
from rekd.files import write_text


@pytest.fixture
def held(monkeypatch):
    """Make the next `times` replacements fail as on Windows, where another process has the file open for reading."""
    left, real = {"times": 0}, os.replace

    def replace(source, target):
        left["times"] -= 1
        if left["times"] >= 0:
            raise PermissionError(13, "Access is denied", str(source), 5, str(target))
        real(source, target)

    monkeypatch.setattr(files.os, "replace", replace)
    return left


def test_a_file_that_is_being_read_is_replaced_as_soon_as_the_reader_is_done(tmp_path, held):
    (tmp_path / "status.json").write_text("old")
    held["times"] = 3
    write_text(tmp_path / "status.json", "new")
    assert (tmp_path / "status.json").read_text() == "new" and len(list(tmp_path.iterdir())) == 1


def test_a_file_that_is_never_let_go_is_told_and_stays_as_it_was(tmp_path, held, monkeypatch):
    monkeypatch.setattr(files, "PATIENCE", 0.05)
    (tmp_path / "status.json").write_text("old")
    held["times"] = 10**9
    with pytest.raises(PermissionError):
        write_text(tmp_path / "status.json", "new")
    assert (tmp_path / "status.json").read_text() == "old" and len(list(tmp_path.iterdir())) == 1
    assert held["times"] < 10**9 - 1, "it was tried more than once"
