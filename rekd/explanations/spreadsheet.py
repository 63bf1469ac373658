"""A record's numbers for a spreadsheet: one line a unit, and the score table. CSV in UTF-8, with a mark for Excel."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence

from rekd.explanations.record import Record
from rekd.types import Explanation, Place

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a cell must not begin with, full-width forms too: a spreadsheet would take it for a formula and run it."""
Cell = str | int | float | None


def units_csv(record: Record) -> bytes:
    """One line a unit that any model read: its place, its text, then P(select) and mask of each model that selects, and
    score and mask of each method, and whether it was painted. Cells of what did not read the unit are empty."""
    image = record.input.text is None
    columns = _columns(record)
    ends = ("left", "top", "right", "bottom") if image else ("start", "stop", "unit")
    heads = ["index", *ends, *(f"{name} {what}" for name, what, _ in columns for what in (what, "mask"))]
    held = [_by_place(item, image) for _, _, item in columns]
    hand = _by_hand(record, image)
    rows: list[Sequence[Cell]] = [[*heads, "painted"] if record.painted else heads]
    for index, (key, place) in enumerate(_places(record, image).items()):
        found = [values.get(key, (None, None)) for values in held]
        unit = [] if image else [record.input.text[slice(*place)]]
        painted = [hand.get(key)] if record.painted else []
        rows.append([index, *place, *unit, *(cell for pair in found for cell in pair), *painted])
    return _csv(rows)


def table_csv(record: Record) -> bytes:
    """The score table: one line a mask, a column a measure and one for its standard deviation where it has one."""
    lines = record.table.lines if record.table else ()
    scores = {score.name: score for line in lines for score in line.scores}
    spread = {score.name for line in lines for score in line.scores if score.spread is not None}
    measures = [head for name in scores for head in ([name, f"{name} sd"] if name in spread else [name])]
    rows: list[Sequence[Cell]] = [["mask", "remark", "control", "judge", "class scored", "units", *measures]]
    for line in lines:
        table, values = record.table, {score.name: score.value for score in line.scores}
        values |= {f"{score.name} sd": score.spread for score in line.scores}
        about = [line.name, line.remark, int(line.control), table.judge, record.classes[table.target], table.k]
        rows.append([*about, *(values.get(name) for name in measures)])
    return _csv(rows)


def _columns(record: Record) -> list[tuple[str, str, Explanation]]:
    """(name, what its scores are, explanation) of every mask that leaves something out."""
    models = [(model.row, "P(select)", model.shown) for model in record.models if model.shown.rule != "all"]
    return models + [(method.name, "score", method.shown) for method in record.methods]


def _places(record: Record, image: bool) -> dict[int, Place]:
    """Every place that was read, in reading order, by what identifies it: its number on the grid, or its start."""
    everything = [record.models[0].shown] if image else [model.shown for model in record.models]
    everything += [] if image else [method.shown for method in record.methods]
    found = {key: place for item in everything for key, place in _keyed(item, image)}
    return dict(sorted(found.items()))


def _keyed(item: Explanation, image: bool) -> Iterable[tuple[int, Place]]:
    return enumerate(item.units.places) if image else ((place[0], place) for place in item.units.places)


def _by_place(item: Explanation, image: bool) -> dict[int, tuple[float, int]]:
    keys = [key for key, _ in _keyed(item, image)]
    return {key: (score, int(on)) for key, score, on in zip(keys, item.scores, item.mask, strict=True)}


def _by_hand(record: Record, image: bool) -> dict[int, int]:
    """The painted mask by what identifies a unit; empty where there is none."""
    if record.painted is None:
        return {}
    item = record.model(record.painted.slot).shown
    return {key: int(on) for (key, _), on in zip(_keyed(item, image), record.painted.mask, strict=True)}


def _csv(rows: Iterable[Sequence[Cell]]) -> bytes:
    held = io.StringIO()
    csv.writer(held).writerows([safe(cell) for cell in row] for row in rows)
    return held.getvalue().encode("utf-8-sig")


def safe(cell: Cell) -> Cell:
    """Texts that a spreadsheet would run get an apostrophe before them; numbers that are none stay empty."""
    if isinstance(cell, float) and not math.isfinite(cell):
        return None
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip(" \u00a0").startswith(_FORMULA) else cell
