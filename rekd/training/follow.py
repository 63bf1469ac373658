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
GONE = (0, 0)
"""The stamp of a folder that holds no run."""


def stamp(folder: Path) -> tuple[int, int]:
    """What tells a run from a later one in a folder of the same name: (nanoseconds, inode) of its config.json."""
    try:
        found = (folder / "config.json").stat()
    except OSError:
        return GONE
    return found.st_mtime_ns, found.st_ino


class Follower:
    """The run in a folder, read again at every look, by any number of watchers; another run there is read anew."""

    def __init__(self, folder: Path):
        self.folder, self._lock = folder, threading.Lock()
        self._begin(stamp(folder))

    def _begin(self, found: tuple[int, int]) -> None:
        """Forget what was known of the folder. The stamp is kept last: where the reading fails, it is tried again."""
        self.config = read_config(self.folder)
        self._lines = Lines(self.folder / "metrics.jsonl")
        self._seen: deque[tuple[float, int]] = deque(maxlen=500)
        self._stamp = found

    def look(self) -> Run:
        """The run as it stands now.

        Raises:
            FileNotFoundError: its folder is gone. ValueError: another's is there now, and can't be read.
        """
        with self._lock:
            found = stamp(self.folder)
            if found == GONE:
                raise FileNotFoundError(f"{self.folder} is gone: it was deleted or moved.")
            if found != self._stamp:
                self._begin(found)
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
        return left_of(run.config, step, self._pace(), run.metrics[-1].get("examples_per_second", 0.0))

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
