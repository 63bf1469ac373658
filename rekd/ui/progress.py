"""A bar that shows how far a computation is. Streamlit ends the run where it is drawn if its visitor wants another."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

BEAT = 0.15
"""Seconds between two drawings."""


class Progress:
    """Is told how many passes were made since it was last told.

    Args:
        place: where the bar is drawn. what: is computed. total: passes that it takes.
    """

    def __init__(self, place: DeltaGenerator, what: str, total: int):
        self.place, self.what, self.total, self.done, self.shown = place, what, total, 0, 0.0

    def __call__(self, count: int) -> None:
        self.done += count
        if time.monotonic() - self.shown >= BEAT:
            self.shown = time.monotonic()
            share = min(1.0, self.done / max(1, self.total))
            self.place.progress(share, f"{self.what}: {self.done:,} of {self.total:,} passes")
