"""A record as one HTML file that needs nothing else: no script, no network, light and dark, ready for print. Pure."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from rekd.ui import components, report_painted, report_parts, report_proof
from rekd.ui.report_parts import Drawer

if TYPE_CHECKING:
    from rekd.explanations.record import Record

LIMIT = 2_000_000
"""Bytes of a file; pictures are drawn smaller until they fit."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""Nothing is fetched and nothing runs, whatever a name or a text holds."""


def page(record: Record) -> str:
    """The whole file, under LIMIT bytes in UTF-8; the same record gives the same file."""
    for shrink in (1, 2, 4, 8, 16):
        whole = _page(Drawer(record, shrink))
        if len(whole.encode("utf-8")) < LIMIT:
            break
    return whole


def _page(drawer: Drawer) -> str:
    record = drawer.record
    title = f"{record.input.id} · rationales of {record.task}"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(title)}</title>\n<style>{_style()}</style>\n</head>\n<body>\n"
        f"<header>{_head(drawer)}</header>\n<main>{''.join(_sections(drawer))}</main>\n"
        f"{report_parts.foot(record)}\n</body>\n</html>\n"
    )


@lru_cache(maxsize=1)
def _style() -> str:
    """The app's marks and cards, then what a page of its own needs."""
    sheets = [Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("style.css", "report.css")]
    return "".join([*sheets, report_proof.STYLE, report_painted.STYLE])


def _head(drawer: Drawer) -> str:
    record = drawer.record
    label = record.input.label
    truth = "" if label is None else f" True class: <b>{escape(record.classes[label])}</b>."
    smaller = ""
    if drawer.shrink > 1:
        smaller = f"Pictures are drawn at 1/{drawer.shrink} of their size, so that the file stays small."
    return (
        f"<h1>What did each model read?</h1><p>Task {escape(record.task)}, input {escape(record.input.id)}.{truth} "
        f"Classes: {escape(', '.join(record.classes[:24]))}{' and more' * (len(record.classes) > 24)}.</p>"
        f"{components.note(smaller)}"
    )


def _sections(drawer: Drawer) -> list[str]:
    record, image = drawer.record, drawer.record.input.text is None
    show = "select" if record.choice.show == "select" else "mask"
    cards = [report_parts.card(drawer, model, show) for model in record.models]
    charts = [report_parts.confidence(record).inline()]
    out = [components.legend(show, image), _grid(cards), f'<div class="rk-charts">{"".join(charts)}</div>']
    if found := report_parts.apart(drawer):
        reference = report_parts.reference_of(record)
        whose = "the teacher" if reference.row == "Teacher" else reference.row
        out += [f"<h2>Difference to {escape(whose)}</h2>", components.legend("difference", image, whose), _grid(found)]
    out += report_proof.section(record) + report_painted.section(drawer)
    if record.methods:
        panels = [report_parts.panel(drawer, method, show) for method in record.methods]
        out += ["<h2>Captum on the same budget</h2>", _question(record), _grid(panels)]
    if record.table and record.table.lines:
        charts = "".join(chart.inline() for chart in report_parts.score_charts(record))
        out += ["<h2>Scores</h2>", report_parts.score_table(record), f'<div class="rk-charts">{charts}</div>']
    if record.left_out:
        out += ["<h2>Left out</h2>", components.note(*record.left_out)]
    return out


def _question(record: Record) -> str:
    model, item = record.explained, record.methods[0].shown
    said, units = escape(record.classes[item.target]), components.units_of(item.units)
    return (
        f"<p>Why does <b>{escape(model.name)}</b> say “{said}”? Each method marks {item.count} of {len(item.mask)} "
        f"{units}. Time and peak memory are those of the machine that computed it.</p>"
    )


def _grid(parts: list[str]) -> str:
    return f'<div class="rk-cards">{"".join(parts)}</div>'
