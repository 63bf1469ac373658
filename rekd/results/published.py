"""What the paper reports, as data: shown beside our numbers as its own, and never part of a mean of ours.

Accuracies are means over ten seeds of models that were pretrained on other data at 224 x 224 pixels, or of BERT; the
levels are not comparable to those of small models from random weights, the gaps between the kinds are what to look at.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

SOURCE = "Dai and Goebel 2026, Learn from A Rationalist, arXiv 2601.22531"
SEEDS = 10


@dataclass(frozen=True)
class Published:
    """One accuracy of the paper, the mean over its seeds.

    task: ours of the same data and labels. model: as the paper calls it. kind: cls, re or rekd. sd: over seeds, None
    where none is public. teacher: whether it is that of the teacher.
    """

    task: str
    model: str
    kind: str
    accuracy: float
    sd: float | None = None
    teacher: bool = False

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


_KINDS = ("cls", "re", "rekd")
_ACCURACIES = {
    ("cifar10", "ViT-Small"): (0.981, 0.889, 0.968),
    ("cifar10", "ViT-Tiny"): (0.968, 0.797, 0.936),
    ("cifar100", "ViT-Small"): (0.944, 0.779, 0.845),
    ("cifar100", "ViT-Tiny"): (0.903, 0.645, 0.777),
    ("imdb", "BERT-Small"): (0.889, 0.881, 0.906),
    ("imdb", "BERT-Mini"): (0.877, 0.863, 0.892),
}
_SDS = {("cifar10", "ViT-Small", "re"): 0.019, ("cifar10", "ViT-Small", "rekd"): 0.006}
"""All that are public."""

PUBLISHED = (
    Published("cifar10", "ViT-Base", "re", 0.964, teacher=True),
    *(
        Published(task, model, kind, accuracy, _SDS.get((task, model, kind)))
        for (task, model), accuracies in _ACCURACIES.items()
        for kind, accuracy in zip(_KINDS, accuracies, strict=True)
    ),
)


def published(task: str = "", kind: str = "") -> list[Published]:
    """The paper's numbers on a task and of a kind; "" takes all. Teachers come first."""
    return [each for each in PUBLISHED if task in ("", each.task) and kind in ("", each.kind)]
