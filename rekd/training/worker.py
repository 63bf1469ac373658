"""Runs as processes of their own: written, queued and started here; each waits for its turn, then trains."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

from rekd.config import TrainConfig
from rekd.training.about import checked, named, write_about
from rekd.training.causes import STARTED, cause_of
from rekd.training.child import stand_back, start_module
from rekd.training.runs import read_config, read_run, sources
from rekd.training.status import ACTIVE, Heart, Status, alive, read_status, saved_step, standing, write_status
from rekd.training.stopping import stop_on_signal
from rekd.training.turns import alone, canonical, choose_device, turn

if TYPE_CHECKING:
    from rekd.checkpoints import Info


@dataclass(frozen=True)
class Plan:
    """A run that is to be started: its folder (not yet made), its configuration, its device, and what is said of it."""

    folder: Path
    config: TrainConfig
    device: str = "cpu"
    name: str = ""
    note: str = ""
    role: str = ""


def launch(plans: Sequence[Plan]) -> None:
    """Write the folders of runs, queue them in this order, and start a process for each.

    Raises:
        ValueError: a configuration can't be trained, or a name or note is too long; then none is started.
        FileExistsError: a folder is taken. OSError: nothing can be written; what was written stands as failed.
    """
    from rekd.training.board import check_report
    from rekd.training.fit import start
    from rekd.training.setup import resolve

    for plan in plans:
        check_report(resolve(plan.config).report_to)
        checked(plan.name, plan.note)
        _check_named(plan.config, [each.folder.absolute() for each in plans])
        if plan.folder.exists():
            raise FileExistsError(f"{plan.folder} is there already; a new run needs a folder of its own.")
    waiting = list(plans)
    try:
        for plan in plans:
            config = start(plan.config, plan.folder)
            if plan.name or plan.note or plan.role:
                write_about(plan.folder, plan.name, plan.note, plan.role)
            _queue(plan.folder, config.steps, plan.device)
        while waiting:
            _spawn(waiting[0].folder, waiting[0].device)
            waiting.pop(0)
    except OSError as error:
        _give_up([plan.folder for plan in waiting], cause_of(error))
        raise


def _check_named(config: TrainConfig, coming: Sequence[Path]) -> None:
    """Refuse at once a run whose teacher or start nobody knows; an id of the Hub is asked for in the run's turn.

    Args:
        coming: folders of runs that are started along with it.

    Raises:
        ValueError: there is no such checkpoint, and no run that may leave it.
    """
    from rekd.checkpoints import find

    awaited = sources(config)
    for what in ("teacher", "start"):
        named_so = getattr(config, what)
        if what in awaited and (awaited[what].parent.is_dir() or awaited[what].parent.absolute() in coming):
            continue  # a run's, which may come later
        if named_so and (named_so.count("/") != 1 or Path(named_so).expanduser().is_absolute()):
            find(named_so)


def _give_up(folders: Sequence[Path], cause: str) -> None:
    """Say of queued runs that no process was started for them."""
    for folder in folders:
        if status := read_status(folder):
            with suppress(OSError):
                write_status(folder, replace(status, state="failed", message=cause))


def resume(run: Path, device: str = "") -> None:
    """Queue a stopped or failed run again; it goes on from its last state.

    Args:
        device: "" takes the one it ran on.

    Raises:
        ValueError: it is at work or done, its process is there still, or the folder holds no run.
    """
    before = read_run(run)
    if before.status.state == "failed" and alive(run):
        raise ValueError(f"The process of {run} is silent and there still; stop it, then resume it.")
    if before.status.state in (*ACTIVE, "done"):
        raise ValueError(f"{run} is {before.status.state}; only a run that was stopped or has failed can be resumed.")
    device = device or before.status.device or "cpu"
    _queue(run, before.config.steps, device, saved_step(run))
    _spawn(run, device)


def _queue(run: Path, steps: int, device: str, step: int = 0) -> None:
    """Write that a run waits; of two that arrive at once the order is that of the calls."""
    arrived = _queue.latest = max(time.time(), _queue.latest + 1e-3)
    said = "It waits for its turn."
    write_status(run, Status("queued", step, steps, said, arrived=arrived, device=canonical(device)))


_queue.latest = 0.0


def _spawn(run: Path, device: str) -> None:
    """Start a run's process, its output going to log.txt."""
    with (run / "log.txt").open("ab") as log:
        log.write(f"{STARTED} {time.strftime('%Y-%m-%d %H:%M:%S')} on {device}\n".encode())
        log.flush()
        _detached(["train", str(run.absolute()), "--device", device], log)


def _detached(arguments: Sequence[str], output: IO[bytes] | int) -> None:
    """Start a command of `python -m rekd` in a group of its own, so that no Ctrl+C of ours reaches it."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
    child = start_module(["rekd", *arguments], {"PYTHONUNBUFFERED": "1"}, **streams)
    threading.Thread(target=child.wait, daemon=True).start()  # its starter takes note of its end, or it stays a zombie


def work(run: Path, device: str = "cpu") -> Info:
    """In a run's own process: wait for the turn on the device, then train to the end or to a stop.

    Raises:
        Stopped, and all that `fit` raises; status.json tells of them too. ValueError: another process is at work on it.
    """
    config = read_config(run)
    seen = choose_device(device)
    stand_back()
    with (
        alone(run),
        stop_on_signal(lambda: print("The run was asked to stop.", flush=True), run) as stop,
        Heart(run, config.steps, stop, canonical(device), queued=True) as heart,
        turn(run, canonical(device), stop, needs=[folder.parent for folder in sources(config).values()]),
    ):
        heart.running()
        _check_sources(config)
        from rekd.training.fit import fit
        from rekd.training.report import check_device

        return fit(config, run, cpu=check_device(seen) == "cpu", stop=stop, heart=heart)


def _check_sources(config: TrainConfig) -> None:
    """Refuse a run whose teacher or start is the checkpoint of another run that has not written it.

    Raises:
        ValueError: see above, with how that run stands.
    """
    for what, folder in sources(config).items():
        if not (folder / "config.json").is_file():
            state = (standing(folder.parent) or Status("not there")).state
            raise ValueError(
                f"It needs the checkpoint of {named(folder.parent)} as its {what}, and that run is {state}. "
                "Resume that run, or start it again, and then this one."
            )


def stop_aside(run: Path, now: bool = False) -> None:
    """`runs stop` in a process of its own, which lives on when the page that asked is closed."""
    _detached(["runs", "stop", str(run.absolute()), *(["--now"] if now else [])], subprocess.DEVNULL)
