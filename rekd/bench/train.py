"""`python -m rekd bench train`: what a training step costs here, beside the same step written the plain way."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rekd.bench.cases import CASES, Case, data, model, training
from rekd.bench.kernels import KINDS, OTHERS
from rekd.bench.page import machine
from rekd.bench.timing import COMPILING, Measured, in_turns, profiled, seconds_of, timed
from rekd.data import batch_indices
from rekd.files import write_json
from rekd.models.backbone import fixed_shapes
from rekd.models.feedforward import LINEAR_GELU
from rekd.training.feed import Feed
from rekd.training.kept import compute, pays
from rekd.training.task import Objective, Teacher


@dataclass(frozen=True)
class Row:
    """A case, the plain way and ours. flops: floating-point operations of our step. aim: what ours is to reach."""

    case: str
    batch: int
    plain: Measured
    ours: Measured
    flops: float
    aim: str = ""


def plain_step(case: Case, device: torch.device) -> Callable[[int], Any]:
    """As research code writes it: preset official, float32, the teacher in each step, every term read at every step."""
    config = training(case, "official")
    objective, feed = _parts(case, config, device)
    objective.train()
    optimizer = torch.optim.AdamW(objective.parameters(), lr=config.learning_rate)

    @_without_tf32()
    def step(number: int) -> dict[str, float]:
        rows = batch_indices(feed.size, config.batch_size, number, config.seed)
        terms = objective(feed.batch(rows, number, config.seed), number, None, 0.0)
        optimizer.zero_grad()
        terms["total"].backward()
        nn.utils.clip_grad_norm_(objective.parameters(), config.clip)
        optimizer.step()
        return {name: value.item() for name, value in terms.items()}

    return step


def our_step(case: Case, device: torch.device) -> Callable[[int], Any]:
    """The step that runs make."""
    from accelerate import Accelerator

    from rekd.training.capture import engine_of, ready_compiler
    from rekd.training.optimizers import make_optimizer
    from rekd.training.step import Step

    config = training(case, "default")
    if device.type != "cuda":
        config = replace(config, engine="auto")
    accelerator = Accelerator(mixed_precision="bf16" if device.type == "cuda" else "no", cpu=device.type == "cpu")
    if (engine := engine_of(config, accelerator)) == "compile":
        ready_compiler()
    objective, feed = _parts(case, config, device)
    if objective.teacher is not None and pays(config, feed.data, feed.size):
        with accelerator.autocast():
            feed.kept = compute(objective.teacher, feed.data).to(device)
    optimizer = make_optimizer(objective, config, engine)
    return Step(objective, accelerator.prepare(optimizer), feed, config, accelerator, engine)


def _parts(case: Case, config, device: torch.device) -> tuple[Objective, Feed]:
    torch.manual_seed(0)
    student, teacher = model(case, case.student, config.kind, config), None
    if case.teacher is not None:
        teacher = Teacher(model(case, case.teacher, "re", config).to(device))
    encoded = data(case, student.config.reader).to(device)
    objective = Objective(student.to(device), config, teacher, fixed_length=encoded.unit_mask.shape[1])
    augment, strong = config.augment and not case.text, config.augmentation == "strong"
    return objective, Feed(encoded, device, augment=augment, strong=strong)


def flops(case: Case, device: torch.device) -> float:
    """Floating-point operations of our step, counted while it is made as it is; on a GPU with the shapes of a graph."""
    from torch.utils.flop_counter import FlopCounterMode

    step = our_step(replace(case, compiled=False), device)
    step.graphs = None
    shapes = fixed_shapes() if device.type == "cuda" else nullcontext()
    with shapes, FlopCounterMode(display=False, custom_mapping={LINEAR_GELU: _of_linear}) as counter:
        step(0)
    return float(counter.get_total_flops())


def _of_linear(x: Sequence[int], weight: Sequence[int], *_, **__) -> int:
    """Operations of a linear layer, by its arguments' shapes: an operator of our own is none that torch could count."""
    return 2 * math.prod(x) * weight[0]


def limit(device: torch.device) -> float:
    """Floating-point operations a second of one large matrix product here, bf16 on a GPU: what a step could reach."""
    on_gpu = device.type == "cuda"
    size, kind = (8192, torch.bfloat16) if on_gpu else (1024, torch.float32)
    left = torch.randn(size, size, dtype=kind, device=device)
    times = [seconds_of(lambda: left @ left, device) for _ in range(10)]
    return 2 * size**3 / min(times)


def rows(device: torch.device, wanted: Sequence[str] = ()) -> Iterator[Row]:
    """Every case of a device, the plain way and ours in this process; `wanted` are parts of names, none takes all."""
    torch.set_float32_matmul_precision("high")
    for case in chosen(device, wanted):
        makes = [partial(way, case, device) for way in (plain_step, our_step)]
        if device.type == "cpu":
            plain, ours = in_turns(makes, device)
        else:
            plain, ours = timed(makes[0], device), timed(makes[1], device, case.compiled)
        yield Row(case.name, case.batch, plain, ours, flops(case, device), case.aim)


def chosen(device: torch.device, wanted: Sequence[str]) -> list[Case]:
    """The cases of a device whose names hold one of `wanted`; all where none is given.

    Raises:
        ValueError: none does, with those that there are.
    """
    cases = CASES[device.type]
    found = [case for case in cases if not wanted or any(part in case.name for part in wanted)]
    if not found:
        names = "; ".join(case.name for case in cases)
        raise ValueError(f"no step measured on {device.type} has {' or '.join(wanted)} in its name; there are: {names}")
    return found


def with_profiles(found: Sequence[Row], device: torch.device, wanted: Sequence[str]) -> list[Row]:
    """The rows of `rows` with a profile of each step, which are made once more for it; on a processor as they are."""
    if device.type != "cuda":
        return list(found)
    out = []
    for case, row in zip(chosen(device, wanted), found, strict=True):
        plain = profiled(partial(plain_step, case, device), device)
        ours = profiled(partial(our_step, case, device), device, case.compiled)
        out.append(replace(row, plain=replace(row.plain, profile=plain), ours=replace(row.ours, profile=ours)))
    return out


@contextmanager
def _without_tf32() -> Iterator[None]:
    """As PyTorch has it unless told."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


HEAD = (
    "| step | batch | plain | ours | aim | times faster | examples a second | first three steps, and with all cached "
    "| peak memory, plain and ours | share of the arithmetic limit |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
)


def line(row: Row, most: float) -> str:
    """A row of the table in Markdown, below HEAD."""
    plain, ours = row.plain, row.ours
    again = "" if ours.again is None else f", {ours.again:.1f} s"
    return (
        f"| {row.case} | {row.batch} | {plain.seconds * 1e3:.1f} ms | {ours.seconds * 1e3:.2f} ms "
        f"({ours.fastest * 1e3:.2f} to {ours.slowest * 1e3:.2f}) | {row.aim} | {plain.seconds / ours.seconds:.1f} "
        f"| {row.batch / ours.seconds:,.0f} | {ours.first:.1f} s{again} "
        f"| {plain.memory / 2**20:,.0f} and {ours.memory / 2**20:,.0f} MiB | {row.flops / ours.seconds / most:.0%} |"
    )


def compiler_lines(found: Sequence[Row]) -> list[str]:
    """What compiling was made of, as Markdown; [] where nothing was compiled."""
    held = [row for row in found if row.ours.compiling]
    if not held:
        return []
    lines = []
    for row in held:
        parts = " | ".join(f"{row.ours.compiling[part]:.1f} s" for part in COMPILING)
        lines.append(f"| {row.case} | {row.ours.first:.1f} s | {parts} |")
    head = f"| compiled | first three steps | {' | '.join(COMPILING)} |"
    return ["", head, "| --- " * (2 + len(COMPILING)) + "|", *lines]


def kernel_lines(found: Sequence[Row]) -> list[str]:
    """Where the time of our steps goes on a GPU, as Markdown; [] where no step was profiled."""
    known = [(row, row.plain.profile, row.ours.profile) for row in found if row.ours.profile]
    if not known:
        return []
    kinds = [*KINDS, OTHERS]
    head = "| step | kernels, plain and ours | some kernel runs, of the step |"
    out = ["", f"{head} {' | '.join(kinds)} |", "| --- " * (3 + len(kinds)) + "|"]
    for row, plain, ours in known:
        each = " | ".join(f"{ours.kinds.get(kind, 0) * 1e3:.2f} ms" for kind in kinds)
        kernels = f"{plain.kernels:,.0f} and {ours.kernels:,.0f}"
        out.append(f"| {row.case} | {kernels} | {min(1, ours.busy / row.ours.seconds):.0%} | {each} |")
    return out


def bench_train(_: str | None, out: Path | None, say: Callable[[str], None] = print, only: Sequence[str] = ()) -> int:
    """Measure, print the table, and write the numbers as JSON where `out` is given. only: as `chosen` has it."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    chosen(device, only)
    most, found = limit(device), []
    say("\n".join(HEAD))
    for row in rows(device, only):
        found.append(row)
        say(line(row, most))
    found = with_profiles(found, device, only)
    for text in (*kernel_lines(found), *compiler_lines(found)):
        say(text)
    where = machine(device.type == "cuda")
    say(f"The limit is {most / 1e12:.2f} TFLOPS, one large matrix product here.")
    say("Measured on: " + ", ".join(f"{key} {value}" for key, value in where.items()) + ".")
    if out is not None:
        write_json(out, {"measured": [asdict(row) for row in found], "limit": most, "machine": where})
    return 0
