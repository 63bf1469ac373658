"""Charts as our own SVG: bars and curves that stand in a page, or alone as a file; no script, no font, no link."""

from __future__ import annotations

import html
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rekd.measures.faithfulness import Curves

FILLS = {"teacher": "var(--rk-teacher,#0072B2)", "student": "var(--rk-student,#D55E00)", "plain": "currentColor"}
WIDTH, NAMES, NUMBERS, ROW, HEAD = 440, 152, 108, 26, 34
LETTERS = 21
"""Cells of a name that fit beside its bar; an ideograph takes two."""
DASHES = ("", "7 3", "2 3", "9 3 2 3", "12 4", "5 2", "1 4", "14 3 3 3")


@dataclass(frozen=True)
class Bar:
    """name: what the bar is of. value: its length, in the chart's unit. said: the value in words. tone: of FILLS."""

    name: str
    value: float
    said: str
    tone: str = "plain"


@dataclass(frozen=True)
class Chart:
    """A figure: `body` is SVG of this size; title and alt say what it shows."""

    title: str
    alt: str
    body: str
    height: float
    width: float = WIDTH

    def inline(self) -> str:
        """For a page: letters in the page's own colour."""
        return f'<figure class="rk-chart">{self._svg("")}</figure>'

    def alone(self) -> str:
        """For a file: dark letters on white, whatever opens it."""
        paper = f'<rect width="{self.width}" height="{self.height:.0f}" fill="#fff"/>'
        return '<?xml version="1.0" encoding="UTF-8"?>\n' + self._svg(paper, ' color="#1F2328"')

    def _svg(self, below: str, more: str = "") -> str:
        alt = escape(f"{self.title}. {self.alt}")
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height:.0f}" role="img" '
            f'aria-label="{alt}" font-family="system-ui,sans-serif" font-size="14" fill="currentColor"{more}>'
            f'{below}<text y="16" font-weight="600">{escape(self.title)}</text>{self.body}</svg>'
        )


def escape(text: str) -> str:
    """A text for XML, which knows no control characters at all."""
    shown = "".join(
        char if char in "\t\n" or unicodedata.category(char) not in ("Cc", "Cs") else "\ufffd" for char in text
    )
    return html.escape(shown.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd"), quote=True)


def clipped(name: str, cells: int = LETTERS) -> str:
    """The beginning of a name that fits this many cells, with a sign that more was there."""
    used = 0
    for i, char in enumerate(name):
        used += 2 if unicodedata.east_asian_width(char) in "WF" else 0 if unicodedata.combining(char) else 1
        if used > cells:
            return name[: max(0, i - 1)].rstrip() + "…"
    return name


def bars(title: str, entries: Sequence[Bar], low: float = 0.0, high: float = 1.0) -> Chart:
    """Horizontal bars on one scale that holds zero; a value that is no number has no bar and says so."""
    values = [entry.value for entry in entries if math.isfinite(entry.value)]
    low, high = min([low, 0.0, *values]), max([high, *values])
    scale = (WIDTH - NAMES - NUMBERS) / (high - low)
    zero = NAMES - low * scale
    rows = "".join(_bar(entry, HEAD + i * ROW, zero, scale) for i, entry in enumerate(entries))
    bottom = HEAD + len(entries) * ROW
    axis = f'<path d="M{zero:.1f} {HEAD - 4}V{bottom}" stroke="currentColor" stroke-opacity=".45"/>'
    alt = "; ".join(f"{entry.name}: {entry.said}" for entry in entries)
    return Chart(title, alt, rows + axis, bottom + 6)


def _bar(entry: Bar, top: float, zero: float, scale: float) -> str:
    value = entry.value if math.isfinite(entry.value) else 0.0
    left, width = zero + min(0.0, value) * scale, max(0.8, abs(value) * scale)
    opacity = ".62" if entry.tone == "plain" else "1"
    at = zero + max(0.0, value) * scale + 7
    return (
        f'<text x="0" y="{top + 14}"><title>{escape(entry.name)}</title>{escape(clipped(entry.name))}</text>'
        f'<rect x="{left:.1f}" y="{top + 3}" width="{width:.1f}" height="14" rx="2" fill="{FILLS[entry.tone]}" '
        f'fill-opacity="{opacity}"/><text x="{at:.1f}" y="{top + 14}">{escape(entry.said)}</text>'
    )


@dataclass(frozen=True)
class Curve:
    """name: whose it is. xs: shares of units, 0 to 1. ys: probabilities, 0 to 1."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    tone: str = "plain"


def curve_chart(title: str, across: str, curves: Sequence[Curve]) -> Chart:
    """Curves from 0 to 1 on both axes, each with a line of its own kind, named below the chart."""
    left, top, wide, tall = 52, HEAD + 4, WIDTH - 76, 170
    grid = "".join(
        f'<path d="M{left} {top + tall * (1 - y):.1f}h{wide}" stroke="currentColor" stroke-opacity=".16"/>'
        f'<text x="{left - 8}" y="{top + tall * (1 - y) + 4:.1f}" text-anchor="end">{100 * y:.0f} %</text>'
        for y in (0, 0.5, 1)
    )
    grid += "".join(
        f'<text x="{left + wide * x:.1f}" y="{top + tall + 18}" text-anchor="middle">{100 * x:.0f} %</text>'
        for x in (0, 0.5, 1)
    )
    grid += f'<text x="{left + wide / 2:.1f}" y="{top + tall + 38}" text-anchor="middle">{escape(across)}</text>'
    lines, names = "", ""
    for i, curve in enumerate(curves):
        dash, colour = DASHES[i % len(DASHES)], FILLS[curve.tone]
        pen = f'fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"'
        at = zip(curve.xs, curve.ys, strict=True)
        points = " ".join(f"{left + wide * x:.1f},{top + tall * (1 - y):.1f}" for x, y in at if math.isfinite(y))
        lines += f'<polyline points="{points}" {pen}/>'
        x, y = (i % 2) * WIDTH / 2, top + tall + 62 + (i // 2) * 22
        names += f'<path d="M{x:.1f} {y - 4:.1f}h38" {pen}/><text x="{x + 44:.1f}" y="{y:.1f}">'
        names += f"{escape(clipped(curve.name))}</text>"
    alt = f"Up: probability. Across: {across}. " + "; ".join(curve.name for curve in curves)
    return Chart(title, alt, grid + lines + names, top + tall + 62 + (len(curves) + 1) // 2 * 22)


def faithfulness_curves(lines: Sequence[tuple[str, Curves, str]], said: str) -> tuple[Chart, ...]:
    """Deletion and insertion of each mask's order, and of the first one's random order. lines: (name, curves, tone)."""
    out = []
    for kind, across in (("deletion", "units removed, best first"), ("insertion", "units added, best first")):
        drawn = [Curve(name, found.shares, getattr(found, kind), tone) for name, found, tone in lines]
        if lines:
            chance = lines[0][1]
            drawn.append(Curve("random order", chance.shares, getattr(chance, f"random_{kind}")))
        out.append(curve_chart(f"{kind.capitalize()}: {said}", f"share of {across}", drawn))
    return tuple(out)
