"""The results as text, for a terminal: tables, comparisons, leaks, the paper's numbers, and what is not run yet."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from rekd.measures.verdict import COUNT_MARGIN, MASK_MARGIN, stored, warned
from rekd.results import protocol
from rekd.results.comparisons import Comparison, LeakyShare
from rekd.results.published import SEEDS, SOURCE, Published, published
from rekd.results.row import KINDS, PARTS
from rekd.results.statistics import Difference, Spread
from rekd.results.summary import OWN, RULES, Aggregate, figures, sorts_of
from rekd.results.tried import Trial, by_kind, trials

NONE = "–"
"""In place of a number that was not measured, or that there can't be."""
TITLES = {**PARTS, OWN: "Own runs, which belong to no row of the protocol"}
WIDTH = 110
"""Characters of a line of prose."""

_HEAD = ("row", "accuracy", "seeds", "leaky", "rate", "random", "count", "mask", "swap", "steps", "at", "again by")
_SELECTED = ("what is selected, of honest runs", "certainty")
_CLASSES = ("lowest class rate", "highest class rate", "most empty")
_BY_RULE = ("accuracy at realised rate, by mask rule", *RULES, "empty")
_LEGEND = (
    "accuracy: share of the test split that is right, mean ± standard deviation over seeds, under top-k at the nominal "
    "rate: the same number of units for every model that selects. CLS reads the whole input, Random masks is a "
    "predictor that was trained on random ones. dev: where a row was read on dev alone. dev accuracy at: learning "
    "rates that were tried, on seeds that no other row has, leaky runs (by the swap on dev) in no mean; * the rate of "
    "the kind's own row.",
    "seeds: runs that have ended, of those that the protocol wants. leaky: runs whose masks code the label; they are "
    "left out of every mean but that in brackets and those of count, mask and swap, which are over all runs.",
    "rate: realised share of an input's units, under top-k unless said. random: accuracy of the same predictor on "
    "random masks at the nominal rate. count, mask: accuracy of guessing the label from the number, or the places, of "
    "selected units. swap: how much more often a mask laid on another input makes the predictor say its class; it "
    "decides, its bound is 0.05. empty: share of masks that select nothing, before repair.",
    "steps, at: of training, beyond those of a run that a row starts from, and the learning rate: kinds "
    "differ in both. Of the students, RE alone may stop early.",
    "what is selected: of the units that top-k selects on dev, the share that is punctuation, stop words, or patches "
    "of the outermost ring, and in brackets that of all units; stop words of runs whose weights were at hand. "
    "certainty: mean |2s - 1| of the gates on dev, 0 a coin, 1 nothing left to chance. class rates: the classes of "
    "test with the smallest and the largest mean rate, under calibrated. most empty: the largest share of empty masks "
    "of a class, before repair. Leaky runs are in none of it.",
)
_TEST = (
    "pairs: seeds at which neither run is leaky. Interval: Student's t. p: exact test by changes of sign, two-sided, "
    "of eight pairs and more; Holm's correction is over all of them, of every task. of rates: difference of the "
    "realised rates, in percentage points of an input's units. with leaky ones: over all pairs, where some are leaky."
)


def told(
    rows: Sequence[Aggregate], pairs: Sequence[Comparison], shares: Sequence[LeakyShare], tasks: Iterable[str]
) -> Iterator[str]:
    """Everything, line by line. tasks: those whose published numbers are told."""
    yield from tables(rows)
    for text in _LEGEND if any(row.results for row in rows) else ():
        yield from prose(text)
    yield from compared(pairs)
    if pairs:
        yield from prose(_TEST)
    yield from leaks(shares)
    yield from counted(rows)
    yield from papers(tasks)
    yield from lacking(rows)


def prose(text: str) -> list[str]:
    """A paragraph in lines, with an empty one before it."""
    return ["", *textwrap.wrap(text, WIDTH, break_on_hyphens=False)]


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Cells as lines with columns of one width."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "    " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def number(found: Spread, digits: int = 3) -> str:
    """A mean with its spread over seeds: 0.893 ± 0.005."""
    if found.mean is None:
        return NONE
    return f"{found.mean:.{digits}f}" + ("" if found.sd is None else f" ± {found.sd:.{digits}f}")


def accuracy(row: Aggregate) -> str:
    """Over honest runs, and over all in brackets where some are leaky; of rows read on dev alone that, and said so."""
    if not (every := row.of("accuracy", every=True)).n:
        dev = row.of("dev", every=True)
        return f"dev {number(dev)}" if dev.n else NONE
    return f"{number(row.of('accuracy'))} (all {number(every)})" if row.leaky else number(row.of("accuracy"))


def tables(found: Sequence[Aggregate]) -> Iterator[str]:
    """For each part, task and size a table of the rows that have runs."""
    for part, title in TITLES.items():
        groups: dict[tuple[str, str], list[Aggregate]] = {}
        for row in found:
            if row.part == part and row.results:
                groups.setdefault((row.task, row.size), []).append(row)
        if groups:
            yield from ("", title)
        for (task, size), rows in groups.items():
            yield from ("", f"  {task}, {size}" if size else f"  {task}")
            yield from (_tried if part == "choices" else _table)(rows)


def _tried(rows: Sequence[Aggregate]) -> list[str]:
    """What was tried for one student: a line a kind, a column a learning rate."""
    held, stems = by_kind(trials(rows)), {row.kind: row.name.rpartition("-")[0] for row in rows}
    rates = sorted({trial.rate for them in held.values() for trial in them})
    head = ("dev accuracy at", *map(figures, rates), "again by")
    lines = [
        (KINDS[kind], *_at(them, rates), f"python -m rekd results run '{stems[kind]}-*'") for kind, them in held.items()
    ]
    return aligned([head, *lines])


def _at(held: Sequence[Trial], rates: Iterable[float]) -> Iterator[str]:
    """Dev accuracy of one kind at each rate; its own row's is starred, and leaky runs are counted."""
    found = {trial.rate: trial for trial in held}
    for rate in rates:
        trial = found.get(rate)
        leaky = f" ({trial.leaky} leaky)" if trial and trial.leaky else ""
        yield NONE if trial is None else f"{number(trial.dev, 4)}{leaky}{' *' if trial.taken else ''}"


def _table(rows: Sequence[Aggregate]) -> Iterator[str]:
    yield from _filled(_HEAD, map(_cells, rows))
    yield from _filled(_BY_RULE, (_by_rule(row) for row in rows if row.of("accuracy sampled", every=True).n))
    selecting = [row for row in rows if row.selects]
    sorts = sorts_of(selecting)
    head = (*_SELECTED, *(f"{sort} (of all)" for sort in sorts), *_CLASSES)
    yield from _filled(head, (_selected(row, sorts) for row in selecting))
    for row in rows:
        if row.unmeasured:
            yield f"    {row.name} is not measured on test yet with seed {_listed(row.unmeasured)}."


def _filled(head: Sequence[str], body: Iterable[Sequence[str]]) -> list[str]:
    """A table without its columns of dashes alone; nothing where names would be all that it holds."""
    columns = [column for column in zip(head, *body, strict=True) if {*column[1:]} - {NONE}]
    return aligned([*zip(*columns, strict=True)]) if len(columns) > 1 else []


def _cells(row: Aggregate) -> tuple[str, ...]:
    rate = NONE if row.kind in ("cls", "kd") else percent(row.of("rate").mean)
    leaks = [row.of(name, every=True) for name in ("count", "mask", "swap")]
    others = (decimal(each.mean) for each in (row.of("random"), *leaks))
    how = map(str, row.budget or (NONE, NONE))
    again = row.rerun or f"{KINDS[row.kind]}, of yours: {', '.join(result.name for result in row.results)}"
    return row.name, accuracy(row), f"{len(row.done)} of {len(row.wanted)}", _leaky(row), rate, *others, *how, again


def _by_rule(row: Aggregate) -> tuple[str, ...]:
    pairs = ((row.of(f"accuracy {rule}"), row.of(f"rate {rule}").mean) for rule in RULES)
    told = (NONE if rate is None else f"{number(each)} at {percent(rate)}" for each, rate in pairs)
    return row.name, *told, percent(row.of("empty").mean)


def _selected(row: Aggregate, sorts: Iterable[str]) -> tuple[str, ...]:
    """What a row's models select, and how their classes differ; a dash for what no honest run has measured."""
    rates, empty = row.by_class("rates").items(), row.by_class("empty").values()
    ends = (pick(rates, key=lambda each: each[1].mean, default=None) for pick in (min, max))
    classes = (NONE if end is None else f"{percent(end[1].mean)} {end[0]}" for end in ends)
    most = max((each.mean for each in empty), default=None)
    return row.name, number(row.of("certainty")), *(_sort(row, sort) for sort in sorts), *classes, percent(most)


def _sort(row: Aggregate, sort: str) -> str:
    """Share of the selected units with its base: 3.0 ± 0.4% (13.0%); of how many runs, where not all measured it."""
    found = row.of(f"selected {sort}")
    if found.mean is None:
        return NONE
    spread = "" if found.sd is None else f" ± {100 * found.sd:.1f}"
    some = "" if found.n == len(row.honest) else f", {found.n} run{'' if found.n == 1 else 's'}"
    return f"{100 * found.mean:.1f}{spread}% ({percent(row.of(f'all {sort}').mean)}){some}"


def _leaky(row: Aggregate) -> str:
    """How many of the runs whose masks were measured."""
    measured = sum(result.honest is not None for result in row.results)
    return f"{len(row.leaky)} of {measured}" if measured else NONE


def _listed(seeds: Iterable[int]) -> str:
    return ", ".join(map(str, seeds))


def decimal(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"


def percent(value: float | None) -> str:
    return NONE if value is None else f"{value:.1%}"


def signed(value: float | None, digits: int = 4) -> str:
    """With its sign, which 0 has as a plus."""
    return NONE if value is None else f"{round(value, digits) + 0.0:+.{digits}f}"


_PAIRS = ("first", "minus", "difference", "95 % interval", "pairs", "p", "p, Holm", "of rates", "with leaky ones")


def compared(found: Sequence[Comparison]) -> Iterator[str]:
    """The comparisons, one a line, by part; nothing where there are none."""
    for part, group in groupby(found, key=lambda each: each.part):
        yield from ("", f"Differences of accuracy, paired by seed: {PARTS[part][0].lower()}{PARTS[part][1:]}")
        yield from aligned([_PAIRS, *map(_pair, group)])


def _pair(each: Comparison) -> tuple[str, ...]:
    own, pairs = each.accuracy, f"{each.accuracy.n} of {each.wanted}"
    rate = NONE if each.rate is None or each.rate.mean is None else f"{signed(100 * each.rate.mean, 2)}"
    every = f"{signed(each.every.mean)} ({each.every.n} pairs)" if each.leaky else NONE
    return each.first, each.second, signed(own.mean), interval(own), pairs, _p(own.p), _p(own.adjusted), rate, every


def interval(found: Difference) -> str:
    """The interval's ends: +0.018 to +0.031; a dash of fewer than two pairs."""
    return NONE if found.low is None else f"{signed(found.low)} to {signed(found.high)}"


def _p(p: float | None) -> str:
    return NONE if p is None else f"{p:.4f}"


def leaks(found: Sequence[LeakyShare]) -> Iterator[str]:
    """The share of leaky runs by kind; nothing where no masks were measured."""
    if found:
        yield from ("", "Runs whose masks code the label")
        yield from aligned([(each.title, f"{each.leaky} of {each.of}", f"{each.share:.0%}") for each in found])


def counted(rows: Iterable[Aggregate]) -> Iterator[str]:
    """How many of the runs whose masks were measured tell the label by their count, and how many by their places;
    nothing where none were."""
    if found := [*filter(None, (stored(run.report) for row in rows for run in row.results))]:
        over, places, known = warned(found)
        yield from prose(
            f"Of the {len(found)} run{'s' * (len(found) != 1)} counted, {over} {'is' if over == 1 else 'are'} outside "
            f"the bound of the count of selected units, {COUNT_MARGIN} over chance, and {places} of {known} outside "
            f"that of their places, {MASK_MARGIN} over honest masks, where those are known. Neither decides."
        )


def papers(tasks: Iterable[str]) -> Iterator[str]:
    """The paper's accuracies of some tasks, marked as its own; nothing where it has none."""
    if found := [each for task in tasks for each in published(task)]:
        yield from ("", f"Published by the paper, not ours: {SOURCE}. Means over {SEEDS} seeds of its own models.")
        yield from aligned([("task", "model", "kind", "accuracy"), *map(_published, found)])


def _published(each: Published) -> tuple[str, ...]:
    kind = f"{KINDS[each.kind]}, teacher" if each.teacher else KINDS[each.kind]
    return each.task, each.model, kind, number(Spread(SEEDS, each.accuracy, each.sd))


def lacking(every: Iterable[Aggregate]) -> Iterator[str]:
    """By part, the rows that were not run yet, with the seeds where some were; nothing where all were run."""
    parts: dict[str, list[Aggregate]] = {}
    for row in every:
        if row.missing:
            parts.setdefault(row.part, []).append(row)
    if parts:
        yield from ("", "Not run yet; `python -m rekd results run NAME` runs a row, a pattern or a part")
    width = max(map(len, parts), default=0)
    for part, them in parts.items():
        begun = [f"{row.name} (seed {_listed(row.missing)})" for row in them if row.results]
        names = ", ".join([*begun, *_patterns(row.name for row in them if not row.results)])
        indents = {"initial_indent": f"    {part:<{width}}  ", "subsequent_indent": " " * (width + 6)}
        yield from textwrap.wrap(names, WIDTH, break_on_hyphens=False, **indents)


def _patterns(names: Iterable[str]) -> Iterator[str]:
    """Names that begin alike as one pattern, where that means no other row of the protocol."""
    for stem, alike in groupby(names, key=lambda name: name.rpartition("-")[0]):
        together, meant = [*alike], {row.name for row in protocol.rows() if row.name.startswith(f"{stem}-")}
        yield from [f"{stem}-*"] if len(together) > 1 and meant == {*together} else together
