"""Train, dev and test of one's own data: as they came where they did, else carved class by class from a fixed seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rekd.data.order import permutation

SPLITS = ("train", "dev", "test")
NO_SPLIT = -1
"""In place of an index in SPLITS, where the source says nothing of splits."""
SHARE = 0.1
"""Of each class's training rows, for dev and for test, where the source has none."""
SEED = 2026
_SPELT = {"train": "train training", "dev": "dev development val valid validation", "test": "test testing"}
_NAMES = {word: index for index, name in enumerate(SPLITS) for word in _SPELT[name].split()}


def split_index(name: str) -> int | None:
    """Index in SPLITS of a split as people call it; None of any other word."""
    return _NAMES.get(name.strip().casefold())


def divide(
    labels: np.ndarray, given: np.ndarray, again: np.ndarray, classes: Sequence[str]
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Rows of each split, in their order; and what to say of it.

    Args:
        labels: (n,) classes. given: (n,) indices in SPLITS, or NO_SPLIT. again: (n,) bool, rows whose content stands
            there more than once: all its copies stay in train as long as a class has others to tune and test with.
    """
    part = np.where(given == NO_SPLIT, 0, given).astype(np.int8)
    missing = [index for index in (1, 2) if not (part == index).any()]
    for label in range(len(classes)) if missing else ():
        pool = np.flatnonzero((labels == label) & (part == 0))
        pool = pool[permutation(len(pool), SEED, label)]
        pool = pool[np.argsort(again[pool], kind="stable")]
        want = min(max(1, round(SHARE * len(pool))), (len(pool) - 1) // len(missing))
        for place, index in enumerate(missing):
            part[pool[place * want : (place + 1) * want]] = index
    parts = {name: np.flatnonzero(part == index) for index, name in enumerate(SPLITS)}
    return parts, [*_said(missing), *_lacking(labels, parts, classes)]


def across(part_of: Mapping[str, np.ndarray], content: np.ndarray) -> int:
    """How many contents stand in more than one split. content: (n,) the number of each row's content."""
    sets = [np.unique(content[rows]) for rows in part_of.values()]
    _, count = np.unique(np.concatenate(sets), return_counts=True)
    return int(np.sum(count > 1))


def _said(missing: Sequence[int]) -> list[str]:
    if not missing:
        return ["Train, dev and test are the source's own."]
    cut = " and ".join(SPLITS[index] for index in missing)
    each = " each" * (len(missing) > 1)
    return [f"The source has no {cut}: {SHARE:.0%} of the training rows{each}, class by class, one of each at least."]


def _lacking(labels: np.ndarray, parts: Mapping[str, np.ndarray], classes: Sequence[str]) -> list[str]:
    notes = []
    for name in SPLITS[1:]:
        there = set(labels[parts[name]].tolist())
        without = [title for label, title in enumerate(classes) if label not in there]
        if without and there:
            some = ", ".join(f"“{title}”" for title in without[:5]) + (" and others" if len(without) > 5 else "")
            notes.append(f"The {name} split has no row of {some}.")
    return notes
