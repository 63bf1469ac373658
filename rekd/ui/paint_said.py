"""What the models say of a painted mask, and of each other's masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from rekd.ui import cache, components, lineup, scores
from rekd.ui.paint import pack, unpack

if TYPE_CHECKING:
    from rekd.checkpoints import Info
    from rekd.types import Example, Explanation, Prediction, Units

STYLE = """
.rk-held{font-size:.9rem;margin:.1rem 0 .5rem} .rk-breaks{font-weight:650;border-bottom:2px solid currentColor}
.rk-answers{display:grid;gap:.5rem 1.4rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,14rem),1fr))}
.rk-whose td{min-width:7.5rem} .rk-whose .rk-signs{font-size:.82rem;min-height:1.3em}
.rk-whose .rk-signs .rk-wrong{font-size:inherit;margin:0} .rk-whose .rk-signs span+span{margin-left:.5rem}
.rk-diagonal{outline:2px solid color-mix(in srgb,currentColor 45%,transparent);outline-offset:-3px;border-radius:.3rem}
"""


@dataclass(frozen=True, eq=False)
class Said:
    """One model on one mask. count, n: how many of the units that this model reads the mask shows it.

    own: what the model says from the mask that it chose itself, None where that is not known.
    """

    prediction: Prediction
    count: int
    n: int
    own: Prediction | None = None

    @property
    def breaks(self) -> bool:
        """The predicted class is another than from the model's own mask."""
        return self.own is not None and self.own.label != self.prediction.label


@dataclass(frozen=True, eq=False)
class Line:
    """One row of the table: a mask, and what each model says of it. own: slot of the model whose mask it is."""

    name: str
    counted: str
    said: Mapping[str, Said]
    own: str = ""


def said(info: Info, example: Example, mask: Sequence[bool], units: Units, own: Explanation | None = None) -> Said:
    """What a model says when it sees only these units.

    Args:
        mask: (N,) over `units`, which may be another model's; they are matched by place.
        own: the model's own explanation of the input.
    """
    mine = cache.reading(info, example).units[0]
    carried = scores.align(mask, units, mine, False)
    prediction = _predicted(info, example, pack(carried))
    return Said(prediction, sum(carried), len(carried), own.prediction if own else None)


@cache.kept(6000)
def _predicted(info: Info, example: Example, packed: str) -> Prediction:
    from rekd.explanations.rationale import predict

    read = cache.reading(info, example)
    return predict(cache.checkpoint(info).model, read, unpack(packed, len(read.units[0])))


def line(
    name: str,
    item: Explanation,
    chosen: Mapping[str, Info],
    found: Mapping[str, Explanation],
    example: Example,
    own: str = "",
) -> Line:
    """A mask's row. found: the models' own explanations, by slot; the columns are theirs."""
    row = {slot: said(chosen[slot], example, item.mask, item.units, mine) for slot, mine in found.items()}
    return Line(name, f"{item.count} of {len(item.mask)} {components.units_of(item.units)}", row, own)


def card(head: str, one: Said, classes: Sequence[str], label: int | None, whole: bool) -> str:
    """One model's answer as HTML.

    Args:
        head: HTML above it. label: the true class, if known. whole: its own prediction is of the whole input.
    """
    nothing = "" if one.count else ": said from nothing"
    return (
        f"{head}{components.verdict(one.prediction, classes, label)}"
        f'<div class="rk-count"><b>{one.count}</b> of {one.n} painted{nothing}</div>'
        f'<div class="rk-held">{_against(one, classes, whole)}</div>'
    )


def _against(one: Said, classes: Sequence[str], whole: bool) -> str:
    if one.own is None:
        return ""
    where = "the whole input" if whole else "its own mask"
    before = f"{escape(classes[one.own.label])}, {components.percent(one.own.confidence)}"
    if one.breaks:
        return f'<span class="rk-breaks">✗ breaks the prediction</span> {before} from {where}'
    return f"✓ holds: {before} from {where}"


def summary(answers: Sequence[Said], count: int) -> str:
    """One sentence over all models, told to screen readers too. count: painted units."""
    broken, n = sum(one.breaks for one in answers), len(answers)
    told = f"{broken} of {n} predictions break." if broken else f"All {n} predictions hold."
    if n == 1:
        told = "The prediction breaks." if broken else "The prediction holds."
    nothing = "" if count else "Nothing is painted: all is said from nothing. "
    return f'<p class="rk-caption" role="status">{nothing}{told}</p>'


def table(lines: Sequence[Line], chosen: Mapping[str, Info], classes: Sequence[str], label: int | None) -> str:
    """Masks as rows, models as columns: predicted class and confidence; own masks and wrong classes are marked."""
    names = lineup.row_names(chosen)
    return drawn(lines, {slot: (names[slot], chosen[slot].name) for slot in lines[0].said}, classes, label)


def drawn(
    lines: Sequence[Line], columns: Mapping[str, tuple[str, str]], classes: Sequence[str], label: int | None
) -> str:
    """The table itself. columns: slot -> what its model stands as, and its name."""
    heads = "".join(
        f'<th scope="col">{escape(row)}<br><span class="rk-way">{escape(name)}</span></th>'
        for row, name in columns.values()
    )
    body = "".join(_row(line, list(columns), classes, label) for line in lines)
    caption = "Model on whose mask: what each model (columns) says from each mask (rows)"
    head = f'<thead><tr><th scope="col">mask</th>{heads}</tr></thead>'
    return (
        f'<p class="rk-caption">{caption}</p><div class="rk-scroll" tabindex="0" role="group" aria-label="{caption}">'
        f'<table class="rk-table rk-whose" aria-label="{caption}">{head}<tbody>{body}</tbody></table></div>'
    )


def _row(line: Line, slots: Sequence[str], classes: Sequence[str], label: int | None) -> str:
    cells = "".join(_answer(line.said[slot], line.own == slot, classes, label) for slot in slots)
    head = f'{escape(line.name)}<br><span class="rk-name">{escape(line.counted)}</span>'
    return f'<tr><th scope="row">{head}</th>{cells}</tr>'


def _answer(one: Said, own: bool, classes: Sequence[str], label: int | None) -> str:
    wrong = label is not None and one.prediction.label != label
    name = escape(classes[one.prediction.label])
    signs = ['<span class="rk-wrong" title="not the true class">✗ wrong</span>'] if wrong else []
    signs += ['<span class="rk-own">own</span>'] if own else []
    signs += ['<span class="rk-breaks">breaks</span>'] if one.breaks else []
    return (
        f'<td class="{"rk-diagonal" if own else ""}"><b>{name}</b> {components.percent(one.prediction.confidence)}'
        f'<div class="rk-signs">{" ".join(signs)}</div></td>'
    )
