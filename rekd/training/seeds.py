"""Seeds of runs, as a person writes them and as they are shown."""

from __future__ import annotations

import re
from collections.abc import Sequence

MOST_SEEDS = 50
"""Seeds that are taken at a time."""
HIGHEST = 2**31
"""Below it lies every seed."""


def read_seeds(text: str) -> tuple[int, ...]:
    """Seeds from `2026`, `2026, 2030` or `2026-2028`, in order and each once.

    Raises:
        ValueError: a sentence that says what was expected.
    """
    out: list[int] = []
    for part in re.split(r"[,;\s]+", text.replace("–", "-").strip().strip(",;")):
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or len(first) > 10 or len(last) > 10:
            raise ValueError("write seeds as whole numbers, such as 2026, 2027 or 2026-2028.")
        numbers = range(int(first), int(last if dash else first) + 1)
        if not numbers or len(numbers) > MOST_SEEDS or numbers[-1] >= HIGHEST:
            raise ValueError(f"give from 1 to {MOST_SEEDS} seeds, each from 0 to {HIGHEST - 1:,}, the smaller first.")
        out += numbers
    seeds = tuple(dict.fromkeys(out))
    if len(seeds) > MOST_SEEDS:
        raise ValueError(f"give at most {MOST_SEEDS} seeds.")
    return seeds


def seeds_text(seeds: Sequence[int]) -> str:
    """Seeds as `read_seeds` reads them, rows of neighbours as a span."""
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"{seeds[0]}-{seeds[-1]}"
    return ", ".join(map(str, seeds))
