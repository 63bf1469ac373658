"""A CSV file with a text and a label column as a draft."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rekd.data.own.draft import Draft, Gathered, OwnDataError, Sample, label_fault, label_of, text_fault
from rekd.data.own.file import opened
from rekd.data.own.settle import settle
from rekd.data.own.splits import NO_SPLIT, split_index
from rekd.data.own.table import form_of, rows_of

if TYPE_CHECKING:
    import pyarrow as pa

BREAK = "<br />"
SPLIT = "split"
SAMPLES = 8
_TEXTS = "text review sentence content comment message document body description title question tweet post utterance"
_LABELS = "label class category sentiment target labels classes rating stars score topic intent emotion y answer"
_BLOCK = 10_000


def columns(source: Path | bytes) -> tuple[str, ...]:
    """The column names of a CSV file.

    Raises:
        OwnDataError: it has none, or is no CSV.
    """
    with opened(source) as file:
        return form_of(file).names


def guess_columns(names: Sequence[str], text: str = "", label: str = "") -> tuple[str, str]:
    """Which columns are the text and the label: those given, else by their names, else by their places.

    Raises:
        OwnDataError: there are not two.
    """
    if len(names) < 2:
        raise OwnDataError(f"There is one column, {', '.join(names) or 'none'}; a text and a label column are needed.")
    by_name = {name.strip().casefold(): name for name in reversed(names)}
    label = label or next((by_name[word] for word in _LABELS.split() if by_name.get(word, text) != text), "")
    text = text or next((by_name[word] for word in _TEXTS.split() if by_name.get(word, label) != label), "")
    free = [name for name in names if name not in (text, label)]
    free = [name for name in free if name.casefold() != SPLIT] or free
    text = text or free[0]
    return text, label or next(name for name in (*reversed(free), *names) if name != text)


def chosen(names: Sequence[str], text: str, label: str, what: str = "text") -> tuple[str, str, list[str]]:
    """The two columns, guessed where they are not given, and what to say of a guess; what: what the first is called.

    Raises:
        OwnDataError: a name is no column, or both are the same.
    """
    for name in filter(None, (text, label)):
        if name not in names:
            raise OwnDataError(f"There is no column “{name}”; there are {', '.join(names)}.")
    if text and text == label:
        raise OwnDataError(f"Text and label are the same column, “{text}”; choose two.")
    if text and label:
        return text, label, []
    text, label = guess_columns(names, text, label)
    return text, label, [f"“{text}” is taken as the {what} and “{label}” as the label."]


class Texts:
    """Rows of texts as they come, checked, the good ones packed tight."""

    def __init__(self, gathered: Gathered | None = None):
        self.found = Gathered() if gathered is None else gathered
        self.breaks = 0
        self._block: list[str] = []
        self._chunks: list[pa.Array] = []

    def take(self, number: int | str, text: str, label: str, given: int) -> None:
        """One row: kept, or left out with its reason."""
        label = label_of(label)
        if why := text_fault(text) or label_fault(label):
            self.found.refuse(number, why)
            return
        self.found.add(number, label, given, text)
        self.breaks += BREAK in text
        self._block.append(text)
        if len(self._block) == _BLOCK:
            self._pack()

    def _pack(self) -> None:
        import pyarrow as pa

        self._chunks.append(pa.array(self._block, pa.large_string()))
        self._block.clear()

    def draft(self, source: str, where: str, notes: Sequence[str], known: Sequence[str] = ()) -> Draft:
        """All rows as a draft; see `settle` for the arguments and errors."""
        import pyarrow as pa

        settled = settle(self.found, where, known)
        self._pack()
        content = pa.chunked_array(self._chunks, pa.large_string())
        if len(settled.rows) < len(content):
            content = content.take(pa.array(settled.rows))
        said = (
            [f"“{BREAK}” stands in {self.breaks:,} text{'s' * (self.breaks > 1)} and is read as a line break."]
            if self.breaks
            else []
        )
        samples = [
            Sample(self.found.numbers[settled.rows[row]], settled.classes[settled.labels[row]], content[row].as_py())
            for row in spread(settled.labels, SAMPLES)
        ]
        return Draft(
            "text",
            source,
            settled.classes,
            settled.counts,
            settled.splits,
            tuple(self.found.bad),
            self.found.bad_count,
            tuple(samples),
            (*notes, *said, *settled.notes),
            BREAK if self.breaks else "",
            labels=settled.labels,
            parts=settled.parts,
            content=content,
        )


def spread(labels: np.ndarray, count: int) -> list[int]:
    """The first rows of each class in turn, `count` at most, in their order."""
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], labels[order])
    rank = np.arange(len(order)) - starts  # how many of the class stand before
    return sorted(order[np.argsort(rank, kind="stable")][:count].tolist())


def read_csv(source: Path | bytes, text: str = "", label: str = "", *, name: str = "") -> Draft:
    """A CSV file as a draft: columns are guessed where none is named; a column “split” says which split a row is of.

    Args:
        name: what bytes are called, such as the name of an uploaded file.

    Raises:
        OwnDataError: the file can't be used; the message says why.
    """
    with opened(source) as file:
        form = form_of(file)
        text, label, guess = chosen(form.names, text, label)
        places = [form.names.index(name) for name in (text, label)]
        split = next((i for i, n in enumerate(form.names) if n.casefold() == SPLIT and i not in places), None)
        texts = Texts()
        with closing(rows_of(file, form)) as rows:
            for number, row in rows:
                _take(texts, number, row, *places, split)
    if (first := label_of(label)) in texts.found.names:
        raise OwnDataError(
            f"The first line must name the columns; it holds “{first}”, which is a label further down. "
            "Put a line of names above it, such as text,label."
        )
    name = name or ("upload" if isinstance(source, bytes) else source.name)
    return texts.draft(name, f"The column “{label}”", [*guess, *form.notes])


def _take(texts: Texts, number: int, row: list[str] | str, text: int, label: int, split: int | None) -> None:
    """One row of the file; text, label and split are the places of their cells."""
    if isinstance(row, str):
        texts.found.refuse(number, row)
        return
    given = NO_SPLIT if split is None else split_index(row[split])
    if given is None:
        said = f"“{row[split].strip()[:40]}”" if row[split].strip() else "empty"
        texts.found.refuse(number, f"its split is {said}; train, dev or test is expected in the column “{SPLIT}”")
        return
    texts.take(number, row[text], row[label], given)
