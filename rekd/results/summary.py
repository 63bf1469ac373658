"""From results to the rows of a table: one a row of the protocol, and one for each setting of own runs.

A mean is over honest runs; that over all runs, and the number of leaky ones, stand beside it. What no run has measured
is None, never 0.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from rekd.config import INCIDENTAL
from rekd.results.protocol import rows
from rekd.results.record import Result
from rekd.results.row import Row
from rekd.results.statistics import Spread, spread

OWN = "own"
"""In place of a part of the protocol: runs that belong to none of its rows."""

RULES = ("threshold", "calibrated", "top-k", "sampled")
"""The mask rules, in the order in which they are told; `rekd.types` has them too, and loads torch."""
SORTS = {"text": ("punctuation", "stop words"), "image": ("border",)}
"""Kind of input -> the sorts of units of which a result's habits tell the share."""
Measure = Callable[[Result], float | None]


def _under(rule: str, what: str) -> Measure:
    return lambda result: result.report.get("rules", {}).get(rule, {}).get(what)


def _leak(name: str) -> Measure:
    return lambda result: result.report.get("leaks", {}).get(name)


def _habit(name: str) -> Measure:
    return lambda result: result.habits.get(name)


def _empty(result: Result) -> float | None:
    """Share of empty masks before repair, the mean over classes."""
    shares = [share for share in _leak("empty")(result) or () if share is not None]
    return fmean(shares) if shares else None


def figures(rate: float) -> str:
    """A learning rate as a number without a power of ten: 0.0002."""
    return f"{rate:.8f}".rstrip("0").rstrip(".")


def dev_accuracy(result: Result) -> float | None:
    """On dev under top-k, of the step whose weights these are; where it was not noted, the best."""
    found = {step: accuracy for step, accuracy, _ in result.curve}
    return found.get(result.best_step, max(found.values(), default=None))


MEASURES: dict[str, Measure] = {
    "accuracy": Result.accuracy,
    "rate": Result.rate,
    **{f"accuracy {rule}": _under(rule, "accuracy") for rule in RULES},
    **{f"rate {rule}": _under(rule, "rate") for rule in RULES},
    "random": lambda result: result.report.get("random", {}).get("accuracy"),
    "whole input": lambda result: result.report.get("whole_input", {}).get("accuracy"),
    "count": _leak("count"),
    "mask": _leak("mask_only"),
    "swap": _leak("swap"),
    "empty": _empty,
    "dev": dev_accuracy,
    "certainty": _habit("certainty"),
    **{
        f"{of} {sort}": _habit(f"{of}_{sort}")
        for sorts in SORTS.values()
        for sort in sorts
        for of in ("selected", "all")
    },
    "parameters": lambda result: result.parameters or None,
    "bytes": lambda result: result.bytes or None,
    "cpu_ms": lambda result: result.cpu_ms,
    "seconds": lambda result: result.seconds or None,
}
"""Name -> what is averaged over a row's runs: "accuracy" and "rate" under top-k (accuracy of the whole input for kinds
without masks), then by rule; "random": of the same predictor on random masks; "selected border": share of the selected
units that lie there, "all border": of all units, its base."""


@dataclass(frozen=True, eq=False)
class Aggregate:
    """The runs of one row, or own runs that differ in nothing but chance.

    name: the row's, or that of the first own run. row: None of own runs. part: of PARTS, or OWN. size, setting: as in
    `Row`. wanted: seeds of the protocol; of own runs, those that there are. results: one a seed, by seed.
    """

    name: str
    row: Row | None
    part: str
    task: str
    size: str
    kind: str
    setting: str
    nominal: float
    wanted: tuple[int, ...]
    results: tuple[Result, ...]

    @property
    def done(self) -> tuple[int, ...]:
        return tuple(result.seed for result in self.results)

    @property
    def missing(self) -> tuple[int, ...]:
        """Wanted seeds of which no run has ended."""
        return tuple(seed for seed in self.wanted if seed not in self.done)

    @property
    def unmeasured(self) -> tuple[int, ...]:
        """Seeds whose run has ended and was not measured on the test split, as its row wants."""
        wanted = self.row is None or self.row.on_test
        return tuple(result.seed for result in self.results if wanted and not result.report)

    @property
    def leaky(self) -> tuple[Result, ...]:
        """Runs whose masks code the label."""
        return tuple(result for result in self.results if result.honest is False)

    @property
    def honest(self) -> tuple[Result, ...]:
        """The others; all of kinds without masks."""
        return tuple(result for result in self.results if result.honest is not False)

    @property
    def budget(self) -> tuple[int, str] | None:
        """Steps of training and the learning rate in figures, alike of all its runs; None of a row without any.

        Steps are those that were made where a row's runs are meant to be stopped.
        """
        config = self.results[0].config if self.results else {}
        if "steps" not in config or "learning_rate" not in config:
            return None
        ends = [run.curve[-1][0] for run in self.results if run.curve] if self.row and self.row.half_way else []
        return max(ends, default=config["steps"]), figures(config["learning_rate"])

    def of(self, measure: str, every: bool = False) -> Spread:
        """Mean and sd of one of MEASURES over the honest runs, or over `every` run that has it."""
        return spread(map(MEASURES[measure], self.results if every else self.honest))

    def by_class(self, what: str) -> dict[str, Spread]:
        """Class -> mean and sd over the honest runs of its realised rate ("rates") or share of empty masks ("empty").

        Both on test, as the leaks were measured: calibrated, before empty masks are repaired. {} where none were.
        """
        found: dict[str, list[float | None]] = {}
        for leaks in (result.report.get("leaks", {}) for result in self.honest):
            for name, share in zip(leaks.get("classes", ()), leaks.get(what, ()), strict=False):
                found.setdefault(name, []).append(share)
        spreads = {name: spread(shares) for name, shares in found.items()}
        return {name: each for name, each in spreads.items() if each.n}

    @property
    def selects(self) -> bool:
        return self.kind in ("re", "rekd")

    @property
    def rerun(self) -> str:
        """The command that trains and measures the row again; "" of own runs."""
        return f"python -m rekd results run {self.name}" if self.row else ""

    def to_dict(self) -> dict[str, Any]:
        """For JSON: what it is, and each measure over honest and over all runs."""
        names = ("name", "part", "task", "size", "kind", "setting", "nominal", "rerun")
        seeds = {name: list(getattr(self, name)) for name in ("wanted", "done", "missing", "unmeasured")}
        seeds["leaky"] = [result.seed for result in self.leaky]
        measured = {name: self.of(name).to_dict() for name in MEASURES}
        every = {name: self.of(name, every=True).to_dict() for name in MEASURES}
        return {name: getattr(self, name) for name in names} | seeds | {"honest": measured, "every": every}


def sorts_of(rows: Sequence[Aggregate]) -> tuple[str, ...]:
    """Those of SORTS that the units of these rows' task can be of; of a task that is not known here, the measured ones.

    rows: of one task.
    """
    from rekd.data.spec import TASKS

    if rows and rows[0].task in TASKS:
        return SORTS[TASKS[rows[0].task].modality]
    every = sum(SORTS.values(), ())
    return tuple(sort for sort in every if any(row.of(f"all {sort}", every=True).n for row in rows))


def aggregates(results: Iterable[Result]) -> list[Aggregate]:
    """Every row of the protocol in its order, those without a run too, and then own runs by configuration.

    A run of a row that the protocol no longer has counts as an own one.
    """
    found = rows()
    known, runs, own = {row.name for row in found}, {}, {}
    for result in results:
        if result.row in known:
            runs.setdefault(result.row, {})[result.seed] = result
        else:
            own.setdefault(_setting(result), []).append(result)
    return [*(_of_row(row, runs.get(row.name, {})) for row in found), *map(_of_own, own.values())]


def _of_row(row: Row, runs: Mapping[int, Result]) -> Aggregate:
    about = (row.name, row, row.part, row.task, row.size, row.kind, row.setting)
    return Aggregate(*about, _nominal(row), row.seeds, tuple(runs[seed] for seed in sorted(runs)))


def _nominal(row: Row) -> float:
    """Share of the units that a row's runs are to select; 1 of kinds that read the whole input."""
    from rekd.data.spec import TASKS

    return 1.0 if row.kind in ("cls", "kd") else row.settings.get("rate") or TASKS[row.task].rate


def _of_own(runs: Sequence[Result]) -> Aggregate:
    runs = sorted(runs, key=lambda one: (one.seed, one.name))
    first = runs[0]
    size = f"{first.parameters / 1e6:.1f} M parameters" if first.parameters else ""
    about = (first.name, None, OWN, first.task, size, first.kind, "")
    return Aggregate(*about, first.nominal_rate, tuple(one.seed for one in runs), tuple(runs))


def _setting(result: Result) -> str:
    """All of a configuration that is not incidental."""
    return json.dumps({key: value for key, value in result.config.items() if key not in INCIDENTAL}, sort_keys=True)
