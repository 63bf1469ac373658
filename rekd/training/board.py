"""TensorBoard, where a run asks for it: its metrics go into a folder of the run too, by Accelerate's own tracker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from rekd.training.state import load_progress

FOLDER = "tensorboard"


def check_report(report_to: str) -> None:
    """Refuse, before any work, a place for metrics that is not installed.

    Raises:
        ValueError: see above.
    """
    if report_to and not find_spec(report_to):
        raise ValueError(
            f"report_to is {report_to!r}, and the package {report_to} is not installed; install it with "
            f"`pip install {report_to}`, or leave report_to empty: metrics.jsonl holds the same numbers"
        )


@contextmanager
def reported(accelerator: Accelerator, run: Path) -> Iterator[None]:
    """Within, what the accelerator logs goes to its tracker, and goes on from the run's last state without doubles."""
    if not accelerator.log_with:
        yield
        return
    progress = load_progress(run)
    purge = {} if progress is None and not (run / FOLDER).is_dir() else {"purge_step": getattr(progress, "step", 0) + 1}
    accelerator.init_trackers(FOLDER, init_kwargs={FOLDER: purge})
    try:
        yield
    finally:
        for tracker in accelerator.trackers:  # end_training would end the group of processes too
            tracker.finish()
        accelerator.trackers.clear()


def scalars(line: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """The numbers of a line of metrics, those of a group inside it under `group/name`; the step is left out."""
    out: dict[str, float] = {}
    for name, value in line.items():
        if isinstance(value, Mapping):
            out |= scalars(value, f"{prefix}{name}/")
        elif name != "step" and value is not None:
            out[f"{prefix}{name}"] = float(value)
    return out
