"""What is told of a sweep: a line as each run begins and ends, how far all of them are, and a table at the end."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from rekd.training.runs import Run, read_run
from rekd.training.status import Status, read_status, saved_step
from rekd.training.sweep import Trial, is_done, next_of

EVERY = 15.0
"""Seconds between two lines on how far all runs are."""
TELLING = 0.02
"""Share of all steps before which the time left is not told: reading data and building models would weigh too much."""


class Course:
    """The course of a sweep, told as it goes; several threads may tell of their runs.

    Args:
        todo: the runs that are not done. say: takes a line. clock: seconds.
    """

    def __init__(self, todo: Sequence[Trial], say: Callable[[str], None], clock: Callable[[], float] = time.monotonic):
        self.todo, self.clock, self._say = list(todo), clock, say
        self.number = {trial: number for number, trial in enumerate(self.todo, 1)}
        self.began: dict[Trial, float] = {}
        self.ended: set[Trial] = set()
        self.faults: dict[Trial, str] = {}
        self.lock, self.stops = threading.Lock(), False
        self.start = self.told = clock()
        self.steps = self._steps()

    def say(self, line: str) -> None:
        """Pass on a whole line; those of two threads never mix."""
        with self.lock:
            self._say(line)

    def begins(self, trial: Trial, where: str, does: str) -> None:
        """A run was started. where: its device or cluster; does: as `next_of` said before."""
        self.began[trial] = self.clock()
        self.say(f"{self._of(trial)} {does}, on {where}")

    def ends(self, trial: Trial, status: Status) -> None:
        """A run is over: done, stopped, or failed for the reason in its status."""
        self.ended.add(trial)
        seconds = self.clock() - self.began.get(trial, self.clock())
        if status.state == "done":
            best = run.best if (run := _read(trial)) else None
            reached = f": dev accuracy {best['dev_accuracy']:.3f} at step {best['step']:,}" if best else ""
            return self.say(f"{self._of(trial)} is done after {duration(seconds)}{reached}")
        if status.state == "failed":
            self.faults[trial] = status.message
            return self.say(f"{self._of(trial)} failed: {status.message}")
        saved = saved_step(trial.folder)
        self.say(
            f"{self._of(trial)} " + (f"is stopped, its state saved at step {saved:,}" if saved else "had not begun")
        )

    def fails(self, trial: Trial, cause: str) -> None:
        """A run could not even be started."""
        self.ends(trial, Status("failed", message=cause))

    def tick(self) -> None:
        """Say how far all runs are, where the last word was some seconds ago."""
        if self.clock() - self.told < EVERY:
            return
        self.told = self.clock()
        working = [trial for trial in self.began if trial not in self.ended]
        if working:
            steps = ", ".join(f"{trial.folder.name} at step {self._step(trial):,}" for trial in working)
            self.say(f"{len(self.ended)} of {len(self.todo)} ended; {steps}{self._left()}")

    def stopping(self) -> None:
        """Ctrl+C was pressed; that is said once."""
        if not self.stops:
            self.stops = True
            self.say("The runs at work save their states at their next line of metrics. Ctrl+C once more ends them.")

    def _of(self, trial: Trial) -> str:
        return f"[{self.number[trial]}/{len(self.todo)}] {trial.folder.name}"

    def _step(self, trial: Trial) -> int:
        status = read_status(trial.folder)
        return status.step if status else 0

    def _steps(self) -> dict[Trial, int]:
        return {trial: self._step(trial) for trial in self.todo}

    def _left(self) -> str:
        now = self._steps()
        done = sum(now.values()) - sum(self.steps.values())
        left = sum(trial.config.steps - now[trial] for trial in self.todo if trial not in self.ended)
        if done < TELLING * (done + left) or not left:
            return ""
        return f"; about {duration((self.clock() - self.start) / done * left)} left"


def duration(seconds: float) -> str:
    """Seconds as a person says them: 42 s, 12 minutes, 3.5 hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def listed(made: Sequence[Trial]) -> list[str]:
    """A line a run: its folder, its length, and what a sweep does with it."""
    width = max(len(trial.folder.name) for trial in made)
    return [f"{trial.folder.name:<{width}}  {trial.config.steps:>9,} steps  {next_of(trial)}" for trial in made]


@dataclass(frozen=True)
class Row:
    """What came of one setting.

    accuracies: on dev, the best of each run that is done. rates: mean P(select) on dev at those steps, of models that
    select. wanted: runs of this setting, done or not.
    """

    setting: str
    wanted: int
    accuracies: tuple[float, ...]
    rates: tuple[float, ...]
    seeds: tuple[int, ...]
    folders: tuple[Path, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON: means, standard deviations over seeds (null of fewer than two), and what they are made of."""
        return {
            "setting": self.setting,
            "dev_accuracy": _spread(self.accuracies),
            "realised_rate": _spread(self.rates),
            "seeds": list(self.seeds),
            "accuracies": list(self.accuracies),
            "rates": list(self.rates),
            "runs_wanted": self.wanted,
            "runs": [str(folder) for folder in self.folders],
        }


def rows(made: Sequence[Trial]) -> list[Row]:
    """A row a setting, in the order of the grid."""
    return [
        _row(name, [each for each in made if each.setting == name]) for name in dict.fromkeys(t.setting for t in made)
    ]


def _row(setting: str, group: Sequence[Trial]) -> Row:
    read = [run for run in map(_read, filter(is_done, group)) if run and run.best]
    rates = tuple(run.best["dev_mean_probability"] for run in read if "dev_mean_probability" in run.best)
    accuracies, seeds = tuple(run.best["dev_accuracy"] for run in read), tuple(run.config.seed for run in read)
    return Row(setting, len(group), accuracies, rates, seeds, tuple(trial.folder for trial in group))


def _read(trial: Trial) -> Run | None:
    try:
        return read_run(trial.folder)
    except (OSError, ValueError):  # deleted or damaged since
        return None


def _spread(values: Sequence[float]) -> Mapping[str, float | None]:
    """Mean, and standard deviation over the sample of seeds."""
    return {"mean": fmean(values) if values else None, "sd": stdev(values) if len(values) > 1 else None}


def table(found: Sequence[Row]) -> list[str]:
    """The rows as aligned text, with a last line that says what the numbers are."""
    head = ("setting", "dev accuracy", "realised rate", "seeds", "runs")
    cells = [head, *(_cells(row) for row in found)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return [
        *lines,
        "Means ± standard deviations over seeds. Dev accuracy: of each run's best step, which was chosen on dev. "
        "Realised rate: mean P(select) on dev at that step.",
    ]


def _cells(row: Row) -> tuple[str, ...]:
    done = len(row.accuracies)
    seeds = f"{done}" if done == row.wanted else f"{done} of {row.wanted}"
    return row.setting or "all runs", _number(row.accuracies), _number(row.rates), seeds, _pattern(row.folders)


def _number(values: Sequence[float]) -> str:
    found = _spread(values)
    if found["mean"] is None:
        return "–"
    return f"{found['mean']:.3f}" + ("" if found["sd"] is None else f" ± {found['sd']:.3f}")


def _pattern(folders: Sequence[Path]) -> str:
    """The folders of one setting as a shell takes them; those of a grid that grew may have no name in common."""
    shared = os.path.commonprefix([str(folder) for folder in folders]).rstrip("0123456789")
    return f"{shared}*" if len(folders) > 1 and shared.endswith("seed-") else " ".join(map(str, folders))
