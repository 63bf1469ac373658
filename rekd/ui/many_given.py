"""Many inputs as a person gives them: pasted lines or blocks, a CSV file, pictures or a zip of them. No Streamlit."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from rekd import pictures

if TYPE_CHECKING:
    from rekd.data.own.table import Form
    from rekd.types import Example

MOST = 200
"""Inputs of a batch."""
MOST_BAD = 200
"""Bad rows that are named; all are counted."""
SIDE = 448
"""Longest side of a kept picture, in pixels: what the models read of it is half as much."""
_LINE = re.compile(r"\r\n|\r|\n")
_NO_CELL_END = "\x1f"
"""Separator of a file that has one column: a comma in its texts ends no cell."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """A batch of inputs, in the order in which they were given.

    contents: texts, or pictures as PNG files. names: where each stood, such as "line 3" or the name of its file.
    labels: as they were given, "" where there is none. bad: place and reason of those left out, the first MOST_BAD of
    bad_count. beyond: how many stood behind the MOST that are read. empty: empty lines that were skipped.
    """

    modality: str
    contents: tuple[str, ...] | tuple[bytes, ...]
    names: tuple[str, ...]
    labels: tuple[str, ...]
    bad: tuple[tuple[str, str], ...] = ()
    bad_count: int = 0
    beyond: int = 0
    empty: int = 0
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.contents)

    def example(self, index: int, label: int | None = None) -> Example:
        """An input, counted from 0, as the models' readers take it."""
        from rekd.types import Example

        content, name = self.contents[index], f"own/batch/{index + 1}"
        if isinstance(content, str):
            return Example(name, text=content, label=label)
        return Example(name, image=pixels_of(content), label=label)


@dataclass
class _Gathered:
    """Inputs as they come; those behind the MOST are counted only."""

    modality: str
    contents: list = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    bad: list[tuple[str, str]] = field(default_factory=list)
    bad_count: int = 0
    beyond: int = 0
    empty: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def full(self) -> bool:
        return len(self.contents) >= MOST

    def add(self, name: str, content: str | bytes, label: str = "") -> None:
        if self.full:
            self.beyond += 1
            return
        self.contents.append(content)
        self.names.append(name)
        self.labels.append(label)

    def text(self, name: str, text: str, label: str = "") -> None:
        from rekd.data.own.draft import text_fault

        if self.full:
            self.beyond += 1
        elif why := text_fault(text):
            self.refuse(name, why)
        else:
            self.add(name, text, label)

    def refuse(self, name: str, reason: str) -> None:
        self.bad_count += 1
        if len(self.bad) < MOST_BAD:
            self.bad.append((name, reason))

    def inputs(self, expected: str) -> Inputs:
        """All of them.

        Raises:
            OwnDataError: there is none.
        """
        from rekd.data.own.draft import OwnDataError

        if not self.contents:
            first = f" The first of {self.bad_count:,} left out is {': '.join(self.bad[0])}." if self.bad else ""
            raise OwnDataError(f"There is no input to read here.{first} {expected}")
        held = self.contents, self.names, self.labels, self.bad
        lists = (tuple(each) for each in held)
        return Inputs(self.modality, *lists, self.bad_count, self.beyond, self.empty, tuple(self.notes))


def from_paste(text: str, blocks: bool) -> Inputs:
    """Pasted texts: one a line, or (blocks) one between empty lines, their line ends kept.

    Raises:
        OwnDataError: there is none.
    """
    found, lines = _Gathered("text"), _LINE.split(text)
    if blocks:
        for number, block in _blocks(lines):
            found.text(f"line {number:,}", block)
    else:
        while lines and not lines[-1].strip():
            lines.pop()
        for number, line in enumerate(lines, 1):
            if line.strip():
                found.text(f"line {number:,}", line)
            else:
                found.empty += 1
    return found.inputs("Paste at least one text.")


def _blocks(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Lines that stand together, with the number of the first."""
    begin = None
    for place, line in enumerate([*lines, ""]):
        if line.strip():
            begin = place if begin is None else begin
        elif begin is not None:
            yield begin + 1, "\n".join(lines[begin:place])
            begin = None


def table_form(file: BinaryIO) -> Form:
    """How a CSV file is written; one column is enough, its lines then being texts with commas and all.

    Raises:
        OwnDataError: it is no table.
    """
    from rekd.data.own.draft import OwnDataError
    from rekd.data.own.file import Lines, encoding_of, text_of
    from rekd.data.own.table import DELIMITERS, Form, form_of

    encoding, damaged = encoding_of(file)
    with text_of(file, encoding) as text:
        first = next((line.strip() for line in Lines(text) if line.strip()), "")
    if any(mark in first for mark in DELIMITERS):
        return form_of(file)
    if not first:
        raise OwnDataError("The file is empty. A line of column names and a text a line are expected.")
    return Form(encoding, damaged, _NO_CELL_END, (first.strip('"'),))


def columns(data: bytes) -> tuple[str, ...]:
    """The column names of a CSV file.

    Raises:
        OwnDataError: it has none, or is no CSV.
    """
    from rekd.data.own.file import opened

    with opened(data) as file:
        return table_form(file).names


def guess(names: Sequence[str]) -> tuple[str | None, str | None]:
    """Which columns are named like a text and like a label; None where none is, unless there is one column alone."""
    from rekd.data.own.text import guess_columns

    blank = "\0"  # beside a column without a name, another is taken for what its own name says, or for nothing
    text = next((name for name in names if guess_columns((blank, name))[0] == name), None)
    label = next((name for name in names if guess_columns((name, blank))[1] == name), None)
    return (names[0], None) if len(names) == 1 else (text, label)


def from_table(data: bytes, text: str, label: str | None) -> Inputs:
    """The texts of a CSV file, and their labels where a column of them is named.

    Raises:
        OwnDataError: the file can't be used; the message says why.
    """
    from rekd.data.own.draft import label_of
    from rekd.data.own.file import opened
    from rekd.data.own.table import rows_of
    from rekd.data.own.text import BREAK

    found, breaks = _Gathered("text"), 0
    with opened(data) as file:
        form = table_form(file)
        place, other = form.names.index(text), form.names.index(label) if label else None
        with closing(rows_of(file, form)) as rows:
            for number, row in rows:
                name = f"line {number:,}"
                if isinstance(row, str):
                    found.refuse(name, row)
                    continue
                breaks += BREAK in row[place]
                found.text(name, row[place].replace(BREAK, "\n"), "" if other is None else label_of(row[other]))
    if form.delimiter != _NO_CELL_END:
        found.notes += form.notes
    if breaks:
        found.notes.append(f"“{BREAK}” stands in {breaks:,} text{'s' * (breaks > 1)} and is read as a line break.")
    return found.inputs("A line of column names, then a text a line, is expected.")


def from_files(files: Sequence[tuple[str, bytes]]) -> Inputs:
    """Pictures from files, and from zip archives, whose folders may name a class.

    Args:
        files: name and content of each.

    Raises:
        OwnDataError: there is none; an archive that can't be used is a bad row.
    """
    from rekd.data.own.draft import OwnDataError

    found = _Gathered("image")
    for name, data in files:
        if name.lower().endswith(".zip") or data.startswith(b"PK\x03\x04"):
            try:
                _unpack(found, name, data)
            except OwnDataError as fault:  # the files beside it can be read
                found.refuse(name, str(fault))
        else:
            _picture(found, name, lambda data=data: data)
    return found.inputs("Choose PNG, JPEG, WebP, GIF, BMP or TIFF pictures, or a zip of them.")


def _unpack(found: _Gathered, name: str, data: bytes) -> None:
    from rekd.data.own.folders import arrange, listing_of

    listing = listing_of(data, name)
    spots, others, notes = arrange(listing.paths)
    labels, row_of = {spot.row: spot.label for spot in spots}, {path: row for row, path in enumerate(listing.paths)}
    rows = sorted([*labels, *(row_of[path] for path, _ in others)], key=listing.paths.__getitem__)
    found.notes += notes
    with listing.reads(listing.keys)() as read:
        for row in rows:
            _picture(found, listing.paths[row], lambda row=row: read(row), labels.get(row, ""))


def _picture(found: _Gathered, name: str, read, label: str = "") -> None:
    from rekd.data.own.images import FAULTS, clause

    if found.full:
        found.beyond += 1
        return
    try:
        found.add(name, png(pictures.open_image(read(), "The file", SIDE).pixels), label)
    except FAULTS as fault:
        found.refuse(name, clause(fault))


def png(pixels: np.ndarray) -> bytes:
    """A picture (H, W, 3) uint8 as a PNG file."""
    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG")
    return held.getvalue()


def pixels_of(data: bytes) -> np.ndarray:
    """The pixels (H, W, 3) uint8 of a PNG file of our own."""
    from PIL import Image

    return np.array(Image.open(io.BytesIO(data), formats=["PNG"]).convert("RGB"), np.uint8)
