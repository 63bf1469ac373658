"""A row of the protocol: runs that differ in their seed alone, and what such rows may be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rekd.config import INCIDENTAL, PRESETS, TrainConfig

SEEDS = tuple(range(2026, 2036))
"""The paper's ten; rows of five take the first five."""
PARTS = {
    "teachers": "Teachers",
    "choices": "Learning rates tried, on seeds of their own",
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
LINKS = ("teacher", "start", "stop_at")
"""Fields that name another run or depend on one, so that they differ from place to place."""
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

    @property
    def on_test(self) -> bool:
        """Whether its runs are measured on the test split, which nothing is chosen by."""
        return self.part != "choices"

    def config(self, seed: int, sources: Mapping[str, str], stop_at: float = 0.0) -> TrainConfig:
        """The configuration of one run. sources: field of `learns` -> checkpoint folder."""
        chosen = {**PRESETS[self.settings.get("preset", "default")], **self.settings}
        kind = "cls" if self.kind == "kd" else self.kind
        return TrainConfig(**{**chosen, "task": self.task, "kind": kind, "seed": seed, "stop_at": stop_at, **sources})

    def made(self, config: TrainConfig) -> bool:
        """Whether a run with this configuration is one of the row, as the row is now: alike in all but what it learns
        from, whose places differ, and what is incidental."""
        from rekd.training.setup import resolve

        linked = {"teacher": "teacher" in self.learns, "start": "start" in self.learns, "stop_at": bool(self.half_way)}
        if config.task != self.task or linked != {field: bool(getattr(config, field)) for field in LINKS}:
            return False
        wanted = self.config(config.seed, dict.fromkeys(self.learns, "a checkpoint"))
        return _setting(resolve(config)) == _setting(resolve(wanted))


def _setting(config: TrainConfig) -> dict[str, Any]:
    values = json.loads(json.dumps(config.to_dict()))  # a list of a file and a tuple of ours are the same
    return {field: value for field, value in values.items() if field not in (*INCIDENTAL, *LINKS)}
