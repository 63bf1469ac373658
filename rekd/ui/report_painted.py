"""The section of a report about a mask painted by hand: the input under it, and what each model says. HTML out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rekd.ui import components, paint_said, report_parts
from rekd.ui.components import UNIT_WORDS
from rekd.ui.paint_said import Line, Said
from rekd.ui.report_parts import Drawer

if TYPE_CHECKING:
    from rekd.explanations.proved import Answer, OnMask
    from rekd.explanations.record import Model, Record

STYLE = paint_said.STYLE
TITLE = "A mask painted by hand"


def section(drawer: Drawer) -> list[str]:
    """Heading, how many predictions break, the input under the mask, each model's answer, and model on whose mask."""
    record, painted = drawer.record, drawer.record.painted
    if painted is None:
        return []
    answers = [_said(answer, model) for answer, model in zip(painted.answers, record.models, strict=True)]
    cards = "".join(_card(record, *pair) for pair in zip(record.models, answers, strict=True))
    return [
        f"<h2>{TITLE}</h2>",
        paint_said.summary(answers, painted.count),
        f'<div class="rk-painted"><div>{_sheet(drawer)}</div><div class="rk-answers">{cards}</div></div>',
        _table(record),
        components.note(_rules(record)),
    ]


def drawn(drawer: Drawer) -> str:
    """The input under the painted mask."""
    painted = drawer.record.painted
    model = drawer.record.model(painted.slot)
    item = replace(model.shown, mask=painted.mask, rule="painted", repaired=False)
    return drawer.draw(model, item, "plain", TITLE)


def _sheet(drawer: Drawer) -> str:
    painted = drawer.record.painted
    model = drawer.record.model(painted.slot)
    counted = f"<b>{painted.count}</b> of {len(painted.mask)} {components.units_of(model.shown.units)} painted"
    return components.toned(
        "plain",
        f'<div class="rk-count">{counted}</div>',
        drawn(drawer),
        components.note(drawer.short(model)),
    )


def _said(answer: Answer, model: Model) -> Said:
    return Said(answer.prediction, answer.count, answer.n, model.shown.prediction)


def _card(record: Record, model: Model, said: Said) -> str:
    head, whole = components.head(model.row, model.name), model.shown.rule == "all"
    body = paint_said.card(head, said, record.classes, record.input.label, whole)
    return components.toned(report_parts.tone(model.slot), body)


def _table(record: Record) -> str:
    """Masks as rows, models as columns, as on the page."""
    painted, columns = record.painted, {model.slot: (model.row, model.name) for model in record.models}
    lines = [_line(record, line) for line in (*painted.others, painted.line)]
    return paint_said.drawn(lines, columns, record.classes, record.input.label)


def _line(record: Record, line: OnMask) -> Line:
    units = components.units_of(record.model(record.painted.slot).shown.units)
    said = {answer.slot: _said(answer, record.model(answer.slot)) for answer in line.answers}
    return Line(line.name, f"{line.count} of {line.n} {units}", said, line.own)


def _rules(record: Record) -> str:
    units = UNIT_WORDS[record.model(record.painted.slot).shown.units.kind]
    return (
        f"A mask is a set of {units}, laid on each model's own reading by place; a model sees the marked ones alone. "
        "Framed and “own”: a model on its own mask. “Breaks”: another class than from its own mask. “Wrong”: not the "
        "true class, where that is known."
    )
