"""The pieces of a card, a legend and the score table as HTML. Pure; what came from outside is escaped here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rekd.types import Explanation, Prediction, Score, Units

UNIT_WORDS = {"words": "words", "pieces": "word pieces", "tokens": "tokens", "patches": "patches"}

TOOLS = {"displaylogo": False, "modeBarButtons": [["toImage", "zoom2d", "pan2d", "resetScale2d"]]}
"""What Plotly offers above a chart: no more than leaves its title to be read on a telephone, where it stands always."""


def plain(text: str) -> str:
    """Text for Streamlit's Markdown, with the signs of Markdown switched off."""
    return "".join(f"\\{char}" if char in r"\`*_{}[]()#+-.!|<>$~:" else char for char in text)


def toned(tone: str, *parts: str) -> str:
    """The parts in one block that carries the tone (teacher, student, plain) for all marks inside."""
    return f'<div class="rk-tone-{tone}">{"".join(parts)}</div>'


def head(role: str, name: str, tags: Sequence[str] = ()) -> str:
    """Role and model name; tags such as "exhibit" beside them."""
    extra = "".join(f' <span class="rk-tag">{escape(tag)}</span>' for tag in tags)
    return (
        f'<div class="rk-head"><span class="rk-role">{escape(role)}</span>'
        f'<div><span class="rk-name">{escape(name)}</span>{extra}</div></div>'
    )


def percent(value: float) -> str:
    """A share of 0 to 1 in percent; never a rounded 100 % or 0 % that is not one."""
    if not math.isfinite(value):
        return "not a number"
    space = "\u00a0"
    if 0 < value < 0.005:
        return f"<1{space}%"
    if 0.995 <= value < 1:
        return f">99{space}%"
    return f"{100 * value:.0f}{space}%"


def verdict(prediction: Prediction, classes: Sequence[str], label: int | None) -> str:
    """Predicted class, right or wrong in words, confidence as bar and number, and the runner-up of many classes."""
    name, share = escape(classes[prediction.label]), prediction.confidence
    if label is None:
        judged = ""
    elif prediction.label == label:
        judged = '<span class="rk-right">✓ right</span>'
    else:
        judged = '<span class="rk-wrong">✗ wrong</span>'
    said = percent(share)
    return (
        f'<div class="rk-verdict"><span class="rk-class">{name}</span>{judged}</div>'
        f'<div class="rk-sure"><div class="rk-bar" role="img" aria-label="confidence {said}">'
        f'<span style="width:{100 * share:.1f}%"></span></div><span title="{share:.4f}">{said}</span></div>'
        f"{_second(prediction, classes)}"
    )


def _second(prediction: Prediction, classes: Sequence[str]) -> str:
    if len(classes) < 3:
        return ""
    order = sorted(range(len(classes)), key=prediction.probs.__getitem__, reverse=True)
    return f'<div class="rk-note">then {escape(classes[order[1]])}, {percent(prediction.probs[order[1]])}</div>'


def counted(item: Explanation, verb: str = "selected", cut: bool = False) -> str:
    """How much of the input the model or method kept. cut: the model read the beginning of the input alone."""
    n, words = len(item.mask), units_of(item.units)
    if item.rule == "all":
        return f'<div class="rk-count">reads {"the first" if cut else "all"} <b>{n}</b> {words}, no mask</div>'
    return f'<div class="rk-count"><b>{item.count}</b> of {n} {words} {verb} ({percent(item.share)})</div>'


def units_of(units: Units) -> str:
    """The units' name, in the number that follows a count of them all."""
    words = UNIT_WORDS[units.kind]
    return words if len(units) != 1 else {"patches": "patch"}.get(words, words[:-1])


def note(*sentences: str) -> str:
    """Small lines under a card; empty ones are left out."""
    return "".join(f'<div class="rk-note">{escape(line)}</div>' for line in sentences if line)


def facts(pairs: Mapping[str, str]) -> str:
    """Names and values as a small definition list."""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs.items())
    return f'<dl class="rk-facts">{rows}</dl>'


_LEGENDS = {
    ("mask", False): (
        '<mark class="rk-sel rk-tone-teacher">word</mark><mark class="rk-sel rk-tone-student">word</mark> '
        "selected: all that the model predicts from",
        '<span class="rk-soft">word</span> left out',
    ),
    ("mask", True): (
        '<i class="rk-box rk-tone-teacher"></i><i class="rk-box rk-tone-student"></i> '
        "in colour and outlined: selected, all that the model predicts from",
        '<i class="rk-box rk-box-out"></i> faded: left out',
    ),
    ("select", False): (
        'P(select): teacher 0 <i class="rk-ramp rk-tone-teacher"></i> 1',
        'students 0 <i class="rk-ramp rk-tone-student"></i> 1',
        'Captum: 0 <i class="rk-ramp rk-tone-plain"></i> its largest score',
        '<mark class="rk-heat-sel">word</mark> in the mask',
    ),
    ("select", True): (
        'P(select): teacher 0 <i class="rk-ramp rk-tone-teacher"></i> 1',
        'students 0 <i class="rk-ramp rk-tone-student"></i> 1',
        "Captum: the clearer a patch, the larger its score",
        '<i class="rk-box rk-box-agreed"></i> in the mask',
    ),
    ("difference", False): (
        '<mark class="rk-agreed">word</mark> agreed with {whose}',
        '<mark class="rk-only-theirs">word</mark> only {whose}',
        '<mark class="rk-only-own">word</mark> only this one',
    ),
    ("difference", True): (
        '<i class="rk-box rk-box-agreed"></i> agreed with {whose}',
        '<i class="rk-box rk-box-theirs"></i> dashed: only {whose}',
        '<i class="rk-box rk-box-own"></i> hatched: only this one',
    ),
}


def legend(show: str, image: bool, whose: str = "the teacher") -> str:
    """What the signs of the chosen view mean, drawn with the signs themselves. whose: the difference is taken to."""
    named = (entry.replace("{whose}", escape(whose)) for entry in _LEGENDS[show, image])
    entries = "".join(f'<span class="rk-key">{entry}</span>' for entry in named)
    return f'<div class="rk-legend">{entries}</div>'


@dataclass(frozen=True)
class Row:
    """One line of the score table: what is scored, a remark beside it, its scores by column name."""

    name: str
    scores: Mapping[str, Score]
    remark: str = ""
    control: bool = False


ARROWS = {"higher": "↑ higher is better", "lower": "↓ lower is better", "neither": ""}


SMALL = 0.01
_POWERS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def small(values: Iterable[float]) -> bool:
    """Whether numbers that stand together are so near to 0 that three decimals would hide them."""
    return 0 < max((abs(value) for value in values if math.isfinite(value)), default=0.0) < SMALL


def number(value: float, tiny: bool = False) -> str:
    """A number with three decimals or, of small ones (see `small`), as two digits and a power of ten."""
    if tiny and value:
        digits, power = f"{value:.1e}".split("e")
        return f"{digits}·10{str(int(power)).translate(_POWERS)}".replace("-", "−")
    return f"{round(value, 3) + 0.0:.3f}".replace("-", "−")


def _column(rows: Sequence[Row], name: str) -> list[float]:
    return [row.scores[name].value for row in rows if name in row.scores]


def best(rows: Sequence[Row], column: str) -> set[str]:
    """Names of the rows with the best value of a column as printed; none where no direction is better, or all tie."""
    held = {row.name: row.scores[column] for row in rows if column in row.scores and not row.control}
    tiny = small(_column(rows, column))
    finite = {name: score.value for name, score in held.items() if math.isfinite(score.value)}
    values = {name: float(f"{value:.1e}") if tiny else round(value, 3) for name, value in finite.items()}
    better = next(iter(held.values())).better if held else "neither"
    if better == "neither" or len(set(values.values())) < 2:
        return set()
    top = max(values.values()) if better == "higher" else min(values.values())
    return {name for name, value in values.items() if value == top}


def table(rows: Sequence[Row], caption: str, stars: bool = True) -> str:
    """Rows of masks against columns of measures; the best of a column is bold and starred, controls are greyed.

    stars: False while rows are still to come.
    """
    columns: dict[str, Score] = {}
    for row in sorted(rows, key=lambda row: -len(row.scores)):  # the fullest row gives the order
        for name, score in row.scores.items():
            columns.setdefault(name, score)
    winners = {name: best(rows, name) if stars else set() for name in columns}
    heads = "".join(
        f'<th scope="col" title="{escape(score.help, quote=True)}">{escape(name)}'
        f'<br><span class="rk-way">{ARROWS[score.better] or "&nbsp;"}</span></th>'
        for name, score in columns.items()
    )
    tiny = {name for name in columns if small(_column(rows, name))}
    body = "".join(_line(row, columns, winners, tiny) for row in rows)
    return (
        f'<p class="rk-caption">{escape(caption)}</p>'
        f'<div class="rk-scroll" tabindex="0" role="group" aria-label="{escape(caption, quote=True)}">'
        f'<table class="rk-table" aria-label="{escape(caption, quote=True)}">'
        f'<thead><tr><th scope="col">mask</th>{heads}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _line(row: Row, columns: Mapping[str, Score], winners: Mapping[str, set[str]], tiny: set[str]) -> str:
    cells = "".join(_cell(row.scores.get(name), row.name in winners[name], name in tiny) for name in columns)
    remark = f' <span class="rk-name">{escape(row.remark)}</span>' if row.remark else ""
    kind = ' class="rk-control"' if row.control else ""
    return f'<tr{kind}><th scope="row">{escape(row.name)}{remark}</th>{cells}</tr>'


def _cell(score: Score | None, wins: bool, tiny: bool) -> str:
    if score is None or not math.isfinite(score.value):
        return '<td title="not defined here">–</td>'
    spread = "" if score.spread is None else f' <span class="rk-name">± {number(score.spread, tiny)}</span>'
    value = number(score.value, tiny)
    return f'<td class="rk-best">★ {value}{spread}</td>' if wins else f"<td>{value}{spread}</td>"
