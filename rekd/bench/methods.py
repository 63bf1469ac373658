"""`python -m rekd bench methods`: what every method costs on one full review and on one digit, on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from rekd.bench.app import REVIEW
from rekd.bench.page import machine
from rekd.files import write_json
from rekd.types import Example

LIMITS = {"imdb-cls": 90.0, "digits-cls": 10.0}
"""Seconds for all methods together, by the shipped model that is explained."""


@dataclass(frozen=True)
class Cost:
    """One method on one input. fault: why it has no scores, "" where it has. iou: of two seeds, None without chance."""

    method: str
    passes: int
    seconds: float
    memory_mb: float = 0.0
    n: str = ""
    iou: float | None = None
    fault: str = ""


def example_of(name: str) -> Example:
    """A review that fills all that the model reads, or the first built-in digit."""
    if name == "imdb-cls":
        return Example("bench", text=f"{REVIEW}\n\n{REVIEW.replace('ferry', 'tractor')}")
    from rekd.data import load_split

    return load_split("digits", "test")[0]


def costs(checkpoint, example: Example) -> list[Cost]:
    """Every method that is for this kind of input, the cheapest first.

    Args:
        checkpoint: a `Checkpoint`.
    """
    from rekd.explanations.attributions import METHODS, passes

    model, reading = checkpoint.model, checkpoint.reader.read([example])
    fitting = [name for name, spec in METHODS.items() if example.modality in spec.modalities]
    counted = {name: passes(name, model, reading) for name in fitting}
    return [_cost(name, counted[name], checkpoint, reading) for name in sorted(fitting, key=counted.__getitem__)]


def _cost(name: str, count: int, checkpoint, reading) -> Cost:
    from rekd.explanations.attributions import DoesNotFit, attribute

    info, since = checkpoint.info, time.perf_counter()
    try:
        item = attribute(name, info.name, checkpoint.model, reading, rate=info.config.rate)
    except DoesNotFit as reason:
        return Cost(name, count, time.perf_counter() - since, fault=str(reason))
    held = item.details
    n = f"{held['n']:,} {held['counted']}"
    return Cost(name, count, held["seconds"], held["peak_memory_mb"], n, held.get("iou_two_seeds"))


def lines(name: str, units: str, found: Iterable[Cost], limit: float) -> list[str]:
    """The table as Markdown, its sum and the limit."""
    rows, found = [], list(found)
    for cost in found:
        agreed = "" if cost.iou is None else f"{cost.iou:.2f}"
        what = "does not fit" if cost.fault else cost.n
        rows.append(f"| {cost.method} | {what} | {cost.seconds:.2f} s | {cost.memory_mb:.0f} MB | {agreed} |")
    head = [
        f"{name}, {units}",
        "",
        "| method | n | time | memory | IoU of two seeds |",
        "| --- | --- | --- | --- | --- |",
    ]
    total = sum(cost.seconds for cost in found)
    return [*head, *rows, f"| all | | {total:.1f} s (at most {limit:.0f} s) | | |", ""]


def bench_methods(_: str | None, out: Path | None, say: Callable[[str], None] = print) -> int:
    """Measure, print the tables, and write the numbers as JSON where `out` is given.

    Raises:
        CheckpointError: a shipped model is not here.
    """
    from rekd import checkpoints

    held = {}
    for name, limit in LIMITS.items():
        checkpoint, example = checkpoints.load(name), example_of(name)
        units = checkpoint.reader.read([example]).units[0]
        found = costs(checkpoint, example)
        held[name] = [vars(cost) for cost in found]
        for line in lines(name, f"{len(units)} {units.kind}", found, limit):
            say(line)
    where = machine()
    say("Measured on: " + ", ".join(f"{key} {value}" for key, value in where.items()) + ".")
    if out is not None:
        write_json(out, {"measured": held, "machine": where})
    return 0
