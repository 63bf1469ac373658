"""Shuffles that are pure functions of a seed: the same on any platform, resumable at any step."""

from __future__ import annotations

from functools import lru_cache

import numpy as np


def raw_numbers(seed: int, *stream: int) -> np.random.PCG64:
    """A bit generator for (seed, stream); numpy guarantees that its raw output never changes."""
    return np.random.PCG64(np.random.SeedSequence([seed, *stream]))


def permutation(n: int, seed: int, *stream: int) -> np.ndarray:
    """A shuffle of 0 .. n - 1, (n,) int64."""
    return np.argsort(raw_numbers(seed, *stream).random_raw(n), kind="stable")


@lru_cache(maxsize=4)
def order(n: int, seed: int, epoch: int) -> np.ndarray:
    """The order in which epoch `epoch` visits n examples: (n,) int64, read-only because it is kept."""
    shuffled = permutation(n, seed, epoch)
    shuffled.flags.writeable = False
    return shuffled


def batch_indices(n: int, batch_size: int, step: int, seed: int) -> np.ndarray:
    """The examples of one step, (batch_size,) int64.

    Steps read the epochs' orders as one endless row, so each example is seen once an epoch, none is dropped at an
    epoch's end, and every batch is full; a batch that spans two epochs can hold an example twice.
    """
    if n < 1 or batch_size < 1 or step < 0:
        raise ValueError(
            f"no batch of {batch_size} from {n} examples at step {step}; n and batch_size start at 1, steps at 0"
        )
    places = np.arange(step * batch_size, (step + 1) * batch_size)
    first, last = places[0] // n, places[-1] // n
    row = np.concatenate([order(n, seed, int(epoch)) for epoch in range(first, last + 1)])
    return row[places - first * n]
