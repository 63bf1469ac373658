"""A CSV file as rows with the line where each begins: encoding and separator found out, damage told row by row."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from rekd.data.own.draft import OwnDataError
from rekd.data.own.file import UNREAD, Lines, encoding_of, text_of

SAMPLE = 200
"""Lines that are looked at to find the separator."""
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True)
class Form:
    """How a file is written. damaged: some bytes of it are no characters of the encoding. names: its columns."""

    encoding: str
    damaged: bool
    delimiter: str
    names: tuple[str, ...]

    @property
    def spelt(self) -> str:
        """The encoding as people write it."""
        return "Windows-1252" if self.encoding == "cp1252" else self.encoding.removesuffix("-sig").upper()

    @property
    def notes(self) -> list[str]:
        said = []
        if self.encoding == "cp1252":
            said.append("The file is not in UTF-8; it was read as Windows-1252. Look whether its accents are right.")
        elif self.encoding.startswith(("utf-16", "utf-32")):
            said.append(f"The file is in {self.spelt}.")
        if self.delimiter != ",":
            said.append(f"Its cells are separated by {DELIMITERS[self.delimiter]}.")
        return said


def form_of(file: BinaryIO) -> Form:
    """Encoding, separator and column names of a file; leaves it at its start.

    Raises:
        OwnDataError: it has no line of distinct column names, two at least.
    """
    encoding, damaged = encoding_of(file)
    with text_of(file, encoding) as lines:
        sample = [line for line, _ in zip(Lines(lines), range(SAMPLE), strict=False)]
    tables = {delimiter: _parsed(sample, delimiter) for delimiter in DELIMITERS}
    tables = {delimiter: rows for delimiter, rows in tables.items() if rows and len(rows[0]) > 1}
    if not tables:
        first = _short(sample[0] if sample else "")
        raise OwnDataError(
            f"The file has one column, “{first}”. Two are expected, a text and its label, with their names "
            "in the first line and separated by commas, semicolons, tabs or bars."
        )
    best = max(tables, key=lambda delimiter: _evenness(tables[delimiter]))
    return Form(encoding, damaged, best, _named(tables[best][0]))


def rows_of(file: BinaryIO, form: Form) -> Iterator[tuple[int, list[str] | str]]:
    """Every row below the header: the line where it begins, header = 1, and its cells, or why it can't be used."""
    unread = "\ufffd" if form.encoding.startswith(("utf-16", "utf-32")) else ""
    with text_of(file, form.encoding) as lines:
        source = Lines(lines)
        reader = csv.reader(source, delimiter=form.delimiter)
        header = True
        while True:
            begins = reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error:
                most = f"{csv.field_size_limit():,} characters"
                yield begins, f"a cell of it has over {most}, or its quotation mark never closes"
                continue
            if header and row:
                header, first = False, row
            elif row:
                yield begins, _fault(row, first, source.ended, form, unread) or row


def _fault(row: list[str], first: list[str], ended: bool, form: Form, unread: str) -> str:
    if ended:
        return "a quotation mark opens in it and never closes"
    if len(row) != len(first):
        cells = "1 cell" if len(row) == 1 else f"{len(row):,} cells"
        return f"it has {cells}; the first line names {len(first)} columns"
    if row == first:
        return "it repeats the column names"
    joined = "".join(row)
    if "\0" in joined:
        return "it holds NUL bytes"
    if form.damaged and UNREAD.search(joined) or unread and unread in joined:
        return f"it holds bytes that are no {form.spelt}"
    return ""


def _parsed(sample: Sequence[str], delimiter: str) -> list[list[str]]:
    """The sample's rows up to one that can't be read."""
    rows: list[list[str]] = []
    with suppress(csv.Error):
        rows.extend(row for row in csv.reader(sample, delimiter=delimiter) if row)
    return rows


def _evenness(rows: Sequence[Sequence[str]]) -> tuple[float, int]:
    """Share of the rows that have as many cells as the first, and that number."""
    return sum(len(row) == len(rows[0]) for row in rows) / len(rows), len(rows[0])


def _named(cells: Sequence[str]) -> tuple[str, ...]:
    """Column names, those without one by their place.

    Raises:
        OwnDataError: two are the same.
    """
    names = tuple(cell.strip() or f"column {place}" for place, cell in enumerate(cells, 1))
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise OwnDataError(
            f"The first line must name the columns, each once; “{_short(twice[0])}” stands in it more than once. "
            "Is the line of names missing?"
        )
    return names


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:59] + "…"
