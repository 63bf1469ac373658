"""A row of the protocol: runs that differ in their seed alone, and what such rows may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rekd.config import PRESETS, TrainConfig

SEEDS = tuple(range(2026, 2036))
"""The paper's ten; rows of five take the first five."""
PARTS = {
    "teachers": "Teachers",
    "choices": "Learning rates tried, the same for every kind, on seeds of their own",
    "headline": "Headline pairs with their controls, ten seeds",
    "sizes": "Second sizes, and CIFAR-100",
    "ablations": "Ablations of REKD on the headline pairs",
    "rates": "Rates",
    "digits": "The digits in the box, which can be run again without data or a GPU",
}
"""In the order in which they are run."""
KINDS = {
    "cls": "CLS",
    "kd": "CLS from the teacher's predictions",
    "random": "Random masks",
    "re": "RE",
    "rekd": "REKD",
}
FOLDER = "results"
"""Of the protocol's runs, in the folder of all runs."""
FIRST, SAME = "first", "same"
"""Which run of another row one learns from: that of its first seed, or that of the same seed."""


@dataclass(frozen=True)
class Row:
    """Runs that differ in their seed alone.

    name: such as imdb-2-layers-rekd, also how its runs' folders begin. part: of PARTS. size: of the towers, for people.
    kind: of KINDS. setting: what tells an ablation or a rate from the default, "" of the default. settings: fields of
    `TrainConfig`. learns: field ("teacher", "start") -> (row, FIRST or SAME). half_way: training stops where dev
    accuracy is half-way between chance and the best of the run of the same seed of this row; "" trains to the end.
    """

    name: str
    part: str
    task: str
    size: str
    kind: str
    setting: str = ""
    seeds: tuple[int, ...] = SEEDS[:5]
    settings: Mapping[str, Any] = field(default_factory=dict)
    learns: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    half_way: str = ""

    @property
    def is_teacher(self) -> bool:
        return self.size.startswith("teacher")

    def config(self, seed: int, sources: Mapping[str, str], stop_at: float = 0.0) -> TrainConfig:
        """The configuration of one run. sources: field of `learns` -> checkpoint folder."""
        chosen = {**PRESETS[self.settings.get("preset", "default")], **self.settings}
        kind = "cls" if self.kind == "kd" else self.kind
        return TrainConfig(**{**chosen, "task": self.task, "kind": kind, "seed": seed, "stop_at": stop_at, **sources})
