"""How a run stands: status.json with a heartbeat, replaced atomically, and the wish to stop, taken from signals."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

from rekd.errors import reason
from rekd.files import write_json

BEAT = 5.0
"""Seconds between two signs of life."""
STALE = 60.0
"""Seconds without one after which a process that is still there counts as lost."""
AT_WORK = ("running", "stopping")


class Stopped(RuntimeError):
    """A run that ended because it was asked to, with its state saved."""


@dataclass(frozen=True)
class Status:
    """state: running, stopping, done, stopped or failed. started: of the process, heartbeat: the last; Unix seconds."""

    state: str
    step: int = 0
    steps: int = 0
    message: str = ""
    pid: int = 0
    started: float = 0.0
    heartbeat: float = 0.0


def read_status(run: Path) -> Status | None:
    """What status.json says; None where it is missing or damaged, since a run that is at work writes it anew."""
    try:
        return Status(**json.loads((run / "status.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def standing(run: Path) -> Status | None:
    """What status.json says, and failed where the process that should be at work is gone or gives no sign of life."""
    status = read_status(run)
    if status is None or status.state not in AT_WORK:
        return status
    silent = time.time() - status.heartbeat
    if process_of(status) is None:
        cause = "its process ended without a word: it was killed, ran out of memory, or the machine went down"
    elif silent > STALE:
        cause = f"its process is there and has given no sign of life for {silent / 60:.0f} minutes"
    else:
        return status
    return replace(status, state="failed", message=f"{cause[0].upper()}{cause[1:]}.")


def process_of(status: Status) -> psutil.Process | None:
    """The very process that wrote the status, None where it has ended: the same number, begun at the same time."""
    try:
        process = psutil.Process(status.pid)
        same = abs(process.create_time() - status.started) < 1 and process.status() != psutil.STATUS_ZOMBIE
        return process if same else None
    except psutil.Error:
        return None


class Heart:
    """Keeps a run's status.json while it is at work, from a thread, and says at the end how it ended.

    Args:
        stopping: whether a stop was asked for.
    """

    def __init__(self, run: Path, steps: int, stopping: Callable[[], bool]):
        self.run, self.steps, self.stopping, self.step = run, steps, stopping, 0
        self.over, self.thread = threading.Event(), threading.Thread(target=self._beat, daemon=True)
        self.started = psutil.Process().create_time()

    def at(self, step: int) -> None:
        """Steps done so far; told with the next beat."""
        self.step = step

    def __enter__(self) -> Heart:
        self._write("running")
        self.thread.start()
        return self

    def __exit__(self, kind, error, trace) -> None:
        self.over.set()
        self.thread.join()
        if error is None:
            self._write("done")
        elif isinstance(error, Stopped):
            self._write("stopped", "Its state is saved.")
        elif isinstance(error, KeyboardInterrupt):
            self._write("stopped", "Interrupted at once; the last state that was saved stands.")
        else:
            self._write("failed", reason(error))

    def _beat(self) -> None:
        while not self.over.wait(BEAT):
            with suppress(OSError):  # a full disk ends the run where it saves, not here
                self._write("stopping" if self.stopping() else "running")

    def _write(self, state: str, message: str = "") -> None:
        status = Status(state, self.step, self.steps, message, os.getpid(), self.started, time.time())
        write_json(self.run / "status.json", asdict(status))


@contextmanager
def stop_on_signal(tell: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Within, Ctrl+C and a request to terminate are kept as a wish, which the function given asks for.

    A second one interrupts at once. Outside the main thread signals can't be taken, and nothing is ever wished for.

    Args:
        tell: called when the wish arrives.
    """
    wished = threading.Event()

    def take(*_) -> None:
        if wished.is_set():
            raise KeyboardInterrupt
        wished.set()
        tell()

    if threading.current_thread() is not threading.main_thread():
        yield wished.is_set
        return
    names = ("SIGINT", "SIGTERM", "SIGBREAK")  # the last on Windows alone
    kept = {number: signal.signal(number, take) for name in names if (number := getattr(signal, name, None))}
    try:
        yield wished.is_set
    finally:
        for number, before in kept.items():
            signal.signal(number, before)
