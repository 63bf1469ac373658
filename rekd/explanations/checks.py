"""Whether the parts of a record fit together, before anything is drawn of it. What is wrong is said in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rekd.pictures import open_image

if TYPE_CHECKING:
    from rekd.explanations.proved import Answer, Moved
    from rekd.explanations.record import Model, Record
    from rekd.measures.verdict import LeakReport
    from rekd.types import Explanation

MOST = {"classes": 2_000, "models": 8, "methods": 40, "units": 8_192, "lines": 80, "sentences": 80, "pictures": 8}
MOST |= {"draws": 10_000}
TEXT, NAME, ADDRESS, SIDE = 1_000_000, 300, 20_000, 8192
"""Characters of a text, of a name, and of an address; pixels of a side of a picture."""


def check(record: Record) -> None:
    """Refuse a record that can't be drawn: sizes that differ, places outside the input, or far too much of anything.

    Raises:
        ValueError: with what is wrong and where.
    """
    for name in ("classes", "models", "methods"):
        _few(name, getattr(record, name), MOST[name], 0 if name == "methods" else 1)
    _few("left_out", record.left_out, MOST["sentences"])
    _short(record)
    bounds = _bounds(record)
    for i, model in enumerate(record.models):
        _model(record, model, f"models[{i}]", bounds)
    slots = [model.slot for model in record.models]
    if len(set(slots)) < len(slots):
        raise ValueError("two models stand in one slot")
    explained = bounds[record.explained.picture]
    for i, method in enumerate(record.methods):
        _explanation(record, method.shown, f"methods[{i}].shown", explained)
    _table(record)
    _proof(record)
    _painted(record)
    _label(record)


def _few(place: str, values: Sequence[Any], most: int, least: int = 0) -> None:
    if not least <= len(values) <= most:
        raise ValueError(f"{place} has {len(values):,} entries; {least} to {most:,} are read")


def _short(record: Record) -> None:
    """No name is so long that a page is made of it."""
    names = [record.task, record.date, *record.classes, *record.versions, *record.versions.values()]
    names += [record.choice.data, record.choice.judge, record.choice.target, record.input.id]
    for model in record.models:
        names += [model.slot, model.title, model.row, model.name, model.kind, model.role, model.task, model.hash]
        names += [model.masking, model.note]
    names += [method.name for method in record.methods]
    if longest := next((name for name in names if len(name) > NAME), ""):
        raise ValueError(f"“{longest[:40]}…” has {len(longest):,} characters, and names have {NAME} at most")
    sentences = [*record.left_out, *(method.help for method in record.methods)]
    if any(len(sentence) > 10 * NAME for sentence in sentences) or len(record.address) > ADDRESS:
        raise ValueError("a sentence or the address is far too long")


def _bounds(record: Record) -> list[tuple[int, ...]]:
    """For each picture its width and height, or the text's length alone."""
    given = record.input
    if (given.text is None) == (not given.pictures):
        raise ValueError("input must have either a text or pictures")
    if given.text is not None:
        if len(given.text) > TEXT:
            raise ValueError(f"input.text has {len(given.text):,} characters; {TEXT:,} are read at most")
        return [(len(given.text),)]
    _few("input.pictures", given.pictures, MOST["pictures"], 1)
    sizes = []
    for i, data in enumerate([*given.pictures, *([given.original] if given.original else [])]):
        height, width = open_image(data, f"picture {i} of the input", SIDE).pixels.shape[:2]
        sizes.append((width, height))
    return sizes[: len(given.pictures)]


def _model(record: Record, model: Model, place: str, bounds: list[tuple[int, ...]]) -> None:
    if not 0 <= model.picture < len(bounds):
        raise ValueError(f"{place}.picture is {model.picture}, and there is no such picture")
    if record.input.text is not None and not 0 <= model.stop <= len(record.input.text):
        raise ValueError(f"{place}.stop is {model.stop}, outside of the text")
    _explanation(record, model.shown, f"{place}.shown", bounds[model.picture])
    if model.shown.prediction is None:
        raise ValueError(f"{place}.shown has no prediction")
    if model.leaks is not None:
        _leaks(record, model.leaks, f"{place}.leaks")


def _leaks(record: Record, report: LeakReport, place: str) -> None:
    for name in ("rates", "empty"):
        held = getattr(report, name)
        if len(held) != len(record.classes) or all(value is None for value in held):
            raise ValueError(f"{place}.{name} has {len(held)} entries for {len(record.classes)} classes, or none known")
    if report.classes != record.classes or len(report.rule) > NAME:
        raise ValueError(f"{place} is of other classes than the file, or of a rule that is none")


def _explanation(record: Record, item: Explanation, place: str, bound: tuple[int, ...]) -> None:
    n, k = len(item.units), len(record.classes)
    _few(f"{place}.units", item.units.places, MOST["units"], 1)
    for name in ("scores", "mask"):
        if len(getattr(item, name)) != n:
            raise ValueError(f"{place}.{name} has {len(getattr(item, name))} entries for {n} units")
    if not 0 <= item.target < k:
        raise ValueError(f"{place}.target is {item.target}; there are {k} classes, counted from 0")
    if item.prediction is not None and len(item.prediction.probs) != k:
        raise ValueError(f"{place}.prediction has {len(item.prediction.probs)} probabilities for {k} classes")
    if (item.units.kind == "patches") != (len(bound) == 2):
        raise ValueError(f"{place}.units are {item.units.kind}, which the input does not have")
    _short_details(item, place)
    _places(item.units.places, f"{place}.units", bound)


def _short_details(item: Explanation, place: str) -> None:
    texts = [item.method, item.model, item.rule, *item.details]
    texts += [value for value in item.details.values() if isinstance(value, str)]
    if any(len(text) > NAME for text in texts):
        raise ValueError(f"{place} has a name of more than {NAME} characters")


def _places(places: Sequence[tuple[int, ...]], place: str, bound: tuple[int, ...]) -> None:
    """Every place is its two corners, or ends, within the input and in order, with something between in a picture."""
    half = len(bound)
    gap = half - 1  # a typed special token may be an empty stretch of text; a patch without area is none
    for i, ends in enumerate(places):
        inside = len(ends) == 2 * half and all(
            low >= 0 and low + gap <= high <= limit
            for low, high, limit in zip(ends[:half], ends[half:], bound, strict=True)
        )
        if not inside:
            raise ValueError(f"{place}.places[{i}] is {list(ends)[:6]}, which lies outside of the input")


def _table(record: Record) -> None:
    table = record.table
    if table is None:
        return
    _few("table.lines", table.lines, MOST["lines"])
    if not 0 <= table.target < len(record.classes):
        raise ValueError(f"table.target is {table.target}; there are {len(record.classes)} classes, counted from 0")
    for i, line in enumerate(table.lines):
        _few(f"table.lines[{i}].scores", line.scores, MOST["lines"])
        texts = [line.name, line.remark, table.judge, table.hash, *(score.name for score in line.scores)]
        if any(len(text) > NAME for text in texts):
            raise ValueError(f"table.lines[{i}] has a name of more than {NAME} characters")
        if line.curves and len({len(values) for values in vars(line.curves).values()}) != 1:
            raise ValueError(f"table.lines[{i}].curves have different lengths")


def _proof(record: Record) -> None:
    draws, proof = record.choice.draws, record.proof
    if not 1 <= draws <= MOST["draws"]:
        raise ValueError(f"choice.draws is {str(draws)[:20]}; it must be between 1 and {MOST['draws']:,}")
    if proof is None:
        return
    _few("proof.moved", proof.moved, MOST["models"], 1)
    if len(proof.data) > NAME or len(proof.content) > NAME:
        raise ValueError(f"proof has a name of more than {NAME} characters")
    for i, moved in enumerate(proof.moved):
        _moved(record, moved, f"proof.moved[{i}]")
    if len({moved.slot for moved in proof.moved}) < len(proof.moved):
        raise ValueError("proof.moved has two entries of one model")


def _moved(record: Record, moved: Moved, place: str) -> None:
    """The check is of the mask that the record shows, and its numbers can be."""
    model, found = record.model(moved.slot), moved.movement
    if model is None or model.shown.rule == "all":
        raise ValueError(f"{place}.slot is “{moved.slot[:40]}”, where no model stands that selects")
    n = len(model.shown.units)
    if (found.units, found.replaced) != (n, n - model.shown.count):
        raise ValueError(f"{place}.movement is not of the mask that its model selected")
    if found.draws != record.choice.draws or len(found.moves) != found.draws or not 0 <= found.flips <= found.draws:
        raise ValueError(f"{place}.movement is not of {record.choice.draws} draws")
    if not 0 <= found.changed <= 1 or found.largest < 0:
        raise ValueError(f"{place}.movement has a share outside of 0 to 1, or a negative distance")


def _painted(record: Record) -> None:
    painted = record.painted
    if painted is None:
        return
    model = record.model(painted.slot)
    if model is None:
        raise ValueError(f"painted.slot is “{painted.slot[:40]}”, where no model stands")
    n = len(model.shown.units)
    if len(painted.mask) != n:
        raise ValueError(f"painted.mask has {len(painted.mask)} entries for {n} units")
    _answers(record, painted.answers, "painted.answers")
    _few("painted.others", painted.others, MOST["lines"])
    for i, line in enumerate(painted.others):
        place = f"painted.others[{i}]"
        if len(line.name) > NAME or not 0 <= line.count <= line.n <= MOST["units"]:
            raise ValueError(f"{place} has a name or a number that can't be")
        if line.own and record.model(line.own) is None:
            raise ValueError(f"{place}.own is “{line.own[:40]}”, where no model stands")
        _answers(record, line.answers, f"{place}.answers")


def _answers(record: Record, answers: Sequence[Answer], place: str) -> None:
    """One answer a model, in the models' order, each in keeping with what the model says from its own mask."""
    if [answer.slot for answer in answers] != [model.slot for model in record.models]:
        raise ValueError(f"{place} are not one for each model, in their order")
    for i, (answer, model) in enumerate(zip(answers, record.models, strict=True)):
        if len(answer.prediction.probs) != len(record.classes):
            raise ValueError(f"{place}[{i}].prediction is not of {len(record.classes)} classes")
        if answer.n != len(model.shown.units) or not 0 <= answer.count <= answer.n:
            raise ValueError(f"{place}[{i}] is of {answer.count} of {answer.n} units, which its model does not read")
        if answer.breaks != (answer.prediction.label != model.shown.prediction.label):
            raise ValueError(f"{place}[{i}].breaks does not fit the two predictions")


def _label(record: Record) -> None:
    label = record.input.label
    if label is not None and not 0 <= label < len(record.classes):
        raise ValueError(f"input.label is {label}; there are {len(record.classes)} classes, counted from 0")
    if record.choice.example is not None and not 0 <= record.choice.example <= 10**9:
        raise ValueError(f"choice.example is {record.choice.example}, which is no number of an example")
    if not 0 <= record.choice.seed <= 10**9:
        raise ValueError(f"choice.seed is {str(record.choice.seed)[:20]}; it must be between 0 and 1,000,000,000")
