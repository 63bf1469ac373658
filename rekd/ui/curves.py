"""Lines over a run's steps, in panels that share one axis: values in, Plotly figure out. Pure; no page is known."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

TEACHER, STUDENT, THIRD, FOURTH, NEUTRAL = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#8C8C8C"
"""chartCategoricalColors of .streamlit/config.toml: each at least 3 to 1 on white and on the dark ground alike."""
COLOURS = (TEACHER, STUDENT, THIRD, FOURTH, NEUTRAL)
DASHES = ("solid", "dash", "dot", "longdashdot", "dashdot", "longdash")
"""The second sign of a line, beside its colour; six against five colours give thirty that differ."""
MOST_POINTS = 600
DECADES = 2.0
"""An axis is logarithmic where its values span more."""
PANEL, TOP, BOTTOM, LEGEND_ROW, SUBTITLE_ROW, GAP = 200, 52, 62, 28, 18, 32
"""Pixels: of a panel of share 1, of the title, the lowest axis, a row of the legend or the subtitle, between panels."""
FONT, SMALL = 14, 13
SIZES = {"star": 13, "diamond": 11, "circle-x-open": 11}
"""Pixels of a sign that stands alone."""


@dataclass(frozen=True)
class Line:
    """One line, or the points on it. name: in the legend, plain text; y may hold None for a gap.

    told: what the tip says, as a Plotly template; "" says nothing. group: lines that the legend switches together.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float | None]
    colour: str = NEUTRAL
    dash: str = "solid"
    width: float = 2.0
    mode: str = "lines"
    symbol: str = "circle"
    told: str = "%{y:.3f}"
    legend: bool = True
    opacity: float = 1.0
    group: str = ""


@dataclass(frozen=True)
class Panel:
    """Lines on one y axis. band: of y, shaded; share: of the usual height; log: None lets values decide."""

    title: str
    lines: Sequence[Line]
    log: bool | None = False
    ticks: str = ""
    band: tuple[float, float] | None = None
    share: float = 1.0
    from_zero: bool = False


def series(lines: Iterable[Mapping[str, Any]], name: str) -> tuple[list[float], list[float | None]]:
    """Steps and values of the lines that hold a name ("gradients.task" looks one level down); no number is a gap."""
    first, _, second = name.partition(".")
    steps, values = [], []
    for line in lines:
        value = line.get(first)
        if second:
            value = value.get(second) if isinstance(value, Mapping) else None
        if isinstance(value, (int, float)) and "step" in line:
            steps.append(line["step"])
            values.append(float(value) if math.isfinite(value) else None)
    return steps, values


def thin(
    x: Sequence[float], y: Sequence[float | None], most: int = MOST_POINTS
) -> tuple[list[float], list[float | None]]:
    """At most `most` points that draw the same line: both ends, and the extremes and a gap of every stretch between."""
    if len(x) <= most:
        return list(x), list(y)
    stretches = max(1, (most - 2) // 3)
    keep = {0, len(x) - 1}
    for number in range(stretches):
        places = range(number * len(x) // stretches, (number + 1) * len(x) // stretches)
        real = [place for place in places if y[place] is not None]
        keep.update(_extremes(real, y), [place for place in places if y[place] is None][:1])
    kept = sorted(keep)
    return [x[place] for place in kept], [y[place] for place in kept]


def _extremes(places: Sequence[int], y: Sequence[float | None]) -> list[int]:
    return [min(places, key=y.__getitem__), max(places, key=y.__getitem__)] if places else []


def spans(lines: Iterable[Line]) -> bool:
    """Whether all values are above zero and more than two decades apart."""
    values = [value for line in lines for value in line.y if value is not None]
    return bool(values) and min(values) > 0 and math.log10(max(values) / min(values)) > DECADES


def chart(
    name: str,
    title: str,
    panels: Sequence[Panel],
    *,
    x_title: str = "step",
    x_ticks: str = ",d",
    subtitle: str = "",
    empty: str = "",
) -> go.Figure:
    """Panels one above the other on a shared x axis.

    Args:
        name: of the chart, Plotly's uirevision: a zoom outlives new values where the chart is redrawn in place.
        subtitle: may hold <br>. empty: a quiet sentence in the place of lines where there is no value yet.
    """
    plot = PANEL * sum(panel.share for panel in panels)
    traces = [_trace(line, number) for number, panel in enumerate(panels, 1) for line in panel.lines]
    layout = _layout(name, title, subtitle, plot, sum(trace["showlegend"] for trace in traces))
    layout["xaxis"] = _x_axis(x_title, x_ticks, _axis("y", len(panels)))
    for number, (panel, domain) in enumerate(zip(panels, _domains(panels, plot), strict=True), 1):
        layout[_axis("yaxis", number)] = _y_axis(panel, domain)
        if panel.band:
            layout["shapes"] = [_band(panel.band, _axis("y", number))]
    if not any(value is not None for panel in panels for line in panel.lines for value in line.y):
        _quieten(traces, layout, empty or "Nothing is measured yet.")
    return go.Figure({"data": traces, "layout": layout})  # at once: one property after another takes ten times as long


def _axis(name: str, number: int) -> str:
    """As Plotly counts: y, y2, y3."""
    return name if number == 1 else f"{name}{number}"


def _domains(panels: Sequence[Panel], plot: float) -> list[tuple[float, float]]:
    """Where each panel stands in the plot, 0 below and 1 above, with a gap between two."""
    free = 1 - GAP / plot * (len(panels) - 1)
    tops, whole = [1.0], sum(panel.share for panel in panels)
    for panel in panels:
        tops.append(tops[-1] - free * panel.share / whole - GAP / plot)
    return [(max(0.0, below + GAP / plot), above) for above, below in zip(tops, tops[1:], strict=False)]


def _x_axis(title: str, ticks: str, anchor: str) -> dict[str, Any]:
    return {
        "title": {"text": title, "standoff": 8},
        "unifiedhovertitle": {"text": f"{title} %{{x:{ticks}}}"},
        "anchor": anchor,
        "rangemode": "tozero",
        "automargin": True,
        "nticks": 6,
        "tickformat": ticks,
    }


def _decades(lines: Iterable[Line]) -> dict[str, Any]:
    """Ticks of a logarithmic axis at 1, 2 and 5 of each decade, as the numbers that they are.

    Plotly's own leave the decade out of the 2 and the 5: "5 2 1 5 2".
    """
    values = [value for line in lines for value in line.y if value is not None and value > 0]
    if not values:
        return {}
    powers = range(math.floor(math.log10(min(values))) - 1, math.ceil(math.log10(max(values))) + 2)
    ticks = [float(f"{first}e{power}") for power in powers for first in (1, 2, 5)]
    return {"tickmode": "array", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def _y_axis(panel: Panel, domain: tuple[float, float]) -> dict[str, Any]:
    log, wide = panel.log, spans(panel.lines)
    return {
        "title": {"text": panel.title, "standoff": 14},
        "domain": domain,
        "anchor": "x",
        "type": "log" if (wide if log is None else log) else "linear",
        "tickformat": panel.ticks,
        "rangemode": "tozero" if panel.from_zero else _below_zero(panel.lines),
        "automargin": True,
        "nticks": 6,
        **(
            {"dtick": 1} if wide and log is not False else _decades(panel.lines) if log else {}
        ),  # whole decades if wide
    }


def _below_zero(lines: Iterable[Line]) -> str:
    """Plotly's word for whether the axis may go there: around a lone value it takes one more to each side."""
    return "normal" if any(value < 0 for line in lines for value in line.y if value is not None) else "nonnegative"


def _band(band: tuple[float, float], axis: str) -> dict[str, Any]:
    across = {"type": "rect", "xref": "paper", "x0": 0, "x1": 1, "yref": axis, "y0": band[0], "y1": band[1]}
    return across | {"fillcolor": NEUTRAL, "opacity": 0.18, "line": {"width": 0}, "layer": "below"}


def _trace(line: Line, panel: int) -> dict[str, Any]:
    x, y = thin(line.x, line.y)
    alone = sum(value is not None for value in y) == 1  # has no line yet, and would not be seen
    return {
        "type": "scatter",
        "x": np.array(x or [np.nan]),  # an array is sent packed, and a line without a point would leave the legend
        "y": np.array([np.nan if value is None else value for value in y] or [np.nan], np.float32),
        "xaxis": "x",
        "yaxis": _axis("y", panel),
        "name": escaped(line.name),
        "mode": "lines+markers" if alone and line.mode == "lines" else line.mode,
        "line": {"color": line.colour, "dash": line.dash, "width": line.width},
        "marker": {"color": line.colour, "size": SIZES.get(line.symbol, 6), "symbol": line.symbol},
        "opacity": line.opacity,
        "showlegend": line.legend,
        **({"legendgroup": line.group} if line.group else {}),
        **({"hovertemplate": line.told} if line.told else {"hoverinfo": "skip"}),
    }


def escaped(text: str) -> str:
    """Plain text as Plotly shows it letter by letter: it reads tags and entities in names and titles."""
    return html.escape(text, quote=False)


def _quieten(traces: list[dict[str, Any]], layout: dict[str, Any], sentence: str) -> None:
    """A sentence in the place of lines, grid and legend."""
    middle = {"x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper", "showarrow": False, "opacity": 0.7}
    layout["annotations"] = [{"text": sentence, **middle}]
    for axis in (value for name, value in layout.items() if "axis" in name):
        axis |= {"showticklabels": False, "showgrid": False, "zeroline": False}
    for trace in traces:
        trace["showlegend"] = False


def _layout(name: str, title: str, subtitle: str, plot: float, named: int) -> dict[str, Any]:
    """All but the axes. named: lines in the legend."""
    top = TOP + (30 + SUBTITLE_ROW * subtitle.count("<br>") if subtitle else 0)
    legend = LEGEND_ROW * math.ceil(named / 2) if named > 1 else 0
    left = {"x": 0, "xanchor": "left"}
    heading = {"text": title, "y": 1, "yanchor": "top", "pad": {"t": 8}, **left}
    return {
        "title": heading | {"subtitle": {"text": subtitle, "font": {"size": SMALL}}},
        "font": {"size": FONT},
        "height": round(plot + top + BOTTOM + legend),
        "margin": {"l": 8, "r": 12, "t": top, "b": 8},
        "showlegend": named > 1,
        "legend": {"orientation": "h", "y": -BOTTOM / plot, "yanchor": "top", "font": {"size": FONT}, **left},
        "hovermode": "x unified",
        "hoversubplots": "axis",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "template": {},
        "uirevision": name,
    }
