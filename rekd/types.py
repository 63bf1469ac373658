"""Records that every room shares, and the names of the axes.

Axes, used in every docstring: B batch, T tokens (word pieces or patches as the backbone sees them), N units (what is
selected: words, word pieces or patches), D features, K classes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

Modality = Literal["text", "image"]
UnitKind = Literal["words", "pieces", "tokens", "patches"]
MaskRule = Literal["threshold", "calibrated", "top-k", "sampled"]
Place = tuple[int, ...]
"""Where a person sees a unit: (start, stop) characters of a text, or (left, top, right, bottom) pixels of an image."""

MASK_RULES: tuple[MaskRule, ...] = ("threshold", "calibrated", "top-k", "sampled")


@dataclass(frozen=True)
class Units:
    """The units of one input, in reading order; two models that share them can be compared and can distil."""

    kind: UnitKind
    places: tuple[Place, ...]

    def __len__(self) -> int:
        return len(self.places)


@dataclass(frozen=True, eq=False)
class Example:
    """One input as a person sees it: a text, or an RGB image (H, W, 3) of uint8.

    `evidence` holds the places that a person marked, or that were planted, as reasons for the label; None where nobody
    marked anything.
    """

    id: str
    text: str | None = None
    image: np.ndarray | None = None
    label: int | None = None
    evidence: tuple[Place, ...] | None = None

    @property
    def modality(self) -> Modality:
        return "image" if self.text is None else "text"

    @property
    def key(self) -> str:
        """Content hash: what a cache may rely on, whatever the example is called."""
        if self.text is not None:
            return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return hashlib.sha256(repr(self.image.shape).encode() + self.image.tobytes()).hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Split:
    """One split of a data set in memory: texts or images (n, H, W, 3) uint8, labels (n,) int64, evidence if known."""

    task: str
    name: str
    classes: tuple[str, ...]
    labels: np.ndarray
    texts: Sequence[str] | None = None
    images: np.ndarray | None = None
    evidence: Sequence[tuple[Place, ...] | None] | None = None

    @property
    def modality(self) -> Modality:
        return "image" if self.texts is None else "text"

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Example:
        if not 0 <= index < len(self):
            raise IndexError(
                f"{self.task} {self.name} has {len(self)} examples, numbered from 0; {index} is none of them"
            )
        return Example(
            id=f"{self.task}/{self.name}/{index}",
            text=None if self.texts is None else self.texts[index],
            image=None if self.images is None else self.images[index],
            label=int(self.labels[index]),
            evidence=None if self.evidence is None else self.evidence[index],
        )

    def take(self, indices: Sequence[int] | np.ndarray) -> Split:
        """The rows `indices`, in that order."""
        rows = np.asarray(indices, dtype=np.int64)
        return replace(
            self,
            labels=self.labels[rows],
            texts=None if self.texts is None else [self.texts[i] for i in rows],
            images=None if self.images is None else self.images[rows],
            evidence=None if self.evidence is None else [self.evidence[i] for i in rows],
        )


@dataclass(frozen=True, eq=False)
class Batch:
    """What a model reads. Padding and special tokens own no unit.

    content: word-piece ids (B, T) int64, or normalised pixels (B, 3, H, W) float32.
    token_mask: (B, T) bool, True where a token is real (special tokens included), False where it is padding.
    token_units: (B, T) int64, the unit that owns each token; -1 for special tokens and padding.
    unit_mask: (B, N) bool, True where a unit is real.
    labels: (B,) int64, -1 where unknown.
    ids: (B,) int64, a number for each example that noise is drawn from, whatever batch it is in.
    """

    content: Tensor
    token_mask: Tensor
    token_units: Tensor
    unit_mask: Tensor
    labels: Tensor
    ids: Tensor

    def __len__(self) -> int:
        return self.content.shape[0]

    def to(self, device: torch.device | str) -> Batch:
        return Batch(**{f.name: getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)})

    def rows(self, index: slice | Tensor) -> Batch:
        """The chosen examples, padding kept."""
        return Batch(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


@dataclass(frozen=True)
class Prediction:
    """What a model says of one input: probabilities (K,) and, the largest of them, the predicted class."""

    probs: tuple[float, ...]

    @property
    def label(self) -> int:
        return max(range(len(self.probs)), key=self.probs.__getitem__)

    @property
    def confidence(self) -> float:
        return self.probs[self.label]


@dataclass(frozen=True)
class Explanation:
    """One mask over the units of one input, whoever made it: a rationale, a Captum method, a control.

    scores: (N,) P(select) of a rationale, or the attribution of a method; mask: (N,) the units that it marks.
    rule: how the mask was cut from the scores. target: the class that is explained. prediction: what the explained
    model says (a rationale model from its selection alone), None for controls. repaired: the mask was empty and was
    given its largest unit. details: all that the panel prints, by name (baseline, convergence delta, seed, draws, ...).
    """

    method: str
    model: str
    units: Units
    scores: tuple[float, ...]
    mask: tuple[bool, ...]
    rule: str
    target: int
    prediction: Prediction | None = None
    repaired: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return sum(self.mask)

    @property
    def share(self) -> float:
        """Share of the units that are marked, 0 to 1."""
        return self.count / max(1, len(self.mask))


@dataclass(frozen=True)
class Score:
    """A measured value that knows its range and which direction is better."""

    name: str
    value: float
    better: Literal["higher", "lower", "neither"]
    low: float
    high: float
    help: str = ""
    spread: float | None = None
    """Standard deviation over draws or examples, where there is more than one."""
