"""A grid of runs that differ in their settings and seeds: which they are, where they lie, and how each stands.

A sweep is a folder of runs like any other; the same grid asked for again finds its runs there and goes on with them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rekd.config import TrainConfig
from rekd.training.about import NAME, named, title_of
from rekd.training.runs import read_config
from rekd.training.status import Status, alive, read_status, saved_step, standing
from rekd.training.worker import Plan

LOCK = ".lock"
"""File in a sweep's folder that its command holds."""
LONGEST = 40
"""Characters of a value in a folder's name."""


@dataclass(frozen=True)
class Point:
    """One point of a grid. values: of the options that are given several, by name, but the seed. role: see `about`."""

    values: Mapping[str, Any]
    config: TrainConfig
    role: str = ""


@dataclass(frozen=True, eq=False)
class Trial:
    """A run of a sweep. setting: what tells it from runs that differ in more than the seed, such as "rate 0.1"."""

    folder: Path
    config: TrainConfig
    setting: str = ""
    role: str = ""

    @property
    def title(self) -> str:
        """The name that the run gets, with as much of its setting as a name may hold."""
        said = title_of(self.config, self.role)
        return f"{said} · {self.setting}"[:NAME] if self.setting else said

    def plan(self, device: str) -> Plan:
        return Plan(self.folder, self.config, device, self.title, role=self.role)


def trials(root: Path, points: Sequence[Point]) -> list[Trial]:
    """The runs of a grid in their folders below `root`: those that are there already, found by their configuration.

    Raises:
        ValueError: a configuration that can't be trained.
    """
    from rekd.training.setup import resolve

    there, out = _there(root), []
    for point in points:
        config = resolve(point.config)
        folder = there.pop(_key(config), None) or _unused(root / _name(point), [trial.folder for trial in out])
        setting = ", ".join(f"{_option(name)} {shown(value)}" for name, value in point.values.items())
        out.append(Trial(folder, config, setting, point.role))
    return out


def _there(root: Path) -> dict[str, Path]:
    """The runs in a folder, by their configuration."""
    out = {}
    for path in sorted(root.glob("*/config.json")):
        try:
            out[_key(read_config(path.parent))] = path.parent
        except (OSError, ValueError):  # no run, or a broken one: whoever needs its name is told by `check`
            continue
    return out


def _key(config: TrainConfig) -> str:
    return json.dumps(config.to_dict(), sort_keys=True)


def _unused(folder: Path, taken: Sequence[Path]) -> Path:
    """The folder, or with a number behind it where long values were cut to the same name."""
    number, found = 1, folder
    while found in taken:
        number += 1
        found = folder.with_name(f"{folder.name}-{number}")
    return found


def _name(point: Point) -> str:
    """A folder's name such as rate-0.1-seed-2026."""
    values = {**point.values, "seed": point.config.seed}
    return "-".join(f"{_option(name)}-{_slug(shown(value))}" for name, value in values.items())


def _option(name: str) -> str:
    return name.replace("_", "-")


def _slug(text: str) -> str:
    return re.sub(r"[^\w.]+", "-", text).strip("-.")[:LONGEST].rstrip("-.") or "none"


def shown(value: Any) -> str:
    """A value as a person writes it behind its option."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return json.dumps(value) if isinstance(value, Mapping) else str(value)


def check(made: Sequence[Trial]) -> None:
    """Refuse a grid that could only fail later; nothing is written.

    Raises:
        ValueError: metrics are to go where a package is missing, or a teacher or start is not at hand.
        FileExistsError: the sweep's folder is a file, or a run's holds something else.
        CheckpointError: a teacher or start can't be read.
    """
    from rekd.training.board import check_report
    from rekd.training.fit import start

    for report_to in {trial.config.report_to for trial in made}:
        check_report(report_to)
    for what in ("teacher", "start"):
        for source in dict.fromkeys(getattr(trial.config, what) for trial in made):
            if source:
                _check_source(what, source)
    for root in {trial.folder.parent for trial in made}:
        if root.exists() and not root.is_dir():
            raise FileExistsError(f"--out is {root}, a file; a sweep needs a folder for its runs. Name another.")
    for trial in made:
        if (trial.folder / "config.json").is_file():
            start(trial.config, trial.folder)  # of a run that is there it only looks whether it is the same
        elif os.path.lexists(trial.folder):
            raise FileExistsError(f"{trial.folder} is there and holds no run; move it away, or name another --out.")


def _check_source(what: str, source: str) -> None:
    """Refuse a teacher or start that is no checkpoint, or that of a run which has not written it."""
    from rekd.checkpoints import find, read_info

    folder = Path(source).expanduser()
    if folder.name == "checkpoint" and folder.parent.is_dir() and not (folder / "config.json").is_file():
        state = (standing(folder.parent) or Status("not begun")).state
        raise ValueError(
            f"{what} is {source}, the checkpoint of {named(folder.parent)}, and that run is {state} and has written "
            "none. Train it to its end first, then start the sweep; nothing was started."
        )
    read_info(find(source))


def is_done(trial: Trial) -> bool:
    """Whether a run is trained to its end, here or on another machine that shares its folder."""
    status = read_status(trial.folder)
    return status is not None and status.state == "done"


def next_of(trial: Trial) -> str:
    """What a sweep does with a run: "is done", "is at work", "goes on from step 90" or "begins"."""
    if is_done(trial):
        return "is done"
    if alive(trial.folder):
        return "is at work"
    if step := saved_step(trial.folder):
        return f"goes on from step {step:,}"
    return "begins"


@contextmanager
def held(root: Path) -> Iterator[None]:
    """Make a sweep's folder and hold it; two commands never train the same grid.

    Raises:
        ValueError: another command holds it. OSError: it can't be made.
    """
    root.mkdir(parents=True, exist_ok=True)
    lock = FileLock(root / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(
            f"Another sweep is at work in {root}. Look at its runs: python -m rekd runs list --at {root}"
        ) from None
    try:
        yield
    finally:
        lock.release()
