"""What the section about chance says and draws beside its charts: sentences, heat on the input, bars, tables. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from rekd.ui import components, figures
from rekd.ui import picture as svg
from rekd.ui import text as prose
from rekd.ui.components import percent, plain

if TYPE_CHECKING:
    from rekd.explanations.chance import Draws, Gate, Ruled, Spread, Votes
    from rekd.types import Explanation, Prediction, Units
    from rekd.units import Reading

STYLE = """<style>
.st-key-chance .rk-text{max-height:17rem;margin-bottom:.7rem}
.st-key-chance .rk-picture{max-width:13rem}
.st-key-chance [data-testid="stHorizontalBlock"]>[data-testid="stColumn"]{min-width:min(17rem,100%)}
.rk-votes{display:grid;grid-template-columns:minmax(3rem,auto) 1fr auto;align-items:center;gap:.25rem .6rem;
  font-size:.9rem;font-variant-numeric:tabular-nums;margin:.5rem 0 .2rem}
.rk-votes>b,.rk-votes>span{overflow-wrap:anywhere}
.rk-votes .rk-bar>span{background:var(--rk-tone)}
.rk-rules{font-size:.88rem;margin-top:.7rem} .rk-rules th,.rk-rules td{padding:.3rem .3rem}
.rk-rules tbody th{white-space:nowrap}
.rk-rules tr[aria-current] :is(th,td){font-weight:700}
.st-key-chance-votes [data-stale="true"]{opacity:1!important}
</style>"""
_SPACE = "\u00a0"  # at which no line breaks
LONGEST = 40
"""Characters of a word that a tip shows."""


def names(units: Units, text: str | None) -> list[str]:
    """What each unit is called: the word itself, or where the patch stands, counted from 1 at the upper left."""
    if text is not None:
        return [_quoted(text[start:stop]) for start, stop in units.places]
    lefts, tops = (sorted({box[side] for box in units.places}) for side in (0, 1))
    return [f"row {tops.index(box[1]) + 1}, column {lefts.index(box[0]) + 1}" for box in units.places]


def _quoted(word: str) -> str:
    return f"“{word[: LONGEST - 1]}…”" if len(word) > LONGEST else f"“{word}”"


def warm(
    reading: Reading,
    text: str | None,
    units: Units,
    values: Sequence[float],
    marked: Sequence[bool],
    tips: Sequence[str],
    tone: str,
    label: str,
) -> str:
    """The input with a warmth of 0 to 1 on each unit, and the marked ones underlined or outlined, as HTML.

    Args:
        values, marked, tips: (N,) each. text: None for an image. label: what is seen, for whoever can't see it.
    """
    if text is not None:
        signs = ["rk-heat-sel" if on else "rk-heat" for on in marked]
        levels = [f"--rk-level:{value * figures.HEAT:.0f}%" for value in values]
        marks = prose.each(units.places, lambda i: (signs[i], tips[i], levels[i]))
        return components.toned(tone, prose.passage(text, marks, reading.stops[0], label, whole=True))
    pixels, boxes = reading.pictures[0], units.places
    veil = svg.tint(boxes, figures.TONES[tone], [0.85 * value for value in values])
    chosen = [box for box, on in zip(boxes, marked, strict=True) if on]
    layers = veil + svg.outline(chosen, "#FFFFFF", svg.line_width(pixels) * 0.6)
    alt = f"{label} Outlined: {figures.where(boxes, marked)}"
    return svg.figure(svg.stage(pixels, boxes, [0.45] * len(boxes)), layers, alt)


def pair(value: Spread, digits: int = 1) -> str:
    """Mean ± standard deviation."""
    return f"{value.mean:.{digits}f}{_SPACE}±{_SPACE}{value.sd:.{digits}f}"


def chances(value: Spread) -> str:
    """Mean ± standard deviation of a probability, in percent."""
    return f"{percent(value.mean)}{_SPACE}±{_SPACE}{100 * value.sd:.0f}"


def lead(name: str, item: Explanation, drawn: Draws, found: Votes | None, classes: Sequence[str]) -> str:
    """The sentence to read aloud, as Markdown. found: None, or incomplete, while predictions are still being made."""
    rule = "in draw 0" if item.rule == "sampled" else item.rule
    what = f"**{plain(name)}** selects **{item.count}** of {len(item.mask)} {components.units_of(item.units)} ({rule})"
    over = f"Over {len(drawn)} draws it selects **{plain(pair(drawn.units))}**"
    if found is None or found.total < len(drawn):
        return f"{what}. {over}; what it says from them is being counted below."
    verb = "stays" if 2 * found.agree > found.total else "is"
    said = f"its prediction {verb} **{plain(classes[found.usual])}** in **{found.agree} of {found.total}**"
    return f"{what}. {over}; {said}."


def gate_facts(made: Gate, drawn: Draws, rate: float, target: int, overlap: tuple[Spread, Spread]) -> dict[str, str]:
    """Name to value, as printed under a gate's chart. overlap: IoU of two draws, and of random masks of their sizes."""
    empty = int(drawn.repaired.sum())
    return {
        "Certainty, mean |2s − 1|": f"{made.certainty:.3f} (0 a coin, 1 no chance)",
        "Units expected, Σ s": pair(made.units),
        f"Units in {len(drawn)} draws": pair(drawn.units),
        "Target p · N": f"{target} (p = {rate:g})",
        "IoU of two draws": pair(overlap[0], 2),
        "IoU by chance": f"{pair(overlap[1], 2)}, random masks of these sizes",
        "Empty draws": f"{empty} of {len(drawn)}" + (", given their most probable unit" if empty else ""),
    }


def bars(found: Votes, classes: Sequence[str]) -> str:
    """How many draws say each class, as bars; classes that no draw says are left out, the usual one never."""
    shown = [k for k in range(len(classes)) if found.counts[k] or k == found.usual]
    rows = "".join(_bar(found, k, classes[k]) for k in sorted(shown, key=lambda k: -found.counts[k]))
    return f'<div class="rk-votes" role="group" aria-label="Predicted class over draws">{rows}</div>'


def _bar(found: Votes, k: int, name: str) -> str:
    count, total, tag = found.counts[k], found.total, "b" if k == found.usual else "span"
    return (
        f'<{tag}>{escape(name)}</{tag}><div class="rk-bar"><span style="width:{100 * count / total:.1f}%"></span></div>'
        f"<span>{count} of {total} draws</span>"
    )


def vote_notes(found: Votes, drawn: Draws, classes: Sequence[str], rule: str) -> str:
    """What the bars mean, in small lines."""
    name = classes[found.usual]
    empty = int(drawn.repaired[: found.total].sum())
    agree, sure = percent(found.agree / found.total), chances(found.confidence)
    return components.note(
        f"{agree} say “{name}”, as under {rule}; its probability {sure}.",
        f"{empty} of these draws selected nothing and were given their most probable unit." if empty else "",
    )


def rules_table(
    rows: Sequence[tuple[Ruled, float]],
    sampled: tuple[Draws, Spread, Votes | None],
    chosen: str,
    classes: Sequence[str],
) -> str:
    """The four mask rules on this input; the chosen one is marked.

    Args:
        rows: each rule without noise with its mask's IoU with the chosen rule's. sampled: the draws, their IoU with the
        chosen rule's mask, what they said so far.
    """
    body = "".join(_rule(row.rule, *_plainly(row, overlap, classes), chosen) for row, overlap in rows)
    drawn, overlap, found = sampled
    said = "…"
    if found is not None:
        top = max(range(len(classes)), key=found.counts.__getitem__)
        said = f"{escape(classes[top])}, {found.counts[top]} of {found.total}"
    body += _rule("sampled", pair(drawn.units), pair(overlap, 2), said, chosen)
    caption = f"The four mask rules; IoU is with {'draw 0' if chosen == 'sampled' else chosen}"
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("rule", "units", "IoU", "says"))
    return (
        f'<div class="rk-scroll" tabindex="0" role="group" aria-label="{escape(caption)}">'
        f'<table class="rk-table rk-rules" aria-label="{escape(caption)}"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>{components.note(caption + '.')}"
    )


def _plainly(row: Ruled, overlap: float, classes: Sequence[str]) -> tuple[str, str, str]:
    mark = " (repaired)" if row.repaired else ""
    return f"{sum(row.mask)}{mark}", f"{overlap:.2f}", said_by(row.prediction, classes)


def said_by(prediction: Prediction, classes: Sequence[str]) -> str:
    """Predicted class and confidence, escaped."""
    return f"{escape(classes[prediction.label])}, {percent(prediction.confidence)}"


def _rule(rule: str, units: str, overlap: str, said: str, chosen: str) -> str:
    current, sign = (' aria-current="true"', "▸ ") if rule == chosen else ("", "")
    return f'<tr{current}><th scope="row">{sign}{rule}</th><td>{units}</td><td>{overlap}</td><td>{said}</td></tr>'
