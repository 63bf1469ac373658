"""Batches, what the models did with them and small pictures of them, kept for every visitor of this server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rekd.ui import cache, many_kept, many_rows
from rekd.ui.many_rows import BLOCK, THUMB, Answer

if TYPE_CHECKING:
    import numpy as np

    from rekd.checkpoints import Info
    from rekd.ui.many_given import Inputs


def found(batch: str) -> Inputs | None:
    """The batch kept under a hash, or None."""
    try:
        return _inputs(batch)
    except LookupError:
        return None


@cache.kept(4)
def _inputs(batch: str) -> Inputs:
    """Raises: LookupError, which is not kept: a batch may come under this hash."""
    found = many_kept.find_inputs(batch)
    if found is None:
        raise LookupError(batch)
    return found


@cache.kept(1000)
def answers(info: Info, batch: str, start: int, rule: str, seed: int) -> list[Answer | None]:
    """What a model does with a block of a batch's inputs, from `start` on."""
    inputs = _inputs(batch)
    examples = [inputs.example(i) for i in range(start, min(start + BLOCK, len(inputs)))]
    return many_rows.answers(cache.checkpoint(info), examples, rule, seed)


def keep_order(key: tuple, numbers: Sequence[int]) -> None:
    """Remember in which order a table was drawn. key: plain values that say all that it depends on."""
    _order(key, lambda: tuple(numbers))


def order(key: tuple) -> tuple[int, ...] | None:
    """The numbers of the inputs in the order of a table that was drawn; None of one that was not, or long ago."""

    def absent() -> tuple[int, ...]:
        raise LookupError(key)

    try:
        return _order(key, absent)
    except LookupError:
        return None


@cache.kept(200)
def _order(key: tuple, _found: Callable[[], tuple[int, ...]]) -> tuple[int, ...]:
    """Raises: what _found does, which is not kept."""
    return _found()


@cache.kept(400)
def thumb(batch: str, number: int) -> np.ndarray:
    """A picture of a batch, counted from 1, as small as the table shows it: (h, w, 3) uint8."""
    import numpy as np
    from PIL import Image

    from rekd.ui.many_given import pixels_of

    shrunk = Image.fromarray(pixels_of(_inputs(batch).contents[number - 1]))
    shrunk.thumbnail((2 * THUMB, 2 * THUMB))
    return np.array(shrunk, np.uint8)
