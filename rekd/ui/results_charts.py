"""The charts of one student's runs: accuracy against realised rate, and dev accuracy by step. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from rekd.results.record import Result
from rekd.results.row import KINDS
from rekd.ui.components import percent
from rekd.ui.curves import FOURTH, NEUTRAL, STUDENT, TEACHER, THIRD, Line, Panel, chart, escaped


@dataclass(frozen=True)
class Sign:
    """How a kind is drawn wherever it is: colour, Plotly's symbol, the same as a letter, and the dash of its lines."""

    colour: str
    symbol: str
    letter: str
    dash: str


SIGNS = {
    "cls": Sign(FOURTH, "star", "★", "longdash"),
    "kd": Sign(TEACHER, "triangle-up", "▲", "dashdot"),
    "random": Sign(NEUTRAL, "diamond", "◆", "dot"),
    "re": Sign(THIRD, "square", "■", "dash"),
    "rekd": Sign(STUDENT, "circle", "●", "solid"),
}
RATES = (0.05, 0.1, 0.15, 0.25, 0.5)
"""Ticks of the axis of rates; it reaches from a little below the first to a little above the last."""
HEIGHT = 580
CONTROL = "random"
SPLIT = (0.2, 0.27)
"""Where the panel of the control ends and the other begins, as shares of the plot's height."""


@dataclass(frozen=True)
class Point:
    """One run on the chart. key: what a click gives back. told: what its tip says, plain text."""

    key: str
    kind: str
    rate: float
    accuracy: float
    told: str
    leaky: bool = False
    own: bool = False


@dataclass(frozen=True)
class Mean:
    """Several seeds' mean. rate: None of kinds that read the whole input, which are drawn as a line across."""

    kind: str
    rate: float | None
    accuracy: float
    sd: float | None
    told: str


def frontier(
    student: str, points: Sequence[Point], means: Sequence[Mean], rule: str = "top-k", chosen: str = ""
) -> go.Figure:
    """Accuracy against the realised rate: seeds as points, their means as larger open marks, leaky runs crossed.

    Random masks have a panel of their own below: they lie so far off that seeds would fall together on one scale.

    Args:
        student: in the title. rule: of the masks, named on the axis. chosen: key of the point under a cross-hair.
    """
    traces = [trace for kind in KINDS for trace in _means_of(kind, means, points)]
    traces += [trace for kind in KINDS for trace in _points_of(kind, points)]
    traces += [_cross_hair(point) for point in points if point.key == chosen]
    apart = any(each.kind == CONTROL for each in (*points, *means))
    layout = _layout(student, points, rule, apart)
    return go.Figure({"data": traces, "layout": layout})


def _means_of(kind: str, means: Sequence[Mean], points: Sequence[Point]) -> Iterable[dict[str, Any]]:
    sign, held = SIGNS[kind], [mean for mean in means if mean.kind == kind]
    if across := [mean for mean in held if mean.rate is None]:
        ends = _range(points)
        name = f"{KINDS[kind]}: reads all"
        yield _trace(kind, ends, [across[0].accuracy] * 2, name, mode="lines", line=_line(sign), hoverinfo="skip")
    if at := sorted((mean for mean in held if mean.rate is not None), key=lambda mean: mean.rate):
        look = {
            "mode": "lines+markers",
            "line": {**_line(sign), "width": 1.2},
            "hovertemplate": "%{text}<extra></extra>",
        }
        spread = {"type": "data", "array": [mean.sd or 0.0 for mean in at], "width": 5, "thickness": 1.2}
        yield _trace(
            kind,
            [mean.rate for mean in at],
            [mean.accuracy for mean in at],
            f"{KINDS[kind]}: mean ± sd",
            marker={"color": sign.colour, "symbol": f"{sign.symbol}-open", "size": 17, "line": {"width": 2.5}},
            text=[escaped(mean.told) for mean in at],
            error_y=spread,
            **look,
        )


def _points_of(kind: str, points: Sequence[Point]) -> Iterable[dict[str, Any]]:
    """Honest runs, leaky ones, and a person's own, each with a symbol of its own."""
    sign = SIGNS[kind]
    sorts = (
        ("a seed each", sign.symbol, lambda point: not point.leaky and not point.own),
        ("leaky: its masks code the label", f"{sign.symbol}-x-open", lambda point: point.leaky),
        ("yours", f"{sign.symbol}-open-dot", lambda point: point.own and not point.leaky),
    )
    for what, symbol, belongs in sorts:
        if held := [point for point in points if point.kind == kind and belongs(point)]:
            yield _trace(
                kind,
                [point.rate for point in held],
                [point.accuracy for point in held],
                f"{KINDS[kind]}: {what}",
                mode="markers",
                marker={"color": sign.colour, "symbol": symbol, "size": 7 if symbol == sign.symbol else 10},
                text=[escaped(point.told) for point in held],
                customdata=[[point.key] for point in held],
                hovertemplate="%{text}<extra></extra>",
                selected={"marker": {"opacity": 1}},
                unselected={"marker": {"opacity": 0.8}},
            )


def _cross_hair(point: Point) -> dict[str, Any]:
    """Unlike the open signs of means."""
    look = {"color": SIGNS[point.kind].colour, "symbol": "cross-thin-open", "size": 34, "line": {"width": 2}}
    return _trace(
        point.kind,
        [point.rate],
        [point.accuracy],
        "chosen",
        mode="markers",
        marker=look,
        hoverinfo="skip",
        showlegend=False,
    )


def _line(sign: Sign) -> dict[str, Any]:
    return {"color": sign.colour, "dash": sign.dash, "width": 2}


def _trace(kind: str, x: Sequence[float], y: Sequence[float], name: str, **how: Any) -> dict[str, Any]:
    place = {"xaxis": "x", "yaxis": "y2" if kind == CONTROL else "y"}
    return {"type": "scatter", "x": np.array(x, float), "y": np.array(y, float), "name": escaped(name), **place, **how}


def _range(points: Sequence[Point]) -> tuple[float, float]:
    """Where the axis of rates begins and ends: the protocol's rates and all points, with room on both sides."""
    rates = [*RATES, *(point.rate for point in points if point.rate > 0)]
    return min(rates) * 0.85, max(rates) * 1.15


def _layout(student: str, points: Sequence[Point], rule: str, apart: bool) -> dict[str, Any]:
    left = {"x": 0, "xanchor": "left"}
    axis = {"tickformat": ".3~f", "automargin": True, "anchor": "x"}
    above = axis | {"title": {"text": "accuracy on test", "standoff": 12}, "nticks": 8, "domain": (SPLIT[1] * apart, 1)}
    below = axis | {"title": {"text": "random", "standoff": 12}, "nticks": 3, "domain": (0, SPLIT[0])}
    if control := [point.accuracy for point in points if point.kind == CONTROL]:
        middle, half = (max(control) + min(control)) / 2, max(0.01, 0.6 * (max(control) - min(control)))
        below["range"] = [middle - half, middle + half]  # of one point plotly takes 0 to 1
    return {
        "title": {
            "text": "Accuracy against realised rate",
            "subtitle": {"text": escaped(student), "font": {"size": 13}},
            "y": 1,
            "yanchor": "top",
            "pad": {"t": 8},
            **left,
        },
        "font": {"size": 14},
        "height": HEIGHT,
        "margin": {"l": 8, "r": 12, "t": 72, "b": 8},
        "xaxis": _rates(points, rule) | {"anchor": "y2" if apart else "y"},
        "yaxis": above,
        **({"yaxis2": below} if apart else {}),
        "legend": {"orientation": "h", "y": -0.2, "yanchor": "top", "font": {"size": 13}, **left},
        "hovermode": "closest",
        "dragmode": "zoom",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "template": {},
        "uirevision": f"results-frontier-{student}",
    }


def _rates(points: Sequence[Point], rule: str) -> dict[str, Any]:
    """The axis of rates, logarithmic: the protocol's stand about equally far apart."""
    return {
        "title": {"text": f"realised rate, {rule}: share of units", "standoff": 8},
        "type": "log",
        "range": [float(np.log10(end)) for end in _range(points)],
        "tickvals": RATES,
        "ticktext": [percent(rate) for rate in RATES],
        "automargin": True,
    }


def learning_curves(student: str, results: Sequence[Result]) -> go.Figure:
    """Dev accuracy of every evaluation, a thin line a seed, a colour and dash a kind; the chosen step is marked."""
    held = {kind: [result for result in results if result.kind == kind and result.curve] for kind in KINDS}
    drawn = [line for kind in KINDS if held[kind] for line in _curves(kind, held[kind])]
    figure = chart(
        f"results-curves-{student}",
        "Learning curves",
        [Panel("dev accuracy", drawn, ticks=".3~f", share=1.9)],
        subtitle=f"{escaped(student)}, masks under top-k at p.<br>A diamond marks the step whose weights are kept.",
        empty="No run has been evaluated yet.",
    )
    figure.layout.hovermode = "closest"  # a tip of every kind at once would name no seed either
    return figure


def _curves(kind: str, results: Sequence[Result]) -> tuple[Line, Line]:
    """All seeds of a kind as one line with gaps, since a browser draws a few lines at once; and their kept steps."""
    sign, x, y, kept = SIGNS[kind], [], [], []
    for result in results:
        x += [*(point[0] for point in result.curve), result.curve[-1][0]]
        y += [*(point[1] for point in result.curve), None]
        kept += [point for point in result.curve if point[0] == result.best_step]
    name = f"{KINDS[kind]}, {len(results)} seed{'' if len(results) == 1 else 's'}"
    told = f"%{{y:.3f}} at step %{{x:,d}}<extra>{KINDS[kind]}</extra>"
    steps, best = [point[0] for point in kept], [point[1] for point in kept]
    marks = {"mode": "markers", "symbol": "diamond", "told": "", "legend": False, "opacity": 0.75, "group": kind}
    return (
        Line(name, x, y, sign.colour, sign.dash, 1.2, told=told, opacity=0.75, group=kind),
        Line("kept", steps, best, sign.colour, **marks),
    )


def in_words(points: Sequence[Point], means: Sequence[Mean]) -> str:
    """The frontier's means in sentences, for whoever does not see it."""
    said = [f"{mean.told}" for mean in means]
    leaky = sum(point.leaky for point in points)
    runs = f"{len(points)} runs as points" + (f", {leaky} of them leaky" if leaky else "")
    return f"{runs}. Means: {'; '.join(said)}." if said else f"{runs}."


def by_kind(results: Sequence[Result]) -> Mapping[str, int]:
    """How many runs there are of each kind, in the order of kinds."""
    counts = {kind: sum(result.kind == kind for result in results) for kind in KINDS}
    return {kind: count for kind, count in counts.items() if count}
