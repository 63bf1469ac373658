"""Plausibility: how well a mask and its scores find the evidence that a person marked, each beside its chance level.

Shapes, empty masks and chance are as in `agreement`. The mean of the average precision over all shuffles is exact.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rekd.measures.agreement import DRAWS, WithChance, beside_chance, count, rows, unit_mean


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
    marked, truth, real = rows(mask, evidence, unit_mask)
    known = ((truth > 0) & real).any(1)
    if not known.any():
        return ()
    marked, truth, real, ranks = marked[known], truth[known], real[known], rows(scores, evidence, unit_mask)[0][known]
    counts = count(marked, truth, real)
    chance = counts.shuffled(seed, draws)
    area, by_chance = (find(ranks, truth, real).numpy() for find in (average_precision, average_precision_chance))
    return (
        beside_chance(
            "unit F1",
            counts.f1(),
            chance.f1().mean(0),
            "higher",
            0,
            1,
            "Balance of precision and recall on the evidence.",
        ),
        beside_chance(
            "evidence IoU",
            counts.iou(),
            chance.iou().mean(0),
            "higher",
            0,
            1,
            "Units marked and evidence over units of either.",
        ),
        beside_chance(
            "AUPRC",
            area,
            by_chance,
            "higher",
            0,
            1,
            "How well the scores rank the evidence first, whatever the budget.",
        ),
    )


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
    return torch.where(found[:, 0] > 0, unit_mean(precision, real), 0.0)


def _ranked(scores, evidence, unit_mask) -> tuple[Tensor, Tensor, Tensor]:
    """Evidence in the order of the scores, how many units are taken with each (ties together), and the real units."""
    scores, evidence, real = rows(scores, evidence, unit_mask)
    below = -scores.masked_fill(~real, -torch.inf)
    ranked, order = below.sort(1)
    taken = torch.searchsorted(ranked, ranked, right=True).double()
    real = real.gather(1, order)
    return ((evidence > 0).gather(1, order) & real).double(), taken, real
