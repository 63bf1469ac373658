"""Writes what a run watches while it trains: masks and predictions of a few dev examples, a frame at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from rekd import masks
from rekd.config import MOST_WATCHED, TrainConfig
from rekd.files import replaced_file, write_text
from rekd.models import RationaleModel
from rekd.training.capture import uncompiled
from rekd.training.setup import Setup
from rekd.training.snapshots import FOLDER, Shot, Snapshot, compact, moments, path_of
from rekd.training.terms import temperature
from rekd.types import Split
from rekd.units import Reading


class Watch:
    """Called with the number of steps done, writes a frame where one is due; a run's numbers do not depend on it.

    Raises:
        ValueError: a watched row that dev does not have.
    """

    def __init__(self, run: Path, setup: Setup):
        self.run, self.setup, self.config = run, setup, setup.config
        self.rows = watched_rows(setup.config, setup.dev_split)
        self.due = frozenset(moments(setup.config.steps))
        self.examples = [setup.dev_split[row] for row in self.rows]
        self.reading = setup.reader.read(self.examples)
        self.begun = False

    def __call__(self, step: int, last: bool = False) -> None:
        """Args: last: the run has ended here, be it early."""
        if not (last or step in self.due) or path_of(self.run, step).is_file():
            return
        with uncompiled():  # of its few examples
            if not self.begun:
                self._begin()
            shots = _shots(self.setup.model, self.reading, self.config)
        if np.isfinite([value for shot in shots for value in (*shot.scores, *shot.probs)]).all():  # else the loop halts
            write_text(path_of(self.run, step), compact(asdict(Snapshot(step, self._tau(step), shots))))

    def _begin(self) -> None:
        """Write what stays the same: the examples as the model reads them, and the teacher's shots."""
        folder, reading, self.begun = self.run / FOLDER, self.reading, True
        folder.mkdir(exist_ok=True)
        examples: list[dict[str, Any]] = []
        for number, (row, example) in enumerate(zip(self.rows, self.examples, strict=True)):
            units = reading.units[number]
            image = None if reading.pictures is None else f"{row}.png"
            if image:
                with replaced_file(folder / image) as temp:
                    Image.fromarray(reading.pictures[number]).save(temp, format="PNG")
            known = {"row": row, "label": example.label, "text": example.text, "image": image}
            examples.append(known | {"places": units.places, "units": units.kind, "stop": reading.stops[number]})
        values = {"classes": self.setup.model.config.classes, "examples": examples}
        values["teacher"] = [asdict(shot) for shot in self._taught()]
        write_text(folder / "watched.json", compact(values))

    def _taught(self) -> tuple[Shot, ...]:
        """The teacher's masks, as many units as the student's, on its own reader's places where they differ."""
        teacher = self.setup.teacher
        if teacher is None:
            return ()
        reading = teacher.reader.read(self.examples)
        return _shots(teacher.model, reading, self.config, beside=self.reading)

    def _tau(self, step: int) -> float | None:
        config = self.config
        if config.kind not in ("re", "rekd"):
            return None
        return temperature(config, max(0, step - 1))


def watched_rows(config: TrainConfig, dev: Split) -> tuple[int, ...]:
    """The rows of dev that a run watches: those it names, else eight spread over the classes, the same for every run.

    Raises:
        ValueError: dev has fewer rows.
    """
    if beyond := [row for row in config.watched if row >= len(dev)]:
        raise ValueError(
            f"watched names the row{'s' if len(beyond) > 1 else ''} {', '.join(map(str, beyond))} of dev, and "
            f"{config.task} has {len(dev):,} there, numbered from 0; choose rows below {len(dev):,}"
        )
    return config.watched or _spread(dev.labels)


def _spread(labels: np.ndarray) -> tuple[int, ...]:
    """Rows of as many classes as there is room for, evenly chosen, in the order of their classes."""
    classes = np.unique(labels)
    classes = classes[np.linspace(0, len(classes) - 1, min(MOST_WATCHED, len(classes))).round().astype(int)]
    order = np.random.default_rng(0).permutation(len(labels))
    ranked = [(place, label, row) for label in classes for place, row in enumerate(order[labels[order] == label])]
    first = sorted(ranked)[:MOST_WATCHED]  # the first of each class, then the second of each, ...
    return tuple(int(row) for _, _, row in sorted(first, key=lambda each: (each[1], each[0])))


@torch.no_grad()
def _shots(
    model: RationaleModel, reading: Reading, config: TrainConfig, beside: Reading | None = None
) -> tuple[Shot, ...]:
    """What a model does with a few inputs under `top-k` at the run's rate; its mode is as before afterwards.

    Args:
        beside: another reading of the same inputs; where its units are others, the shot says its own.
    """
    was, device = model.training, next(model.parameters()).device
    model.eval()
    batch, scores, chosen = reading.batch.to(device), None, None
    if model.config.selects:
        logits = model.select(batch)
        chosen, scores = masks.top_k_mask(logits, batch.unit_mask, config.rate), logits.sigmoid().cpu().double()
    elif model.config.kind == "random":
        chosen = masks.random_mask(batch.unit_mask, config.rate, config.seed, 0, batch.ids)
    probs = model.predict(batch, chosen).softmax(1).cpu().double()
    model.train(was)
    shown = (batch.unit_mask if chosen is None else chosen).cpu()
    out = []
    for number, units in enumerate(reading.units):
        other = beside is not None and beside.units[number].places != units.places
        out.append(
            Shot(
                () if scores is None else _rounded(scores[number, : len(units)].tolist(), 3),
                tuple(shown[number].nonzero().flatten().tolist()),
                _rounded(probs[number].tolist(), 4),
                units.places if other else None,
            )
        )
    return tuple(out)


def _rounded(values: Sequence[float], digits: int) -> tuple[float, ...]:
    return tuple(round(value, digits) for value in values)
