"""Deleted runs: moved to a trash folder beside the others, brought back whole, and removed for good only when asked."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rekd.config import TrainConfig
from rekd.errors import reason
from rekd.files import read_json, write_json
from rekd.training.about import named
from rekd.training.promotion import WORKING, read_promotion
from rekd.training.runs import Run
from rekd.training.status import ACTIVE, alive, standing

TRASH = ".trash"
LABEL = "deleted.json"
"""In a deleted run's folder: {"name": of its folder before, "deleted": Unix seconds}."""


@dataclass(frozen=True)
class Trashed:
    """A deleted run. name: of its folder before; deleted: Unix seconds, 0 where nobody knows; bytes: on disk."""

    folder: Path
    name: str
    deleted: float
    bytes: int


def delete(run: Run) -> Path:
    """Move a run's folder to the trash beside it, where it keeps everything.

    Returns:
        where it is now.

    Raises:
        ValueError: it is queued, at work or being promoted, or its process is there still. FileNotFoundError: its
            folder is gone.
        OSError: it can't be moved.
    """
    folder = run.folder.absolute()
    if not folder.is_dir():
        raise FileNotFoundError(f"{run.folder} is no longer there; it was deleted or moved already.")
    if folder.parent.name == TRASH:
        raise ValueError(f"{run.folder.name} is in the trash already.")
    if state := _busy(folder):
        raise ValueError(f"{run.folder.name} is {state}; stop it, then delete it.")
    if (promotion := read_promotion(folder)) and promotion.state == WORKING:
        raise ValueError(f"{run.folder.name} is being promoted as {promotion.name}; delete it when that has ended.")
    (folder.parent / TRASH).mkdir(exist_ok=True)
    write_json(folder / LABEL, {"name": folder.name, "deleted": time.time()})
    try:
        return _moved(folder, folder.parent / TRASH, folder.name)
    except OSError:
        (folder / LABEL).unlink(missing_ok=True)
        raise


def _busy(folder: Path) -> str:
    """How a run stands that may still write to its folder, "" for one that has ended."""
    status = standing(folder)
    if status and status.state in ACTIVE:
        return status.state
    return "without a sign of life, but its process is there" if alive(folder) else ""


def restore(folder: Path) -> Path:
    """Bring a deleted run back to where it was, under its own name, or with a number where another run has that now.

    Raises:
        FileNotFoundError: it is not in the trash. OSError: it can't be moved.
    """
    folder = folder.absolute()
    if folder.parent.name != TRASH or not folder.is_dir():
        names = ", ".join(each.name for each in _held(folder.parents[1])) or "nothing"
        raise FileNotFoundError(
            f"{folder.name} is not in the trash: it was restored or removed for good, or has another name. "
            f"In the trash of {folder.parents[1]}: {names}."
        )
    back = _moved(folder, folder.parents[1], _label(folder)[0])
    (back / LABEL).unlink(missing_ok=True)
    return back


def trashed(root: Path) -> list[Trashed]:
    """The deleted runs of a folder of runs, the last deleted first."""
    held = [Trashed(folder, *_label(folder), _size(folder)) for folder in _held(root)]
    return sorted(held, key=lambda run: run.deleted, reverse=True)


def empty(root: Path) -> int:
    """Remove the deleted runs of a folder of runs for good. Returns the bytes that were freed.

    Raises:
        OSError: some could not be removed; the others are gone.
    """
    freed, kept = 0, []
    for folder in _held(root):
        size = _size(folder)
        try:
            shutil.rmtree(folder)
            freed += size
        except OSError as error:
            kept.append(f"{folder} ({reason(error)})")
    if kept:
        raise OSError(f"The trash still holds {', '.join(kept)}. Close what uses it, then empty the trash again.")
    return freed


def dependants(run: Run, runs: Iterable[Run]) -> list[str]:
    """A sentence for each other run that needs this one's checkpoint, as its teacher or to begin from.

    A run that has ended keeps all it learnt, but can't be duplicated as it is; one that has not can't go on.
    """
    home, said = run.folder.resolve(), []
    for other in runs:
        needs = _needs(other.config, home)
        if not needs or other.folder.resolve() == home:
            continue
        loses = (
            "it keeps what it learnt" if other.status.state == "done" else "without it that run can't start or go on"
        )
        said.append(f"{named(other.folder)} has this run's checkpoint as {' and '.join(needs)}; {loses}.")
    return said


def _needs(config: TrainConfig, home: Path) -> list[str]:
    """What of a run lies in a folder: its teacher, its start, or both."""
    named = (("its teacher", config.teacher), ("its start", config.start))
    return [what for what, path in named if path and Path(path).expanduser().resolve().is_relative_to(home)]


def _held(root: Path) -> list[Path]:
    with suppress(FileNotFoundError):
        return sorted(path for path in (root / TRASH).iterdir() if path.is_dir())
    return []


def _label(folder: Path) -> tuple[str, float]:
    """A deleted run's name and when it was deleted; its folder's name where the label is missing or foreign."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        values = read_json(folder / LABEL)
        name = values["name"]
        if name not in ("", ".", "..") and Path(name).name == name:
            return name, float(values["deleted"])
    return folder.name, 0.0


def _moved(folder: Path, parent: Path, name: str) -> Path:
    """Move a folder into another under its name, with a number behind it where that is taken."""
    number = 1
    while True:
        target = parent / (name if number == 1 else f"{name}-{number}")
        if not os.path.lexists(target):
            try:
                os.rename(folder, target)  # unlike `replace` it never takes another run's place on Windows
                return target
            except FileExistsError:
                pass
            except OSError as error:
                if not target.exists():
                    raise OSError(
                        f"{folder} could not be moved to {target} ({reason(error)}). "
                        "Close whatever has a file of it open, then try again."
                    ) from error
        number += 1


def _size(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # gone at this moment
                total += os.lstat(os.path.join(place, name)).st_size
    return total
