"""Calibration of label probabilities: expected calibration error, negative log likelihood, Brier."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rekd.types import Score

BINS = 15
_TINY = 1e-12  # a probability stored as 0 costs about 27.6 nats and not infinity


@dataclass(frozen=True)
class Bin:
    """One bar of a reliability diagram: examples whose confidence lies in (low, high]; the first bin holds 0 too."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def reliability(probs: Tensor, labels: Tensor, bins: int = BINS) -> tuple[Bin, ...]:
    """Confidence against accuracy in bins of equal width; empty bins are 0 throughout.

    Args:
        probs: (B, K) label probabilities. labels: (B,) true classes.

    Raises:
        ValueError: shapes that do not belong together, no example, or rows that are no probabilities.
    """
    probs, labels = _checked(probs, labels)
    confidence, predicted = probs.max(1)
    right = (predicted == labels).double()
    place = (confidence * bins).ceil().long().clamp(1, bins) - 1
    out = []
    for i in range(bins):
        inside = place == i
        count = int(inside.sum())
        means = (float(confidence[inside].mean()), float(right[inside].mean())) if count else (0.0, 0.0)
        out.append(Bin(i / bins, (i + 1) / bins, count, *means))
    return tuple(out)


def ece(probs: Tensor, labels: Tensor, bins: int = BINS) -> float:
    """Expected calibration error: mean over examples of |confidence - accuracy| of their bin, 0 to 1."""
    bars = reliability(probs, labels, bins)
    return sum(b.count * abs(b.confidence - b.accuracy) for b in bars) / sum(b.count for b in bars)


def nll(probs: Tensor, labels: Tensor) -> float:
    """Mean negative log probability of the true class, in nats."""
    probs, labels = _checked(probs, labels)
    return float(-probs.gather(1, labels[:, None]).clamp(min=_TINY).log().mean())


def brier(probs: Tensor, labels: Tensor) -> float:
    """Mean over examples of the squared distance to the one-hot label, summed over classes: 0 to 2."""
    probs, labels = _checked(probs, labels)
    target = torch.nn.functional.one_hot(labels, probs.shape[1]).double()
    return float(((probs - target) ** 2).sum(1).mean())


def calibration(probs: Tensor, labels: Tensor, bins: int = BINS) -> tuple[Score, ...]:
    """All three measures of probabilities (B, K) against labels (B,), as a person sees them."""
    return (
        Score(
            "ECE",
            ece(probs, labels, bins),
            "lower",
            0,
            1,
            f"How far confidence is from accuracy, over {bins} equal bins.",
        ),
        Score(
            "NLL",
            nll(probs, labels),
            "lower",
            0,
            float("inf"),
            "Surprise at the true class in nats; 0 is certain and right.",
        ),
        Score("Brier", brier(probs, labels), "lower", 0, 2, "Squared distance of the probabilities to the true class."),
    )


def _checked(probs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    probs, labels = torch.as_tensor(probs).detach().cpu().double(), torch.as_tensor(labels).detach().cpu().long()
    if probs.ndim != 2 or labels.shape != probs.shape[:1] or not len(labels):
        raise ValueError(
            f"probs has shape {tuple(probs.shape)} and labels {tuple(labels.shape)}; give (B, K) and (B,), B at least 1"
        )
    if not torch.allclose(probs.sum(1), torch.ones(len(probs), dtype=torch.double), atol=1e-3) or bool(
        (probs < 0).any()
    ):
        raise ValueError(
            "probs has rows that are no probabilities: each must be 0 or more and sum to 1; apply softmax to logits"
        )
    if bool(((labels < 0) | (labels >= probs.shape[1])).any()):
        raise ValueError(
            f"labels must be classes from 0 to {probs.shape[1] - 1}; found {int(labels.min())} to {int(labels.max())}"
        )
    return probs, labels
