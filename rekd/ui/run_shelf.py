"""A person's own runs on Explore's list: put there from other pages, or by an address that names one."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rekd.training.about import called
from rekd.ui import cache

if TYPE_CHECKING:
    from rekd.checkpoints import Info


def shelved(run: Path) -> Info:
    """A run's model on the list: by the run's own name, or its folder's where another run or model has that name.

    Raises:
        CheckpointError, OSError: it can't be used.
    """
    name, folder = called(run), run / "checkpoint"
    others = [called(other) for other in _ended(run.parent) if other.name != run.name]
    others += [info.name for info in cache.infos() if info.folder != folder]
    return _put(folder, "" if name in others else name)


def bring(names: Iterable[str], root: Path) -> None:
    """Put the runs of `root` on the list that an address names and that are not there: a link outlives the server.

    A name that several runs have names none of them.
    """
    missing = set(filter(None, names)) - {info.name for info in cache.infos()}
    runs = _ended(root) if missing else []
    for name in missing:
        found = [run for run in runs if run.name == name] or [run for run in runs if called(run) == name]
        if len(found) == 1:
            from rekd.checkpoints import CheckpointError

            with suppress(CheckpointError, OSError):  # the page says that there is no such model
                _put(found[0] / "checkpoint", name)


def _put(folder: Path, name: str) -> Info:
    """A checkpoint on the list under this name alone, "" for its folder's."""
    before = set(cache.added())
    info = cache.add(str(folder))
    if name in ("", info.name):
        return info
    if info.name not in before:
        cache.added().pop(info.name)
    cache.added()[name] = replace(info, name=name)
    return cache.added()[name]


def _ended(root: Path) -> list[Path]:
    """The runs of a folder that have a checkpoint."""
    return [path.parents[1] for path in root.glob("*/checkpoint/config.json")]
