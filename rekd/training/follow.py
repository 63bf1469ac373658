"""A run followed while it trains: only what is new in metrics.jsonl is read, and only once for all who watch."""

from __future__ import annotations

import threading
import time
from collections import deque
from pathlib import Path

from rekd.config import TrainConfig
from rekd.training.lines import Lines
from rekd.training.runs import Run, read_config, unwritten
from rekd.training.status import standing

WINDOW = 60.0
"""Seconds over which the pace of a run is measured."""


class Follower:
    """One run, read again at every look, by any number of watchers."""

    def __init__(self, folder: Path):
        self.folder, self.config = folder, read_config(folder)
        self._lines, self._lock = Lines(folder / "metrics.jsonl"), threading.Lock()
        self._seen: deque[tuple[float, int]] = deque(maxlen=500)

    def look(self) -> Run:
        """The run as it stands now.

        Raises:
            FileNotFoundError: its folder is gone.
        """
        with self._lock:
            if not (self.folder / "config.json").is_file():
                raise FileNotFoundError(f"{self.folder} is gone: it was deleted or moved.")
            lines = self._lines.read()
            status = standing(self.folder) or unwritten(self.folder, self.config, lines)
            step = int(lines[-1]["step"]) if lines else 0
            if lines and (not self._seen or self._seen[-1][1] != step):
                self._seen.append((time.monotonic(), step))
            return Run(self.folder, self.config, status, lines)

    def seconds_left(self, run: Run) -> float | None:
        """How long it may still take, None before that can be told.

        The pace is that of the last minute as it was watched, evaluations and all; before that, the run's own word.
        """
        if not run.metrics:
            return None
        step = int(run.metrics[-1]["step"])
        return left_of(self.config, step, self._pace(), run.metrics[-1].get("examples_per_second", 0.0))

    def _pace(self) -> float:
        """Steps a second over the last minute watched, 0 where too little was seen."""
        now = time.monotonic()
        with self._lock:
            seen = [(moment, step) for moment, step in self._seen if now - moment < WINDOW]
        if len(seen) < 3 or seen[-1][0] - seen[0][0] < 5 or seen[-1][1] <= seen[0][1]:
            return 0.0
        return (seen[-1][1] - seen[0][1]) / (seen[-1][0] - seen[0][0])


def left_of(config: TrainConfig, step: int, pace: float, examples_per_second: float) -> float | None:
    """Seconds for the steps left, at a pace in steps a second, else at the speed of the steps alone."""
    pace = pace or examples_per_second / config.batch_size
    return (config.steps - step) / pace if pace > 0 else None
