"""Classes and splits of one's own data, decided when all rows are read: what is too small, what looks odd."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rekd.data.own.draft import BAD_KEPT, FEWEST, MOST_CLASSES, BadRow, Gathered, OwnDataError
from rekd.data.own.splits import NO_SPLIT, SPLITS, across, divide


@dataclass(frozen=True, eq=False)
class Settled:
    """rows: (n,) those of the gathered rows that stay. labels: (n,) int64. parts: split -> rows of 0 .. n - 1."""

    classes: tuple[str, ...]
    rows: np.ndarray
    labels: np.ndarray
    parts: Mapping[str, np.ndarray]
    notes: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        found = np.bincount(self.labels, minlength=len(self.classes))
        return {name: int(count) for name, count in zip(self.classes, found, strict=True)}

    @property
    def splits(self) -> dict[str, int]:
        return {name: len(rows) for name, rows in self.parts.items()}


def settle(found: Gathered, where: str, known: Sequence[str] = ()) -> Settled:
    """Decide classes and splits of all good rows; rows of classes that are too small become bad rows of `found`.

    Args:
        where: what gave the labels, as a sentence calls it, such as: The column “label”. known: class names in their
            own order, where the source has one.

    Raises:
        OwnDataError: no good row, one class, or too many.
    """
    names, labels = list(found.names), np.asarray(found.labels, np.int64)
    given = np.asarray(found.given, np.int8)
    if not len(labels):
        if not found.bad:
            raise OwnDataError("There is no row to learn from: nothing follows the names of the columns. Add examples.")
        raise OwnDataError(f"No row can be used. {_first_bad(found)}")
    counts = np.bincount(labels, minlength=len(names))
    small = counts < FEWEST
    if len(names) > MOST_CLASSES and (np.sum(~small) > MOST_CLASSES or counts[small].sum() * 10 > len(labels)):
        raise OwnDataError(
            f"{where} holds {len(names):,} different labels; at most {MOST_CLASSES} classes can be learnt. "
            "Is it the right place to look for labels?"
        )
    unlearnt = _without_train(labels, given, len(names)) & ~small
    stays = ~(small | unlearnt)[labels]
    late = np.flatnonzero(~stays)
    found.bad_count += len(late)
    found.bad += [BadRow(found.numbers[i], _why_left(names[labels[i]], counts[labels[i]])) for i in late[:BAD_KEPT]]
    found.bad = sorted(found.bad, key=lambda bad: _reading_order(bad.number))[:BAD_KEPT]
    left = [name for name, gone in zip(names, small | unlearnt, strict=True) if not gone]
    if len(left) < 2:
        raise OwnDataError(_one_class(left, where, len(names), found))
    classes = tuple(name for name in known if name in set(left)) or tuple(sorted(left, key=_order))
    code = np.array([classes.index(name) if name in classes else -1 for name in names])
    rows = np.flatnonzero(stays)
    parts, notes = _parted(code[labels[rows]], given[rows], np.asarray(found.hashes, np.int64)[rows], classes)
    return Settled(classes, rows, code[labels[rows]], parts, (*_alike(classes), *notes))


def _parted(labels, given, hashes, classes) -> tuple[dict[str, np.ndarray], list[str]]:
    """Splits, and what to say of them and of repeated rows; all (n,)."""
    _, content, count = np.unique(hashes, return_inverse=True, return_counts=True)
    parts, said = divide(labels, given, (count > 1)[content], classes)
    if empty := [name for name, rows in parts.items() if not len(rows)]:
        raise OwnDataError(f"There are too few rows: of {len(labels):,}, none is left for {' and '.join(empty)}.")
    return parts, [*said, *_repeats(labels, content, count, across(parts, content))]


def _without_train(labels: np.ndarray, given: np.ndarray, count: int) -> np.ndarray:
    """(count,) bool: classes of which no row is in train, where the source has splits of its own."""
    learnt = np.bincount(labels[(given == SPLITS.index("train")) | (given == NO_SPLIT)], minlength=count)
    return learnt == 0


def _reading_order(number: int | str) -> list[tuple]:
    """So that row 3 comes before row 10, of numbers and of names with numbers in them."""
    parts = re.split(r"([0-9]+)", str(number))
    return [(0, int(part), "") if place % 2 else (1, 0, part) for place, part in enumerate(parts)]


def _why_left(name: str, count: int) -> str:
    if count < FEWEST:
        held = "1 row" if count == 1 else f"{count} rows"
        return f"its class “{name}” has only {held}; at least {FEWEST} are needed to learn, to tune and to test"
    return f"no row of its class “{name}” is in the training split"


def _first_bad(found: Gathered) -> str:
    bad = found.bad[0]
    where = f"line {bad.number}" if isinstance(bad.number, int) else bad.number
    return f"{found.bad_count:,} were left out; the first, {where}: {bad.reason}."


def _one_class(left: list[str], where: str, count: int, found: Gathered) -> str:
    if count == 1:
        return f"Every row has the label “{next(iter(found.names))}”; two classes are needed at least."
    kept = f"Only “{left[0]}” has" if left else "No class has"
    return (
        f"{where} holds {count} labels, and two classes are needed at least. {kept} {FEWEST} usable rows or more. "
        + (_first_bad(found) if found.bad else "")
    )


def _order(name: str) -> tuple:
    """Whole numbers by size, before names by the alphabet."""
    number = int(name) if re.fullmatch(r"[+-]?\d{1,15}", name) else None
    return (number is None, number or 0, name.casefold(), name)


def _repeats(labels: np.ndarray, content: np.ndarray, count: np.ndarray, crossing: int) -> Iterator[str]:
    """What to say of rows with the same content. content: (n,) its number; count: rows of each content."""
    if not (extra := int(np.sum(count - 1))):
        return
    yield f"{_rows(extra)} repeat{'s' * (extra == 1)} another exactly; all are kept."
    low, high = np.full(len(count), len(labels)), np.full(len(count), -1)
    np.minimum.at(low, content, labels)
    np.maximum.at(high, content, labels)
    if torn := int(np.sum(low < high)):
        yield f"{_contents(torn)} there with more than one label."
    if crossing:
        yield f"{_contents(crossing)} in more than one split: what is tested with was partly learnt."


def _alike(classes: Sequence[str]) -> Iterator[str]:
    """Classes that a person may have meant as one."""
    seen: dict[str, str] = {}
    for name in classes:
        folded = unicodedata.normalize("NFKC", name).casefold()
        if folded in seen:
            yield f"“{seen[folded]}” and “{name}” differ only in how they are written; they are two classes here."
        seen.setdefault(folded, name)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _contents(count: int) -> str:
    return "1 content stands" if count == 1 else f"{count:,} contents stand"
