"""The lines of a run's metrics.jsonl, read while another process writes them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


class Lines:
    """The whole lines of a metrics.jsonl, read on from where the last look ended.

    A file that a resumed run has cut back is another file, and is read from its start.
    """

    def __init__(self, path: Path):
        self.path, self.lines = path, ()
        self._place, self._file = 0, 0

    def read(self) -> tuple[Mapping[str, Any], ...]:
        """All lines so far; one that is being written is not there yet."""
        try:
            with self.path.open("rb") as file:
                self._go_on(file)
        except FileNotFoundError:
            self.lines, self._place = (), 0
        return self.lines

    def _go_on(self, file) -> None:
        found = os.fstat(file.fileno())
        if found.st_ino != self._file or found.st_size < self._place:
            self.lines, self._place, self._file = (), 0, found.st_ino
        file.seek(self._place)
        whole, end, _ = file.read().rpartition(b"\n")
        if end:
            self._place += len(whole) + 1
            self.lines += tuple(filter(None, map(_parsed, whole.split(b"\n"))))


def seconds_of_steps(lines: Iterable[Mapping[str, Any]], batch_size: int) -> float:
    """Seconds of training, without evaluations: the examples between two lines over their speed."""
    before, seconds = 0, 0.0
    for line in lines:
        if speed := line.get("examples_per_second"):
            seconds += (line["step"] - before) * batch_size / speed
        before = line["step"]
    return seconds


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        values = json.loads(line)
    except ValueError:  # a half that a kill left in the middle
        return None
    return values if isinstance(values, dict) and isinstance(values.get("step"), int) else None
