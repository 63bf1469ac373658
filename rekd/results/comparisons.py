"""Rows held against each other, seed by seed, and the share of runs whose masks code the label.

Accuracies are those under top-k, where every model that selects has the same number of units of an input; the
difference of the realised rates stands beside each. Holm's correction is over all comparisons that have a p, so give
the results of all tasks and choose among the comparisons afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rekd.results.protocol import rows
from rekd.results.record import Result
from rekd.results.row import FIRST, KINDS, PARTS, Row
from rekd.results.statistics import Difference, holm, paired
from rekd.results.summary import Aggregate

PAIRS = (("rekd", "re"), ("rekd", "kd"), ("rekd", "cls"), ("rekd", "random"), ("re", "random"))
"""Kinds of one student that are compared, the claim first."""
MADE_LEAKY = "leaky"
"""The setting of rows that are made so that their masks code the label."""


@dataclass(frozen=True)
class Comparison:
    """The first row minus the second, of one student or teacher, over seeds.

    title: for people, such as "REKD - RE". first, second: names of the rows. part, task, size, setting: of the first.
    wanted: seeds that the protocol wants of both. accuracy: over seeds at which neither run is leaky. every: over all
    seeds. rate: of the realised rates over the seeds of `accuracy`, as shares of an input's units; None where one of
    the two reads the whole input.
    """

    title: str
    first: str
    second: str
    part: str
    task: str
    size: str
    setting: str
    wanted: int
    accuracy: Difference
    every: Difference
    rate: Difference | None

    @property
    def name(self) -> str:
        return f"{self.first} - {self.second}"

    @property
    def leaky(self) -> int:
        """Pairs that are left out of `accuracy` since a run of theirs is leaky."""
        return self.every.n - self.accuracy.n

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"name": self.name, "leaky": self.leaky}


def comparisons(found: Iterable[Aggregate]) -> list[Comparison]:
    """All comparisons of which both rows have a run of the same seed, by part of the protocol."""
    there = {each.name: each for each in found if each.row and each.results}
    made = [_compare(there[first], there[second], title) for first, second, title in _named(there)]
    order = {part: number for number, part in enumerate(PARTS)}
    kept = sorted((each for each in made if each.every.n), key=lambda each: order[each.part])
    return _corrected(kept)


def _named(there: Mapping[str, Aggregate]) -> Iterator[tuple[str, str, str]]:
    """(row, row, title) of the rows that have runs: kinds under one setting, then ablations against the default."""
    of = {(row.task, row.size, row.setting, row.kind): row for row in _compared(there)}
    for task, size, setting in dict.fromkeys(key[:3] for key in of):
        for kinds in PAIRS if not size.startswith("teacher") else (("re", "cls"),):
            pair = [of.get((task, size, setting, kind)) for kind in kinds]
            if all(pair):
                yield pair[0].name, pair[1].name, " - ".join(KINDS[kind] for kind in kinds)
    for row in of.values():
        default = of.get((row.task, row.size, "", row.kind))
        if row.part == "ablations" and default and not row.is_teacher:
            yield row.name, default.name, f"{KINDS[row.kind]} ({row.setting}) - {KINDS[row.kind]}"


def _compared(there: Mapping[str, Aggregate]) -> list[Row]:
    """Rows that take part: all but those that chose a learning rate, whose seeds are their own."""
    return [each.row for each in there.values() if each.part != "choices"]


def _compare(first: Aggregate, second: Aggregate, title: str) -> Comparison:
    about = (title, first.name, second.name, first.part, first.task, first.size, first.setting)
    wanted = len({*first.wanted} & {*second.wanted})
    whole = {"cls", "kd"} & {first.kind, second.kind}
    honest = [{result.seed: result for result in each.honest if result.report} for each in (first, second)]
    every = [{result.seed: result for result in each.results if result.report} for each in (first, second)]
    rate = None if whole else _difference(honest, Result.rate)
    return Comparison(*about, wanted, _difference(honest, Result.accuracy), _difference(every, Result.accuracy), rate)


def _difference(pair: Sequence[Mapping[int, Result]], measure) -> Difference:
    return paired(*({seed: measure(result) for seed, result in side.items()} for side in pair))


def _corrected(found: Sequence[Comparison]) -> list[Comparison]:
    """With Holm's p beside each p: of honest pairs among themselves, and of all pairs among themselves."""
    for which in ("accuracy", "every"):
        differences = {each.name: getattr(each, which) for each in found}
        adjusted = holm({name: one.p for name, one in differences.items() if one.p is not None})
        told = {name: replace(one, adjusted=adjusted.get(name)) for name, one in differences.items()}
        found = [replace(each, **{which: told[each.name]}) for each in found]
    return list(found)


SHARES = {
    "re": "RE",
    "rekd-honest": "REKD from honest teachers",
    "rekd-leaky": "REKD from leaky teachers",
    "rekd-unknown": "REKD from teachers that were not measured",
    "rekd-made": "REKD from a teacher made so that it leaks, but within the bound",
    "made": "RE made so that it leaks",
}
"""What leaky runs are counted by: RE of students and teachers alike, but for those made for the purpose."""


@dataclass(frozen=True)
class LeakyShare:
    """How many of the runs of a group, of SHARES, code the label in their masks."""

    group: str
    leaky: int
    of: int

    @property
    def share(self) -> float:
        return self.leaky / self.of

    @property
    def title(self) -> str:
        return SHARES[self.group]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"title": self.title, "share": self.share}


def leaky_shares(results: Sequence[Result], among: Sequence[Result] = ()) -> list[LeakyShare]:
    """The share of leaky runs by group, of the groups that have measured runs.

    Args:
        among: where teachers are looked for besides, if `results` are a choice of more.
    """
    teachers, counts = _Teachers([*among, *results]), {group: [0, 0] for group in SHARES}
    for result in results:
        if result.kind in ("re", "rekd") and result.honest is not None:
            count = counts[teachers.group(result)]
            count[0] += not result.honest
            count[1] += 1
    return [LeakyShare(group, *count) for group, count in counts.items() if count[1]]


class _Teachers:
    """Which teacher a run learned from, and whether that one's masks code the label."""

    def __init__(self, results: Sequence[Result]):
        self.rows = {row.name: row for row in rows()}
        self.by_hash = {result.hash: result for result in results if result.hash}
        self.by_run = {(result.row, result.seed): result for result in results if result.row}

    def group(self, result: Result) -> str:
        row = self.rows.get(result.row)
        if result.kind == "re":
            return "made" if row and row.setting == MADE_LEAKY else "re"
        honest = self._honest(result, row)
        if honest and self._made(result, row):
            return "rekd-made"
        return "rekd-unknown" if honest is None else "rekd-honest" if honest else "rekd-leaky"

    def _made(self, result: Result, row: Row | None) -> bool:
        """Whether its teacher was made so that it leaks."""
        taught = self.by_hash.get(result.teacher_hash)
        name = taught.row if taught else row.learns["teacher"][0] if row and "teacher" in row.learns else ""
        return name in self.rows and self.rows[name].setting == MADE_LEAKY

    def _honest(self, result: Result, row: Row | None) -> bool | None:
        """By the teacher's own result; else by that of the run that the row names, or by what that row is made for."""
        if result.teacher_hash in self.by_hash:
            return self.by_hash[result.teacher_hash].honest
        if row is None or "teacher" not in row.learns:
            return None
        name, which = row.learns["teacher"]
        seed = self.rows[name].seeds[0] if which == FIRST else result.seed
        if (name, seed) in self.by_run:
            return self.by_run[name, seed].honest
        return False if self.rows[name].setting == MADE_LEAKY else None
