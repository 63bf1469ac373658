"""Runs on disk: where they are, how each stands, what its metrics say. The folders are the truth; torch is not used."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import Any

import psutil

from rekd.config import TrainConfig
from rekd.files import read_json, write_text
from rekd.training.lines import Lines
from rekd.training.status import ACTIVE, Status, alive, process_of, read_status, saved_step, standing, write_status
from rekd.training.stopping import BY_FILE, WISH

MARKS = ("status.json", "metrics.jsonl", "state")
"""What a run leaves in its folder beside config.json, which checkpoints have too."""
EVALUATION = "evaluation.json"
"""In a run's folder: its numbers on the whole test split, once they were measured."""
GRACE = 60.0
"""Seconds that a run which was asked to stop may take to say that it is stopping."""
PATIENCE = 1800.0
"""Seconds more that one which says so may take: it saves its state after its step or evaluation."""


@dataclass(frozen=True)
class Run:
    """A run's folder as read: its configuration, how it stands, and the lines of its metrics.jsonl."""

    folder: Path
    config: TrainConfig
    status: Status
    metrics: tuple[Mapping[str, Any], ...]

    @property
    def best(self) -> Mapping[str, Any] | None:
        """The last line with the highest dev accuracy; None before the first evaluation."""
        return max((line for line in reversed(self.metrics) if "dev_accuracy" in line), key=_accuracy, default=None)


def _accuracy(line: Mapping[str, Any]) -> float:
    return line["dev_accuracy"]


def home() -> Path:
    """The folder of runs: REKD_RUNS, else runs/ where the command is given."""
    return Path(os.environ.get("REKD_RUNS") or "runs").expanduser().absolute()


def read_config(run: Path) -> TrainConfig:
    """The configuration of a run's folder.

    Raises:
        FileNotFoundError: the folder holds no run. ValueError: it holds something else.
    """
    path = run / "config.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"{run} holds no run: {path} is missing. Start one with `python -m rekd train --task ...`."
        )
    try:
        return TrainConfig.from_dict(stored(run))
    except (TypeError, KeyError, AttributeError) as error:  # a field is missing, or of another type
        raise ValueError(f"{path} holds no run's configuration ({error}). Restore it, or delete the folder.") from error


def stored(run: Path) -> dict[str, Any]:
    """The configuration in a run's config.json."""
    path = run / "config.json"
    values = read_json(path)
    if "format" in values:
        parent = run.parent if run.name else run.absolute().parent
        here = f"its run is {parent}" if (parent / "state").is_dir() else "name a run's folder"
        raise ValueError(f"{run} is a checkpoint and no run; {here}.")
    if not isinstance(values.get("training"), dict):
        raise ValueError(f"{path} holds no run's configuration. Name a folder that `python -m rekd train` wrote.")
    return values["training"]


def sources(config: TrainConfig) -> dict[str, Path]:
    """The checkpoints of other runs that a run learns from, by the field that names them."""
    named = {what: Path(getattr(config, what)).expanduser() for what in ("teacher", "start") if getattr(config, what)}
    return {what: folder for what, folder in named.items() if folder.name == "checkpoint"}


def sources_of(folder: Path) -> dict[str, Path]:
    """`sources` of a run's folder; none where it holds no run that can be read."""
    try:
        return sources(read_config(folder))
    except (OSError, ValueError):
        return {}


def read_run(folder: Path) -> Run:
    """One run.

    Raises:
        FileNotFoundError, ValueError: as `read_config`.
    """
    config = read_config(folder)
    metrics = Lines(folder / "metrics.jsonl").read()
    return Run(folder, config, standing(folder) or unwritten(folder, config, metrics), metrics)


def unwritten(folder: Path, config: TrainConfig, metrics: Sequence[Mapping[str, Any]]) -> Status:
    """How a run without status.json stands: one of an earlier version, or a folder that was copied in part."""
    step = int(metrics[-1]["step"]) if metrics else 0
    return Status("done" if (folder / "checkpoint" / "README.md").is_file() else "stopped", step, config.steps)


def all_runs(root: Path, read: Callable[[Path], Run] = read_run) -> tuple[list[Run], list[str]]:
    """The runs in a folder, the newest first, and a sentence for each that left marks of one and can't be read."""
    found, faults = [], []
    for path in root.glob("*/config.json"):
        try:
            found.append((path.stat().st_mtime, read(path.parent)))
        except FileNotFoundError:  # deleted between the two looks
            continue
        except ValueError as fault:
            if any((path.parent / name).exists() for name in MARKS):  # else a checkpoint, or no folder of ours
                faults.append(f"{path.parent.name}: {fault}")
    return [run for _, run in sorted(found, key=lambda pair: pair[0], reverse=True)], faults


def find(name: str, root: Path) -> Run:
    """A run by its folder's name in `root`, or by a path.

    Raises:
        ValueError: there is none.
    """
    for folder in (root / name, Path(name).expanduser()):
        if (folder / "config.json").is_file():
            return read_run(folder)
    names = ", ".join(sorted(path.parent.name for path in root.glob("*/config.json"))) or "none"
    raise ValueError(f"{root} has no run {name!r}, and no such folder holds one; runs there: {names}")


def fresh(config: TrainConfig, root: Path, taken: Collection[Path] = (), role: str = "") -> Path:
    """A folder for a new run, named by task, role or else kind, and time, neither there nor `taken`; it is not made."""
    name = f"{config.task}-{role or config.kind}-{time.strftime('%Y%m%d-%H%M%S')}"
    numbered = (root / (f"{name}-{number}" if number else name) for number in chain((0,), count(2)))
    return next(folder for folder in numbered if folder not in taken and not folder.exists())


def stop(run: Run, seconds: float | None = None, now: bool = False) -> Status:
    """Ask a run's process to stop, wait until it has saved its state, and end it and what it started if it does not.

    Only the very process that wrote the status is ever signalled: its number and the time of its start must agree.

    Args:
        seconds: how long it may take to save its state; None is GRACE, and PATIENCE more for one that says it is
            stopping. now: don't ask, end it at once.

    Returns:
        how the run stands then.

    Raises:
        ValueError: it is not at work and not queued, or it is to end at once on another machine.
    """
    status = _born(run.folder) or run.status
    if status.elsewhere and alive(run.folder):
        return _stop_there(run.folder, status, now)
    process = process_of(status) if status.state in ACTIVE else None
    if process is None:
        raise ValueError(f"{run.folder} is {run.status.state} and not at work; there is nothing to stop")
    if not now:
        _ask(process, run.folder)
        waits = GRACE if seconds is None else seconds
        if _over(process, waits) or (seconds is None and _heard(run.folder) and _over(process, PATIENCE)):
            return standing(run.folder) or status
    _end(process)
    said = "Ended at once" if now else "It did not stop in time and was ended"
    left = f"{said}; what it did since its last state is lost. Resume it from there."
    last = read_status(run.folder) or status
    if last.state in ACTIVE:  # it did not say how it ended
        write_status(run.folder, replace(last, state="stopped", step=saved_step(run.folder), message=left))
    return standing(run.folder) or last


def _stop_there(folder: Path, status: Status, now: bool) -> Status:
    """Ask a run on another machine, by the file that it looks for; from here nothing can end it."""
    if now:
        raise ValueError(
            f"{folder} trains on {status.host}, and can be ended at once there alone; without --now it is asked to stop"
        )
    write_text(folder / WISH, "")
    deadline = time.monotonic() + GRACE
    while alive(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    return standing(folder) or status


def _born(folder: Path, seconds: float = 15) -> Status | None:
    """The status once the process of a run that was just queued has said who it is."""
    deadline = time.monotonic() + seconds
    while (status := standing(folder)) and status.state == "queued" and not status.pid:
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    return read_status(folder)


def _ask(process: psutil.Process, folder: Path) -> None:
    if BY_FILE:
        write_text(folder / WISH, "")
        return
    with suppress(psutil.NoSuchProcess):  # it has just ended by itself
        process.send_signal(signal.SIGTERM)


def _heard(folder: Path) -> bool:
    status = standing(folder)
    return status is not None and status.state == "stopping"


def _over(process: psutil.Process, seconds: float) -> bool:
    """Whether a process ends in time; one that its starter has not yet taken note of has ended too."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.1)
    return False


def _end(process: psutil.Process) -> None:
    """Kill a process and all that it started."""
    with suppress(psutil.NoSuchProcess):
        for each in [*process.children(recursive=True), process]:
            with suppress(psutil.NoSuchProcess):
                each.kill()
    _over(process, 10)
