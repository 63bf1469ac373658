"""Who trains when: one process a run's folder, one run a device, in order of arrival."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from rekd.training.runs import sources_of
from rekd.training.status import alive, read_status
from rekd.training.stopping import Stopped

LOCKS = ".locks"
"""Folder beside the runs that holds a lock a device."""
POLL = 0.5
"""Seconds between two looks at the queue."""


def canonical(device: str) -> str:
    """The name a device is locked by: cuda is cuda:0."""
    return "cuda:0" if device == "cuda" else device


def choose_device(device: str) -> str:
    """Leave one of several GPUs visible to this process, before torch looks; returns the device's name from then on."""
    if not device.startswith("cuda:"):
        return device
    number, visible = device.removeprefix("cuda:"), os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible is not None else None
    if not number.isdecimal() or (names is not None and (int(number) >= len(names) or not names[int(number)].strip())):
        return device  # no GPU that this process may use; `check_device` says which there are
    os.environ["CUDA_VISIBLE_DEVICES"] = names[int(number)] if names else number
    return "cuda"


@contextmanager
def alone(run: Path) -> Iterator[None]:
    """Hold a run's folder; two processes never write in one.

    Raises:
        ValueError: another process holds it.
    """
    lock = FileLock(run / ".lock")
    if not _taken(lock):
        raise ValueError(f"{run} is at work in another process. Look at it: python -m rekd runs show {run}")
    try:
        yield
    finally:
        lock.release()


@contextmanager
def turn(
    run: Path, device: str, stop: Callable[[], bool], poll: float = POLL, needs: Sequence[Path] = ()
) -> Iterator[None]:
    """Wait until every run that joined the device's queue earlier is over, then hold the device.

    Args:
        device: by its canonical name. stop: whether somebody wants this run to stop. needs: runs that this one learns
            from; it waits for them wherever and whenever they train.

    Raises:
        Stopped: asked for while it waited.
    """
    (run.parent / LOCKS).mkdir(exist_ok=True)
    lock = FileLock(run.parent / LOCKS / f"{device.replace(':', '-')}.lock")
    # Later arrivals stand behind, so the runs ahead only become fewer, and looking at one of them at a time is enough.
    folders = [path.parent for path in run.parent.glob("*/status.json")]
    ahead = [other for other in folders if _before(other, run, device) and not learns_from(other, run)]
    while ahead or any(map(alive, needs)) or not _taken(lock):
        if stop():
            raise Stopped("Stopped while it waited for its turn.")
        while ahead and not _before(ahead[0], run, device):
            ahead.pop(0)
        time.sleep(poll)
    try:
        yield
    finally:
        lock.release()


def _before(other: Path, run: Path, device: str) -> bool:
    """Whether another run stands before this one in the device's queue, or is at work on it."""
    mine, theirs = read_status(run), alive(other)
    if other.name == run.name or mine is None or theirs is None:
        return False
    return theirs.device == device and not theirs.elsewhere and (theirs.arrived, other.name) < (mine.arrived, run.name)


def learns_from(other: Path, run: Path) -> bool:
    """Whether a run needs this one's checkpoint, or that of another which does; such a run is never before it."""
    seen, open_ = set(), [other]
    while open_:
        folder = open_.pop()
        if folder.resolve() == run.resolve():
            return True
        if folder not in seen:
            seen.add(folder)
            open_ += [path.parent for path in sources_of(folder).values()]
    return False


def _taken(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True
