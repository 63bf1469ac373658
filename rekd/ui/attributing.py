"""Attributions for every visitor of this server: kept, told while they are computed, and stopped by whoever waits.

No lock is held while one is computed, so that nobody waits for another's; at worst two compute the same. What is told
of the passes may be shown by Streamlit, which ends a run there as soon as its visitor asks for something else.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rekd.ui import cache, scores

if TYPE_CHECKING:
    from rekd.checkpoints import Info
    from rekd.explanations.attributions import Answers
    from rekd.types import Example, Explanation, Score

Heard = Callable[[int], None]
WAITS = "the second seed was not run yet"
"""What stands in place of the IoU of two seeds until it is known."""


class Absent(LookupError):
    """It was not computed yet, and only what is known was asked for."""


@dataclass(frozen=True)
class _Asked:
    """What is asked for: equal where the answer is. compute: how to get it."""

    key: tuple[Hashable, ...]
    compute: Callable[[], Any] = field(compare=False)


@lru_cache(maxsize=600)
def _answer(asked: _Asked) -> Any:
    return asked.compute()


def _absent() -> None:
    raise Absent


def attribution(
    info: Info,
    example: Example,
    method: str,
    k: int,
    seed: int,
    target: int | None = None,
    *,
    heard: Heard | None = None,
    only_known: bool = False,
) -> Explanation:
    """A method on a model, cut to k units; computed anew for another seed only where it samples.

    Args:
        target: the class that is explained, None for the predicted one. heard: see `attributions.attribute`.

    Returns:
        Explanation: of a method that samples with iou_two_seeds among its details, or WAITS there.

    Raises:
        Absent: only_known, and nobody has asked for it before.
        DoesNotFit, TooLittleMemory: as `attributions.attribute`.
    """
    from rekd.explanations.attributions import METHODS, two_seeds

    first = _seeded(info, example, method, k, seed, target, heard, only_known)
    if not METHODS[method].samples:
        return first
    try:
        return two_seeds(first, _seeded(info, example, method, k, seed + 1, target, None, only_known=True))
    except Absent:
        return replace(first, details={**first.details, "iou_two_seeds": WAITS})


def second_seed(
    info: Info, example: Example, method: str, k: int, seed: int, target: int | None = None, heard: Heard | None = None
) -> Explanation:
    """`attribution` of a method that samples, with the IoU of two seeds: the next seed is run where it was not yet.

    Raises:
        DoesNotFit, TooLittleMemory: as `attributions.attribute`.
    """
    _seeded(info, example, method, k, seed + 1, target, heard, only_known=False)
    return attribution(info, example, method, k, seed, target)


def _seeded(info: Info, example: Example, method: str, k: int, seed: int, target, heard, only_known) -> Explanation:
    """A method under one seed, cut to k units."""
    from rekd.explanations.attributions import METHODS, DoesNotFit

    seed = seed if METHODS[method].samples else 0
    asked = _Asked(
        ("scores", method, *_of(info, example), seed, target),
        _absent if only_known else lambda: _attribute(info, example, method, seed, target, heard),
    )
    found = _answer(asked)
    if isinstance(found, str):
        raise DoesNotFit(found)
    return scores.cut(found, min(k, len(found.mask)))


def _of(info: Info, example: Example) -> tuple[Hashable, ...]:
    """What tells a model and an input from all others."""
    return info.name, info.hash, str(info.folder), example.key


@lru_cache(maxsize=8)
def _answers(of: tuple[Hashable, ...], target: int | None) -> Answers:
    """What is known of a model's answers to masks of an input, for all methods and seeds; some MB at most.

    For each class anew: a method whose every answer was known would show no time, and others are reckoned from it.
    """
    return {}


def _attribute(info: Info, example: Example, method: str, seed: int, target: int | None, heard) -> Explanation | str:
    """The explanation, or why there is none: that too is asked for again and again.

    As a sentence: a kept exception would hold the tensors of the attempt, and the frames of all who meet it.
    """
    from rekd.explanations.attributions import DoesNotFit, attribute

    model, read = cache.checkpoint(info).model, cache.reading(info, example)
    asked = {"rate": info.config.rate, "seed": seed, "target": target, "heard": heard}
    asked["known"] = _answers(_of(info, example), target)
    try:
        return attribute(method, info.name, model, read, **asked)
    except DoesNotFit as reason:
        return str(reason)


def passes(info: Info, example: Example, method: str) -> int:
    """Passes that a method makes, the order of cost; 0 of one that does not fit, which is said at once."""
    from rekd.explanations import attributions

    try:
        return attributions.passes(method, cache.checkpoint(info).model, cache.reading(info, example))
    except attributions.DoesNotFit:
        return 0


def moves(info: Info, example: Example, item: Explanation) -> int:
    """Passes that `sensitivity` makes."""
    from rekd.explanations import sensitivity as moved

    if item.method == "rationale":
        return moved.gate_moves()
    return moved.attribution_moves(item.method, cache.checkpoint(info).model, cache.reading(info, example))


def sensitivity(
    info: Info, example: Example, item: Explanation, *, heard: Heard | None = None, only_known: bool = False
) -> Score:
    """Max-sensitivity of an explanation of this input: of a method's scores, or of a rationale's P(select).

    Raises:
        Absent: only_known, and nobody has asked for it before.
    """
    from rekd.explanations import sensitivity as moved

    model, read, seed = cache.checkpoint(info).model, cache.reading(info, example), item.details.get("seed", 0)

    def compute() -> Score:
        if item.method == "rationale":
            return moved.gate_sensitivity(model, read, heard=heard)
        return moved.attribution_sensitivity(item.method, model, read, target=item.target, seed=seed, heard=heard)

    key = ("moves", item.method, *_of(info, example), seed, item.target)
    return _answer(_Asked(key, _absent if only_known else compute))


def clear() -> None:
    """Forget everything."""
    _answer.cache_clear()
    _answers.cache_clear()
