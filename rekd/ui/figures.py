"""One explanation drawn on its input: explanation in, HTML out. Pure; nothing here knows a page or a session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rekd.ui import picture as svg
from rekd.ui import text as prose

if TYPE_CHECKING:
    import numpy as np

    from rekd.types import Explanation

STUDENT, TEACHER, AGREED = "#FF8A2A", "#39A9F0", "#FFFFFF"
"""Outline colours on pictures: the pair of theme.py, lightened to stand on the dark line drawn under them."""
TONES = {"teacher": TEACHER, "student": STUDENT, "plain": "#FFFFFF"}
HEAT = 62
"""Strongest heat in percent: text on it keeps a contrast above 4.5 to 1, light and dark."""


def signs(mask: Sequence[bool], reference: Sequence[bool] | None, show: str) -> list[str]:
    """The sign of each unit, "" for none: selected, or against a reference agreed, only theirs, only its own."""
    if show != "difference" or reference is None:
        return ["rk-sel" if on else "" for on in mask]
    names = {(True, True): "rk-agreed", (False, True): "rk-only-theirs", (True, False): "rk-only-own"}
    return [names.get((bool(on), bool(other)), "") for on, other in zip(mask, reference, strict=True)]


def tally(mask: Sequence[bool], reference: Sequence[bool]) -> tuple[int, int, int]:
    """How many units both selected, only the reference, only this model."""
    found = signs(mask, reference, "difference")
    return tuple(found.count(name) for name in ("rk-agreed", "rk-only-theirs", "rk-only-own"))


def on_text(
    text: str,
    stop: int,
    item: Explanation,
    label: str,
    tone: str,
    show: str = "mask",
    reference: Sequence[bool] | None = None,
) -> str:
    """A text under one of the views.

    Args:
        stop: the character where the model stopped reading. tone: teacher, student, or plain for what is neither, whose
        scores are no probabilities. show: "whole" (no mask at all), "mask", "select" (heat of the scores) or
        "difference" (to `reference`, a mask (N,)).
    """
    if show == "whole":
        return prose.passage(text, [], stop, label, whole=True)
    if show == "select":
        levels = heat(item, tone == "plain")
        return prose.passage(
            text, prose.each(item.units.places, lambda i: _warm(item, levels, i, tone)), stop, label, whole=True
        )
    marks = prose.runs(text, item.units.places, signs(item.mask, reference, show))
    return prose.passage(text, marks, stop, label)


def heat(item: Explanation, relative: bool) -> list[float]:
    """0 to 1 for each unit: P(select) as it is, or (relative) attributions over the largest, negative ones 0."""
    top = max(item.scores) if relative else 1.0
    return [max(0.0, score) / top if top > 0 else 0.0 for score in item.scores]


def _warm(item: Explanation, levels: list[float], i: int, tone: str) -> tuple[str, str, str]:
    sign = "rk-heat-sel" if item.mask[i] else "rk-heat"
    tip = f"score {item.scores[i]:+.3g}" if tone == "plain" else f"P(select) {item.scores[i]:.3f}"
    return sign, tip, f"--rk-level:{levels[i] * HEAT:.0f}%"


def on_image(
    pixels: np.ndarray,
    item: Explanation,
    label: str,
    tone: str,
    show: str = "mask",
    reference: Sequence[bool] | None = None,
    whose: str = "the teacher",
) -> str:
    """An image (H, W, 3) uint8, as the model sees it, under one of the views of `on_text`. whose: the reference is."""
    boxes, width, colour = item.units.places, svg.line_width(pixels), TONES[tone]
    if show == "whole":
        return svg.figure(svg.stage(pixels, boxes, [1.0] * len(boxes)), "", f"{label}: the whole image")
    chosen = [box for box, on in zip(boxes, item.mask, strict=True) if on]
    if show == "select":
        levels, plain = heat(item, tone == "plain"), tone == "plain"
        rgba = svg.stage(pixels, boxes, levels if plain else [0.45] * len(boxes))
        veil = "" if plain else svg.tint(boxes, colour, [0.85 * level for level in levels])
        return svg.figure(rgba, veil + svg.outline(chosen, "#FFFFFF", width * 0.6), _alt(label, item, pixels))
    if show == "difference" and reference is not None:
        return _image_difference(pixels, item, label, reference, width, whose)
    layers = svg.outline(chosen, colour, width)
    return svg.figure(svg.stage(pixels, boxes, [float(on) for on in item.mask]), layers, _alt(label, item, pixels))


def _image_difference(
    pixels: np.ndarray, item: Explanation, label: str, reference: Sequence[bool], width: float, whose: str
) -> str:
    boxes, found = item.units.places, signs(item.mask, reference, "difference")
    group = {name: [b for b, s in zip(boxes, found, strict=True) if s == name] for name in set(found)}
    shown = [{"rk-agreed": 1.0, "rk-only-own": 0.8, "rk-only-theirs": 0.5}.get(s, 0.0) for s in found]
    others, mine = group.get("rk-only-theirs", []), group.get("rk-only-own", [])
    layers = (
        svg.outline(others, TEACHER, width, dash=f"{3 * width:.2f} {2.4 * width:.2f}")
        + svg.hatch(mine, STUDENT, width * 0.7)
        + svg.outline(mine, STUDENT, width)
        + svg.outline(group.get("rk-agreed", []), AGREED, width)
    )
    both, theirs, own = tally(item.mask, reference)
    alt = f"{label}: {both} patches agreed with {whose}, {theirs} only {whose}, {own} only this one"
    return svg.figure(svg.stage(pixels, boxes, shown), layers, alt)


def _alt(label: str, item: Explanation, pixels: np.ndarray) -> str:
    return f"{label}: {item.count} of {len(item.mask)} patches selected. {where(item.units.places, item.mask)}"


def where(boxes: Sequence[tuple[int, ...]], mask: Sequence[bool]) -> str:
    """The marked patches in words, row by row, counted from 1 at the upper left."""
    lefts, tops = sorted({box[0] for box in boxes}), sorted({box[1] for box in boxes})
    rows: dict[int, list[int]] = {}
    for box, on in zip(boxes, mask, strict=True):
        if on:
            rows.setdefault(tops.index(box[1]) + 1, []).append(lefts.index(box[0]) + 1)
    return " ".join(f"Row {row}: {', '.join(map(str, columns))}." for row, columns in rows.items())
