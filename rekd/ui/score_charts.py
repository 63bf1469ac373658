"""Deletion and insertion curves of every row of the score table, as one chart. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from rekd.ui.curves import DASHES, FOURTH, NEUTRAL, STUDENT, TEACHER, THIRD, Line, Panel, chart, escaped

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from rekd.measures.faithfulness import Curves

SIGNS = {"Teacher": (TEACHER, "solid"), "RE": (STUDENT, "dash"), "REKD": (STUDENT, "solid")}
"""Colour and dash of the rows that always mean the same; other rows take what is left."""


def curve_chart(rows: Mapping[str, Curves], judge: str, class_name: str) -> go.Figure:
    """The judge's probability while units leave (above) and come (below), the best first, a line a row.

    Args:
        rows: by name; the random order of the first of them is drawn too.
    """
    signs = _signs(list(rows))
    panels = []
    for name, title in (("deletion", "units removed"), ("insertion", "units added")):
        lines = [_line(row, held.shares, getattr(held, name), *signs[row]) for row, held in rows.items()]
        first = next(iter(rows.values()))
        lines.append(_line("random order", first.shares, getattr(first, f"random_{name}"), NEUTRAL, "dot"))
        if panels:  # once in the legend is enough
            lines = [_unnamed(line) for line in lines]
        panels.append(Panel(title, lines, from_zero=True, share=1.2))
    return chart(
        "curves",
        f"Probability of “{escaped(class_name)}” while units leave and come",
        panels,
        x_title="share of units, the best first",
        x_ticks=".0%",
        # A line each: a chart cuts off what is too long for a narrow window.
        subtitle=f"Judge {escaped(judge)}.<br>Removed: better if it falls sooner.<br>Added: better if it rises sooner.",
    )


def _signs(names: list[str]) -> dict[str, tuple[str, str]]:
    others = [name for name in names if name not in SIGNS]
    free = [(colour, dash) for dash in DASHES for colour in (THIRD, FOURTH)]
    return SIGNS | {name: free[i % len(free)] for i, name in enumerate(others)}


def _line(name: str, shares, values, colour: str, dash: str) -> Line:
    return Line(name, shares, values, colour, dash, group=name)


def _unnamed(line: Line) -> Line:
    return replace(line, legend=False)
