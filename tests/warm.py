"""Processes of runs that are at work at once: forked from one that has loaded torch and drawn the digits already.

They have a number, a log and an end of their own, as those of `python -m` have, and are spared only the ten seconds of
loading the same again. Where nothing can be forked, they are started the long way.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.forkserver
import os
import runpy
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

FORKS = sys.platform == "linux"


@contextmanager
def warm_starts() -> Iterator[None]:
    """Within, `launch` and `resume` start processes that have loaded everything."""
    from rekd.training import worker

    with pytest.MonkeyPatch.context() as patch:
        if FORKS:
            first = _nursery().Process(target=int)
            first.start()
            first.join()  # a run's process has to be born within `status.BIRTH`, however slow the machine
            patch.setattr(worker, "start_module", start_module)
        yield


class Child:
    """What `start_module` gives back, as far as it is used."""

    def __init__(self, process: multiprocessing.Process):
        self.process, self.pid = process, process.pid

    def wait(self, seconds: float | None = None) -> int | None:
        self.process.join(seconds)
        return self.process.exitcode

    def kill(self) -> None:
        self.process.kill()


def start_module(
    arguments: Sequence[str], settings: Mapping[str, str], *, stdout: IO[bytes] | int = -1, **_: object
) -> Child:
    """As `rekd.training.child.start_module`, where stdout is a file, which gets stderr too, or is not to be kept."""
    output = os.devnull if isinstance(stdout, int) else stdout.name
    given = (list(arguments), os.environ | dict(settings), os.getcwd(), output)
    process = _nursery().Process(target=_run, args=given, daemon=True)
    process.start()
    return Child(process)


def _nursery():
    """Where processes are forked; the first call starts it, and it ends with this process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["warmed"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])]))
        multiprocessing.forkserver.ensure_running()
    return context


def _run(arguments: list[str], environment: dict[str, str], folder: str, output: str) -> None:
    """In the new process: what `python -m` does with these arguments."""
    assert "rekd.training.fit" in sys.modules, "the nursery has loaded nothing"
    os.setsid()
    with open(output, "ab") as file:
        for number in (1, 2):
            os.dup2(file.fileno(), number)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", line_buffering=True)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = list(arguments)
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
