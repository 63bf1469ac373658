"""Agreement of two masks or gates, each measure beside its chance level.

Masks and logits are (B, N), or (N,) for one example; `unit_mask` (B, N) is True where a unit is real, and all
are when it is left out. Only units that the model read count, since only those are in it. An empty mask agrees with
nothing: every measure of it is 0, never NaN.

Chance is what remains when one side is shuffled within each example. The overlap with a shuffled mask is
hypergeometric, so it is drawn as such, and the mean of the gate divergence over all shuffles is exact: a whole split
costs no more than one shuffle.
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


class Counts(NamedTuple):
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

    def shuffled(self, seed: int, draws: int) -> Counts:
        """`draws` shuffles of the second mask of each example: `both` becomes (draws, B)."""
        first, second, units = (v.astype(np.int64) for v in self[1:])
        both = np.random.default_rng(seed).hypergeometric(first, units - first, second, (draws, len(units)))
        return self._replace(both=both.astype(np.float64))


def iou(first: Tensor, second: Tensor, unit_mask: Tensor | None = None) -> Tensor:
    """Units in both masks over units in either: (B,) float64, 0 to 1."""
    return torch.from_numpy(count(first, second, unit_mask).iou())


def kappa(first: Tensor, second: Tensor, unit_mask: Tensor | None = None) -> Tensor:
    """Cohen's kappa, agreement beyond that of two independent masks of these sizes: (B,) float64, -1 to 1."""
    return torch.from_numpy(count(first, second, unit_mask).kappa())


def f1(mask: Tensor, evidence: Tensor, unit_mask: Tensor | None = None) -> Tensor:
    """Harmonic mean of precision and recall over units: (B,) float64, 0 to 1."""
    return torch.from_numpy(count(mask, evidence, unit_mask).f1())


def gate_kl(teacher_logits: Tensor, student_logits: Tensor, unit_mask: Tensor | None = None) -> Tensor:
    """Mean over units of KL(teacher || student) between the two select probabilities: (B,) float64 nats, 0 or more.

    Args:
        teacher_logits, student_logits: (B, N) selection logits, from which it stays finite at any size.
    """
    teacher, student, real = rows(teacher_logits, student_logits, unit_mask)
    on = teacher.sigmoid() * (F.logsigmoid(teacher) - F.logsigmoid(student))
    off = (-teacher).sigmoid() * (F.logsigmoid(-teacher) - F.logsigmoid(-student))
    return unit_mean(on + off, real)


def gate_kl_chance(teacher_logits: Tensor, student_logits: Tensor, unit_mask: Tensor | None = None) -> Tensor:
    """`gate_kl` averaged over all shuffles of the student's units: (B,) float64 nats.

    Under a shuffle each teacher unit meets each student unit equally often, so the cross term is a product of means.
    """
    teacher, student, real = rows(teacher_logits, student_logits, unit_mask)
    p, q = teacher.sigmoid(), (-teacher).sigmoid()
    own = unit_mean(p * F.logsigmoid(teacher) + q * F.logsigmoid(-teacher), real)
    on, off = unit_mean(F.logsigmoid(student), real), unit_mean(F.logsigmoid(-student), real)
    return own - unit_mean(p, real) * on - unit_mean(q, real) * off


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
    counts = count(first, second, unit_mask)
    chance = counts.shuffled(seed, draws)
    out = [
        beside_chance(
            "IoU",
            counts.iou(),
            chance.iou().mean(0),
            "higher",
            0,
            1,
            "Units marked by both over units marked by either.",
        ),
        beside_chance(
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
        out.append(beside_chance("gate KL", kl, by_chance, "lower", 0, float("inf"), text))
    return tuple(out)


def beside_chance(name, values, chance, better, low, high, text) -> WithChance:
    """The mean and spread of a measure's `values` (B,), and the mean of its `chance` (B,) as a score of its own."""
    spread = float(np.std(values)) if len(values) > 1 else None
    score = Score(name, float(np.mean(values)), better, low, high, text, spread)
    by_chance = f"The same with one side shuffled within each example. {text}"
    return WithChance(score, Score(f"{name}, chance", float(np.mean(chance)), "neither", low, high, by_chance))


def count(first, second, unit_mask) -> Counts:
    """What of (B, N) masks the measures of overlap need; positive is marked."""
    first, second, real = rows(first, second, unit_mask)
    first, second = (first > 0) & real, (second > 0) & real
    parts = (first & second, first, second, real)
    return Counts(*(part.sum(1).double().numpy() for part in parts))


def rows(first, second, unit_mask) -> tuple[Tensor, Tensor, Tensor]:
    """Both as (B, N) float64 on the CPU, with the real units as bool.

    Raises:
        ValueError: shapes that do not belong together, or an example without a real unit.
    """
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


def unit_mean(values: Tensor, real: Tensor) -> Tensor:
    """The mean of (B, N) over each example's real units: (B,)."""
    return values.masked_fill(~real, 0).sum(1) / real.sum(1)
