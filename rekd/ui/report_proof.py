"""The section of a report that shows whether what the models left out matters to them. Record in, HTML out."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from rekd.ui import components, proof_draw
from rekd.ui.proof_draw import Line

if TYPE_CHECKING:
    from rekd.explanations.proved import Moved
    from rekd.explanations.record import Record

STYLE = proof_draw.STYLE.removeprefix("<style>").removesuffix("</style>")
PROVES = (
    "<b>What “exactly 0” proves.</b> No content of what a model left out reaches its prediction: the logits are the "
    "same to the last bit, whatever stands there."
)
LEAVES_OPEN = (
    "<b>What it does not prove.</b> The mask stays, and its pattern may carry the class by itself; the selected units "
    "keep their positions; and the generator read the whole input to choose them."
)


def section(record: Record) -> list[str]:
    """Heading, alarms, table, and what it proves; nothing where no model was checked."""
    if record.proof is None:
        return []
    lines = [_line(record, moved) for moved in record.proof.moved]
    alarms = [
        f'<p class="rk-alarm" role="alert">⚑ {escape(proof_draw.alarm(line.name, line.movement))}</p>'
        for line in lines
        if line.movement.tested and not line.movement.exact
    ]
    how = f"{record.choice.draws} times, drawn with seed {record.choice.seed}"
    return [
        "<h2>Does what was left out matter?</h2>",
        f"<p>What each model left out was filled with {escape(record.proof.content)}: {how}. Its mask stayed.</p>",
        *alarms,
        proof_draw.movements(lines, f"What was left out holds other content, {record.choice.draws} times"),
        f'<div class="rk-means"><p>{PROVES}</p><p>{LEAVES_OPEN}</p></div>',
    ]


def _line(record: Record, moved: Moved) -> Line:
    model = record.model(moved.slot)
    units = components.units_of(model.shown.units)
    return Line(model.row, f"{model.name}, reads its rationale alone", units, moved.movement)
