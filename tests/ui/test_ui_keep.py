"""Own inputs kept under their content hash: found again, never outside their folder, and not for ever."""

from __future__ import annotations

import os

import numpy as np
import pytest

from rekd.types import Example
from rekd.ui import keep


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("REKD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(keep.tempfile, "gettempdir", lambda: str(tmp_path / "temp"))
    return tmp_path


@pytest.mark.parametrize("text", ["a" * 100_000, "这部电影\n\n  ", "\ud800 alone", ""])
def test_a_text_comes_back_as_it_was(text):
    name = keep.keep_text(text)
    assert name == Example("own", text=text).key
    assert keep.find_text(name) == text


def test_a_picture_comes_back_pixel_by_pixel():
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    name = keep.keep_image(pixels)
    assert (keep.find_image(name) == pixels).all()
    assert keep.find_text(name) is None


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "0" * 15, "0" * 17, "G" * 16, "0" * 16 + "\n", "/etc/passwd"])
def test_only_a_hash_reaches_the_file_system(name):
    assert not keep.is_name(name)
    assert keep.find_text(name) is None and keep.find_image(name) is None


def test_a_damaged_file_is_no_picture():
    name = keep.keep_image(np.zeros((2, 2, 3), np.uint8))
    (keep.folder() / f"{name}.png").write_bytes(b"\x89PNG no more")
    assert keep.find_image(name) is None


def test_what_was_unused_for_longest_goes_first(monkeypatch):
    monkeypatch.setattr(keep, "FILES", 3)
    names = [keep.keep_text(f"text {i}") for i in range(3)]
    for age, name in enumerate(names):
        os.utime(keep.folder() / f"{name}.txt", (1_000 + age, 1_000 + age))
    assert keep.find_text(names[0]) is not None  # reading makes it young
    newest = keep.keep_text("text 3")
    assert [keep.find_text(name) is not None for name in names] == [True, False, True]
    assert keep.find_text(newest) == "text 3"


def test_other_people_s_files_are_never_pruned(monkeypatch):
    monkeypatch.setattr(keep, "FILES", 1)
    keep.keep_text("one")
    foreign = keep.folder() / "important.txt"
    foreign.write_text("mine")
    keep.keep_text("two")
    assert foreign.read_text() == "mine"


def test_no_half_written_file_is_left(own_folder):
    keep.keep_text("x" * 10_000)
    assert [path.name for path in keep.folder().iterdir() if path.name.startswith(".")] == []


def test_a_cache_that_can_not_be_written_falls_back_to_the_temporary_folder(own_folder, monkeypatch):
    blocked = own_folder / "blocked"
    blocked.write_text("a file where a folder should be")
    monkeypatch.setenv("REKD_CACHE", str(blocked))
    assert keep.find_text(keep.keep_text("still here")) == "still here"


def test_the_folder_follows_the_environment(monkeypatch):
    monkeypatch.delenv("REKD_CACHE")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert keep.folder().parts[-3:] == ("somewhere", "rekd", "inputs")
