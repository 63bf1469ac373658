"""The score table: every mask on one budget, seen by one judge. Numbers in, rows out; no Streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rekd.ui.components import Row

if TYPE_CHECKING:
    from rekd.checkpoints import Checkpoint
    from rekd.types import Example, Explanation, Score, Units
    from rekd.units import Reading

DRAWS = 5
"""Random masks behind the control row."""
COLUMNS = ("sufficiency", "comprehensiveness", "AOPC sufficiency", "AOPC comprehensiveness")
UNREAD = -1e9
"""Score of a unit that a row's model did not read: it comes last in every ranking."""


@dataclass(frozen=True)
class Plan:
    """What a table holds: (name, explanation) of each row, the budget k, the teacher's mask among them by name.

    target: the class whose probability counts; None takes the judge's own prediction on the whole input.
    """

    entries: tuple[tuple[str, Explanation], ...]
    k: int
    teacher: str = ""
    target: int | None = None

    @property
    def key(self) -> tuple:
        """All that decides the table, for the cache."""
        parts = tuple((name, item.model, item.mask, item.scores, item.prediction) for name, item in self.entries)
        return parts, self.k, self.teacher, self.target


@dataclass(frozen=True)
class Table:
    """target: the class scored. whole: the judge's probability of it on the whole input."""

    rows: tuple[Row, ...]
    target: int
    whole: float
    units: int


def cut(item: Explanation, k: int) -> Explanation:
    """The explanation with exactly min(k, N) units marked: as it is where it has them, else its largest scores."""
    k = min(k, len(item.mask))
    if item.count == k:
        return item
    order = sorted(range(len(item.scores)), key=lambda i: (-item.scores[i], i))[:k]
    return replace(item, mask=tuple(i in set(order) for i in range(len(item.mask))), rule="top-k")


def align(values: Sequence, source: Units, target: Units, blank) -> list:
    """Values on the units of one reading carried to those of another, matched by place; `blank` where one lacks them."""
    if source.kind == "patches" or source.places == target.places:
        return list(values)
    held = {place[0]: value for place, value in zip(source.places, values, strict=True)}
    return [held.get(place[0], blank) for place in target.places]


def rows(judge: Checkpoint, reading: Reading, example: Example, plan: Plan) -> Table:
    """Sufficiency, comprehensiveness, their AOPC, IoU with the teacher and unit F1 of every entry and of the controls."""
    import torch

    from rekd.explanations.rationale import judge as judged
    from rekd.measures.faithfulness import Remembering

    units = reading.units[0]
    ask = Remembering(judged(judge.model, reading))
    probs = ask(torch.ones(1, len(units), dtype=torch.bool))[0]
    target = int(probs.argmax()) if plan.target is None else plan.target
    truth = evidence(example, units, reading)
    reference = next((align(e.mask, e.units, units, False) for name, e in plan.entries if name == plan.teacher), None)
    out = []
    for name, item in plan.entries:
        mask, order = align(item.mask, item.units, units, False), align(item.scores, item.units, units, UNREAD)
        known = None if name == plan.teacher else reference
        told = item.prediction is not None and item.prediction.label != target
        remark = f"says {judge.info.config.classes[item.prediction.label]}" if told else ""
        out.append(Row(name, _scores(ask, mask, order, target, known, truth), remark))
    out += _controls(ask, units, plan.k, target, reference, truth)
    return Table(tuple(out), target, float(probs[target]), len(units))


def _scores(ask, mask, order, target: int, reference, truth) -> dict[str, Score]:
    from rekd.measures.agreement import f1, iou
    from rekd.measures.faithfulness import faithfulness
    from rekd.types import Score

    import torch

    got = {score.name: score for score in faithfulness(ask, mask, order, target, with_curves=False)}
    out = {name: got[name] for name in COLUMNS}
    mine = torch.tensor(mask)
    if reference is not None:
        text = "Units marked by this row and the teacher, over units marked by either."
        out["IoU with teacher"] = Score("IoU with teacher", float(iou(mine, torch.tensor(reference))), "higher", 0, 1, text)
    if truth is not None:
        text = "Balance of precision and recall on the planted or human rationale."
        out["unit F1"] = Score("unit F1", float(f1(mine, torch.tensor(truth))), "higher", 0, 1, text)
    return out


def _controls(ask, units: Units, k: int, target: int, reference, truth) -> list[Row]:
    import torch

    draws = []
    for seed in range(DRAWS):
        order = torch.rand(len(units), generator=torch.Generator().manual_seed(seed)).tolist()
        draws.append(_scores(ask, largest(order, k), order, target, reference, truth))
    mean = {}
    for name, first in draws[0].items():
        values = torch.tensor([draw[name].value for draw in draws], dtype=torch.double)
        mean[name] = replace(first, value=float(values.mean()), spread=float(values.std()))
    out = [Row("random", mean, f"control, mean ± sd of {DRAWS}", control=True)]
    if units.kind == "patches":
        order = centred(units)
        out.append(Row("centred", _scores(ask, largest(order, k), order, target, reference, truth), "control", control=True))
    return out


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
