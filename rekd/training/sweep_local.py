"""A sweep on the devices of this machine: one run a device at a time, each in a process of its own."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import nullcontext, suppress
from pathlib import Path

from rekd.cores import cores
from rekd.training import runs
from rekd.training.causes import cause_of
from rekd.training.status import ACTIVE, Status, alive, standing
from rekd.training.stopping import Stopped, stop_on_signal
from rekd.training.sweep import Trial, next_of
from rekd.training.sweep_told import Course
from rekd.training.turns import POLL, canonical, turn
from rekd.training.worker import launch, resume

THREADS = "OMP_NUM_THREADS"


def devices_for(named: Sequence[str]) -> list[str]:
    """The devices that a sweep trains on: those named, or every GPU here, or else the best device.

    Raises:
        ValueError: one is not here, with those that are.
    """
    from rekd.training.report import check_device, devices

    here = devices()
    chosen = [check_device(name) for name in named] or [name for name in here if name.startswith("cuda:")] or here[:1]
    return list(dict.fromkeys(map(canonical, chosen)))


def sweep_here(root: Path, devices: Sequence[str], course: Course) -> bool:
    """Train the runs of a sweep, those of different devices at once, until none is left or Ctrl+C is pressed.

    Ctrl+C lets every run save its state; once more ends them at once. A run's failure ends no other.

    Returns:
        whether it was stopped.
    """
    if len(devices) > 1:  # several processes would each take all processor cores
        os.environ.setdefault(THREADS, str(max(1, cores() // len(devices))))
    with stop_on_signal(lambda: None) as stop, ThreadPoolExecutor(len(devices)) as pool:
        pending = Pending(course.todo)
        serving = [pool.submit(_serve, root, device, pending, course, stop) for device in devices]
        try:
            while wait(serving, timeout=POLL).not_done:
                course.stopping() if stop() else course.tick()
        except KeyboardInterrupt:
            _end_all(course.todo)
            raise
        for each in serving:
            each.result()
        return stop()


class Pending:
    """The runs that nobody has taken yet."""

    def __init__(self, todo: Sequence[Trial]):
        self.left, self.lock = list(todo), threading.Lock()

    def take(self, device: str) -> Trial | None:
        """The next run for a device; one that is at work, left by a command that was killed, waits for its own."""
        with self.lock:
            found = min(self.left, key=lambda trial: _rank(trial, device), default=None)
            if found:
                self.left.remove(found)
            return found


def _rank(trial: Trial, device: str) -> int:
    status = alive(trial.folder)
    return 1 if status is None else 0 if status.device == device else 2


def _serve(root: Path, device: str, pending: Pending, course: Course, stop: Callable[[], bool]) -> None:
    """One device's share of a sweep: run after run."""
    while not stop() and (trial := pending.take(device)):
        try:
            with hold_device(root, device, stop):
                _train(trial, device, course, stop)
        except Stopped:  # while it waited for the device
            return
        except (ValueError, RuntimeError, OSError) as error:
            course.fails(trial, cause_of(error))
        _let_others(root, device)


def hold_device(root: Path, device: str, stop: Callable[[], bool]):
    """Hold a device against the runs of the app, whose folder has a queue of its own.

    Raises:
        Stopped: asked for while it waited.
    """
    home = runs.home()
    if not home.is_dir() or home.resolve() == root.resolve():
        return nullcontext()
    return turn(home / root.name, device, stop)


def _let_others(root: Path, device: str) -> None:
    """Wait a moment between two runs where one of the app is queued, which looks every `POLL` seconds."""
    queued = (alive(path.parent) for path in runs.home().glob("*/status.json"))
    if any(status and status.device == device for status in queued):
        time.sleep(3 * POLL)


def _train(trial: Trial, device: str, course: Course, stop: Callable[[], bool]) -> None:
    """Start a run, or go on with it, and see it to its end; where a stop is wished for, have it save its state."""
    does = next_of(trial)
    if alive(trial.folder) is None:
        if trial.folder.exists():
            resume(trial.folder, device)
        else:
            launch([trial.plan(device)])
    course.begins(trial, device, does)
    while (status := standing(trial.folder)) and status.state in ACTIVE:
        if stop():
            with suppress(ValueError):  # it has just ended by itself
                runs.stop(runs.read_run(trial.folder))
        time.sleep(POLL)
    course.ends(trial, status or Status("failed", message="Its folder is gone; it was deleted or moved meanwhile."))


def _end_all(todo: Sequence[Trial]) -> None:
    for trial in todo:
        if alive(trial.folder):
            with suppress(ValueError):
                runs.stop(runs.read_run(trial.folder), now=True)
