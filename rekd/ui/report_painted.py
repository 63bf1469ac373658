"""The section of a report about a mask painted by hand: the input under it, and what each model says. HTML out."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

from rekd.ui import components, paint_said, report_parts
from rekd.ui.components import UNIT_WORDS
from rekd.ui.paint_said import Said
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
    painted, caption = record.painted, "Model on whose mask: what each model (columns) says from each mask (rows)"
    heads = "".join(
        f'<th scope="col">{escape(model.row)}<br><span class="rk-way">{escape(model.name)}</span></th>'
        for model in record.models
    )
    rows = [_row(record, line) for line in (*painted.others, painted.line)]
    return (
        f'<p class="rk-caption">{caption}</p><div class="rk-scroll" tabindex="0" role="group" aria-label="{caption}">'
        f'<table class="rk-table rk-whose" aria-label="{caption}"><thead><tr><th scope="col">mask</th>{heads}</tr>'
        f"</thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row(record: Record, line: OnMask) -> str:
    units = components.units_of(record.model(record.painted.slot).shown.units)
    cells = "".join(_cell(record, answer, line.own == answer.slot) for answer in line.answers)
    head = f'{escape(line.name)}<br><span class="rk-name">{line.count} of {line.n} {units}</span>'
    return f'<tr><th scope="row">{head}</th>{cells}</tr>'


def _cell(record: Record, answer: Answer, own: bool) -> str:
    said, label = answer.prediction, record.input.label
    signs = ['<span class="rk-wrong">✗ wrong</span>'] if label is not None and said.label != label else []
    signs += ['<span class="rk-own">own</span>'] if own else []
    signs += ['<span class="rk-breaks">breaks</span>'] if answer.breaks else []
    named = f"<b>{escape(record.classes[said.label])}</b> {components.percent(said.confidence)}"
    kind = ' class="rk-diagonal"' if own else ""
    return f'<td{kind}>{named}<div class="rk-signs">{" ".join(signs)}</div></td>'


def _rules(record: Record) -> str:
    units = UNIT_WORDS[record.model(record.painted.slot).shown.units.kind]
    return (
        f"A mask is a set of {units}, laid on each model's own reading by place; a model sees the marked ones alone. "
        "Framed and “own”: a model on its own mask. “Breaks”: another class than from its own mask. “Wrong”: not the "
        "true class, where that is known."
    )
