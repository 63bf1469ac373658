"""`python -m rekd bench methods`: what every method costs on one full review and on one digit, on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rekd.bench.app import REVIEW
from rekd.bench.page import machine
from rekd.files import write_json
from rekd.types import Example

if TYPE_CHECKING:
    from rekd.explanations.attributions import Answers
    from rekd.types import Explanation

LIMITS = {"imdb-cls": 90.0, "digits-cls": 10.0}
"""Seconds for all panels together, by the shipped model that is explained."""


@dataclass(frozen=True)
class Cost:
    """One method on one input, run after those that cost less. passes: at most.

    fault: why it has no scores, "" where it has. second: seconds of the second seed, which is run after all methods,
    and iou: of the two seeds; None without chance.
    """

    method: str
    passes: int
    seconds: float
    memory_mb: float = 0.0
    n: str = ""
    fault: str = ""
    second: float | None = None
    iou: float | None = None


def example_of(name: str) -> Example:
    """A review that fills all that the model reads, or the first built-in digit."""
    if name == "imdb-cls":
        return Example("bench", text=f"{REVIEW}\n\n{REVIEW.replace('ferry', 'tractor')}")
    from rekd.data import load_split

    return load_split("digits", "test")[0]


def costs(checkpoint, example: Example) -> list[Cost]:
    """Every method that is for this kind of input, the cheapest first, and then second seeds, as Explore runs them.

    Args:
        checkpoint: a `Checkpoint`.
    """
    from rekd.explanations.attributions import METHODS, passes

    model, reading = checkpoint.model, checkpoint.reader.read([example])
    fitting = [name for name, spec in METHODS.items() if example.modality in spec.modalities]
    counted = {name: passes(name, model, reading) for name in fitting}
    run = partial(_run, checkpoint, reading, {})
    found = [_first(name, counted[name], run) for name in sorted(fitting, key=counted.__getitem__)]
    return [_second(cost, item, run) for cost, item in found]


def _run(checkpoint, reading, known: Answers, name: str, seed: int) -> Explanation:
    from rekd.explanations.attributions import attribute

    info = checkpoint.info
    return attribute(name, info.name, checkpoint.model, reading, rate=info.config.rate, seed=seed, known=known)


def _first(name: str, count: int, run: Callable[[str, int], Explanation]) -> tuple[Cost, Explanation | None]:
    from rekd.explanations.attributions import DoesNotFit

    since = time.perf_counter()
    try:
        item = run(name, 0)
    except DoesNotFit as reason:
        return Cost(name, count, time.perf_counter() - since, fault=str(reason)), None
    held = item.details
    return Cost(name, count, held["seconds"], held["peak_memory_mb"], f"{held['n']:,} {held['counted']}"), item


def _second(cost: Cost, item: Explanation | None, run: Callable[[str, int], Explanation]) -> Cost:
    """The cost with that of a second seed, where a method has one."""
    from rekd.explanations.attributions import METHODS, two_seeds

    if item is None or not METHODS[cost.method].samples:
        return cost
    other = run(cost.method, 1)
    return replace(cost, second=other.details["seconds"], iou=two_seeds(item, other).details["iou_two_seeds"])


def lines(name: str, units: str, found: Iterable[Cost], limit: float) -> list[str]:
    """The table as Markdown, its sums and the limit."""
    rows, found = [], list(found)
    for cost in found:
        agreed = " | " if cost.second is None else f"{cost.second:.2f} s | {cost.iou:.2f}"
        what = "does not fit" if cost.fault else cost.n
        rows.append(f"| {cost.method} | {what} | {cost.seconds:.2f} s | {cost.memory_mb:.0f} MB | {agreed} |")
    head = [
        f"{name}, {units}",
        "",
        "| method | n | time | memory | second seed | IoU of two seeds |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    panels, seconds = sum(cost.seconds for cost in found), sum(cost.second or 0.0 for cost in found)
    total = f"| all panels | | {panels:.1f} s (at most {limit:.0f} s) | | {seconds:.1f} s | |"
    return [*head, *rows, total, f"| with second seeds | | {panels + seconds:.1f} s | | | |", ""]


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
