"""A forest plot as HTML: a line a comparison, its dot and interval on one axis, its numbers beside. Pure.

It is words and boxes, so that it fits a narrow window, a printer and a reader's voice; every label is escaped here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from rekd.results.statistics import Difference

STYLE = """<style>
.rk-forest{display:grid;grid-template-columns:minmax(9rem,1.4fr) minmax(9rem,2fr) 9.5rem 11.5rem;column-gap:1rem;
  font-variant-numeric:tabular-nums;font-size:.93rem}
.rk-forest>div{display:contents}
.rk-forest>div>div{padding:.4rem 0;border-bottom:1px solid color-mix(in srgb,currentColor 12%,transparent)}
.rk-forest .rk-forest-head>div{font-weight:600;border-bottom-width:2px;align-self:stretch}
.rk-forest .rk-forest-first{font-weight:650}
.rk-forest-track{position:relative;min-height:1.5rem}
.rk-forest-track>*{position:absolute;top:50%;transform:translate(-50%,-50%)}
.rk-forest-track .rk-forest-zero{top:0;height:100%;width:0;border-left:1.5px dashed
  color-mix(in srgb,currentColor 55%,transparent);transform:none}
.rk-forest-track .rk-forest-span{height:1.15rem;min-width:4px;box-sizing:border-box;
  border:solid var(--rk-forest);border-width:0 2px;
  background:linear-gradient(var(--rk-forest),var(--rk-forest)) center/100% 3px no-repeat}
.rk-forest-track .rk-forest-dot{width:.55rem;height:.55rem;box-sizing:border-box;border-radius:50%;
  background:var(--rk-forest)}
.rk-forest-track .rk-forest-open{background:light-dark(#fff,#14161a);border:2px solid var(--rk-forest)}
.rk-forest-track .rk-forest-one{background:none;border:2px solid var(--rk-forest);border-radius:0;
  transform:translate(-50%,-50%) rotate(45deg)}
.rk-forest{--rk-forest:var(--rk-teacher)}
.rk-forest .rk-forest-axis>div{border:0;padding-top:.15rem;font-size:.82rem}
.rk-forest-axis .rk-forest-track>span{top:.55rem;white-space:nowrap}
.rk-forest-axis .rk-forest-track>:first-child{transform:translate(0,-50%)}
.rk-forest-axis .rk-forest-track>:last-child{transform:translate(-100%,-50%)}
.rk-forest .rk-note{margin:0}
.rk-forest-number{white-space:nowrap}
.rk-forest-fold{container-type:inline-size}
@container (max-width:42rem){
  .rk-forest{grid-template-columns:minmax(0,1fr) auto}
  .rk-forest>div>div{border:0;padding:.1rem 0}
  .rk-forest .rk-forest-head{display:none}
  .rk-forest>div>.rk-forest-label{padding-top:.55rem;grid-column:1/-1}
  .rk-forest>div>.rk-forest-track{grid-column:1/-1;grid-row:auto;order:0}
  .rk-forest>div>.rk-forest-number{font-size:.86rem}
  .rk-forest .rk-forest-axis>div:not(.rk-forest-track){display:none}}
</style>"""


@dataclass(frozen=True)
class Compared:
    """One line. label: what is compared; note: small words below it. first: stands out, a headline.
    found: the difference of accuracies, the first minus the second."""

    label: str
    found: Difference
    note: str = ""
    first: bool = False


def forest(lines: Sequence[Compared], title: str) -> str:
    """Differences with their intervals round a line at zero; where an interval reaches zero, the dot is hollow.

    One pair has no interval, and is a diamond.

    Args:
        lines: of those without a pair, the words say so, and nothing is drawn.
    """
    edge = reach([line.found for line in lines])
    head = "".join(
        f"<div>{name}</div>"
        for name in ("Compared", "Difference of accuracy, points", "Mean [95 %]", "n, p, p after Holm")
    )
    rows = "".join(_row(line, edge) for line in lines)
    label = escape(title, quote=True)
    return (
        f'<p class="rk-caption">{escape(title)}</p><div class="rk-forest-fold">'
        f'<div class="rk-forest" role="group" aria-label="{label}">'
        f'<div class="rk-forest-head">{head}</div>{rows}{_axis(edge)}</div></div>'
    )


def reach(found: Sequence[Difference]) -> float:
    """How far the axis reaches on either side of 0, in accuracy: a round number beyond every interval."""
    ends = [abs(value) for each in found for value in (each.mean, each.low, each.high) if value is not None]
    widest = max([0.01, *ends]) * 1.05
    power = 10 ** math.floor(math.log10(widest))
    return next(step * power for step in (1, 1.2, 1.6, 2, 3, 4, 6, 8, 10) if step * power >= widest)


def _row(line: Compared, edge: float) -> str:
    note = f'<div class="rk-note">{escape(line.note)}</div>' if line.note else ""
    name = f"<span{' class=rk-forest-first' if line.first else ''}>{escape(line.label)}</span>"
    return (
        f'<div><div class="rk-forest-label">{name}{note}</div>{_track(line.found, edge)}'
        f'<div class="rk-forest-number">{told(line.found)}</div>'
        f'<div class="rk-forest-number">{_test(line.found)}</div></div>'
    )


def _track(found: Difference, edge: float) -> str:
    drawn = f'<i class="rk-forest-zero" style="left:{_place(0, edge)}"></i>'
    if found.low is not None:
        place, width = _place((found.low + found.high) / 2, edge), 50 * (found.high - found.low) / edge
        drawn += f'<i class="rk-forest-span" style="left:{place};width:{width:.2f}%"></i>'
    if found.mean is not None:
        sort = " rk-forest-one" if found.low is None else "" if found.excludes_zero else " rk-forest-open"
        drawn += f'<i class="rk-forest-dot{sort}" style="left:{_place(found.mean, edge)}"></i>'
    return f'<div class="rk-forest-track" aria-hidden="true">{drawn}</div>'


def _place(value: float, edge: float) -> str:
    return f"{50 + 50 * value / edge:.2f}%"


def _axis(edge: float) -> str:
    ticks = "".join(
        f'<span style="left:{_place(value, edge)}">{points(value).removesuffix(".0")}</span>'
        for value in (-edge, -edge / 2, 0, edge / 2, edge)
    )
    track = f'<div class="rk-forest-track">{ticks}</div>'
    return f'<div class="rk-forest-axis" aria-hidden="true"><div></div>{track}<div></div><div></div></div>'


def points(value: float) -> str:
    """A difference of accuracies in percentage points, with its sign; what rounds to 0 and is none has a digit more."""
    digits = 1 if abs(100 * value) >= 0.05 else 2
    number = f"{100 * value:+.{digits}f}".replace("-", "−")
    return "0.0" if float(number[1:]) == 0 else number


def told(found: Difference) -> str:
    """The mean difference and its interval in points."""
    if found.mean is None:
        return "no pair"
    if found.low is None:
        return f"{points(found.mean)}, one pair"
    return f"{points(found.mean)} [{points(found.low)}, {points(found.high)}]"


def _test(found: Difference) -> str:
    """Pairs, and p as given and after Holm where there are enough of them."""
    said = [f"n {found.n}"]
    if found.p is not None:
        said.append(f"p {_p(found.p)}")
    if found.adjusted is not None:
        said.append(f"Holm {_p(found.adjusted)}")
    return ", ".join(said)


def _p(value: float) -> str:
    return f"{value:.3f}".removeprefix("0") if value >= 0.0005 else f"{value:.1g}"


def in_words(lines: Sequence[Compared]) -> str:
    """How many of the differences exclude zero."""
    held = [line for line in lines if line.found.low is not None]
    clear = sum(line.found.excludes_zero for line in held)
    return f"Intervals that exclude zero, with a filled dot: {clear} of {len(held)}." if held else "No interval yet."
