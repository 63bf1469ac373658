"""Atomic writes: a reader sees the old file or folder, or the new one, never a half."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 1.0
"""Seconds in which whoever reads a file on Windows, where it can't be replaced meanwhile, should be done with it."""


def cache_folder() -> Path:
    """Where copies may be kept that can be had again: REKD_CACHE, or the user's cache folder on this system."""
    if named := os.environ.get("REKD_CACHE"):
        return Path(named).expanduser()
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "rekd"


def check_writable(name: str, path: Path) -> None:
    """Refuse, before any work, a file that can't be written; `name` is the option that named it.

    Raises:
        OSError: it is a folder, or its folder is missing, no folder or closed to us.
    """
    folder = path.parent
    if path.is_dir():
        raise IsADirectoryError(f"{name} is {path}, a folder; name a file in it")
    if not folder.is_dir():
        what = "is a file and no folder" if folder.exists() else "does not exist"
        raise NotADirectoryError(f"{name} is {path}, and {folder} {what}; name a file in a folder that exists")
    try:
        with tempfile.TemporaryFile(dir=folder):  # permissions alone tell little on Windows or a read-only disk
            pass
    except OSError as error:
        raise PermissionError(
            f"{name} is {path}, and nothing can be written in {folder} ({error.strerror}); name a file elsewhere"
        ) from None


@contextmanager
def replaced_file(path: Path) -> Iterator[Path]:
    """A temporary file's path that takes the place of `path` when the block ends without an error."""
    temp = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")  # two pages are two threads
    try:
        yield temp
        _replace(temp, path)
    finally:
        temp.unlink(missing_ok=True)


def _replace(temp: Path, path: Path) -> None:
    """Put a file in the place of another, as soon as no other process has that open; Windows refuses until then."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return os.replace(temp, path)
        except PermissionError:
            if time.monotonic() >= until:
                raise
        time.sleep(0.02)


def write_text(path: Path, text: str) -> None:
    """Write a text in place of what was there."""
    with replaced_file(path) as temp:
        temp.write_text(text, encoding="utf-8")


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write an object as JSON in place of what was there."""
    write_text(path, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        FileNotFoundError: there is no such file. ValueError: it can't be read, or holds something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is no readable JSON ({error}). Restore the file from its source.") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path} holds {type(values).__name__}, not an object. Restore the file from its source.")
    return values


@contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder that takes the place of `folder` when the block ends without an error."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temp = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    temp.chmod(0o755)
    old = None
    try:
        yield temp
        if folder.exists():
            old = folder.with_name(f".{folder.name}-old-{os.getpid()}")
            os.replace(folder, old)
        os.replace(temp, folder)
    except BaseException:
        shutil.rmtree(temp, ignore_errors=True)
        if old is not None and not folder.exists():
            os.replace(old, folder)
        raise
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)
