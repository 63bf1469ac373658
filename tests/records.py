"""Records of a view made by hand, small and complete, for the tests of what is written from them and read again."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from PIL import Image

from rekd.explanations.proof import Movement
from rekd.explanations.proved import Answer, Moved, OnMask, Painted, Proof
from rekd.explanations.record import Choice, Input, Line, Method, Model, Record, Table
from rekd.measures.faithfulness import Curves
from rekd.measures.verdict import LeakReport
from rekd.types import Explanation, Prediction, Score, Units
from rekd.units import words

TEXT = "The story is slow at first, but the end is warm."
CHOICE = Choice(
    data="",
    example=None,
    rule="top-k",
    seed=3,
    show="mask",
    against="",
    methods=("FeatureAblation",),
    explain="cls",
    judge="tiny-cls",
    target="",
    more=("curves",),
    draws=20,
)
CURVES = Curves((0.0, 0.5, 1.0), (0.9, 0.4, 0.1), (0.1, 0.8, 0.9), (0.9, 0.5, 0.1), (0.1, 0.5, 0.9))


LEAKS = LeakReport("calibrated", ("no", "yes"), 100, 0.9, 0.6, 0.2, (0.1, None), (0.0, 0.3), None)


def png(side: int = 8) -> bytes:
    held = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(held, "PNG")
    return held.getvalue()


def explanation(units: Units, model: str, method: str = "rationale", rule: str = "top-k", **details) -> Explanation:
    """Every third unit is marked, of rule "all" every one."""
    n = len(units)
    mask = tuple(rule == "all" or i % 3 == 0 for i in range(n))
    scores, logits = tuple(0.9 if on else 0.25 for on in mask), tuple(2.5 if on else -1.125 for on in mask)
    held = {"seconds": 0.25} | ({"selection_logits": logits} if method == "rationale" and rule != "all" else {})
    return Explanation(method, model, units, scores, mask, rule, 1, Prediction((0.25, 0.75)), details=held | details)


def model(slot: str, units: Units, name: str = "", **changes) -> Model:
    rule, kind, title = ("all", "cls", "CLS, reads everything") if slot == "cls" else ("top-k", "re", slot.upper())
    name = name or f"tiny-{slot}"
    shown = explanation(units, name, "whole input" if rule == "all" else "rationale", rule)
    stop = 0 if units.kind == "patches" else max(place[1] for place in units.places)
    values = {"stop": stop, "note": "", "picture": 0, "rate": 0.2, "masking": "drop", "role": slot, "task": "tiny"}
    values["leaks"] = None if slot == "cls" else LEAKS
    return Model(slot, title, title.split(",")[0], name, kind, hash="0123456789abcdef", shown=shown, **values | changes)


def proof(models: tuple[Model, ...], largest: float = 0.0, **changes) -> Proof | None:
    """The check of each model that selects, 20 draws long; `largest` is how far its logits moved."""
    moved = []
    for each in models:
        if each.shown.rule != "all":
            n, left = len(each.shown.units), len(each.shown.units) - each.shown.count
            moved.append(Moved(each.slot, Movement(20, left, n, 0.875 if left else 0.0, largest, (largest,) * 20, 0)))
    values = {"data": "reviews", "content": "the words of other texts", "moved": tuple(moved)}
    return Proof(**values | changes) if moved else None


def answers(models: tuple[Model, ...], count: int, label: int) -> tuple[Answer, ...]:
    said, out = Prediction((0.875, 0.125) if label == 0 else (0.125, 0.875)), []
    for each in models:
        n = len(each.shown.units)
        out.append(Answer(each.slot, said, min(count, n), n, label != each.shown.prediction.label))
    return tuple(out)


def painted(models: tuple[Model, ...], label: int = 0) -> Painted:
    """The last unit painted; every model says `label` of it, and its usual class of the models' own masks."""
    n = len(models[-1].shown.units)
    own = models[0].shown
    others = (OnMask(f"{models[0].row}'s mask", models[0].slot, own.count, n, answers(models, own.count, 1)),)
    return Painted(models[-1].slot, (*(False,) * (n - 1), True), answers(models, 1, label), others)


def record(text: str | None = TEXT, **changes) -> Record:
    """Teacher, CLS and RE on a text (of None: on an 8 x 8 picture of four patches), method, table and check."""
    if text is None:
        units = Units("patches", ((0, 0, 4, 4), (4, 0, 8, 4), (0, 4, 4, 8), (4, 4, 8, 8)))
        given = Input("own/picture", None, None, (png(),), 0, ((0, 0, 4, 4),))
    else:
        units, given = Units("words", words(text)), Input("own/text", text, None, (), 0, None)
    models = tuple(replace(model(slot, units), stop=len(text or "")) for slot in ("teacher", "cls", "re"))
    method = Method(
        "FeatureAblation", "What falls when a unit goes.", explanation(units, "tiny-cls", "FeatureAblation")
    )
    score = Score("sufficiency", -0.125, "lower", -1, 1, "Lower is better.", spread=0.5)
    lines = (Line("RE", "says no", False, (score,), CURVES), Line("random", "control", True, (score,)))
    table = Table("tiny-cls", "fedcba9876543210", False, 1, False, 0.75, 2, len(units), lines)
    values = {"left_out": ("Lime: too slow.",), "date": "2026-01-02T03:04:05+00:00", "versions": {"rekd": "0.1.0"}}
    values |= {"address": "http://localhost:8501/?task=tiny", "choice": CHOICE, "input": given, "table": table}
    values |= {"painted": None, "proof": proof(changes.get("models", models))}
    return Record(
        **{"task": "tiny", "classes": ("no", "yes"), "models": models, "methods": (method,)} | values | changes
    )


def put(place: str, value):
    """A change of the parsed file at a place such as models.0.stop."""

    def change(held: dict) -> None:
        *path, last = (int(part) if part.isdecimal() else part for part in place.split("."))
        for part in path:
            held = held[part]
        held[last] = value

    return change
