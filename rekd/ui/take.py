"""The record of a view gathered: what is on the page already is taken, what is not is computed first."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rekd.ui import attributing, cache, cards, lineup, scores, take_painted, take_proof
from rekd.ui.leaks import leaks

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import numpy as np

    from rekd.checkpoints import Info
    from rekd.explanations.record import Input, Line, Method, Model, Record, Table
    from rekd.measures.faithfulness import Curves
    from rekd.types import Example, Explanation, Score
    from rekd.ui.frame import Desk

Telling = Callable[[str], "AbstractContextManager"]
"""Called with what is computed next; the computing happens within what it returns."""


def rationales(desk: Desk, example: Example) -> dict[str, Explanation]:
    """What each chosen model selected, by slot.

    Raises:
        CheckpointError: a model can't be loaded. NothingToRead: the input holds no unit.
    """
    view = desk.view
    return {slot: cache.rationale(info, example, view.rule, view.seed) for slot, info in desk.chosen.items()}


def gather(
    desk: Desk,
    example: Example,
    found: Mapping[str, Explanation],
    *,
    address: str = "",
    telling: Telling = nullcontext,
) -> Record:
    """Everything that the page shows of one input, computed where it was not yet.

    Args:
        found: what the models selected, by slot; a slot whose model failed is left out. telling: a spinner that
        names what is being computed.

    Raises:
        RecordError: a model gave something that can't be kept.
    """
    from rekd.explanations.record import Choice, Record, settled, versions

    view, (k, _) = desk.view, cards.budget(desk, found)
    left_out = [f"{info.name} can't be read." for slot, info in desk.chosen.items() if slot not in found]
    methods = tuple(_methods(desk, example, k, left_out, telling)) if view.explain in found else ()
    with telling("Scores"):
        table = _table(desk, example, found, methods, k, left_out)
    proof = take_proof.proof(desk, example, found, left_out, telling)
    with telling("Painted mask"):
        painted = take_painted.painted(desk, example, found, methods)
    given, models = _models(desk, example, found)
    choice = Choice(
        data="" if view.own else view.data,
        example=None if view.own else int(example.id.rsplit("/", 1)[-1]),
        **{name: getattr(view, name) for name in ("rule", "seed", "show", "methods", "explain", "target", "draws")},
        more=_more(desk),
        against=view.against,
        judge=desk.judge.name,
    )
    date = datetime.now().astimezone().isoformat(timespec="seconds")
    return settled(
        Record(
            task=view.task,
            classes=desk.classes,
            choice=choice,
            input=given,
            models=models,
            methods=methods,
            table=table,
            proof=proof,
            painted=painted,
            left_out=tuple(left_out),
            date=date,
            address=address,
            versions=versions(),
        )
    )


def _methods(desk: Desk, example: Example, k: int, left_out: list[str], telling: Telling) -> Iterator[Method]:
    from importlib.util import find_spec

    from rekd.explanations.attributions import METHODS, DoesNotFit
    from rekd.explanations.record import Method

    info, view = desk.chosen[desk.view.explain], desk.view
    target = desk.classes.index(view.target) if view.target else None
    if view.methods and find_spec("captum") is None:
        left_out.append(f"{', '.join(view.methods)}: the package captum is not installed.")
        return
    for name in sorted(view.methods, key=lambda name: attributing.passes(info, example, name)):
        try:
            with telling(name):  # a file is not filled in later, as the page is
                ask = attributing.second_seed if METHODS[name].samples else attributing.attribution
                item = ask(info, example, name, k, view.seed, target)
        except (ValueError, RuntimeError, MemoryError) as fault:  # a method that does not fit this model, or memory
            before = "" if isinstance(fault, DoesNotFit) else f"{name} can't explain {info.name}: "
            left_out.append(f"{before}{fault}"[:1000])
            continue
        yield Method(name, METHODS[name].help, item)


def _models(desk: Desk, example: Example, found: Mapping[str, Explanation]) -> tuple[Input, tuple[Model, ...]]:
    from rekd.explanations.record import Input, Model

    rows, pictures, models = lineup.row_names(desk.chosen), [], []
    for slot, item in found.items():
        info, read = desk.chosen[slot], cache.reading(desk.chosen[slot], example)
        if example.text is None and (data := _png(read.pictures[0])) not in pictures:
            pictures.append(data)
        models.append(
            Model(
                slot=slot,
                title=lineup.title(slot, info),
                row=rows[slot],
                stop=read.stops[0],
                note=read.notes[0],
                picture=pictures.index(data) if example.text is None else 0,
                shown=item,
                **_card(info),
            )
        )
    original = None if example.text is not None else _png(example.image)
    original = None if original in pictures[:1] else original
    label = None if example.label is None else int(example.label)
    return Input(example.id, example.text, original, tuple(pictures), label, example.evidence), tuple(models)


def _card(info: Info) -> dict[str, Any]:
    config, names = info.config, ("name", "role", "task", "hash")
    held = {"kind": config.kind, "rate": config.rate, "masking": config.masking}
    report = leaks(info.metrics) if config.selects else None
    held["leaks"] = report if report is not None and report.classes == config.classes else None
    return held | {name: getattr(info, name) for name in names}


def _png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG", optimize=True)
    return held.getvalue()


def _table(desk, example, found, methods, k: int, left_out: list[str]) -> Table | None:
    from rekd.checkpoints import CheckpointError
    from rekd.explanations.record import Table

    try:
        said, read = cache.opinion(desk.judge, example), cache.reading(desk.judge, example)
    except CheckpointError as fault:
        left_out.append(str(fault)[:1000])
        return None
    target = desk.classes.index(desk.view.target) if desk.view.target else said.label
    units, judge = read.units[0], desk.judge
    lines = tuple(_lines(desk, example, found, methods, min(k, len(units)), target))
    chosen, selects = bool(desk.view.target), judge.config.selects
    sizes = min(k, len(units)), len(units)
    return Table(judge.name, judge.hash, selects, target, chosen, said.probs[target], *sizes, lines)


def _lines(desk, example, found, methods, k: int, target: int) -> Iterator[Line]:
    """Rows of models, of methods, then the controls, as the page has them."""
    from rekd.explanations.record import Line

    judge, more, names = desk.judge, _more(desk), lineup.row_names(desk.chosen)
    masks = {names[slot]: scores.cut(item, k) for slot, item in found.items() if item.rule != "all"}
    owners = {names[slot]: desk.chosen[slot] for slot in found}
    teacher = masks.get(names.get("teacher", ""))
    masks |= {method.name: scores.cut(method.shown, k) for method in methods}
    for name, item in masks.items():
        reference = None if item is teacher else teacher
        beside = tuple(other for other in masks.values() if other is not item)
        numbers = cache.score(judge, example, item, target, reference, more, beside)
        told = item.prediction is not None and item.prediction.label != target
        remark = f"says {desk.classes[item.prediction.label]}" if told else ""
        moved = _moved(owners.get(name, desk.chosen[desk.view.explain]), example, item)
        lines = _curves(judge, example, item, target) if "curves" in more else None
        yield Line(name, remark, False, (*numbers.values(), *moved), lines)
    numbers = cache.score_random(judge, example, k, target, teacher, more)
    yield Line("random", f"control, mean ± sd of {scores.DRAWS}", True, tuple(numbers.values()))
    if desk.modality == "image":
        middle = scores.centred_item(cache.reading(judge, example), k)
        numbers = cache.score(judge, example, middle, target, teacher, more)
        yield Line("centred", "control", True, tuple(numbers.values()))


def _more(desk: Desk) -> tuple[str, ...]:
    """What the table holds beyond the usual."""
    return tuple(name for name in scores.MORE if getattr(desk.view, name))


def _moved(info: Info, example: Example, item: Explanation) -> tuple[Score, ...]:
    """Max-sensitivity where somebody has asked for it: it takes too long to be computed for a file."""
    try:
        return (attributing.sensitivity(info, example, item, only_known=True),)
    except attributing.Absent:
        return ()


def _curves(judge: Info, example: Example, item: Explanation, target: int) -> Curves:
    from rekd.measures.faithfulness import curves

    units = cache.reading(judge, example).units[0]
    order = scores.align(item.scores, item.units, units, scores.UNREAD)
    return curves(cache.asked(judge, example), order, target)
