"""What every model did with every input of a batch: computed block by block, sifted, ordered, as CSV. No Streamlit."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rekd.ui import components, jumps

if TYPE_CHECKING:
    import numpy as np

    from rekd.checkpoints import Checkpoint
    from rekd.types import Example, Explanation, Place
    from rekd.units import Reading

BLOCK = 4
"""Inputs read together and kept together: on a processor more at once are no faster, and a click waits for a block."""
THUMB = 84
"""Longest side of a small picture, in pixels."""
CONTEXT = 2
"""Units shown before and after what was selected."""
SIFTS = {"all": "All", **{kind: jumps.KINDS[kind][:1].upper() + jumps.KINDS[kind][1:] for kind in jumps.KINDS}}
_DANGEROUS = "=+-@\t\r＝＋－＠"
"""What a spreadsheet takes for the beginning of a formula, in its wide forms too."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What one model did with one input, with no more kept than a small picture of it needs.

    label: the predicted class. count of n units are selected, all where `whole`. words: what its units are called.
    cut: it read the beginning alone. marked: the selected units, by a number that models of the same units share.
    spans: (from, start, stop, to) of each selected stretch of a text with its context, in characters.
    note: what the model did not read or know, "" where nothing.
    thumb: a picture as it is read, (h, w, 3) uint8, in `grid` columns and rows of patches.
    """

    label: int
    confidence: float
    count: int
    n: int
    words: str
    whole: bool
    cut: bool
    marked: tuple[int, ...]
    spans: tuple[tuple[int, int, int, int], ...] = ()
    note: str = ""
    thumb: np.ndarray | None = None
    grid: tuple[int, int] = (0, 0)


@dataclass(frozen=True, eq=False)
class Line:
    """One line of the table. number: from 1. label: the class given, None where none is. answers: by slot.

    An answer is None where the model could not read the input, and missing where it is still to come.
    """

    number: int
    name: str
    label: int | None = None
    answers: Mapping[str, Answer | None] = field(default_factory=dict)

    @property
    def said(self) -> dict[str, Answer]:
        return {slot: answer for slot, answer in self.answers.items() if answer is not None}

    @property
    def disagrees(self) -> bool:
        return len({answer.label for answer in self.said.values()}) > 1

    def overlap(self, slots: Sequence[str]) -> float | None:
        """IoU of the masks of teacher and REKD, or of the first two models that select; None where there are none."""
        pair = jumps.pair([slot for slot in slots if slot in self.said])
        if pair is None:
            return None
        one, two = (set(self.said[slot].marked) for slot in pair)
        return len(one & two) / len(one | two) if one | two else 1.0


def answers(checkpoint: Checkpoint, examples: Sequence[Example], rule: str, seed: int) -> list[Answer | None]:
    """What a model does with each example, in one batch; None where there is nothing to read."""
    from rekd.explanations.many import explain_each
    from rekd.units import NothingToRead

    try:
        reading = checkpoint.reader.read(examples)
    except NothingToRead:
        if len(examples) == 1:
            return [None]
        return [answers(checkpoint, [example], rule, seed)[0] for example in examples]
    items = explain_each(checkpoint.info.name, checkpoint.model, reading, rule=rule, seed=seed)
    return [_answer(item, reading, row, examples[row].text) for row, item in enumerate(items)]


def _answer(item: Explanation, reading: Reading, row: int, text: str | None) -> Answer:
    places, whole = item.units.places, item.rule == "all"
    chosen = [i for i, on in enumerate(item.mask) if on]
    held = {"label": item.target, "confidence": item.prediction.confidence, "count": item.count, "n": len(places)}
    held |= {"words": components.units_of(item.units), "whole": whole, "note": reading.notes[row]}
    if text is None:
        thumb, grid = small(reading.pictures[row], places)
        return Answer(**held, cut=False, marked=tuple(chosen), thumb=thumb, grid=grid)
    marked, spans = tuple(places[i][0] for i in chosen), () if whole else stretches(places, item.mask)
    return Answer(**held, cut=reading.stops[row] < len(text), marked=marked, spans=spans)


def stretches(places: Sequence[Place], mask: Sequence[bool]) -> tuple[tuple[int, int, int, int], ...]:
    """Selected units that stand side by side, as (from, start, stop, to): characters, with CONTEXT units around."""
    found, i, n = [], 0, len(places)
    while i < n:
        if not mask[i] or places[i][0] == places[i][1]:
            i += 1
            continue
        first = i
        while i < n and mask[i]:
            i += 1
        before, after = places[max(0, first - CONTEXT)][0], places[min(n, i + CONTEXT) - 1][1]
        found.append((before, places[first][0], places[i - 1][1], after))
    return tuple(found)


def small(picture: np.ndarray, boxes: Sequence[Place]) -> tuple[np.ndarray, tuple[int, int]]:
    """A picture (H, W, 3) with its patches as small as they can be told apart; its patches as columns and rows."""
    import numpy as np
    from PIL import Image

    columns, rows = len({box[0] for box in boxes}), len({box[1] for box in boxes})
    side = max(2, THUMB // max(columns, rows))
    shrunk = Image.fromarray(picture).resize((columns * side, rows * side), Image.Resampling.BOX)
    return np.array(shrunk, np.uint8), (columns, rows)


def indices(labels: Sequence[str], classes: Sequence[str]) -> tuple[list[int | None], str]:
    """The class of each label, by its name or its number from 0, and a sentence about those that are none."""
    names = {name.casefold(): index for index, name in enumerate(classes)}
    known = {str(index): index for index in range(len(classes))} | names
    out = [known.get(label.strip().casefold()) for label in labels]
    foreign = list(dict.fromkeys(label for label, index in zip(labels, out, strict=True) if label and index is None))
    if not foreign:
        return out, ""
    count = sum(label in foreign for label in labels)
    shown = ", ".join(f"“{label[:30]}”" for label in foreign[:3]) + (" and others" if len(foreign) > 3 else "")
    many = f"{count} labels are" if count > 1 else "1 label is"
    known = f"{', '.join(classes[:12])}{' and more' if len(classes) > 12 else ''}"
    return out, f"{many} none of these models' classes and not compared ({shown}); the classes are {known}."


def offered(slots: Sequence[str], labelled: bool) -> list[str]:
    """The sifts that make sense for the models compared, and for inputs with or without labels."""
    fits = [kind for kind in jumps.offered(slots) if kind == "disagree" or labelled and kind != "apart"]
    return ["all", *(kind for kind in ("disagree", "wrong", "rescued") if kind in fits)]


def sifted(lines: Sequence[Line], sift: str, order: str, slots: Sequence[str]) -> list[Line]:
    """The lines that a sift leaves, by number, or (order "apart") those first whose masks overlap least."""
    left = [line for line in lines if _passes(line, sift)]
    if order == "number":
        return left

    def rank(line: Line) -> tuple[bool, float, int]:
        shared = line.overlap(slots)
        return shared is None, shared or 0.0, line.number

    return sorted(left, key=rank)


def _passes(line: Line, sift: str) -> bool:
    if sift == "all":
        return True
    if sift == "disagree":
        return line.disagrees
    if line.label is None or sift == "rescued" and not {"re", "rekd"} <= set(line.said):
        return False
    return jumps.holds(sift, line.label, line.said)


def as_csv(
    lines: Sequence[Line], texts: Sequence[str] | None, classes: Sequence[str], names: Mapping[str, str]
) -> bytes:
    """The table as a CSV file in UTF-8 with a mark, which spreadsheets know; no cell of it is taken for a formula.

    Args:
        texts: of all inputs, None for pictures. classes: names. names: slot -> what its columns are called.
    """
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\r\n")
    compared = jumps.pair(list(names))
    heads = ["number", "input", "text" if texts is not None else "", "label"]
    for name in names.values():
        heads += [f"{name} {what}" for what in ("class", "confidence", "right", "selected", "units", "rationale")]
    heads += ["models disagree", *([f"IoU {' and '.join(names[slot] for slot in compared)}"] if compared else [])]
    writer.writerow(map(guarded, (head for head in heads if head)))
    for line in lines:
        text = None if texts is None else texts[line.number - 1]
        row = [line.number, line.name, *([] if text is None else [text])]
        row.append("" if line.label is None else classes[line.label])
        for slot in names:
            row += _cells(line, slot, text, classes)
        shared = line.overlap(list(names))
        row += ["yes" if line.disagrees else "no", *([_number(shared)] if compared else [])]
        writer.writerow(map(guarded, row))
    return held.getvalue().encode("utf-8-sig", "replace")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _cells(line: Line, slot: str, text: str | None, classes: Sequence[str]) -> list[str | int]:
    answer = line.said.get(slot)
    if answer is None:
        return ["not read", "", "", "", "", ""]
    right = "" if line.label is None else "yes" if answer.label == line.label else "no"
    if text is None:
        kept = "" if answer.whole else " ".join(str(i + 1) for i in answer.marked)
    else:
        kept = " … ".join(text[start:stop] for _, start, stop, _ in answer.spans)
    return [classes[answer.label], f"{answer.confidence:.4f}", right, answer.count, answer.n, kept]


def guarded(cell: str | int) -> str:
    """A cell that no spreadsheet takes for a formula: what could be one gets an apostrophe before it."""
    text = str(cell)
    return f"'{text}" if text.lstrip(" \u00a0\n")[:1] in tuple(_DANGEROUS) else text
