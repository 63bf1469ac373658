"""What chance does to one input's rationale: many masks drawn from one gate, and what is predicted from each.

Draw j of a seed adds `masks.logistic_noise(seed, j, example, N)`: the first 20 of 100 draws are the same 20, draw 0 is
the mask of the rule `sampled`, and models of the same units meet the same noise, so that equal gates draw equal masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rekd import masks
from rekd.config import ModelConfig
from rekd.measures.agreement import DRAWS as SHUFFLES
from rekd.measures.agreement import Counts, iou
from rekd.measures.faithfulness import Judge, Remembering
from rekd.types import MASK_RULES, Prediction

BLOCK = 4
"""Masks predicted from at once: few enough that nobody who waits for one block minds."""


@dataclass(frozen=True)
class Spread:
    """A mean and its standard deviation over draws."""

    mean: float
    sd: float


@dataclass(frozen=True)
class Gate:
    """What P(select) says before anything is drawn. certainty: mean |2s - 1|, 0 a coin for each unit, 1 no chance.

    units: the number of selected units to be expected, sum of s, with its standard deviation sqrt(sum of s (1 - s)).
    """

    certainty: float
    units: Spread


def gate(select_probs: Sequence[float]) -> Gate:
    """The gate of one input from its P(select) (N,)."""
    s = np.asarray(select_probs, np.float64)
    return Gate(float(np.abs(2 * s - 1).mean()), Spread(float(s.sum()), float(np.sqrt((s * (1 - s)).sum()))))


@dataclass(frozen=True, eq=False)
class Draws:
    """n masks drawn from one gate, in order of their number.

    noise: (n, N) float32. raw: (n, N) bool, as drawn. mask: the same with empty draws given their largest logit, as a
    predictor sees them. repaired: (n,) bool, which draws were empty.
    """

    seed: int
    noise: Tensor
    raw: Tensor
    mask: Tensor
    repaired: Tensor

    def __len__(self) -> int:
        return len(self.raw)

    @property
    def times(self) -> list[int]:
        """How often each unit was drawn: (N,)."""
        return self.raw.sum(0).tolist()

    @property
    def units(self) -> Spread:
        """Units selected by a draw, before any repair."""
        return spread(self.raw.sum(1).tolist())


def draw(selection_logits: Sequence[float], example: Tensor, seed: int, n: int) -> Draws:
    """Draw n masks of one input.

    Args:
        selection_logits: (N,). example: (1,) int64, the number that its noise is drawn from (`Batch.ids`).
    """
    logits = torch.tensor(selection_logits, dtype=torch.float32).expand(n, -1)
    noise = masks.logistic_noise(seed, torch.arange(n), example.cpu().expand(n), logits.shape[1])
    real = torch.ones_like(logits, dtype=torch.bool)
    mask, repaired = masks.evaluation_mask("sampled", logits, real, rate=0.0, noise=noise)
    return Draws(seed, noise, mask & ~repaired[:, None], mask, repaired)


def spread(values: Sequence[float]) -> Spread:
    """Mean and sample standard deviation; 0 where there is one value alone."""
    numbers = np.asarray(values, np.float64)
    return Spread(float(numbers.mean()), float(numbers.std(ddof=1)) if len(numbers) > 1 else 0.0)


def binomial(select_prob: float, n: int) -> float:
    """Standard deviation of a unit's frequency over n draws: sqrt(s (1 - s) / n)."""
    return (select_prob * (1 - select_prob) / n) ** 0.5


def iou_of_two(raw: Tensor, seed: int = 0) -> tuple[Spread, Spread]:
    """IoU of two draws over all pairs of masks (n, N), and of random masks of the same sizes.

    Args:
        seed: of the shuffles behind chance, `SHUFFLES` for each pair of sizes.

    Raises:
        ValueError: fewer than two masks.
    """
    if len(raw) < 2:
        raise ValueError(f"{len(raw)} mask makes no pair; draw two or more")
    marked = raw.double()
    first, second = np.triu_indices(len(raw), 1)
    both, sizes = (marked @ marked.T).numpy()[first, second], marked.sum(1).numpy()
    units = np.full(len(both), raw.shape[1], np.float64)
    found = Counts(both, sizes[first], sizes[second], units).iou()
    return spread(found), _by_chance(sizes[first], sizes[second], raw.shape[1], seed)


def _by_chance(first: np.ndarray, second: np.ndarray, n_units: int, seed: int) -> Spread:
    """Each pair of sizes is shuffled once and weighed by how often it stands among the pairs."""
    pairs, often = np.unique(np.sort(np.stack([first, second], 1), 1), axis=0, return_counts=True)
    units = np.full(len(pairs), n_units, np.float64)
    shuffled = Counts(units, pairs[:, 0], pairs[:, 1], units).shuffled(seed, SHUFFLES).iou()
    weights = often / often.sum()
    mean = float(shuffled.mean(0) @ weights)
    return Spread(mean, float(np.sqrt(((shuffled - mean) ** 2).mean(0) @ weights)))


class Predictions:
    """What a model says from each of the first draws, found piece by piece and kept.

    Threads may share it: at worst a block is computed by two.

    Args:
        judge: masks (M, N) bool to probabilities (M, K), of the model that drew them.
    """

    def __init__(self, judge: Judge):
        self.ask, self.done = Remembering(judge, BLOCK), 0

    def step(self, drawn: Draws) -> None:
        """Predict from the next block of draws, where there is one."""
        stop = min(self.done + BLOCK, len(drawn))
        if self.done < stop:
            self.ask(drawn.mask[self.done : stop])
            self.done = max(self.done, stop)

    def probs(self, drawn: Draws) -> Tensor:
        """Probabilities (M, K) of the draws that are done, M of them."""
        done = min(self.done, len(drawn))
        return self.ask(drawn.mask[:done]) if done else torch.zeros(0, 0)


@dataclass(frozen=True)
class Votes:
    """What was predicted over draws. counts: (K,) draws that say each class; agree: those that say the usual class.

    usual: the class predicted under the mask rule in use. confidence: its probability over the draws.
    """

    counts: tuple[int, ...]
    usual: int
    confidence: Spread

    @property
    def total(self) -> int:
        return sum(self.counts)

    @property
    def agree(self) -> int:
        return self.counts[self.usual]


def votes(probs: Tensor, usual: int) -> Votes | None:
    """Count the predictions of draws (M, K); None where there is none yet."""
    if not len(probs):
        return None
    counts = torch.bincount(probs.argmax(1), minlength=probs.shape[1])
    return Votes(tuple(counts.tolist()), usual, spread(probs[:, usual].tolist()))


@dataclass(frozen=True)
class Ruled:
    """One input under a mask rule without noise: the mask (N,) and what is predicted from it."""

    rule: str
    mask: tuple[bool, ...]
    repaired: bool
    prediction: Prediction


def under_rules(selection_logits: Sequence[float], config: ModelConfig, ask: Judge) -> tuple[Ruled, ...]:
    """The input under every rule that draws nothing. selection_logits: (N,)."""
    logits = torch.tensor(selection_logits, dtype=torch.float32)[None]
    real = torch.ones_like(logits, dtype=torch.bool)
    rules = [rule for rule in MASK_RULES if rule != "sampled"]
    made = [masks.evaluation_mask(rule, logits, real, rate=config.rate, cut=config.cut) for rule in rules]
    probs = ask(torch.cat([mask for mask, _ in made]))
    return tuple(
        Ruled(rule, tuple(mask[0].tolist()), bool(repaired), Prediction(tuple(row.tolist())))
        for rule, (mask, repaired), row in zip(rules, made, probs, strict=True)
    )


def iou_with(raw: Tensor, mask: Sequence[bool]) -> Spread:
    """IoU of draws (n, N) with one mask (N,)."""
    return spread(iou(raw, torch.tensor(mask).expand_as(raw)).tolist())
