"""What was tried before learning rates were set: every kind of a student at the same rates, read on dev alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rekd.measures.verdict import SWAP_BOUND
from rekd.results import protocol
from rekd.results.record import Result
from rekd.results.row import Row
from rekd.results.statistics import Spread, spread
from rekd.results.summary import Aggregate, dev_accuracy


@dataclass(frozen=True)
class Read:
    """One run, read on dev. leaky: whether its masks code the label there, by the swap."""

    seed: int
    accuracy: float
    leaky: bool


@dataclass(frozen=True)
class Trial:
    """One kind at one learning rate. runs: of seeds that no other row has. own: the rate of the kind's own row, None
    where it has none."""

    kind: str
    rate: float
    runs: tuple[Read, ...]
    own: float | None

    @property
    def dev(self) -> Spread:
        """Dev accuracy over the runs that are not leaky."""
        return spread(run.accuracy for run in self.runs if not run.leaky)

    @property
    def taken(self) -> bool:
        """Whether the kind's own row has this rate."""
        return self.rate == self.own

    @property
    def leaky(self) -> int:
        return sum(run.leaky for run in self.runs)


def trials(rows: Iterable[Aggregate]) -> tuple[Trial, ...]:
    """What was tried among some rows of one student, by kind and then rate; without those that were not run."""
    own = {_of(row): row.settings.get("learning_rate") for row in protocol.rows() if row.part == "headline"}
    held = (_trial(row, own.get(_of(row))) for row in rows if row.part == "choices")
    return tuple(trial for trial in held if trial.runs)


def _of(row: Row | Aggregate) -> tuple[str, str, str]:
    return row.task, row.size, row.kind


def _trial(row: Aggregate, own: float | None) -> Trial:
    read = [(result, dev_accuracy(result)) for result in row.results]
    runs = tuple(Read(result.seed, accuracy, _leaky(result)) for result, accuracy in read if accuracy is not None)
    return Trial(row.kind, row.row.settings["learning_rate"], runs, own)


def _leaky(result: Result) -> bool:
    return result.honest is False or result.habits.get("dev_swap", 0.0) > SWAP_BOUND


def by_kind(tried: Iterable[Trial]) -> dict[str, list[Trial]]:
    """Kind -> its trials, by rate."""
    found: dict[str, list[Trial]] = {}
    for trial in sorted(tried, key=lambda trial: trial.rate):
        found.setdefault(trial.kind, []).append(trial)
    return found


def best(tried: Sequence[Trial]) -> Trial | None:
    """Of one kind's trials that with the highest mean, the lowest rate of equal ones; None where all are leaky."""
    held = [trial for trial in tried if trial.dev.n]
    return max(held, key=lambda trial: (trial.dev.mean, -trial.rate), default=None)


def at_the_end(tried: Sequence[Trial]) -> bool:
    """Whether the best of one kind's trials is the lowest or the highest rate: a further one may be better."""
    rates, found = [trial.rate for trial in tried], best(tried)
    return found is not None and found.rate in (min(rates), max(rates))
