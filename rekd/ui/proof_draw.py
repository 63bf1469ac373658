"""The tables, sentences and pictures of the section Proof as HTML. Pure; what came from outside is escaped here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from rekd.ui import components, figures
from rekd.ui import picture as svg
from rekd.ui import text as prose
from rekd.ui.text import Mark

if TYPE_CHECKING:
    import numpy as np

    from rekd.explanations.proof import Movement
    from rekd.explanations.proof_swap import Followed
    from rekd.types import Explanation

STYLE = """<style>
.rk-still{font-weight:650;white-space:nowrap;color:color-mix(in srgb,#12805c 78%,currentColor)}
.rk-proof td{white-space:nowrap} .rk-table .rk-proof-why{white-space:normal;text-align:left}
.rk-proof .rk-name{display:block} .rk-proof tbody th{min-width:min(17rem,34vw)}
.rk-strip{display:grid;gap:.6rem 1.1rem;margin:.2rem 0 .4rem;grid-template-columns:repeat(4,1fr)}
.rk-strip-image{max-width:46rem}
@media (max-width:1100px){.rk-strip-text{grid-template-columns:repeat(2,1fr)}}
@media (max-width:640px){.rk-strip{grid-template-columns:repeat(2,1fr)} .rk-strip-text{grid-template-columns:1fr}}
.rk-strip figure{margin:0} .rk-strip figcaption{font-size:.84rem;font-weight:600}
.rk-strip .rk-picture{max-width:11rem;margin:.3rem 0}
.rk-strip .rk-text{font-size:.88rem;line-height:1.5;padding-bottom:.3rem;
  max-height:none;mask-image:none;margin-top:.2rem}
.rk-said{margin:.2rem 0 .55rem;line-height:1.5} .rk-said b{font-weight:650}
.rk-leaks{display:grid;gap:1rem 1.6rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,17rem),1fr))}
</style>"""
CLOSING = ".,:;!?)]}…’”"
EXCERPT, BEFORE = 330, 60
"""Characters of a text that the strip shows, and how many of them stand before the first selected one."""


@dataclass(frozen=True)
class Line:
    """One mask in the first check. name: what the row is called; remark: whose it is and who reads it.

    movement: None while it is computed. whole: its reader sees the whole input. fault: why there is no movement.
    """

    name: str
    remark: str
    units: str
    movement: Movement | None = None
    whole: bool = False
    fault: str = ""


HEADS = (
    ("kept", "What stays as it is in every one of the inputs."),
    (
        "logits move by",
        "Models that select: the most that any class's logit moves. Others: the logit of the class said.",
    ),
    ("says another class", "How many of the inputs are called by another class than the original."),
    ("left out and replaced", "Units whose content is replaced, of all units that were read."),
    ("really other", "Share of the replaced tokens whose content differs from the original; two blank patches do not."),
)
CARRIES = "⚑ more than a random mask explains: this mask by itself speaks for its class"


def movements(lines: Sequence[Line], caption: str) -> str:
    """The first check as a table."""
    heads = "".join(f'<th scope="col" title="{escape(tip, quote=True)}">{escape(name)}</th>' for name, tip in HEADS)
    named = escape(caption, quote=True)
    return (
        f'<p class="rk-caption">{escape(caption)}</p>'
        f'<div class="rk-scroll" tabindex="0" role="group" aria-label="{named}">'
        f'<table class="rk-table rk-proof" aria-label="{named}"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(map(_row, lines))}</tbody></table></div>"
    )


def _row(line: Line) -> str:
    head = f'<th scope="row">{escape(line.name)}<span class="rk-name">{escape(line.remark)}</span></th>'
    found = line.movement
    if found is None:
        return f'<tr>{head}<td colspan="4" class="rk-proof-why">{escape(line.fault or "…")}</td></tr>'
    flips = f"{found.flips} of {found.draws}"
    replaced = f"{found.replaced} of {found.units} {line.units}"
    cells = (flips, replaced, components.percent(found.changed) if found.replaced else "–")
    return f"<tr>{head}{_moved(line)}{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _moved(line: Line) -> str:
    found = line.movement
    if not found.tested:
        return "<td>nothing to replace</td>" if not found.replaced else "<td>nothing changed</td>"
    if line.whole:
        return f"<td>median {found.median:.2f}, up to {found.top:.2f}</td>"
    if found.exact:
        return '<td><span class="rk-still">✓ exactly 0</span></td>'
    return f'<td><span class="rk-flag">⚑ up to {found.largest:.3g}</span></td>'


def alarm(name: str, found: Movement) -> str:
    """What a failed check means, for a person."""
    return (
        f"{name} fails the check: its logits moved by up to {found.largest:.3g} though everything that it selected "
        "stayed as it was. Content that it left out reaches its prediction, so its rationale is not all that it read."
    )


def followed(name: str, found: Followed, classes: Sequence[str], label: int) -> str:
    """The second check of one model as one sentence."""
    of, said = found.contents, escape(classes[label])
    flag = f' <span class="rk-flag">{CARRIES}</span>' if found.by_mask else ""
    return (
        f'<p class="rk-said"><b>{escape(name)}</b> follows the content in <b>{found.content} of {of}</b>, '
        f"the mask's class ({said}) in <b>{found.mask}</b>, neither in {found.neither}. With a "
        f"random mask: {found.random_content} and {found.random_mask} ± {found.spread:.0f}.{flag}</p>"
    )


def picture_strip(
    item: Explanation, tone: str, original: np.ndarray, scrambled: Sequence[np.ndarray], name: str
) -> str:
    """The original and some of the scrambled pictures (H, W, 3) uint8, the selected patches outlined in each."""
    boxes = item.units.places
    chosen = [box for box, on in zip(boxes, item.mask, strict=True) if on]
    tiles = []
    for title, pixels in _titled(original, scrambled):
        layers = svg.outline(chosen, figures.TONES[tone], svg.line_width(pixels))
        marked = f"{name} selected {item.count} of {len(boxes)} patches, outlined"
        alt = f"{title}: {marked}. {figures.where(boxes, item.mask)}"
        tiles.append(_tile(title, svg.figure(svg.stage(pixels, boxes, [1.0] * len(boxes)), layers, alt)))
    return f'<div class="rk-strip rk-strip-image">{"".join(tiles)}</div>'


def text_strip(
    item: Explanation, tone: str, text: str, stop: int, scrambled: Sequence[Sequence[tuple[str, bool]]], name: str
) -> str:
    """The same of texts: excerpts around the first selected words. scrambled: stretches of (text, selected)."""
    marks = prose.runs(text, item.units.places, figures.signs(item.mask, None, "mask"))
    passages = [(text[:stop], marks), *map(_joined, scrambled)]
    tiles = [
        _tile(title, components.toned(tone, _excerpt(*passage, f"{title}, an excerpt; marked is what {name} selected")))
        for title, passage in _titled(passages[0], passages[1:])
    ]
    return f'<div class="rk-strip rk-strip-text">{"".join(tiles)}</div>'


def _titled(original, scrambled: Sequence) -> list[tuple]:
    return [("The input", original), *((f"Scrambled {number}", other) for number, other in enumerate(scrambled, 1))]


def _tile(title: str, drawn: str) -> str:
    return f"<figure><figcaption>{escape(title)}</figcaption>{drawn}</figure>"


def _joined(stretches: Sequence[tuple[str, bool]]) -> tuple[str, list[Mark]]:
    """Stretches as one text with the selected ones marked; no space stands before a comma or the like."""
    text, marks = "", []
    for piece, selected in stretches:
        text += " " if text and piece[0] not in CLOSING else ""
        if selected:
            marks.append(Mark(len(text), len(text) + len(piece), "rk-sel"))
        text += piece
    return text, marks


def _excerpt(text: str, marks: Sequence[Mark], label: str) -> str:
    first = marks[0].start if marks else 0
    start = max(0, first - BEFORE)
    if start and " " in text[start:first]:
        start = text.index(" ", start) + 1  # begin with a whole word
    stop = min(len(text), start + EXCERPT)
    if stop < len(text) and " " in text[first:stop]:
        stop = text.rindex(" ", first, stop)
    lead, tail = ("… " if start else ""), (" …" if stop < len(text) else "")
    moved = len(lead) - start
    inside = [mark for mark in marks if mark.start < stop]
    cut = [Mark(mark.start + moved, min(mark.stop, stop) + moved, mark.sign) for mark in inside]
    shown = lead + text[start:stop] + tail
    return prose.passage(shown, cut, len(shown), label)
