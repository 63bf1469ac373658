"""The score table's numbers: every mask on one budget, seen by one judge, row by row. No Streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from rekd.measures.faithfulness import Remembering
    from rekd.types import Example, Explanation, Score, Units
    from rekd.units import Reading

DRAWS = 5
"""Random masks behind the control row; its AOPC, ten masks an order, are of the first draw alone."""
UNREAD = -1e9
"""Score of a unit that a row's model did not read: it comes last in every ranking."""
MORE = ("aopc", "curves", "infidelity")
"""What a row can hold beyond the usual: ten, about eighty and a hundred masks more that the judge is asked about."""


def cut(item: Explanation, k: int) -> Explanation:
    """The explanation with exactly min(k, N) units marked: as it is where it has them, else its largest scores."""
    k = min(k, len(item.mask))
    if item.count == k:
        return item
    return replace(item, mask=tuple(largest(item.scores, k)), rule="top-k")


def align(values: Sequence, source: Units, target: Units, blank) -> list:
    """Values on one reading's units carried to another's, matched by place; `blank` where they are missing."""
    if source.kind == "patches" or source.places == target.places:
        return list(values)
    held = {place[0]: value for place, value in zip(source.places, values, strict=True)}
    return [held.get(place[0], blank) for place in target.places]


def asked_of(item: Explanation, reading: Reading, more: Sequence[str] = ()) -> Tensor:
    """The masks (M, N) that a judge with this reading is asked about for an explanation's `row`, infidelity aside."""
    from rekd.measures.faithfulness import plan

    return plan(*_carried(item, reading), with_aopc="aopc" in more, with_curves="curves" in more)


def _carried(item: Explanation, reading: Reading) -> tuple[list[bool], list[float]]:
    """Mask and scores on a judge's units."""
    units = reading.units[0]
    return align(item.mask, item.units, units, False), align(item.scores, item.units, units, UNREAD)


def row(
    ask: Remembering,
    reading: Reading,
    example: Example,
    item: Explanation,
    target: int,
    reference: Explanation | None,
    more: Sequence[str] = (),
) -> dict[str, Score]:
    """One mask's scores: faithfulness, IoU with the teacher where there is one, plausibility where evidence is known.

    Args:
        ask: the judge, of this input. reading: the example as the judge reads it. target: the class whose probability
        counts. reference: the teacher's explanation, None for the teacher's own row. more: of MORE.
    """
    mask, order = _carried(item, reading)
    given = _faithful(ask, reading, mask, order, target, more)
    return given | _agreement(mask, order, reading, example, reference)


def _faithful(ask: Remembering, reading: Reading, mask, order, target: int, more: Sequence[str]) -> dict[str, Score]:
    from rekd.measures.faithfulness import faithfulness
    from rekd.measures.robustness import infidelity

    chosen = {"with_aopc": "aopc" in more, "with_curves": "curves" in more}
    out = {score.name: score for score in faithfulness(ask, mask, order, target, **chosen)}
    out = {name: score for name, score in out.items() if "random" not in name}  # the control's row has them
    if "infidelity" in more:
        promised = [0.0 if score == UNREAD else score for score in order]
        out["infidelity"] = infidelity(ask, promised, target, shape=_shape(reading.units[0]))
    return out


def _shape(units: Units) -> tuple[int, ...]:
    """How the units lie: in a row, or (rows, columns) of patches."""
    if units.kind != "patches":
        return (len(units),)
    return len({box[1] for box in units.places}), len({box[0] for box in units.places})


def _agreement(
    mask: list[bool], order: Sequence[float], reading: Reading, example: Example, reference: Explanation | None
) -> dict[str, Score]:
    import torch

    from rekd.measures.agreement import f1, iou
    from rekd.measures.plausibility import average_precision
    from rekd.types import Score

    units, out = reading.units[0], {}
    if reference is not None:
        other = torch.tensor(align(reference.mask, reference.units, units, False))
        text = "Units marked by this row and the teacher, over units marked by either."
        value = float(iou(torch.tensor(mask), other))
        out["IoU with teacher"] = Score("IoU with teacher", value, "higher", 0, 1, text)
    truth = evidence(example, units, reading)
    if truth is not None:
        text = "Balance of precision and recall on the planted or human rationale."
        value = float(f1(torch.tensor(mask), torch.tensor(truth)))
        out["unit F1"] = Score("unit F1", value, "higher", 0, 1, text)
        text = "How well the scores rank the planted or human rationale first, whatever the budget."
        value = float(average_precision(torch.tensor(order), torch.tensor(truth)))
        out["AUPRC"] = Score("AUPRC", value, "higher", 0, 1, text)
    return out


def random_row(
    ask: Remembering,
    reading: Reading,
    example: Example,
    k: int,
    target: int,
    reference: Explanation | None,
    more: Sequence[str] = (),
) -> dict[str, Score]:
    """The random control: the mean over DRAWS masks of k units, with their standard deviation."""
    import torch

    from rekd.measures.faithfulness import plan

    n = len(reading.units[0])
    orders = [torch.rand(n, generator=torch.Generator().manual_seed(seed)).tolist() for seed in range(DRAWS)]
    masks = torch.tensor([largest(order, k) for order in orders])
    asked = torch.cat([plan(masks[0], orders[0], with_aopc="aopc" in more), masks, ~masks])
    whole, *probs = ask(asked)[:, target].tolist()
    lost = [whole - p for p in probs[-2 * DRAWS :]]
    out = _faithful(ask, reading, masks[0].tolist(), orders[0], target, more)
    out["sufficiency"] = _mean(out["sufficiency"], lost[:DRAWS])
    out["comprehensiveness"] = _mean(out["comprehensiveness"], lost[DRAWS:])
    drawn = zip(masks.tolist(), orders, strict=True)
    agreed = [_agreement(mask, order, reading, example, reference) for mask, order in drawn]
    return out | {name: _mean(score, [draw[name].value for draw in agreed]) for name, score in agreed[0].items()}


def _mean(score: Score, values: Sequence[float]) -> Score:
    from statistics import fmean, stdev

    return replace(score, value=fmean(values), spread=stdev(values))


def centred_item(reading: Reading, k: int) -> Explanation:
    """The control for images: the k patches nearest to the middle."""
    from rekd.types import Explanation

    units = reading.units[0]
    order = centred(units)
    return Explanation("centred", "", units, tuple(order), tuple(largest(order, k)), "top-k", 0)


def largest(order: Sequence[float], k: int) -> list[bool]:
    """The mask of the k largest, ties to the earlier unit."""
    first = set(sorted(range(len(order)), key=lambda i: (-order[i], i))[:k])
    return [i in first for i in range(len(order))]


def centred(units: Units) -> list[float]:
    """Minus the distance of each patch's centre to the picture's."""
    right, bottom = max(box[2] for box in units.places), max(box[3] for box in units.places)
    return [-((x0 + x1 - right) ** 2 + (y0 + y1 - bottom) ** 2) for x0, y0, x1, y1 in units.places]


def evidence(example: Example, units: Units, reading: Reading) -> list[bool] | None:
    """Which units carry the planted or human rationale; None where none is known or the picture was cropped."""
    from rekd.units import mark

    if not example.evidence:
        return None
    places = example.evidence
    if example.image is not None:
        (height, width), (h, w) = example.image.shape[:2], reading.pictures.shape[1:3]
        if height * w != width * h:
            return None
        scale = (w / width, h / height) * 2
        places = [tuple(round(v * s) for v, s in zip(box, scale, strict=True)) for box in places]
    marked = list(mark(units, places))
    return marked if any(marked) else None
