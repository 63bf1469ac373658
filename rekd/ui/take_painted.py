"""The painted mask for a record: what every model says from it, and from every other mask on the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rekd.ui import lineup, paint, paint_said

if TYPE_CHECKING:
    from rekd.explanations.proved import Answer, OnMask, Painted
    from rekd.explanations.record import Method
    from rekd.types import Example, Explanation, Units
    from rekd.ui.frame import Desk

READERS = ("rekd", "re", "teacher", "cls")
"""Whose units are painted on: the first of these that is here, as on the page."""


def painted(
    desk: Desk, example: Example, found: Mapping[str, Explanation], methods: Sequence[Method]
) -> Painted | None:
    """The mask of the view on the input's units, with every model's answers; None where none fits the input."""
    from rekd.explanations.proved import Painted

    slot = next(name for name in READERS if name in found)
    units = found[slot].units
    mask = paint.unpack(desk.view.painted, len(units)) if desk.view.painted else None
    if mask is None:
        return None
    answers = _answers(desk, example, found, mask, units)
    return Painted(slot, tuple(mask), answers, tuple(_others(desk, example, found, methods)))


def _others(desk: Desk, example: Example, found, methods: Sequence[Method]) -> Iterator[OnMask]:
    from rekd.explanations.proved import OnMask

    rows = lineup.row_names(desk.chosen)
    names = {slot: "everything" if item.rule == "all" else f"{rows[slot]}'s mask" for slot, item in found.items()}
    held = [(names[slot], slot, item) for slot, item in found.items()]
    held += [(f"{method.name} on {method.shown.model}", "", method.shown) for method in methods]
    for name, own, item in held:
        answers = _answers(desk, example, found, item.mask, item.units)
        yield OnMask(name, own, item.count, len(item.mask), answers)


def _answers(desk: Desk, example: Example, found, mask: Sequence[bool], units: Units) -> tuple[Answer, ...]:
    from rekd.explanations.proved import Answer

    out = []
    for slot, own in found.items():
        said = paint_said.said(desk.chosen[slot], example, mask, units, own)
        out.append(Answer(slot, said.prediction, said.count, said.n, said.breaks))
    return tuple(out)
