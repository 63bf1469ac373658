"""A sweep on a Ray cluster that is there: a task a run. Ray is optional, and imported only here, when asked for.

Every node must see the sweep's folder, this code and its Python at the same paths, as on storage that they share.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rekd.files import write_text
from rekd.training.about import write_about
from rekd.training.causes import cause_of
from rekd.training.child import ROOT
from rekd.training.status import Status, read_status
from rekd.training.stopping import WISH, Stopped, stop_on_signal
from rekd.training.sweep import Trial, next_of
from rekd.training.sweep_told import Course
from rekd.training.turns import POLL

PASSED_ON = ("REKD_", "HF_")
"""How environment variables begin that the tasks need too."""
ANSWERS = 10.0
"""Seconds in which a cluster must answer."""
RETRIES = 3
"""How often a run goes on elsewhere, from its last state, when its node or process is lost."""

_NAME_ONE = "Name one that runs, or auto on one of its machines; `ray start --head` starts one."


def check_ray(named: Sequence[str]) -> None:
    """Refuse, before any work, what can't be asked of a cluster; nothing is asked of it yet.

    Args:
        named: devices.

    Raises:
        ValueError: the package is missing, or a device is named that Ray does not take.
    """
    if find_spec("ray") is None:
        raise ValueError(
            "--ray was given, and the package ray is not installed; install it with `pip install ray`, in the version "
            "that the cluster has, or leave --ray out to train on the devices of this machine."
        )
    if list(named) not in ([], ["cuda"], ["cpu"]):
        raise ValueError(f"--device is {' '.join(named)} beside --ray, which chooses the GPU itself; name cuda or cpu.")


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Within, this process belongs to the cluster, as ray itself; the tasks get this code and our settings.

    Raises:
        ValueError: nothing answers at the address.
    """
    import ray

    _check_answers(address)
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    settings = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
    told = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        ray.init(address=address, runtime_env={"env_vars": {**settings, "PYTHONPATH": path}}, **told)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"--ray is {address!r}, and no Ray cluster could be joined there ({cause_of(error)}). {_NAME_ONE}"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Refuse an address where nobody listens, for which Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdecimal():  # auto, or a form that only Ray knows
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWERS).close()
    except (OSError, OverflowError) as error:
        raise ValueError(f"--ray is {address!r}, and no Ray cluster answers there ({error}). {_NAME_ONE}") from None


def gpus_for(ray: Any, named: Sequence[str]) -> int:
    """GPUs a run, 1 or 0: as the device named says, cuda or cpu, or where none is named as the cluster has.

    Raises:
        ValueError: a GPU where the cluster has none.
    """
    there = ray.cluster_resources().get("GPU", 0)
    if "cuda" in named and not there:
        raise ValueError("--device is 'cuda', and the Ray cluster has no GPU; name cpu, or a cluster that has one.")
    return int(there > 0 and "cpu" not in named)


def sweep_on_ray(ray: Any, root: Path, gpus: int, course: Course) -> bool:
    """Train the runs of a sweep as tasks, as many at once as the cluster has room for, until none is left.

    Ctrl+C lets every run save its state; once more ends them at once. A run's failure ends no other.

    Args:
        ray: as `connected` gives it. root: the sweep's folder. gpus: a run, 1 or 0.

    Returns:
        whether it was stopped.
    """
    wish = root.absolute() / WISH
    wish.unlink(missing_ok=True)
    task = ray.remote(num_gpus=gpus, num_cpus=1, max_retries=RETRIES, max_calls=1)(train_one)
    for trial in course.todo:
        _write(trial)
    waiting = {trial: (next_of(trial), read_status(trial.folder)) for trial in course.todo}
    given = (os.getcwd(), str(wish), not gpus)
    where = {task.remote(str(trial.folder.absolute()), *given): trial for trial in course.todo}
    with stop_on_signal(lambda: None) as stop:
        while where:
            ready, _ = ray.wait(list(where), num_returns=1, timeout=POLL)
            _tell_begun(waiting, course)
            for one in ready:
                course.ends(where.pop(one), _outcome(ray, one))
            if not stop():
                course.tick()
            elif not wish.exists():
                course.stopping()
                write_text(wish, "")
    wish.unlink(missing_ok=True)
    return stop()


def _write(trial: Trial) -> None:
    """A new run's folder, as `launch` makes it for a process here."""
    from rekd.training.fit import start

    new = not trial.folder.exists()
    start(trial.config, trial.folder)
    if new:
        write_about(trial.folder, trial.title, role=trial.role)


def _tell_begun(waiting: dict[Trial, tuple[str, Status | None]], course: Course) -> None:
    """Say which runs have begun: their status is another than before."""
    for trial, (does, before) in list(waiting.items()):
        if (status := read_status(trial.folder)) and status != before:
            del waiting[trial]
            course.begins(trial, "the cluster", does)


def _outcome(ray: Any, one: Any) -> Status:
    """How a task ended; of one whose node or process was lost for good, what Ray says."""
    try:
        state, message = ray.get(one)
    except ray.exceptions.RayError as error:
        state, message = "failed", cause_of(error)
    return Status(state, message=message)


def train_one(folder: str, cwd: str, wish: str, cpu: bool) -> tuple[str, str]:
    """In a task, on any node: train one run, or go on with it, to its end or until the file `wish` is there.

    Returns:
        done, stopped or failed, and a sentence.
    """
    run, asked = Path(folder), Path(wish)
    if not (run / "config.json").is_file():
        return "failed", (
            f"{run} can't be seen on the node {socket.gethostname()}; name an --out on storage that all nodes share."
        )
    if asked.exists():
        return "stopped", "It had not begun."
    # A teacher may be named by a path from there; where it can't be found, the run says so.
    there = chdir(cwd) if Path(cwd).is_dir() else nullcontext()
    try:
        from rekd.training.fit import fit
        from rekd.training.runs import read_config

        with there, stop_on_signal(lambda: None, run) as stop:
            fit(read_config(run), run, cpu=cpu, stop=lambda: stop() or asked.exists())
    except Stopped as stopped:
        return "stopped", str(stopped)
    except Exception as error:  # whatever it is, it ends this run alone
        return "failed", cause_of(error)
    return "done", ""
