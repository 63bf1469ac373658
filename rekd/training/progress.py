"""How far a run in the foreground is, a line now and then: the same on a terminal, in a pipe and in a file."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

EVERY = 5.0
"""Seconds between two lines."""


class Teller:
    """Called after every step; says how far the run is where the last word was some seconds ago, and after the last.

    Args:
        steps: of the whole run. say: takes a line. clock: seconds.
    """

    def __init__(self, steps: int, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic):
        self.steps, self.say, self.clock = steps, say, clock
        self.first: tuple[float, int] | None = None
        self.last = clock()

    def __call__(self, step: int, known: Mapping[str, float]) -> None:
        """Take note of a step.

        Args:
            step: steps done. known: the last values of the loss and of the accuracies, by name; none at the beginning.
        """
        now = self.clock()
        if self.first is None:  # where the run begins, or goes on
            self.first = (now, step)
        if now - self.last < EVERY and (step < self.steps or step == self.first[1]):
            return
        self.last = now
        values = [f"{name} {value:.3f}" for name, value in known.items()]
        self.say(", ".join([f"step {step:,} of {self.steps:,}", *values, *self._left(now, step)]))

    def _left(self, now: float, step: int) -> list[str]:
        began, before = self.first
        if step <= before or step == self.steps:
            return []
        seconds = (now - began) / (step - before) * (self.steps - step)
        return [f"about {seconds / 60:.0f} minutes left" if seconds >= 90 else f"about {seconds:.0f} s left"]
