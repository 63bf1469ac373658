"""How a run stands: status.json with a heartbeat, replaced atomically, and how a process that is gone is told."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

from rekd.files import write_json
from rekd.training.causes import cause_of, cause_of_gone
from rekd.training.stopping import Stopped

BEAT = 5.0
"""Seconds between two signs of life."""
GLANCE = 0.3
"""Seconds between two looks whether a stop is wished for."""
STALE = 60.0
"""Seconds without one after which a process that is still there counts as lost."""
BIRTH = 60.0
"""Seconds that a queued run's process may take to be born and say so."""
AT_WORK = ("running", "stopping")
ACTIVE = ("queued", *AT_WORK)
STATES = (*ACTIVE, "done", "stopped", "failed")
HOST = socket.gethostname()
"""This machine's name among those that share a folder of runs."""


@dataclass(frozen=True)
class Status:
    """How a run stands: queued, running, stopping, done, stopped or failed.

    started: of the process, as `birth` says. heartbeat: its last sign of life; arrived: when the run joined its
    device's queue, 0 where it never did; both in Unix seconds. free: share of the machine's memory that was free at the
    heartbeat. host: the machine of the process, "" before it is born.
    """

    state: str
    step: int = 0
    steps: int = 0
    message: str = ""
    pid: int = 0
    started: float = 0.0
    heartbeat: float = 0.0
    arrived: float = 0.0
    device: str = ""
    free: float = 1.0
    host: str = ""

    @property
    def elsewhere(self) -> bool:
        """Whether its process is on another machine, of whose processes this one knows nothing."""
        return self.host not in ("", HOST)


def read_status(run: Path) -> Status | None:
    """What status.json says; None where it is missing or damaged, since a run that is at work writes it anew."""
    try:
        status = Status(**json.loads((run / "status.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return status if status.state in STATES else None


def write_status(run: Path, status: Status) -> None:
    """Replace status.json."""
    write_json(run / "status.json", asdict(status))


def saved_step(run: Path) -> int:
    """The step of the last state that a run has saved, from which it would go on; 0 before the first."""
    try:
        return int((run / "state" / "latest").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # a damaged one is told where the state is read
        return 0


def standing(run: Path) -> Status | None:
    """What status.json says, and failed where the process that should be there is gone or gives no sign of life."""
    status = read_status(run)
    if status is None or status.state not in ACTIVE:
        return status
    now = time.time()
    if status.pid == 0 and now - status.arrived < BIRTH:
        return status
    silent = now - status.heartbeat
    if status.elsewhere:
        if silent <= STALE:
            return status
        cause = (
            f"It trained on {status.host}, which has given no sign of life for {silent / 60:.0f} minutes: the process, "
            "that machine, or its way to this folder is gone. Make sure that it has ended, then resume it."
        )
    elif process_of(status) is None:
        if (later := read_status(run)) and later != status:  # it ended between the two looks, and said how
            return standing(run)
        cause = cause_of_gone(status.heartbeat, status.free, run / "log.txt")
    elif silent > STALE:
        cause = (
            f"Its process is there and has given no sign of life for {silent / 60:.0f} minutes: it hangs, or the "
            "machine slept. Stop it, then resume it from its last state."
        )
    else:
        return status
    return replace(status, state="failed", message=cause)


def alive(run: Path) -> Status | None:
    """The status of a run that is queued or at work, however long its process has been silent; None of any other."""
    status = read_status(run)
    if status is None or status.state not in ACTIVE:
        return None
    if status.elsewhere:
        return status if time.time() - status.heartbeat <= STALE else None
    waits = status.pid == 0 and time.time() - status.arrived < BIRTH
    return status if waits or process_of(status) else None


def birth(process: psutil.Process) -> float:
    """When a process began, in seconds that no setting of the clock moves: on Linux since the machine's start.

    There psutil adds the time of that start as the clock has it now; elsewhere the system keeps the time itself.
    """
    boot = psutil.boot_time() if psutil.LINUX else 0.0
    return process.create_time() - boot


def process_of(status: Status) -> psutil.Process | None:
    """The very process that wrote the status, None where it has ended: the same number, begun at the same time.

    None too where it is on another machine.
    """
    if status.elsewhere:
        return None
    try:
        process = psutil.Process(status.pid)
        same = abs(birth(process) - status.started) < 1 and process.status() != psutil.STATUS_ZOMBIE
        return process if status.pid and same else None
    except psutil.Error:
        return None


class Heart:
    """Keeps a run's status.json while its process is there, from a thread, and says at the end how it ended.

    Args:
        stopping: whether a stop was asked for. device: where it trains. queued: it waits for its turn first, until
            `running` is called.
    """

    def __init__(self, run: Path, steps: int, stopping: Callable[[], bool], device: str = "", queued: bool = False):
        before = read_status(run) or Status("")
        self.run, self.stopping, self.step = run, stopping, before.step
        self.message = "It waits for its turn." if queued else PREPARING
        self.state = "queued" if queued else "running"
        started, arrived = birth(psutil.Process()), before.arrived if queued else 0.0
        here = {"pid": os.getpid(), "started": started, "device": device, "host": HOST}
        self.kept = Status("", steps=steps, arrived=arrived, **here)
        self.over, self.thread = threading.Event(), threading.Thread(target=self._beat, daemon=True)
        self.lock = threading.Lock()

    def running(self) -> None:
        """Its turn has come."""
        self.state, self.message = "running", PREPARING
        self._write(self.state, self.message)

    def at(self, step: int) -> None:
        """Steps done so far; told with the next beat."""
        self.step, self.message = step, ""

    def __enter__(self) -> Heart:
        self._write(self.state, self.message)
        self.thread.start()
        return self

    def __exit__(self, kind, error, trace) -> None:
        self.over.set()
        self.thread.join()
        if error is None:
            self._write("done")
            return
        with suppress(OSError):  # on a full disk the run's own error is the one to tell
            if isinstance(error, Stopped):
                self._write("stopped", "Its state is saved." if self.step else "It had not begun.")
            elif isinstance(error, KeyboardInterrupt):
                self.step = saved_step(self.run)
                self._write("stopped", "Interrupted at once; the last state that was saved stands.")
            else:
                self._write("failed", cause_of(error))

    def _beat(self) -> None:
        told, last = False, time.monotonic()
        while not self.over.wait(min(BEAT, GLANCE)):
            wished = self.stopping()
            if wished == told and time.monotonic() - last < BEAT:
                continue
            told, last = wished, time.monotonic()
            with suppress(OSError):  # a full disk ends the run where it saves, not here
                self._write("stopping" if wished else self.state, self.message)

    def _write(self, state: str, message: str = "") -> None:
        memory = psutil.virtual_memory()
        free = round(memory.available / memory.total, 3)
        said = {"state": state, "step": self.step, "message": message, "heartbeat": time.time(), "free": free}
        with self.lock:
            write_status(self.run, replace(self.kept, **said))


PREPARING = "It reads its data and builds its models."
