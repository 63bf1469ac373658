"""An image with its patches marked, as an <img> that holds one SVG: no script, no link, the same in light and dark."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence

import numpy as np

Box = tuple[int, ...]
FADE = 70
"""Opacity of an unselected patch, of 255: still recognisable, clearly in the background."""


def stage(picture: np.ndarray, boxes: Sequence[Box], shown: Sequence[float]) -> np.ndarray:
    """The picture (H, W, 3) with each patch kept (1) or drained of colour and made see-through (0): (H, W, 4) uint8."""
    keep = np.zeros(picture.shape[:2], np.float32)
    for (left, top, right, bottom), value in zip(boxes, shown, strict=True):
        keep[top:bottom, left:right] = value
    grey = picture.astype(np.float32).mean(2, keepdims=True)
    colour = grey + (picture - grey) * (0.15 + 0.85 * keep[..., None])
    alpha = FADE + (255 - FADE) * keep
    return np.concatenate([colour, alpha[..., None]], 2).round().clip(0, 255).astype(np.uint8)


def border(boxes: Iterable[Box]) -> str:
    """SVG path along the outside of the union of patches: an edge that two of them share is left out."""
    edges: set[tuple[int, int, int, int]] = set()
    for left, top, right, bottom in boxes:
        for edge in ((left, top, right, top), (left, bottom, right, bottom)):
            edges ^= {edge}
        for edge in ((left, top, left, bottom), (right, top, right, bottom)):
            edges ^= {edge}
    return "".join(f"M{x0} {y0}L{x1} {y1}" for x0, y0, x1, y1 in sorted(edges))


def outline(boxes: Iterable[Box], colour: str, width: float, dash: str = "") -> str:
    """The border twice, a dark line under a coloured one, so that it stands out on any picture."""
    path = border(boxes)
    if not path:
        return ""
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<path d="{path}" fill="none" stroke="#000" stroke-opacity=".75" stroke-width="{width * 1.9:.3f}" '
        f'stroke-linecap="square"/>'
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width:.3f}" stroke-linecap="square"{dashed}/>'
    )


def tint(boxes: Iterable[Box], colour: str, opacity: Sequence[float]) -> str:
    """A veil of one colour over each patch, 0 (none) to 1 (solid)."""
    return "".join(
        f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}" fill="{colour}" '
        f'fill-opacity="{value:.3f}"/>'
        for (left, top, right, bottom), value in zip(boxes, opacity, strict=True)
        if value > 0.004
    )


def hatch(boxes: Iterable[Box], colour: str, width: float) -> str:
    """Two slanted lines over each patch: a sign that needs no colour."""
    lines = ""
    for left, top, right, bottom in boxes:
        middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
        lines += (
            f"M{left} {middle_y}L{middle_x} {top}M{left} {bottom}L{right} {top}M{middle_x} {bottom}L{right} {middle_y}"
        )
    return (
        f'<path d="{lines}" fill="none" stroke="{colour}" stroke-opacity=".9" stroke-width="{width:.3f}"/>'
        if lines
        else ""
    )


def line_width(picture: np.ndarray) -> float:
    """Outline width in picture pixels that looks the same whatever the picture's resolution."""
    return max(picture.shape[:2]) / 130


def figure(rgba: np.ndarray, layers: str, alt: str) -> str:
    """The <img>: the picture below, the layers (SVG of this module) above, the alt text for who can't see it."""
    height, width = rgba.shape[:2]
    sharp = "pixelated" if max(height, width) <= 112 else "auto"
    edge = line_width(rgba)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" '
        f'viewBox="{-edge:.2f} {-edge:.2f} {width + 2 * edge:.2f} {height + 2 * edge:.2f}">'
        f'<image href="data:image/png;base64,{_png(rgba)}" width="{width}" height="{height}" '
        f'style="image-rendering:{sharp}"/>{layers}</svg>'
    )
    source = base64.b64encode(svg.encode()).decode()
    return f'<img class="rk-picture" src="data:image/svg+xml;base64,{source}" alt="{html.escape(alt, quote=True)}"/>'


def _png(rgba: np.ndarray) -> str:
    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(rgba).save(held, "PNG")
    return base64.b64encode(held.getvalue()).decode()
