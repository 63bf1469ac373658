"""Agreement of two masks or gates, and plausibility against evidence, each beside its chance level.

Masks, scores and logits are (B, N), or (N,) for one example; `unit_mask` (B, N) is True where a unit is real, and all
are when it is left out. Only units that the model read count, since only those are in it. An empty mask agrees with
nothing: every measure of it is 0, never NaN.

Chance is what remains when one side is shuffled within each example. The overlap with a shuffled mask is
hypergeometric, so it is drawn as such, and the means over all shuffles of the gate divergence and of the average
precision are exact: a whole split costs no more than one shuffle.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from rekd.types import Score

DRAWS = 200


class WithChance(NamedTuple):
    """A score, and the same score of one side shuffled within each example."""

    score: Score
    chance: Score


class _Counts(NamedTuple):
    """Per example: marked by both, by the first, by the second, and units in all; float64 of shapes that broadcast."""

    both: np.ndarray
    first: np.ndarray
    second: np.ndarray
    units: np.ndarray

    def iou(self) -> np.ndarray:
        return self.both / np.maximum(self.first + self.second - self.both, 1)

    def f1(self) -> np.ndarray:
        return 2 * self.both / np.maximum(self.first + self.second, 1)

    def kappa(self) -> np.ndarray:
        agreed = (self.units - self.first - self.second + 2 * self.both) / self.units
        expected = (self.first * self.second + (self.units - self.first) * (self.units - self.second)) / self.units**2
        # Two constant masks that agree do so by chance alone: 0, where the formula says 0 / 0.
        return np.where(expected < 1, (agreed - expected) / np.where(expected < 1, 1 - expected, 1), 0.0)

    def shuffled(self, seed: int, draws: int) -> _Counts:
        """`draws` shuffles of the second mask of each example: `both` becomes (draws, B)."""
        first, second, units = (v.astype(np.int64) for v in self[1:])
        both = np.random.default_rng(seed).hypergeometric(first, units - first, second, (draws, len(units)))
        return self._replace(both=both.astype(np.float64))


def iou(first: Tensor, second: Tensor, unit_mask: Tensor | None = None) -> Tensor:
    """Units in both masks over units in either: (B,) float64, 0 to 1."""
    return torch.from_numpy(_count(first, second, unit_mask).iou())


def kappa(first: Tensor, second: Tensor, unit_mask: Tensor | None = None) -> Tensor:
    """Cohen's kappa, agreement beyond that of two independent masks of these sizes: (B,) float64, -1 to 1."""
    return torch.from_numpy(_count(first, second, unit_mask).kappa())


def f1(mask: Tensor, evidence: Tensor, unit_mask: Tensor | None = None) -> Tensor:
    """Harmonic mean of precision and recall over units: (B,) float64, 0 to 1."""
    return torch.from_numpy(_count(mask, evidence, unit_mask).f1())


def gate_kl(teacher_logits: Tensor, student_logits: Tensor, unit_mask: Tensor | None = None) -> Tensor:
    """Mean over units of KL(teacher || student) between the two select probabilities: (B,) float64 nats, 0 or more.

    Args:
        teacher_logits, student_logits: (B, N) selection logits, from which it stays finite at any size.
    """
    teacher, student, real = _rows(teacher_logits, student_logits, unit_mask)
    on = teacher.sigmoid() * (F.logsigmoid(teacher) - F.logsigmoid(student))
    off = (-teacher).sigmoid() * (F.logsigmoid(-teacher) - F.logsigmoid(-student))
    return _mean(on + off, real)


def gate_kl_chance(teacher_logits: Tensor, student_logits: Tensor, unit_mask: Tensor | None = None) -> Tensor:
    """`gate_kl` averaged over all shuffles of the student's units: (B,) float64 nats.

    Under a shuffle each teacher unit meets each student unit equally often, so the cross term is a product of means.
    """
    teacher, student, real = _rows(teacher_logits, student_logits, unit_mask)
    p, q = teacher.sigmoid(), (-teacher).sigmoid()
    own = _mean(p * F.logsigmoid(teacher) + q * F.logsigmoid(-teacher), real)
    on, off = _mean(F.logsigmoid(student), real), _mean(F.logsigmoid(-student), real)
    return own - _mean(p, real) * on - _mean(q, real) * off


def average_precision(scores: Tensor, evidence: Tensor, unit_mask: Tensor | None = None) -> Tensor:
    """Area under precision and recall (AUPRC, as a step sum; tied units enter together): (B,) float64, 0 to 1."""
    ranked, taken, real = _ranked(scores, evidence, unit_mask)
    hits = ranked.cumsum(1).gather(1, taken.long() - 1)
    return (ranked * hits / taken).sum(1) / (ranked * real).sum(1).clamp(min=1)


def average_precision_chance(scores: Tensor, evidence: Tensor, unit_mask: Tensor | None = None) -> Tensor:
    """`average_precision` averaged over all shuffles of the evidence, ties kept: (B,) float64."""
    ranked, taken, real = _ranked(scores, evidence, unit_mask)
    found, units = ranked.sum(1, keepdim=True), real.sum(1, keepdim=True)
    # A hit among the first m units brings itself and its share of the other hits.
    precision = (1 + (taken - 1) * (found - 1) / (units - 1).clamp(min=1)) / taken
    return torch.where(found[:, 0] > 0, _mean(precision, real), 0.0)


def agreement(
    first: Tensor,
    second: Tensor,
    unit_mask: Tensor | None = None,
    *,
    gates: tuple[Tensor, Tensor] | None = None,
    seed: int = 0,
    draws: int = DRAWS,
) -> tuple[WithChance, ...]:
    """IoU and Cohen's kappa of two masks, and with `gates` the gate KL, each a mean over examples beside its chance.

    Args:
        gates: selection logits of teacher and student, (B, N) each. seed, draws: of the shuffles behind chance.

    Raises:
        ValueError: the two do not have the same units.
    """
    counts = _count(first, second, unit_mask)
    chance = counts.shuffled(seed, draws)
    out = [
        _pair(
            "IoU",
            counts.iou(),
            chance.iou().mean(0),
            "higher",
            0,
            1,
            "Units marked by both over units marked by either.",
        ),
        _pair(
            "Cohen's kappa",
            counts.kappa(),
            chance.kappa().mean(0),
            "higher",
            -1,
            1,
            "Agreement beyond chance: 1 the same, 0 chance.",
        ),
    ]
    if gates is not None:
        kl, by_chance = gate_kl(*gates, unit_mask).numpy(), gate_kl_chance(*gates, unit_mask).numpy()
        text = "Mean over units of KL(teacher || student) between the select probabilities, in nats."
        out.append(_pair("gate KL", kl, by_chance, "lower", 0, float("inf"), text))
    return tuple(out)


def plausibility(
    mask: Tensor,
    scores: Tensor,
    evidence: Tensor,
    unit_mask: Tensor | None = None,
    *,
    seed: int = 0,
    draws: int = DRAWS,
) -> tuple[WithChance, ...]:
    """Unit F1, IoU and AUPRC against evidence that a person marked or that was planted, each beside its chance.

    Args:
        evidence: (B, N) bool over the units that were read. Examples without any are left out, for there is nothing to
            find; where no example is left the answer is empty.
    """
    marked, truth, real = _rows(mask, evidence, unit_mask)
    known = ((truth > 0) & real).any(1)
    if not known.any():
        return ()
    marked, truth, real, ranks = marked[known], truth[known], real[known], _rows(scores, evidence, unit_mask)[0][known]
    counts = _count(marked, truth, real)
    chance = counts.shuffled(seed, draws)
    area, by_chance = (
        average_precision(ranks, truth, real).numpy(),
        average_precision_chance(ranks, truth, real).numpy(),
    )
    return (
        _pair(
            "unit F1",
            counts.f1(),
            chance.f1().mean(0),
            "higher",
            0,
            1,
            "Balance of precision and recall on the evidence.",
        ),
        _pair(
            "evidence IoU",
            counts.iou(),
            chance.iou().mean(0),
            "higher",
            0,
            1,
            "Units marked and evidence over units of either.",
        ),
        _pair(
            "AUPRC",
            area,
            by_chance,
            "higher",
            0,
            1,
            "How well the scores rank the evidence first, whatever the budget.",
        ),
    )


def _pair(name, values, chance, better, low, high, text) -> WithChance:
    spread = float(np.std(values)) if len(values) > 1 else None
    score = Score(name, float(np.mean(values)), better, low, high, text, spread)
    by_chance = f"The same with one side shuffled within each example. {text}"
    return WithChance(score, Score(f"{name}, chance", float(np.mean(chance)), "neither", low, high, by_chance))


def _count(first, second, unit_mask) -> _Counts:
    first, second, real = _rows(first, second, unit_mask)
    first, second = (first > 0) & real, (second > 0) & real
    parts = (first & second, first, second, real)
    return _Counts(*(part.sum(1).double().numpy() for part in parts))


def _rows(first, second, unit_mask) -> tuple[Tensor, Tensor, Tensor]:
    """Both as (B, N) float64 on the CPU, with the real units as bool."""
    first, second = (torch.atleast_2d(torch.as_tensor(v).detach().cpu().double()) for v in (first, second))
    real = (
        torch.ones_like(first, dtype=torch.bool)
        if unit_mask is None
        else torch.atleast_2d(torch.as_tensor(unit_mask).cpu().bool())
    )
    if not first.shape == second.shape == real.shape or not real.any(1).all():
        shapes = ", ".join(str(tuple(v.shape)) for v in (first, second, real))
        raise ValueError(
            f"the shapes are {shapes}; two masks compare only over the same units, one or more in each example"
        )
    return first, second, real


def _mean(values: Tensor, real: Tensor) -> Tensor:
    return values.masked_fill(~real, 0).sum(1) / real.sum(1)


def _ranked(scores, evidence, unit_mask) -> tuple[Tensor, Tensor, Tensor]:
    """Evidence in the order of the scores, how many units are taken with each (ties together), and the real units."""
    scores, evidence, real = _rows(scores, evidence, unit_mask)
    below = -scores.masked_fill(~real, -torch.inf)
    ranked, order = below.sort(1)
    taken = torch.searchsorted(ranked, ranked, right=True).double()
    real = real.gather(1, order)
    return ((evidence > 0).gather(1, order) & real).double(), taken, real
