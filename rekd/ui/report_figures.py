"""The figures of a record, each as an SVG file of its own. Pure."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from rekd.ui import report_painted, report_parts
from rekd.ui.report_parts import Drawer, tone

if TYPE_CHECKING:
    from rekd.explanations.record import Record

_SOURCE = re.compile(r'src="data:image/svg\+xml;base64,([A-Za-z0-9+/=]*)"')


def figures(record: Record) -> dict[str, str]:
    """What a figure is called -> its SVG: charts, and of an image each model's and each method's picture
    and what was painted."""
    found = _pictures(record) if record.input.text is None else {}
    charts = [report_parts.confidence(record), *report_parts.score_charts(record)]
    return found | {chart.title: chart.alone() for chart in charts}


def _pictures(record: Record) -> dict[str, str]:
    drawer, show = Drawer(record), "select" if record.choice.show == "select" else "mask"
    out = {}
    for model in record.models:
        drawn = drawer.draw(model, model.shown, tone(model.slot), model.title, show)
        out[f"{model.title} ({model.name})"] = _svg(drawn)
    for method in record.methods:
        explained = record.explained
        drawn = drawer.draw(explained, method.shown, "plain", method.name, show)
        out[f"{method.name} on {explained.name}"] = _svg(drawn)
    if record.painted is not None:
        out[report_painted.TITLE] = _svg(report_painted.drawn(drawer))
    return out


def _svg(picture: str) -> str:
    """The SVG that an <img> of `picture.figure` holds."""
    return base64.b64decode(_SOURCE.search(picture)[1]).decode("utf-8")
