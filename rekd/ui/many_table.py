"""The lines of a batch's table as HTML. Pure; what came from outside is escaped here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING

from rekd.ui import components, figures, jumps, picture
from rekd.ui.text import escape as exactly

if TYPE_CHECKING:
    import numpy as np

    from rekd.ui.many_rows import Answer, Line

SHOWN, SNIPPET = 280, 200
"""Characters of a text and of its rationale that are sent; the eye sees three lines of them."""

STYLE = """<style>
.st-key-many-progress{min-height:2.6rem}
.st-key-many-rows{container-type:inline-size;gap:0}
.rk-many{display:grid;gap:.35rem 1.1rem;align-items:start;
  grid-template-columns:minmax(0,1.6fr) repeat(var(--rk-models),minmax(0,1fr))}
.rk-many-head{font-weight:600;padding-left:4.6rem;padding-bottom:.3rem;
  border-bottom:2px solid color-mix(in srgb,currentColor 15%,transparent)}
.rk-many-head .rk-many-role{border-top:4px solid color-mix(in srgb,var(--rk-tone) 80%,transparent);padding-top:.2rem}
.rk-many .rk-many-role{overflow-wrap:anywhere}
.rk-many-line .rk-many-role{display:none;font-size:.84rem;font-weight:600}
[class*="st-key-many-row-"]{flex-wrap:nowrap!important;gap:.6rem;padding:.6rem 0;
  border-bottom:1px solid color-mix(in srgb,currentColor 15%,transparent)}
[class*="st-key-many-row-"] [data-testid="stElementContainer"]:has(button){flex:none!important;width:4rem!important}
[class*="st-key-many-row-"] [data-testid="stElementContainer"]:has(.rk-many){flex:1 1 0!important;min-width:0}
[class*="st-key-many-row-"] button{width:4rem;font-variant-numeric:tabular-nums}
.rk-many-class{font-weight:600;overflow-wrap:anywhere}
.rk-many-said{display:flex;flex-wrap:wrap;gap:0 .55rem;align-items:baseline;font-variant-numeric:tabular-nums}
.rk-many .rk-right,.rk-many .rk-wrong{margin-left:0;font-size:.86rem}
.rk-many .rk-note{margin-top:0}
.rk-many-text{font-size:.9rem;line-height:1.5;overflow:hidden;overflow-wrap:anywhere;unicode-bidi:plaintext;
  display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:3}
.rk-text.rk-many-text{white-space:normal;margin:.15rem 0 0;padding:0;max-height:none;mask-image:none}
.rk-many .rk-picture{margin:.25rem 0;width:5.25rem;max-width:100%}
.rk-many .rk-tag{display:inline-block;margin-top:.2rem}
@container (max-width:54rem){
  .rk-many-head{display:none}
  .rk-many{grid-template-columns:repeat(2,minmax(0,1fr))}
  .rk-many-line .rk-many-role{display:block}
  .rk-many-input{grid-column:1/-1}}
@container (max-width:24rem){
  [class*="st-key-many-row-"]{flex-wrap:wrap!important}
  [class*="st-key-many-row-"] [data-testid="stElementContainer"]:has(.rk-many){flex:1 1 100%!important}}
</style>"""


def head(titles: Mapping[str, tuple[str, str]]) -> str:
    """The line above all others. titles: slot -> name and tone of its column."""
    cells = "".join(
        f'<div class="rk-tone-{tone}"><div class="rk-many-role">{escape(title)}</div></div>'
        for title, tone in titles.values()
    )
    return f'<div class="rk-many rk-many-head" style="--rk-models:{len(titles)}"><div>Input</div>{cells}</div>'


def line(
    row: Line,
    text: str | None,
    pixels: np.ndarray | None,
    classes: Sequence[str],
    titles: Mapping[str, tuple[str, str]],
) -> str:
    """One input with what each model said of it, and why.

    Args:
        text, pixels: the input, one of them. titles: slot -> name and tone of its column.
    """
    cells = "".join(
        f'<div class="rk-tone-{tone}"><div class="rk-many-role">{escape(title)}</div>'
        f"{_cell(row, slot, text, classes, title, tone)}</div>"
        for slot, (title, tone) in titles.items()
    )
    return (
        f'<div class="rk-many rk-many-line" style="--rk-models:{len(titles)}" role="group" '
        f'aria-label="Input {row.number}">{_input(row, text, pixels, classes, titles)}{cells}</div>'
    )


def _input(
    row: Line,
    text: str | None,
    pixels: np.ndarray | None,
    classes: Sequence[str],
    titles: Mapping[str, tuple[str, str]],
) -> str:
    if text is not None:
        more = "…" if len(text) > SHOWN else ""
        shown = f'<div class="rk-many-text" dir="auto">{exactly(text[:SHOWN])}{more}</div>'
    else:
        shown = picture.figure(pixels, "", f"Input {row.number}: the picture {row.name}")
    label = "" if row.label is None else f" · label {classes[row.label]}"
    notes = components.note(f"{row.name}{label}")
    tag = '<span class="rk-tag">≠ models disagree</span>' if row.disagrees else ""
    if (shared := row.overlap(list(titles))) is not None:
        between = " and ".join(titles[slot][0] for slot in jumps.pair(list(row.said)))
        notes += components.note(f"IoU of {between} {shared:.2f}")
    return f'<div class="rk-many-input">{shown}{notes}{tag}</div>'


def _cell(row: Line, slot: str, text: str | None, classes: Sequence[str], title: str, tone: str) -> str:
    if slot not in row.answers:
        return '<div class="rk-note">not read yet</div>'
    answer = row.answers[slot]
    if answer is None:
        return '<div class="rk-note">not read</div>'
    if row.label is None:
        judged = ""
    elif answer.label == row.label:
        judged = '<span class="rk-right">✓ right</span>'
    else:
        judged = '<span class="rk-wrong">✗ wrong</span>'
    said = (
        f'<div class="rk-many-said"><span class="rk-many-class">{escape(classes[answer.label])}</span>'
        f'<span title="{answer.confidence:.4f}">{components.percent(answer.confidence)}</span>{judged}</div>'
    )
    first = "the first " if answer.cut else ""
    counted = f"reads {first or 'all '}{answer.n}" if answer.whole else f"{answer.count} of {first}{answer.n}"
    drawn = "" if answer.whole else _rationale(answer, text, f"{title}, input {row.number}", tone)
    notes = components.note(f"{counted} {answer.words}", answer.note and f"This model {answer.note}.")
    return f"{said}{notes}{drawn}"


def _rationale(answer: Answer, text: str | None, label: str, tone: str) -> str:
    if text is None:
        return _thumb(answer, label, tone)
    return (
        f'<div class="rk-text rk-many-text" dir="auto" role="group" '
        f'aria-label="{escape(label, quote=True)}: what was selected">{snippet(text, answer.spans)}</div>'
    )


def snippet(text: str, spans: Sequence[tuple[int, int, int, int]]) -> str:
    """Selected stretches of a text, marked, within their context: what lies between is left out and shown as …."""
    parts, at, length = [], 0, 0
    for number, (before, start, stop, after) in enumerate(spans):
        if length > SNIPPET:
            break
        begin, end = max(before, at), min(after, spans[number + 1][1] if number + 1 < len(spans) else after)
        parts.append((" … " if at else "… ") if begin > at else "")
        parts.append(f'{_short(text[begin:start])}<mark class="rk-sel">{_short(text[start:stop])}</mark>')
        parts.append(_short(text[stop:end]))
        at, length = end, length + end - begin
    return "".join(parts) + (" …" if text[at:].strip() else "")


def _short(piece: str) -> str:
    """A stretch as it is; one that fills the cell by itself, such as a word without an end, is cut."""
    return exactly(piece) if len(piece) <= SNIPPET else f"{exactly(piece[:SNIPPET])}…"


@lru_cache(maxsize=2000)
def _thumb(answer: Answer, label: str, tone: str) -> str:
    """The picture as the model reads it with its patches marked; kept, since a page is drawn more than once."""
    columns, _ = answer.grid
    side = answer.thumb.shape[1] // columns
    chosen = set(answer.marked)
    boxes = [
        (i % columns * side, i // columns * side, i % columns * side + side, i // columns * side + side)
        for i in range(answer.n)
    ]
    rgba = picture.stage(answer.thumb, boxes, [float(i in chosen) for i in range(answer.n)])
    colour, width = figures.TONES[tone], picture.line_width(answer.thumb) * 2
    layers = picture.outline([boxes[i] for i in answer.marked], colour, width)
    where = figures.where(boxes, [i in chosen for i in range(answer.n)])
    return picture.figure(rgba, layers, f"{label}: {answer.count} of {answer.n} patches selected. {where}")
