"""The parts of a report: cards, the difference, panels, scores and what stands at its foot. Record in, HTML out."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from rekd.ui import components, difference, figures, report_charts
from rekd.ui.components import Row
from rekd.ui.facts import facts
from rekd.ui.leaks import leak_line
from rekd.ui.report_charts import Bar, Chart

if TYPE_CHECKING:
    from rekd.explanations.record import Method, Model, Record
    from rekd.types import Explanation, Score

DRAWN = 150_000
"""Characters of text that all drawings of a report share: a page under 2 MB whatever the signs. A review has 1,500."""


def tone(slot: str) -> str:
    """The colour of a slot's marks, as on the page."""
    return {"teacher": "teacher", "cls": "plain"}.get(slot, "student")


@dataclass(frozen=True)
class Drawer:
    """Draws explanations of a record's input. shrink: pictures are drawn at 1/shrink of their size, to save room."""

    record: Record
    shrink: int = 1

    @cached_property
    def longest(self) -> int:
        """Characters of the text that each drawing shows."""
        drawings = 2 * len(self.record.models) + len(self.record.methods) + (self.record.painted is not None)
        return DRAWN // max(1, drawings)

    def draw(self, model: Model, item: Explanation, colour: str, label: str, show="mask", other=None, whose="") -> str:
        """The input as `model` read it, with the explanation's marks. other: the reference's mask, for a difference."""
        show, text = "whole" if item.rule == "all" else show, self.record.input.text
        if text is None:
            pixels, small = self._picture(model.picture, item)
            return figures.on_image(pixels, small, label, colour, show, other, whose)
        if self.cuts(model):
            keep = [i for i, place in enumerate(item.units.places) if place[1] <= self.longest]
            other = None if other is None else [other[i] for i in keep]
            item, text = _only(item, keep), text[: self.longest]
        return figures.on_text(text, min(model.stop, len(text)), item, label, colour, show, other)

    def cuts(self, model: Model) -> bool:
        """Whether less is drawn of the text than the model read."""
        return self.record.input.text is not None and model.stop > self.longest

    def short(self, model: Model) -> str:
        """What to say where less is drawn, else ""."""
        told = f"The first {self.longest:,} characters are drawn; the JSON file holds all."
        return told if self.cuts(model) else ""

    def _picture(self, number: int, item: Explanation) -> tuple[np.ndarray, Explanation]:
        from PIL import Image

        image = Image.open(io.BytesIO(self.record.input.pictures[number])).convert("RGB")
        if self.shrink > 1:
            sizes = [max(1, side // self.shrink) for side in image.size]
            boxes = tuple(tuple(round(v / self.shrink) for v in place) for place in item.units.places)
            image, item = image.resize(sizes), replace(item, units=replace(item.units, places=boxes))
        return np.array(image, np.uint8), item


def _only(item: Explanation, keep: Sequence[int]) -> Explanation:
    def kept(values: Sequence) -> tuple:
        return tuple(values[i] for i in keep)

    units = replace(item.units, places=kept(item.units.places))
    return replace(item, units=units, scores=kept(item.scores), mask=kept(item.mask))


def card(drawer: Drawer, model: Model, show: str) -> str:
    """What a model selected and what it said."""
    record, item = drawer.record, model.shown
    text = record.input.text
    repaired = "The rule selected nothing; the unit with the largest P(select) was kept." if item.repaired else ""
    return components.toned(
        tone(model.slot),
        components.head(model.title, model.name, ["exhibit"] if model.role == "exhibit" else []),
        components.verdict(item.prediction, record.classes, record.input.label),
        components.counted(item, cut=text is not None and model.stop < len(text)),
        drawer.draw(model, item, tone(model.slot), f"{model.title} ({model.name})", show),
        components.note(model.note and f"This model {model.note}.", repaired, drawer.short(model)),
        leak_line(model.leaks),
    )


def reference_of(record: Record) -> Model | None:
    """The model that differences are taken to: the chosen one, else the first that selects."""
    selecting = [model for model in record.models if model.shown.rule != "all"]
    chosen = [model for model in selecting if model.slot == record.choice.against]
    return next(iter([*chosen, *selecting]), None)


def apart(drawer: Drawer) -> list[str]:
    """Each other model that selects, held against the reference; empty where there is none to compare."""
    record, reference = drawer.record, reference_of(drawer.record)
    if reference is None:
        return []
    whose, out = "the teacher" if reference.row == "Teacher" else reference.row, []
    for model in record.models:
        if model is reference or model.shown.rule == "all":
            continue
        found, label = difference.compare(model.shown, reference.shown), f"{model.title}, difference to {whose}"
        drawn = drawer.draw(model, model.shown, tone(model.slot), label, "difference", found.reference, whose)
        said = difference.described(model.shown, found, whose, record.input.text)
        out.append(
            components.toned(tone(model.slot), components.head(model.title, f"against {reference.name}"), drawn, said)
        )
    return out


def panel(drawer: Drawer, method: Method, show: str) -> str:
    """What a method marked, and what it took."""
    model = drawer.record.explained
    return components.toned(
        "plain",
        components.head(method.name, f"explains {model.name}"),
        components.counted(method.shown, "marked"),
        drawer.draw(model, method.shown, "plain", f"{method.name} on {model.name}", show),
        components.note(method.help),
        components.facts(facts(method.shown)),
    )


def confidence(record: Record) -> Chart:
    """How sure each model is of the class that it says."""
    entries = []
    for model in record.models:
        said = model.shown.prediction
        word = f"{components.percent(said.confidence)} {report_charts.clipped(record.classes[said.label], 12)}"
        entries.append(Bar(model.row, said.confidence, word, tone(model.slot)))
    return report_charts.bars("Confidence in the predicted class, 0 to 100 %", entries)


def score_charts(record: Record) -> list[Chart]:
    """One chart a measure of the score table, and curves where they were scored."""
    table, rows = record.table, {model.row: tone(model.slot) for model in record.models}
    if table is None:
        return []
    charts = []
    for score in {score.name: score for line in table.lines for score in line.scores}.values():
        held = [(line.name, s) for line in table.lines for s in line.scores if s.name == score.name]
        charts.append(_score_chart(score, held, rows))
    lines = [(line.name, line.curves, rows.get(line.name, "plain")) for line in table.lines if line.curves]
    said = f"probability of “{report_charts.clipped(record.classes[table.target], 20)}”"
    return charts + list(report_charts.faithfulness_curves(lines, said) if lines else ())


def _score_chart(score: Score, held: Sequence[tuple[str, Score]], tones: Mapping[str, str]) -> Chart:
    """One measure of every row; values too small for a scale up to 1 have a scale of their own, which is said."""
    values = [one.value for _, one in held if math.isfinite(one.value)]
    tiny = components.small(values)
    entries = [Bar(name, one.value, _number(one.value, tiny), tones.get(name, "plain")) for name, one in held]
    way = {"higher": ", higher is better", "lower": ", lower is better"}.get(score.better, "")
    if tiny:
        top = max(map(abs, values))
        return report_charts.bars(f"{score.name}{way}; up to {components.number(top, tiny)}", entries, high=top)
    return report_charts.bars(f"{score.name}{way}", entries, max(-1.0, min(0.0, score.low)) / 2)


def _number(value: float, tiny: bool) -> str:
    return components.number(value, tiny) if math.isfinite(value) else "not defined"


def score_table(record: Record) -> str:
    """The table, and who judged what."""
    table = record.table
    lines = [Row(line.name, {s.name: s for s in line.scores}, line.remark, line.control) for line in table.lines]
    units = components.units_of(record.models[0].shown.units)
    caption = f"Every mask cut to the same {table.k} of {table.n} {units}, seen by the judge {table.judge}"
    own = "" if table.chosen else ", its own prediction"
    seen = " This judge selects by itself; here every unit is visible to it." if table.selects else ""
    judged = (
        f"Scored is the judge's probability of “{record.classes[table.target]}”{own} "
        f"({components.percent(table.probability)} on the whole input). ★ marks the best value of a column.{seen}"
    )
    return components.table(lines, caption) + f'<p class="rk-note">{escape(judged)}</p>'


def foot(record: Record) -> str:
    """Where it all comes from: models with their hashes, rule, seed, versions, date and address."""
    rows = "".join(
        f'<tr><th scope="row">{escape(model.name)}</th><td>{escape(model.title)}</td><td>{escape(model.kind)}</td>'
        f"<td>{escape(_rate(model))}</td><td><code>{escape(model.hash)}</code></td></tr>"
        for model in record.models
    )
    judge = record.table
    if judge and judge.judge not in [model.name for model in record.models]:
        rows += f'<tr><th scope="row">{escape(judge.judge)}</th><td>Judge</td><td></td><td></td>'
        rows += f"<td><code>{escape(judge.hash)}</code></td></tr>"
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("model", "stands as", "kind", "rate p", "hash"))
    held = {
        "Mask rule": record.choice.rule,
        "Seed": str(record.choice.seed),
        "Versions": ", ".join(f"{name} {number}" for name, number in record.versions.items()),
        "Date": record.date,
        "Input": record.input.id,
    }
    return (
        f'<footer><div class="rk-scroll" tabindex="0" role="group" aria-label="Models"><table class="rk-table" '
        f'aria-label="Models and their hashes"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
        f"{components.facts(held)}{_address(record.address)}</footer>"
    )


def _rate(model: Model) -> str:
    return "reads everything" if model.shown.rule == "all" else f"{model.rate:g}, masking {model.masking}"


def _address(address: str) -> str:
    """The address, a link only where it leads to a page and not to something that runs."""
    if not address:
        return ""
    safe = escape(address, quote=True)
    link = f'<a href="{safe}" rel="noreferrer">{safe}</a>' if address.startswith(("http://", "https://")) else safe
    return f"<p>Seen at {link}</p>"
