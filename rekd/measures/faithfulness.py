"""Faithfulness of one mask on one input, as a judge sees it.

A *judge* maps masks (M, N) bool to label probabilities (M, K): it keeps the marked units of the input and removes the
others by drop. It is the model that scores, never the one whose mask is scored, and is named beside every number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rekd.masks import budget
from rekd.types import Score

Judge = Callable[[Tensor], Tensor]

SHARES = (0.01, 0.05, 0.10, 0.20, 0.50)
POINTS = 20
SLACK, SPARE = 1.25, 24
"""A batch's largest mask has at most SLACK times the units of its smallest, and SPARE more: padding costs less than the
fixed price of a batch of its own."""

_HELP = {
    "sufficiency": "Probability lost when the judge sees the marked units alone; lower is better.",
    "comprehensiveness": "Probability lost when the marked units are removed; higher is better.",
    "AOPC sufficiency": "Sufficiency averaged over the best 1, 5, 10, 20 and 50 % of the units.",
    "AOPC comprehensiveness": "Comprehensiveness averaged over the best 1, 5, 10, 20 and 50 % of the units.",
    "deletion AUC": "Mean probability while the units are removed, the best first; lower is better.",
    "insertion AUC": "Mean probability while the units are added, the best first; higher is better.",
    "deletion AUC, random order": "The deletion AUC of a random order: what any order is to be held against.",
    "insertion AUC, random order": "The insertion AUC of a random order: what any order is to be held against.",
}


@dataclass(frozen=True)
class Curves:
    """Probability of the target while units leave (deletion) or come (insertion), best first and in random order.

    shares: (P,) share of units that have left or come, 0 to 1; the others: (P,) probabilities.
    """

    shares: tuple[float, ...]
    deletion: tuple[float, ...]
    insertion: tuple[float, ...]
    random_deletion: tuple[float, ...]
    random_insertion: tuple[float, ...]

    def area(self, name: str) -> float:
        """Area under one of the curves by the trapezoid rule, 0 to 1."""
        y, x = torch.tensor(getattr(self, name), dtype=torch.double), torch.tensor(self.shares, dtype=torch.double)
        return float(torch.trapezoid(y, x))


class Remembering:
    """A judge that asks another judge about each mask once, in batches of similar size, and keeps the answers.

    Give one to every mask of an input: whole input, random order and equal masks are then computed once. It belongs to
    one input and one judge. Threads may share it: answers are only ever added, at worst one is computed by two.

    Args:
        chunk: masks in a batch at most.
    """

    def __init__(self, judge: Judge, chunk: int = 16):
        self.judge, self.chunk = judge, chunk
        self.known: dict[bytes, Tensor] = {}

    def __call__(self, masks: Tensor) -> Tensor:
        keys = [row.tobytes() for row in masks.bool().cpu().numpy()]
        missing = {key: i for i, key in enumerate(keys) if key not in self.known}
        for chosen in self._batches(list(missing.values()), masks.sum(1).tolist()):
            for i, probs in zip(chosen, self.judge(masks[chosen].bool()).detach().cpu().double(), strict=True):
                self.known[keys[i]] = probs
        return torch.stack([self.known[key] for key in keys])

    def _batches(self, rows: list[int], sizes: Sequence[int]) -> Iterator[list[int]]:
        """Rows of similar size together, so that a judge that cuts the sequence to what is marked pads little."""
        batch: list[int] = []
        for i in sorted(rows, key=lambda i: sizes[i]):
            if batch and (len(batch) == self.chunk or sizes[i] > SLACK * sizes[batch[0]] + SPARE):
                yield batch
                batch = []
            batch.append(i)
        if batch:
            yield batch


def ranked_masks(order: Tensor, counts: Sequence[int]) -> Tensor:
    """Masks of the first `counts` units of an order: (N,) unit indices -> (len(counts), N) bool."""
    rank = torch.empty_like(order).scatter_(0, order, torch.arange(len(order)))
    return rank[None] < torch.tensor(counts)[:, None]


def plan(
    mask: Sequence[bool] | Tensor,
    scores: Sequence[float] | Tensor,
    *,
    with_aopc: bool = True,
    with_curves: bool = False,
    seed: int = 0,
) -> Tensor:
    """The masks that `faithfulness` asks about: all units, the marked, the rest, best shares, the rests, the curves'.

    Whoever scores several masks of an input asks a Remembering judge about all their plans at once, in fewer batches.

    Args:
        mask, scores, with_aopc, with_curves, seed: as for `faithfulness`.

    Returns:
        (M, N) bool: 3 masks, with AOPC 2 * len(SHARES) more, then with curves about 80.
    """
    mask, scores = _checked(mask, scores)
    n = len(mask)
    masks = [torch.ones(1, n, dtype=torch.bool), mask[None], ~mask[None]]
    order = scores.argsort(descending=True, stable=True)
    if with_aopc:
        tops = ranked_masks(order, [budget(n, share) for share in SHARES])
        masks += [tops, ~tops]
    return torch.cat(masks + (_curve_masks(order, seed) if with_curves else []))


def faithfulness(
    judge: Judge,
    mask: Sequence[bool] | Tensor,
    scores: Sequence[float] | Tensor,
    target: int,
    *,
    with_aopc: bool = True,
    with_curves: bool = True,
    seed: int = 0,
) -> tuple[Score, ...]:
    """Sufficiency and comprehensiveness of a mask, AOPC and deletion and insertion AUC of the scores behind it.

    Args:
        judge: masks (M, N) bool -> probabilities (M, K). mask: (N,) marked units. scores: (N,) the larger the sooner
            marked; ties to the earlier unit. target: the class y.
        with_aopc: ask for AOPC too: ten masks more.
        with_curves: ask for the AUCs too: about 80 masks more, of which a Remembering judge that is used again has
            the random order's 40 already.
        seed: of the random order.

    Raises:
        ValueError: no unit, sizes that differ, scores that are no numbers, or a target that the judge does not know.
    """
    mask, scores = _checked(mask, scores)
    judge = judge if isinstance(judge, Remembering) else Remembering(judge)
    answer = judge(plan(mask, scores, with_aopc=with_aopc, with_curves=with_curves, seed=seed))
    if not 0 <= target < answer.shape[1]:
        raise ValueError(f"target is {target}; the judge knows classes 0 to {answer.shape[1] - 1}")
    whole, *rest = answer[: 3 + 2 * len(SHARES) * with_aopc, target].tolist()
    kept, left, *shares = [whole - p for p in rest]
    values = {"sufficiency": kept, "comprehensiveness": left}
    if with_aopc:
        values["AOPC sufficiency"] = sum(shares[: len(SHARES)]) / len(SHARES)
        values["AOPC comprehensiveness"] = sum(shares[len(SHARES) :]) / len(SHARES)
    if with_curves:
        values |= _areas(curves(judge, scores, target, seed=seed))
    return tuple(_score(name, value) for name, value in values.items())


def curves(judge: Judge, scores: Sequence[float] | Tensor, target: int, *, seed: int = 0) -> Curves:
    """Deletion and insertion at 20 equal steps (at every unit where there are fewer), with a seeded random order.

    Args:
        judge: masks (M, N) bool -> probabilities (M, K). scores: (N,), the largest leaves or comes first.
    """
    _, scores = _checked([False] * len(scores), scores)
    masks = _curve_masks(scores.argsort(descending=True, stable=True), seed)
    answer = judge(torch.cat(masks))[:, target].tolist()
    size = len(answer) // 4
    shares = masks[1].double().mean(1).tolist()
    lines = [tuple(answer[i * size : (i + 1) * size]) for i in range(4)]
    return Curves(tuple(shares), *lines)


def _curve_masks(order: Tensor, seed: int) -> list[Tensor]:
    """Deletion and insertion masks of the order, then of a random one: four of (P, N) bool."""
    n = len(order)
    counts = sorted({round(i * n / POINTS) for i in range(POINTS + 1)})
    chance = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    ours, random = ranked_masks(order, counts), ranked_masks(chance, counts)
    return [~ours, ours, ~random, random]


def _areas(lines: Curves) -> dict[str, float]:
    return {
        "deletion AUC": lines.area("deletion"),
        "insertion AUC": lines.area("insertion"),
        "deletion AUC, random order": lines.area("random_deletion"),
        "insertion AUC, random order": lines.area("random_insertion"),
    }


def _score(name: str, value: float) -> Score:
    better = "lower" if name.split(", ")[0] in ("sufficiency", "AOPC sufficiency", "deletion AUC") else "higher"
    return Score(name, value, "neither" if "random" in name else better, 0 if "AUC" in name else -1, 1, _HELP[name])


def _checked(mask, scores) -> tuple[Tensor, Tensor]:
    mask, scores = torch.as_tensor(mask).cpu().bool(), torch.as_tensor(scores).detach().cpu().double()
    if mask.ndim != 1 or not len(mask) or scores.shape != mask.shape:
        raise ValueError(
            f"mask has shape {tuple(mask.shape)} and scores {tuple(scores.shape)}; both must be (N,), N at least 1"
        )
    if bool(scores.isnan().any()):
        raise ValueError("scores holds NaN, which has no place in a ranking; check the explanation that gave it")
    return mask, scores
