"""What was tried before learning rates were set: every kind of a student at the same rates, read on dev alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rekd.results import protocol
from rekd.results.row import Row
from rekd.results.statistics import Spread, spread
from rekd.results.summary import Aggregate, dev_accuracy


@dataclass(frozen=True)
class Trial:
    """One kind at one learning rate. seeds: (seed, dev accuracy) of its runs, which no other row has. dev: of them all.
    taken: whether the kind's own row has this rate."""

    kind: str
    rate: float
    seeds: tuple[tuple[int, float], ...]
    dev: Spread
    taken: bool


def trials(rows: Iterable[Aggregate]) -> tuple[Trial, ...]:
    """What was tried among some rows of one student, by kind and then rate; without those that were not run."""
    own = {_of(row): row.settings.get("learning_rate") for row in protocol.rows() if row.part == "headline"}
    held = (_trial(row, own.get(_of(row))) for row in rows if row.part == "choices")
    return tuple(trial for trial in held if trial.dev.n)


def _of(row: Row | Aggregate) -> tuple[str, str, str]:
    return row.task, row.size, row.kind


def _trial(row: Aggregate, own: float | None) -> Trial:
    read = [(result.seed, dev_accuracy(result)) for result in row.results]
    seeds = tuple((seed, accuracy) for seed, accuracy in read if accuracy is not None)
    rate = row.row.settings["learning_rate"]
    return Trial(row.kind, rate, seeds, spread(accuracy for _, accuracy in seeds), rate == own)


def by_kind(tried: Iterable[Trial]) -> dict[str, list[Trial]]:
    """Kind -> its trials, by rate."""
    found: dict[str, list[Trial]] = {}
    for trial in sorted(tried, key=lambda trial: trial.rate):
        found.setdefault(trial.kind, []).append(trial)
    return found


def best(tried: Sequence[Trial]) -> Trial:
    """Of one kind's trials that with the highest mean; the lowest rate of equal ones."""
    return max(tried, key=lambda trial: (trial.dev.mean, -trial.rate))


def at_the_end(tried: Sequence[Trial]) -> bool:
    """Whether the best of one kind's trials is the lowest or the highest rate: a further one may be better."""
    rates = [trial.rate for trial in tried]
    return best(tried).rate in (min(rates), max(rates))
