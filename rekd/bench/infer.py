"""`python -m rekd bench infer`: what a rationale and its prediction cost, beside the same written the plain way."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from rekd import masks
from rekd.bench.answers import Answer, answer, inputs, ours, ways
from rekd.bench.page import machine
from rekd.bench.timing import seconds_of
from rekd.bench.train import limit
from rekd.errors import reason
from rekd.files import write_json
from rekd.types import Batch

if TYPE_CHECKING:
    from rekd.models import RationaleModel

MODELS = ("digits-rekd", "cifar10-rekd", "imdb-rekd", "imdb-teacher")
"""On a processor all but the last, which alone takes it several minutes."""
BATCHES = {"cuda": (1, 32, 256), "cpu": (1, 32)}
SECONDS, LEAST, MOST = 2.0, 3, 200
"""Seconds that each way has for its calls, and how many there are; the ways take turns, so that a machine that is busy
elsewhere is so for all of them."""


@dataclass(frozen=True)
class Measured:
    """One way to answer a batch. seconds: of a call, the median; low, high: quartiles; first: of the first call.

    memory: bytes at the peak, 0 where the device does not say; fault: why this way can't be gone here, "" where it can.
    """

    seconds: float = 0.0
    low: float = 0.0
    high: float = 0.0
    first: float = 0.0
    calls: int = 0
    memory: int = 0
    fault: str = ""


@dataclass(frozen=True)
class Row:
    """A model and a batch, by all WAYS. kept: share of the units that are selected; flops: of one batch, our way."""

    model: str
    batch: int
    units: int
    kept: float
    flops: float
    ways: dict[str, Measured]


def row(name: str, model: RationaleModel, batch: Batch) -> Row:
    """All ways to answer one batch, in turns."""
    expected, found = ours(model, batch), ways(batch.unit_mask.device)
    begun = {way: _begin(run, model, batch, expected) for way, run in found.items()}
    taken = _turns({way: run for way, run in found.items() if not begun[way].fault}, model, batch)
    measured = {way: _measured(first, taken.get(way, [])) for way, first in begun.items()}
    n_units = int(batch.unit_mask.sum(1).max())
    kept = masks.budget(n_units, model.config.rate) / n_units
    return Row(name, len(batch), n_units, kept, _flops(model, batch), measured)


def _begin(run: Answer, model: RationaleModel, batch: Batch, expected: Tensor) -> Measured:
    """The first call and the memory of the second; a way that gives other logits than `expected` is a fault of it."""
    device = batch.unit_mask.device
    try:
        first = _seconds(run, model, batch)
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        torch.testing.assert_close(run(model, batch).detach(), expected, atol=1e-4, rtol=1e-4)
    except (RuntimeError, AssertionError, OSError) as error:  # no compiler, no room on the device, or other logits
        return Measured(fault=reason(error))
    return Measured(first=first, memory=torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0)


def _turns(runs: dict[str, Answer], model: RationaleModel, batch: Batch) -> dict[str, list[float]]:
    """Seconds of the calls of each way, one after the other."""
    taken: dict[str, list[float]] = {way: [] for way in runs}
    until, calls = time.monotonic() + SECONDS * len(runs), 0
    while calls < LEAST or (calls < MOST and time.monotonic() < until):
        for way, run in runs.items():
            taken[way].append(_seconds(run, model, batch))
        calls += 1
    return taken


def _seconds(run: Answer, model: RationaleModel, batch: Batch) -> float:
    return seconds_of(lambda: run(model, batch), batch.unit_mask.device)


def _measured(begun: Measured, taken: list[float]) -> Measured:
    if begun.fault:
        return begun
    low, middle, high = statistics.quantiles(taken, n=4)
    return replace(begun, seconds=middle, low=low, high=high, calls=len(taken))


def _flops(model: RationaleModel, batch: Batch) -> float:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        answer(model, batch)
    return float(counter.get_total_flops())


def rows(names: Sequence[str], device: torch.device) -> Iterator[Row]:
    """Every model that is here, one input at a time and many, as they are measured."""
    from rekd import checkpoints

    held = {info.name for info in checkpoints.available()}
    with _nothing_compiled():
        for checkpoint in (checkpoints.load(name, str(device)) for name in names if name in held):
            for count in BATCHES[device.type]:
                yield row(checkpoint.info.name, checkpoint.model, inputs(checkpoint, count))


@contextmanager
def _nothing_compiled() -> Iterator[None]:
    """Within, torch.compile finds nothing of an earlier time on disk, which would make its first call look cheap."""
    name = "TORCHINDUCTOR_CACHE_DIR"
    before = os.environ.get(name)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ[name] = folder
        try:
            yield
        finally:
            del os.environ[name]
            os.environ |= {name: before} if before is not None else {}


def head(others: Sequence[str]) -> list[str]:
    """The first lines of the table as Markdown: of our way, and then how many times as long the others take."""
    names = " | ".join(NAMES[way] for way in others)
    told = "| model | batch | an example | examples a second | share of the arithmetic limit | peak memory"
    return [f"{told} | {names} |", "|" + " --- |" * (6 + len(others))]


def line(row: Row, most: float) -> str:
    """A row of the table; most: floating-point operations a second that could be."""
    own, *others = row.ways.values()
    each = [1e3 * seconds / row.batch for seconds in (own.seconds, own.low, own.high)]
    memory = f"{own.memory / 2**20:,.0f} MB" if own.memory else ""
    return (
        f"| {row.model} | {row.batch} | {each[0]:.2f} ms ({each[1]:.2f} to {each[2]:.2f}) "
        f"| {row.batch / own.seconds:,.0f} | {row.flops / own.seconds / most:.0%} | {memory} | "
        f"{' | '.join(_against(other, own) for other in others)} |"
    )


NAMES = {
    "masked": "unselected tokens masked, not dropped",
    "plain": "so, and with gradients",
    "no_grad": "no_grad for inference_mode",
    "compiled": "torch.compile",
}
"""What heads the columns of the ways beside ours."""


def _against(other: Measured, own: Measured) -> str:
    if other.fault:
        return "can't be done here"
    times, low, high = (seconds / own.seconds for seconds in (other.seconds, other.low, other.high))
    return f"{times:.2f} x ({low:.2f} to {high:.2f})"


def bench_infer(_: str | None, out: Path | None, say: Callable[[str], None] = print) -> int:
    """Measure, print the table, and write the numbers as JSON where `out` is given.

    Raises:
        RuntimeError: none of the shipped models is here.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    most, found = limit(device), []
    for row in rows(MODELS[:-1] if device.type == "cpu" else MODELS, device):
        for told in [*([] if found else head(list(row.ways)[1:])), line(row, most)]:
            say(told)
        found.append(row)
    if not found:
        raise RuntimeError(f"none of {', '.join(MODELS)} is here; get the folder checkpoints/ that comes with the code")
    for told in _sentences(found, most):
        say(told)
    where = machine(device.type == "cuda")
    say("Measured on: " + ", ".join(f"{key} {value}" for key, value in where.items()) + f"; {load()}.")
    if out is not None:
        write_json(out, {"measured": [asdict(row) for row in found], "limit": most, "machine": where})
    return 0


def load() -> str:
    """How busy the machine is, which times depend on."""
    import psutil

    busy, cores = psutil.getloadavg()[0], psutil.cpu_count()
    return f"load {busy:.1f} on {cores} cores, this bench included"


def _sentences(found: Sequence[Row], most: float) -> list[str]:
    """What the table means, and what is not in it."""
    told = [
        "Medians of calls in turns, in brackets the quartiles; x: times as long as our way. All give the same logits.",
        f"The limit is {most / 1e12:.2f} TFLOPS, one large matrix product here (on a GPU bfloat16; ours are float32).",
    ]
    ways = [(f"{row.model}, {row.batch}", way, measured) for row in found for way, measured in row.ways.items()]
    told += [f"{where}, {NAMES[way]}: {measured.fault}" for where, way, measured in ways if measured.fault]
    compiled = [m.first for _, way, m in ways if way == "compiled" and not m.fault]
    if compiled:
        first = statistics.median(compiled)
        told.append(f"torch.compile took {first:.0f} s at the first call (median), and does at each new shape.")
    return told
