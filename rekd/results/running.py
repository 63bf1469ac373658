"""Runs of the protocol on the devices of this machine: processes that train and measure one run after the other.

A process that stays imports once and reads data once; a run of thirty seconds would else wait longer than it trains.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rekd.cores import cores
from rekd.files import write_json, write_text
from rekd.results.items import Item, most_waited_for
from rekd.training.causes import cause_of
from rekd.training.runs import EVALUATION
from rekd.training.status import saved_step
from rekd.training.stopping import WISH, Stopped, stop_on_signal
from rekd.training.sweep_told import duration
from rekd.training.turns import POLL

Say = Callable[[str], None]


class Pending:
    """The runs that nobody has taken yet; one is given out once all that it needs is trained."""

    def __init__(self, todo: Sequence[Item], engine: str = "auto"):
        self.engine = engine
        self.needs = {item.name: item.needs() for item in todo}
        self.left, self.at_work = most_waited_for(todo, self.needs), 0
        self.trained: set[str] = set()
        self.faults: dict[str, str] = {}
        self.stopped = False
        """Whether Ctrl+C ended the command before all were run."""
        self.change = threading.Condition()

    def take(self, stop: Callable[[], bool]) -> Item | None:
        """The next run; waits for those at work where others need them. None where nothing is left that can be run."""
        with self.change:
            while not stop():
                if found := next((item for item in self.left if not self._lacking(item)), None):
                    self.left.remove(found)
                    self.at_work += 1
                    return found
                if not self.at_work:
                    return None
                self.change.wait(POLL)
            return None

    def ends(self, item: Item, fault: str = "") -> None:
        """A run is over, or has failed."""
        with self.change:
            self.at_work -= 1
            if fault:
                self.faults[item.name] = fault
            self.change.notify_all()

    def blocked(self) -> dict[str, str]:
        """Runs that could not begin, with the runs that they wait for."""
        lacking = {item.name: self._lacking(item) for item in self.left}
        return {name: f"It needs {', '.join(needs)}, not trained." for name, needs in lacking.items() if needs}

    def _lacking(self, item: Item) -> list[str]:
        """Runs that it needs and that are not trained; one that is trained is looked at once."""
        needs = [need for need in self.needs[item.name] if need.name not in self.trained]
        self.trained |= {need.name for need in needs if need.trained}
        return [need.name for need in needs if need.name not in self.trained]


def run_items(
    root: Path, todo: Sequence[Item], devices: Sequence[str], say: Say, together: int = 1, engine: str = "auto"
) -> Pending:
    """Train and measure runs, several at once, until none is left or Ctrl+C is pressed, which lets them save states.

    Args:
        devices: one process each, or `together` processes, which share it. engine: how steps are made on a GPU.

    Returns:
        what is left, and what failed.
    """
    from rekd.training.sweep import held
    from rekd.training.sweep_local import hold_device

    pending, wish = Pending(todo, engine), root / WISH
    with held(root), stop_on_signal(lambda: write_text(wish, "")) as stop, ExitStack() as stack:
        wish.unlink(missing_ok=True)
        stack.callback(wish.unlink, missing_ok=True)
        for device in devices:
            stack.enter_context(hold_device(root, device, stop))
        lanes = [device for device in devices for _ in range(together)]
        told = _Told(len(todo), say)
        with ThreadPoolExecutor(len(lanes)) as pool:
            threads = max(1, cores() // len(lanes))
            serving = [pool.submit(_serve, lane, threads, pending, told, wish, stop) for lane in lanes]
            try:
                while wait(serving, timeout=POLL).not_done:
                    told.stopping(stop())
            except KeyboardInterrupt:
                for process in multiprocessing.active_children():
                    process.kill()
                raise
        for each in serving:
            each.result()
        pending.stopped = stop()
    return pending


def _next(item: Item) -> str:
    if item.trained:
        return "is measured"
    return f"goes on from step {step:,}" if (step := saved_step(item.folder)) else "begins"


class _Told:
    """A line as each run begins and ends; several threads tell of theirs."""

    def __init__(self, count: int, say: Say):
        self.count, self.say, self.ended, self.done, self.stops = count, say, 0, 0, False
        self.start, self.lock = time.monotonic(), threading.Lock()

    def begins(self, item: Item, device: str) -> None:
        with self.lock:
            self.say(f"{item.name} {_next(item)}, on {device}")

    def ends(self, item: Item, seconds: float, status: str, said: str) -> None:
        """How long all will take is told by those that were done, since one that failed took no time."""
        with self.lock:
            self.ended += 1
            self.done += status == "done"
            more = ""
            if status == "done" and self.ended < self.count and not self.stops:
                left = (time.monotonic() - self.start) / self.done * (self.count - self.ended)
                more = f"; about {duration(left)} left"
            self.say(f"[{self.ended}/{self.count}] {item.name} {said} after {duration(seconds)}{more}")

    def stopping(self, stops: bool) -> None:
        if stops and not self.stops:
            self.stops = True
            self.say("The runs at work save their states at their next line of metrics. Ctrl+C once more ends them.")


def _serve(device: str, threads: int, pending: Pending, told: _Told, wish: Path, stop: Callable[[], bool]) -> None:
    """One process's share of the runs; where it dies, the run that it had has failed and another takes its place."""
    item = pending.take(stop)
    while item:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, context, _begin, (device, threads)) as process:
            try:
                while item:
                    _one(process, item, device, pending, told, wish)
                    item = pending.take(stop)
            except BrokenProcessPool:  # a new one is made for what is left
                item = pending.take(stop)


def _one(process: ProcessPoolExecutor, item: Item, device: str, pending: Pending, told: _Told, wish: Path) -> None:
    told.begins(item, device)
    began, status, said = time.monotonic(), "failed", "failed: its process was ended from outside, or memory ran out"
    try:
        values = item.config(pending.engine).to_dict()
        about = (str(item.folder), values, item.row.is_teacher, str(wish), item.row.on_test)
        status, said = process.submit(train_and_measure, *about).result()
    except BrokenProcessPool:
        if wish.exists():  # Ctrl+C a second time
            status, said = "stopped", "was ended at once; the last state that it saved stands"
        raise
    except (ValueError, OSError) as error:  # what it learns from is damaged
        said = f"failed: {cause_of(error)}"
    finally:
        told.ends(item, time.monotonic() - began, status, said)
        pending.ends(item, said if status == "failed" else "")


_device = "cpu"
"""Of this process."""


def _begin(device: str, threads: int) -> None:
    """At the start of a process: one device, its share of the processor, and splits that stay in memory."""
    global _device
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the command, which asks by a file
    os.environ["OMP_NUM_THREADS"] = str(threads)
    from rekd.training.turns import choose_device

    _device = choose_device(device)
    import torch

    from rekd.data.sources import hold_splits

    torch.set_num_threads(threads)
    hold_splits()


def train_and_measure(
    folder: str, values: dict[str, Any], teaches: bool, wish: str, on_test: bool = True
) -> tuple[str, str]:
    """In a process of its own: train a run, or go on with it, and where it is wanted `on_test` read that split once.

    Returns:
        done, stopped or failed, and what to say of it.
    """
    run = Path(folder)
    try:
        _train(run, values, teaches, Path(wish).exists)
        return "done", _measure(run) if on_test else f"is done: dev accuracy {_dev_accuracy(run):.3f}"
    except Stopped as stopped:
        told = str(stopped).rstrip(".")
        return "stopped", f"is {told[:1].lower()}{told[1:]},"
    except Exception as error:  # whatever it is, it ends this run alone
        return "failed", f"failed: {cause_of(error)}"
    finally:
        _forget()


def _train(run: Path, values: dict[str, Any], teaches: bool, stop: Callable[[], bool]) -> None:
    from rekd.config import TrainConfig
    from rekd.training.about import TEACHER, title_of, write_about
    from rekd.training.fit import finished, fit, start

    config = start(TrainConfig.from_dict(values), run)
    role = TEACHER if teaches and config.kind == "re" else ""
    write_about(run, f"{title_of(config, role)} · {run.name}", role=role)
    if finished(config, run) is None:
        fit(config, run, cpu=_device == "cpu", stop=stop)


def _dev_accuracy(run: Path) -> float:
    from rekd.training.state import load_progress

    return load_progress(run).best_accuracy


def _measure(run: Path) -> str:
    """Write the run's evaluation, unless it is there. Returns a few words of it."""
    import torch

    from rekd.training.promote import headline
    from rekd.training.report import evaluate_checkpoint

    path = run / EVALUATION
    if not path.is_file():
        torch.set_float32_matmul_precision("highest")  # training lowers it
        report = evaluate_checkpoint(str(run / "checkpoint"), device=_device)
        write_json(path, report)
        return f"is done: test accuracy {headline(report):.3f}"
    return "was done"


def _forget() -> None:
    """Give back what a run has left on the device: graphs, compiled code, memory."""
    import gc
    import sys

    import torch

    if "torch._dynamo" in sys.modules:  # something was compiled
        torch.compiler.reset()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
