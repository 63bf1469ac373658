"""From a record back to the view that it shows, as far as models and data are here; what differs is said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rekd.pictures import open_image
from rekd.ui import cache, keep, lineup, paint, scores, state

if TYPE_CHECKING:
    from rekd.explanations.record import Record
    from rekd.types import Example

MEGABYTES = 24


def record_in(data: bytes) -> Record:
    """The record in a file's bytes.

    Raises:
        RecordError: it is none; the message says why.
    """
    from rekd.explanations.record import RecordError, read

    try:
        return read(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        why = "This file can't be opened: it is no text in UTF-8"
        raise RecordError(f"{why}. Choose a JSON file that Take away has made.") from None


def view_of(record: Record) -> tuple[dict[str, Any], list[str]]:
    """The fields of the view that the record shows, and a sentence for each thing that is not here or differs.

    Raises:
        OSError: a picture can't be kept on this server.
    """
    values, notes = _choices(record)
    notes += _models(record, values)
    notes += _input(record, values)
    return values, notes


def _choices(record: Record) -> tuple[dict[str, Any], list[str]]:
    choice, notes = record.choice, []
    values = {"task": record.task, "seed": choice.seed, "deeper": "take", "target": choice.target}
    values |= {name: name in choice.more for name in scores.MORE} | {"many": False}
    values["painted"] = paint.pack(record.painted.mask) if record.painted else ""
    values["methods"] = tuple(name for name in choice.methods if name in state.METHODS)
    if lost := [name for name in choice.methods if name not in state.METHODS]:
        notes.append(f"Methods that are not known here: {', '.join(lost)[:300]}.")
    known = {"rule": state.RULES, "show": state.SHOWS, "explain": state.SLOTS, "against": ("", *state.SLOTS)}
    known["draws"] = state.DRAWS
    for name, allowed in known.items():
        held = getattr(choice, name)
        if held in allowed:
            values[name] = held
        else:
            notes.append(f"The file has {name} “{str(held)[:40]}”, which is not known here.")
    return values, notes


def _models(record: Record, values: dict[str, Any]) -> list[str]:
    """Each model in its slot, where a model of this name is here; another hash of the same name is said."""
    here, notes = {info.name: info for info in cache.infos()}, []
    values |= dict.fromkeys(state.SLOTS, lineup.NONE) | {"judge": record.choice.judge}
    held = [(model.slot, model.name, model.hash) for model in record.models]
    if record.table is not None and record.table.judge not in [name for _, name, _ in held]:
        held.append(("judge", record.table.judge, record.table.hash))
    for slot, name, digest in held:
        if name not in here:
            lacking = f"The model “{name}” (hash {digest}) of the file is not here; "
            notes.append(f"{lacking}add its folder to REKD_CHECKPOINTS, or use “Load another model”.")
        elif here[name].hash != digest:
            was = f"The file's “{name}” has the hash {digest}, the one here {here[name].hash}"
            notes.append(f"{was}: what is shown now may differ from the file.")
        if slot in state.SLOTS and name in here:
            values[slot] = name
    if values["judge"] not in here:
        values["judge"] = ""
    return notes


def _input(record: Record, values: dict[str, Any]) -> list[str]:
    """The example of the data set where it is the same here, else the same input as one's own."""
    given, choice = record.input, record.choice
    if choice.example is not None and _is_here(record):
        values.update(own=False, data=choice.data, example=choice.example)
        return []
    values["own"] = True
    if given.text is not None:
        values["text"] = given.text
    else:
        values["upload"] = keep.keep_image(_pixels(record))
    if choice.example is None:
        return []
    return [f"Example {choice.example:,} of {choice.data} is not here as the file has it; its input is shown as own."]


def _is_here(record: Record) -> bool:
    from rekd.data.spec import TASKS

    choice = record.choice
    if choice.data not in TASKS or not cache.at_hand(choice.data):
        return False
    try:
        rows = cache.split(choice.data)
    except (ValueError, RuntimeError):  # damaged or gone: the page says so where they are asked for
        return False
    return choice.example < len(rows) and _same(rows[choice.example], record)


def _same(example: Example, record: Record) -> bool:
    if example.text is None or record.input.text is None:
        return (
            example.image is not None and record.input.text is None and np.array_equal(example.image, _pixels(record))
        )
    return _encodable(example.text) == record.input.text


def _encodable(text: str) -> str:
    """As a file holds it: half of a surrogate pair is no character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _pixels(record: Record) -> np.ndarray:
    """The picture as it was given, (H, W, 3) uint8."""
    given = record.input
    return open_image(given.original or given.pictures[0], "The file's picture").pixels
