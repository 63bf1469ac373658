"""What runs cost, from a few real steps of each in a process of its own: time, memory, parameters. Without torch here.

`python -m rekd.training.estimate` reads {"training": {...}, "device": "cpu", "teacher_config": {...}} from its standard
input, or {"runs": [such objects]}, and prints a line of JSON for each. teacher_config: the run's configuration of a
teacher that is not trained yet; a model of that size with random weights stands in for it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from rekd.training.child import stand_back, start_module

PATIENCE = 240.0
"""Seconds after which a process that has said nothing is given up."""


@dataclass(frozen=True)
class Estimate:
    """What was measured. seconds: of one step, one evaluation on dev with what is kept of it, and all before the first
    step. minutes: of the whole run. memory, free: bytes at its peak, and of the device before it. examples: that were
    read to time them. fault: why there is no estimate; "" where there is one.
    """

    generator: int = 0
    predictor: int = 0
    words: int = 0
    step_seconds: float = 0.0
    evaluation_seconds: float = 0.0
    start_seconds: float = 0.0
    minutes: float = 0.0
    memory: int = 0
    free: int = 0
    examples: int = 0
    fault: str = ""


class Measuring:
    """A child process that times runs one after the other; poll it, and cancel it when nobody wants to know."""

    def __init__(self, requests: Sequence[Mapping[str, Any]], patience: float = PATIENCE):
        self.requests, self.patience, self.results = tuple(requests), patience, []
        self.fault, self.heard = "", time.monotonic()
        self.child = _child()
        self.process = psutil.Process(self.child.pid)  # remembers when it began: its number may be another's one day
        self.reader = threading.Thread(target=self._listen, daemon=True)
        self.reader.start()
        with suppress(OSError):  # it died at once; `poll` says so
            self.child.stdin.write(json.dumps({"runs": self.requests}))
            self.child.stdin.close()

    def _listen(self) -> None:
        with self.child.stdout:
            for line in self.child.stdout:
                with suppress(ValueError, TypeError):
                    self.results.append(Estimate(**json.loads(line)))
                    self.heard = time.monotonic()
        self.child.wait()

    def poll(self) -> bool:
        """Whether it is over; then every request has a result."""
        if self.reader.is_alive() and time.monotonic() - self.heard < self.patience:
            return False
        silent = self.reader.is_alive()
        self.cancel()
        said = f"It gave no result within {self.patience:.0f} seconds." if silent else "Its process ended early."
        missing = len(self.requests) - len(self.results)
        self.results += [Estimate(fault=f"{said} Start the run to see how long it takes.")] * missing
        return True

    def cancel(self) -> None:
        """End the process, whatever it is at."""
        with suppress(psutil.Error, OSError):
            for each in [*self.process.children(recursive=True), self.process]:
                each.kill()
        self.reader.join(5)


def _child() -> subprocess.Popen:
    """The process, in a group of its own. It downloads nothing: whoever looks at a choice has not asked for that."""
    quiet = {"stderr": subprocess.DEVNULL, "text": True, "encoding": "utf-8"}
    settings = {"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "passive"), "HF_HUB_OFFLINE": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return start_module(["rekd.training.estimate"], settings, **pipes, **quiet)


def main() -> None:
    """Read what to time, and print a line for each; whatever else the machine does comes first."""
    asked = json.load(sys.stdin)
    stand_back()
    from rekd.training.timing import measure

    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    for number, each in enumerate(asked.get("runs", [asked])):
        found = measure(each["training"], each.get("device", "cpu"), each.get("teacher_config"), first=not number)
        print(json.dumps(asdict(found)), flush=True)


def _end_with(parent: int) -> None:
    """Nobody reads what is measured once the parent is gone."""
    while psutil.pid_exists(parent) and os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    main()
