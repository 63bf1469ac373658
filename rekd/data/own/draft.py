"""A data set of one's own before it is kept: what was read, what was left out and why, and how it will be split."""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rekd.types import Modality

MOST_ROWS = 1_000_000
MOST_CLASSES = 200
FEWEST = 3
"""Rows of a class: one to learn from, one to tune by, one to test with."""
BAD_KEPT = 1_000
LONGEST_TEXT = 131_072
"""Characters of a text: what the csv module allows a cell, and far more than any model reads."""
LONGEST_LABEL = 100
_PLAIN = re.compile(r"\w")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

Progress = Callable[[int, int], None]
Reads = Callable[[], AbstractContextManager[Callable[[int], bytes]]]


class OwnDataError(ValueError):
    """Data that can't be used, or kept, as they are; the message is a sentence for the person who brought them."""


@dataclass(frozen=True)
class BadRow:
    """A row that is left out. number: the line where it begins in a file, or the path of an image."""

    number: int | str
    reason: str


@dataclass(frozen=True, eq=False)
class Sample:
    """A good row, to look at. image: (H, W, 3) uint8, upright, at most 256 pixels on the longer side."""

    number: int | str
    label: str
    text: str | None = None
    image: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Draft:
    """What was read, before it is kept.

    counts: good rows of each class, in the order of `classes`. splits: good rows of each split, as they will be kept.
    bad: the first 1,000 of `bad_count` rows that are left out. notes: sentences about guesses and oddities.
    line_break: markup that is read as a line break.
    labels: (n,) int64 classes; parts: split -> its rows, of 0 .. n - 1; content: the n texts, or what opens the images.
    """

    modality: Modality
    source: str
    classes: tuple[str, ...]
    counts: Mapping[str, int]
    splits: Mapping[str, int]
    bad: tuple[BadRow, ...]
    bad_count: int
    samples: tuple[Sample, ...]
    notes: tuple[str, ...]
    line_break: str = ""
    labels: np.ndarray = field(repr=False, kw_only=True)
    parts: Mapping[str, np.ndarray] = field(repr=False, kw_only=True)
    content: Any = field(repr=False, kw_only=True)

    @property
    def rows(self) -> int:
        """Good rows, of all classes."""
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Images:
    """Encoded images of a draft. reads: opens their source, giving bytes by row. rows: (n,) the good of `numbers`."""

    reads: Reads
    numbers: Sequence[str]
    rows: np.ndarray


@dataclass
class Gathered:
    """Rows as they are read, one after the other, before anything is known of the whole."""

    numbers: Any = field(default_factory=lambda: array("q"))
    labels: array = field(default_factory=lambda: array("i"))
    given: array = field(default_factory=lambda: array("b"))
    hashes: array = field(default_factory=lambda: array("q"))
    names: dict[str, int] = field(default_factory=dict)
    """Label -> the number it has in `labels`, in order of appearance."""
    bad: list[BadRow] = field(default_factory=list)
    bad_count: int = 0

    def add(self, number: int | str, label: str, given: int, content: str | bytes) -> None:
        """A good row. given: index in SPLITS, or NO_SPLIT.

        Raises:
            OwnDataError: there are too many.
        """
        if len(self.labels) >= MOST_ROWS:
            raise OwnDataError(f"There are more than {MOST_ROWS:,} rows, the most that are read. Bring a part of them.")
        self.numbers.append(number)
        self.labels.append(self.names.setdefault(label, len(self.names)))
        self.given.append(given)
        self.hashes.append(hash(content))

    def refuse(self, number: int | str, reason: str) -> None:
        """A row to leave out."""
        self.bad_count += 1
        if len(self.bad) < BAD_KEPT:
            self.bad.append(BadRow(number, reason))


def text_fault(text: str) -> str:
    """Why a text can't be learnt from; "" where it can."""
    if not text.strip():
        return "the text is empty"
    if len(text) > LONGEST_TEXT:
        return f"the text has {len(text):,} characters; at most {LONGEST_TEXT:,} are read"
    if not _PLAIN.search(text) and not any(_visible(char) for char in text):
        return "there is nothing to read in the text: no letter, digit or sign"
    return ""


def _visible(char: str) -> bool:
    return char != "\ufffd" and unicodedata.category(char)[0] in "LNPS"


def label_of(cell: str) -> str:
    """A label as it is shown: in one line, without space around it or control characters."""
    return " ".join(_CONTROL.sub(" ", cell).split())


def label_fault(label: str) -> str:
    """Why a label can't be one; "" where it can."""
    if not label:
        return "the label is missing"
    if len(label) > LONGEST_LABEL:
        return f"the label has {len(label):,} characters; at most {LONGEST_LABEL} make a class name"
    return ""
