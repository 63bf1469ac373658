"""The charts about chance: a gate's P(select) beside what was drawn, and the relaxed mask at a temperature. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from rekd.ui.curves import NEUTRAL, STUDENT, TEACHER, escaped

COLOURS = {"teacher": TEACHER, "student": STUDENT}
HEIGHT = 270
SPREADS = 2
"""Half the width of the shaded band, in binomial standard deviations."""
RARE = 0.01
"""Units below this P(select) that no draw selected are left out on the right of the chart; how many is said."""
CURVE = 81
"""Points of the sigmoid's line."""


def gate_chart(
    name: str, tone: str, probs: Sequence[float], times: Sequence[int], n: int, units: Sequence[str], target: int
) -> go.Figure:
    """P(select) of each unit, the largest first, with the share of n draws that selected it and the spread to expect.

    Args:
        name: the chart's, for Plotly's uirevision. tone: teacher or student. probs, times, units: (N,) P(select), draws
        that selected the unit, what it is called. target: units that the rate allows.
    """
    order = sorted(range(len(probs)), key=lambda i: (-probs[i], i))
    shown = [i for i in order if probs[i] >= RARE or times[i]] or order[:1]
    x, s = np.arange(1, len(shown) + 1), np.array([probs[i] for i in shown])
    sd = SPREADS * np.sqrt(s * (1 - s) / n)
    told = [f"{escaped(units[i])}<br>P(select) {probs[i]:.3f}<br>drawn in {times[i]} of {n}" for i in shown]
    band = {"mode": "lines", "line": {"width": 0, "color": NEUTRAL}, "hoverinfo": "skip"}
    traces = [
        _trace(x, (s - sd).clip(0), showlegend=False, **band),
        _trace(x, (s + sd).clip(max=1), name=f"± {SPREADS} sd", fill="tonexty", fillcolor=_faint(NEUTRAL), **band),
        _trace(x, s, name="P(select)", mode="lines", line={"color": NEUTRAL, "width": 2}, hoverinfo="skip"),
        _trace(
            x,
            np.array([times[i] / n for i in shown]),
            name="drawn",
            mode="markers",
            marker={"color": COLOURS[tone], "size": 7},
            text=told,
            hovertemplate="%{text}<extra></extra>",
        ),
    ]
    left = len(order) - len(shown)
    axis = "unit, the most probable first" + (f"<br>{left:,} more below {RARE:g}, never drawn" if left else "")
    layout = _layout(name, f"P(select) and share of {n} draws", axis, "probability, share", lines=2 if left else 1)
    layout["shapes"] = [_upright(target + 0.5)]
    layout["annotations"] = [_beside(target + 0.5, f"p · N = {target}")]
    layout["xaxis"]["range"] = [0, max(len(shown), target) + 1]
    return go.Figure({"data": traces, "layout": layout})


def relaxed_chart(
    name: str, tone: str, pushed: Sequence[float], values: Sequence[float], tau: float, units: Sequence[str]
) -> go.Figure:
    """The relaxed value of each unit against its logit with noise: filled where the hard mask selects it, right of 0.

    Args:
        pushed, values, units: (N,) l + noise, sigmoid of that over tau, what the unit is called.
    """
    edge = math.ceil(max(1.0, *(abs(x) for x in pushed)))
    line = np.linspace(-edge, edge, CURVE)
    curve = {"color": NEUTRAL, "width": 2}
    traces = [_trace(line, _sigmoid(line / tau), mode="lines", line=curve, hoverinfo="skip", showlegend=False)]
    for drawn, title in ((True, "drawn"), (False, "not drawn")):
        held = [i for i, x in enumerate(pushed) if (x > 0) == drawn]
        colour = COLOURS[tone] if drawn else NEUTRAL
        traces.append(
            _trace(
                np.array([pushed[i] for i in held]),
                np.array([values[i] for i in held]),
                name=f"{title}: {len(held)}",
                mode="markers",
                marker={"color": colour, "size": 8 if drawn else 7, "symbol": "circle" if drawn else "circle-open"},
                text=[f"{escaped(units[i])}<br>l + noise {pushed[i]:+.2f}<br>s {values[i]:.3f}" for i in held],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    layout = _layout(name, f"Relaxed values at tau {tau:g}", "l + noise (logits)", "relaxed value s")
    layout["shapes"] = [_upright(0)]
    layout["xaxis"] |= {"range": [-edge * 1.05, edge * 1.05], "zeroline": False}
    return go.Figure({"data": traces, "layout": layout})


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(x / 2))


def _trace(x: np.ndarray, y: np.ndarray, **how: Any) -> dict[str, Any]:
    return {"type": "scatter", "x": x, "y": y.astype(np.float32)} | how


def _faint(colour: str) -> str:
    return f"rgba({int(colour[1:3], 16)},{int(colour[3:5], 16)},{int(colour[5:], 16)},0.25)"


def _upright(x: float) -> dict[str, Any]:
    line = {"color": NEUTRAL, "width": 1.5, "dash": "dash"}
    return {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": line, "layer": "below"}


def _beside(x: float, text: str) -> dict[str, Any]:
    place = {"x": x, "y": 1, "yref": "paper", "xanchor": "left", "yanchor": "top", "xshift": 4}
    return {"text": text, "showarrow": False, "font": {"size": 12}} | place


def _layout(name: str, title: str, x_title: str, y_title: str, lines: int = 1) -> dict[str, Any]:
    return {
        "title": {"text": title, "font": {"size": 15}, "x": 0, "xanchor": "left", "y": 1, "yanchor": "top"},
        "font": {"size": 13},
        "height": HEIGHT + 16 * lines,
        "margin": {"l": 8, "r": 8, "t": 60, "b": 8},
        "xaxis": {"title": {"text": x_title, "standoff": 6}, "automargin": True, "nticks": 6},
        "yaxis": {"title": {"text": y_title, "standoff": 8}, "range": [-0.03, 1.05], "automargin": True, "nticks": 6},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom", "font": {"size": 12}},
        "hovermode": "closest",
        "dragmode": False,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "template": {},
        "uirevision": name,
    }
