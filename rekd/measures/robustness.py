"""Do the scores of an explanation say how the output changes, and do they hold still: Yeh et al. (2019), on units.

*Infidelity* removes squares of units and compares what their scores promise with what a judge (see `faithfulness`) then
says. *Max-sensitivity* moves the input a little and looks at how far the scores move.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from rekd.measures.faithfulness import Judge, Remembering
from rekd.types import Score

SQUARES = 100
"""Squares that infidelity removes (our choice: one more forward pass each)."""
LARGEST = 1 / 3
"""Longest side of a square, as a share of the input's (Yeh et al.: 10 of 28 pixels)."""
RADIUS, MOVES = 0.1, 10
"""Max-sensitivity: how far an input moves, in standard deviations of it (Yeh et al.: .1 and .2 of inputs scaled to
about one), and how often (Captum's default)."""

_INFIDELITY = (
    "Mean squared difference between what the scores promise, scaled as well as can be, and the probability that the "
    "judge loses when {squares} random squares of units are removed; lower is better."
)
_SENSITIVITY = (
    "Largest relative change of the scores over {moves} random moves of the input by up to {radius:g} of its standard "
    "deviation; lower is better."
)


def infidelity(
    judge: Judge,
    scores: Sequence[float] | Tensor,
    target: int,
    *,
    shape: Sequence[int] | None = None,
    draws: int = SQUARES,
    seed: int = 0,
) -> Score:
    """Infidelity with square removal of units and scale normalisation.

    The scores are multiplied by the one factor, 0 or more, that fits best: logits and probabilities compare, and those
    that point the wrong way are not turned round. At worst the factor is 0 and the value the mean squared loss.

    Args:
        judge: masks (M, N) bool -> probabilities (M, K). scores: (N,). target: the class y.
        shape: how the units lie, (rows, columns) of patches; None for words in a row.
        draws: squares, so many masks and the whole input are asked of the judge. seed: of the squares.

    Returns:
        Score: 0 to 1, lower is better; its spread is the standard deviation over the squares.

    Raises:
        ValueError: scores that are no numbers or don't fill the shape, or a target that the judge does not know.
    """
    scores = torch.as_tensor(scores).detach().cpu().double()
    shape = tuple(shape or scores.shape)
    if scores.ndim != 1 or math.prod(shape) != len(scores) or not len(scores):
        raise ValueError(f"scores has shape {tuple(scores.shape)}; it must be (N,), one for each unit of {shape}")
    if not bool(scores.isfinite().all()):
        raise ValueError("scores holds NaN or infinity, which promises nothing; check the explanation that gave it")
    removed = squares(shape, draws, seed)
    lost = _lost(judge, removed, target)
    promised = removed.double() @ scores
    scale = (promised @ lost / (promised @ promised).clamp(min=torch.finfo(torch.double).tiny)).clamp(min=0)
    errors = (scale * promised - lost) ** 2
    return Score(
        "infidelity", float(errors.mean()), "lower", 0, 1, _INFIDELITY.format(squares=draws), float(errors.std())
    )


def _lost(judge: Judge, removed: Tensor, target: int) -> Tensor:
    """Probability of the target that the judge loses with each of the removals (M, N): (M,) float64."""
    judge = judge if isinstance(judge, Remembering) else Remembering(judge)
    answer = judge(torch.cat([torch.ones_like(removed[:1]), ~removed]))
    if not 0 <= target < answer.shape[1]:
        raise ValueError(f"target is {target}; the judge knows classes 0 to {answer.shape[1] - 1}")
    return answer[0, target] - answer[1:, target]


def squares(shape: Sequence[int], draws: int, seed: int) -> Tensor:
    """Random squares of units: of patches as wide as high, of words runs. Sides are even from 1 to LARGEST.

    Args:
        shape: (N,) or (rows, columns). draws: how many, 2 or more.

    Returns:
        (draws, N) bool, True where a unit lies in the square.
    """
    if draws < 2:
        raise ValueError(f"draws is {draws}; it must be 2 or more, so that there is a spread")
    generator, longest = torch.Generator().manual_seed(seed), max(1, round(LARGEST * min(shape)))
    sides = torch.randint(1, longest + 1, (draws, 1), generator=generator)
    inside = torch.ones(draws, *[1] * len(shape), dtype=torch.bool)
    for axis, length in enumerate(shape):
        starts = (torch.rand(draws, 1, generator=generator) * (length - sides + 1)).long()
        place = torch.arange(length)
        along = (place >= starts) & (place < starts + sides)
        inside = inside & along.reshape(draws, *(length if i == axis else 1 for i in range(len(shape))))
    return inside.flatten(1)


def max_sensitivity(
    explain: Callable[[Tensor], Tensor],
    start: Tensor,
    *,
    radius: float = RADIUS,
    draws: int = MOVES,
    seed: int = 0,
) -> Score:
    """Max-sensitivity: the largest ||scores(x + d) - scores(x)|| / ||scores(x)|| over random d within a radius.

    Args:
        explain: an input of the shape of start -> scores (N,); asked draws + 1 times. start: x, the input.
        radius: d is even in [-radius, radius] standard deviations of x. draws: how many d. seed: of d.

    Returns:
        Score: 0 or more, lower is better; its spread is the standard deviation over the moves. Of scores that are all 0
        the change itself is given, as Captum does.

    Raises:
        ValueError: radius or draws too small.
    """
    if not radius > 0 or draws < 2:
        raise ValueError(f"radius is {radius} and draws {draws}; the radius must be above 0 and draws 2 or more")
    generator = torch.Generator().manual_seed(seed)
    size = radius * (float(start.std()) or 1.0)  # an input of one value: pixels are scaled to about one
    still = explain(start).detach().cpu().double()
    norm, changes = float(still.norm()) or 1.0, []
    for _ in range(draws):
        moved = start + size * (2 * torch.rand(start.shape, generator=generator) - 1).to(start)
        changes.append(float((explain(moved).detach().cpu().double() - still).norm()) / norm)
    spread = float(torch.tensor(changes, dtype=torch.double).std())
    text = _SENSITIVITY.format(moves=draws, radius=radius)
    return Score("max-sensitivity", max(changes), "lower", 0, math.inf, text, spread)
