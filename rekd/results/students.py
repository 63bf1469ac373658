"""The students of the protocol: their sizes, and how each kind of them is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rekd.results.row import FIRST, SAME, SEEDS, Row


@dataclass(frozen=True)
class Student:
    """One size of student. common: settings of all kinds. kinds: what each kind has of its own. warm: kinds of which
    every tower begins from the CLS row's run of the same seed. tried: learning rates, the same for every kind, from
    which each kind's own was to be chosen."""

    task: str
    slug: str
    size: str
    common: Mapping[str, Any]
    kinds: Mapping[str, Mapping[str, Any]]
    warm: tuple[str, ...] = ()
    part: str = "sizes"
    tried: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.task}-{self.slug}"

    def row(self, kind: str, what: str = "", setting: str = "", part: str = "", **changes: Any) -> Row:
        """A row of this student. what: end of its name. changes: settings over its own; `learns` and `seeds` are the
        row's."""
        given = {"seeds": SEEDS if self.part in ("headline", "digits") else SEEDS[:5], **changes}
        seeds, learns = given.pop("seeds"), {**self._learns(kind), **given.pop("learns", {})}
        name = "-".join(filter(None, (self.name, kind, what)))
        settings = {**self.common, **self.kinds[kind], **given}
        return Row(name, part or self.part, self.task, self.size, kind, setting, seeds, settings, learns)

    def _learns(self, kind: str) -> dict[str, tuple[str, str]]:
        teacher = {"teacher": (f"{self.task}-teacher", FIRST)} if kind in ("kd", "rekd") else {}
        start = {"start": (f"{self.name}-cls", SAME)} if kind in self.warm else {}
        return teacher | start


IMDB = {"batch_size": 64}
_TEXT_KINDS = {
    "cls": {"steps": 1404, "learning_rate": 2e-4},
    "kd": {"steps": 1404, "parts": "prediction", "learning_rate": 4e-4},
    "random": {"steps": 2106, "learning_rate": 2e-4},
    "re": {"steps": 2106, "learning_rate": 2e-4, "patience": 8},
    "rekd": {"steps": 2106, "learning_rate": 8e-4},
}
VIT = {"img_size": 32, "patch_size": 4}
CIFAR = {"batch_size": 256, "weight_decay": 0.05, "dropout": 0.0}
_RATES_OF_64 = {"cls": 4e-3, "kd": 4e-3, "random": 2e-3, "re": 2e-3, "rekd": 8e-3}
"""Learning rates of a ViT 64 wide: for each kind the best of those tried, and for random masks that of RE."""
_VIT_KINDS = {
    "cls": {"steps": 7000},
    "kd": {"steps": 7000, "parts": "prediction"},
    "random": {"steps": 2450},
    "re": {"steps": 2450, "patience": 8},
    "rekd": {"steps": 2450},
}


def _vit(width: int, depth: int) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Settings of a small vision student: of all kinds, and of each. Twice the width learns at half the rate."""
    common = {**CIFAR, "backbone_args": {**VIT, "embed_dim": width, "depth": depth, "num_heads": 4}}
    rates = {kind: rate * 64 / width for kind, rate in _RATES_OF_64.items()}
    return common, {kind: {**own, "learning_rate": rates[kind]} for kind, own in _VIT_KINDS.items()}


_TWO_LAYERS = Student(
    "imdb",
    "2-layers",
    "2 layers x 384",
    {**IMDB, "backbone_args": {"layers": [0, 5]}},
    _TEXT_KINDS,
    part="headline",
    tried=(1e-4, 2e-4, 4e-4, 8e-4, 1.6e-3),
)
_ONE_LAYER = Student(
    "imdb",
    "1-layer",
    "1 layer x 384",
    {**IMDB, "backbone_args": {"layers": [0]}},
    _TEXT_KINDS,
)
_WARM = ("random", "re", "rekd")
_RATES = (1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2)
SMALL_VIT = Student("cifar10", "64x3", "ViT 3 x 64", *_vit(64, 3), _WARM, "headline", _RATES)
_LARGER_VIT = Student("cifar10", "128x4", "ViT 4 x 128", *_vit(128, 4), _WARM)
_SMALL_100 = Student("cifar100", "64x3", "ViT 3 x 64", *_vit(64, 3), _WARM)
_LARGER_100 = Student("cifar100", "128x4", "ViT 4 x 128", *_vit(128, 4), _WARM)
HEADLINE = (_TWO_LAYERS, SMALL_VIT)

DIGITS = {"batch_size": 64, "weight_decay": 0.05, "learning_rate": 2e-3, "augment": False}
ON_CANVAS = {"img_size": 64, "patch_size": 8, "num_heads": 4}
_FROM_NOTHING = {"steps": 2000, "evaluate_every": 200}  # as a first run of one's own
_DIGITS_KINDS = {
    "cls": {"steps": 4000},
    "kd": {"steps": 4000, "parts": "prediction"},
    "random": {"steps": 2500},
    "re": {**_FROM_NOTHING, "patience": 8},
    "rekd": _FROM_NOTHING,
}
_TINY_VIT = Student(
    "digits",
    "48x2",
    "ViT 2 x 48",
    {**DIGITS, "backbone_args": {**ON_CANVAS, "embed_dim": 48, "depth": 2}},
    _DIGITS_KINDS,
    ("random",),
    "digits",
)
STUDENTS = (*HEADLINE, _ONE_LAYER, _LARGER_VIT, _SMALL_100, _LARGER_100, _TINY_VIT)
