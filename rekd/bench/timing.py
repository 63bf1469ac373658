"""How a step is timed: to its first replay, when compiled with nothing cached and once more, and then in blocks."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from typing import Any

import torch
from torch.profiler import ProfilerActivity
from torch.profiler import profile as recorded

from rekd.bench.kernels import Profile, profile
from rekd.training.capture import WARM_UP as AS_THEY_ARE

BEGIN = AS_THEY_ARE + 1
"""Steps to the first that is replayed: it is captured after so many that are made as they are."""
WARM_UP, BLOCKS, SECONDS = 6, 5, 1.0
"""Steps before any is timed; blocks of steps whose median counts; seconds that a block takes."""
Step = Callable[[int], Any]
COMPILING = {
    "tracing": ("bytecode_tracing", "aot_trace_joint_graph", "aot_collect_metadata"),
    "rewriting": (
        "_recursive_joint_graph_passes",
        "_recursive_post_grad_passes",
        "min_cut_rematerialization_partition",
    ),
    "writing kernels": ("GraphLowering.run", "GraphLowering.codegen"),
    "building kernels": ("async_compile.precompile", "async_compile.wait", "CachingAutotuner.benchmark_all_configs"),
}
"""What compiling is made of, by the names under which torch counts its time; none holds another."""


@dataclass(frozen=True)
class Measured:
    """One way of making a step, all in seconds and bytes.

    seconds: of a step, median and range over blocks. first: until the first step that is replayed has ended, that of
    what is compiled with nothing cached. again: so with everything in the compiler's cache on disk, None where nothing
    is compiled. memory: the peak on a GPU while steps are made; on a processor what a step takes and gives back.
    compiling: what the compiler did in `first`, by COMPILING. profile: of `profiled`, on a GPU.
    """

    seconds: float
    fastest: float
    slowest: float
    first: float
    memory: int
    profile: Profile | None = None
    again: float | None = None
    compiling: Mapping[str, float] = field(default_factory=dict)


def timed(make: Callable[[], Step], device: torch.device, compiled: bool = False) -> Measured:
    """Build a step by `make` and time it, everything of it gone afterwards."""
    with _nothing_cached() if compiled else nullcontext():
        cold, parts = _compile_once(make, device) if compiled else (0.0, {})
        _forget(device)
        step = make()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        first = _begin(step, device)
        (taken,), (after,) = _blocks([step], device)
        on_gpu = device.type == "cuda"
        memory = torch.cuda.max_memory_allocated(device) if on_gpu else held_by(lambda: step(after))
    first, again = (cold, first) if compiled else (first, None)
    return Measured(*_middle(taken), first, memory, None, again, parts)


def in_turns(makes: Sequence[Callable[[], Step]], device: torch.device) -> list[Measured]:
    """`timed` of several ways on a processor, a block of each after the other: who else is at work is so for all."""
    steps = [make() for make in makes]
    firsts = [_begin(step, device) for step in steps]
    taken, after = _blocks(steps, device)
    memory = [held_by(partial(step, number)) for step, number in zip(steps, after, strict=True)]
    return [Measured(*_middle(each), *more) for each, *more in zip(taken, firsts, memory, strict=True)]


def _middle(taken: Sequence[float]) -> tuple[float, float, float]:
    return statistics.median(taken), min(taken), max(taken)


def profiled(make: Callable[[], Step], device: torch.device, compiled: bool = False) -> Profile:
    """Build a step by `make` and look at what a GPU does in it, after all that is to be timed in this process.

    PyTorch's profiler stays attached when it is done (pytorch/pytorch issue 144455): steps made as they are then take
    up to half as long again, and replayed ones 2 % longer.
    """
    with _nothing_cached() if compiled else nullcontext():
        _forget(device)
        step = make()
        for number in range(BEGIN + WARM_UP):
            step(number)
        return profile(step, BEGIN + WARM_UP)


def _begin(step: Step, device: torch.device) -> float:
    """Seconds of the steps to the first that is replayed."""
    return seconds_of(lambda: [step(number) for number in range(BEGIN)], device)


def _blocks(steps: Sequence[Step], device: torch.device) -> tuple[list[list[float]], list[int]]:
    """Seconds of each way's step in each of its blocks, and the number of its step after the last."""
    counts, taken = [_warm(step, device) for step in steps], [[] for _ in steps]
    for block in range(BLOCKS):
        for step, count, times in zip(steps, counts, taken, strict=True):
            numbers = range(BEGIN + WARM_UP + block * count, BEGIN + WARM_UP + (block + 1) * count)
            times.append(seconds_of(lambda step=step, numbers=numbers: list(map(step, numbers)), device) / count)
    return taken, [BEGIN + WARM_UP + BLOCKS * count for count in counts]


def _warm(step: Step, device: torch.device) -> int:
    """Make the steps before any is timed; how many of them a block holds."""
    for number in range(BEGIN, BEGIN + WARM_UP):
        each = seconds_of(lambda number=number: step(number), device)
    return max(1, min(500, round(SECONDS / max(each, 1e-4))))


@contextmanager
def _nothing_cached() -> Iterator[None]:
    """Within, the compiler finds nothing of an earlier time, in memory or on disk."""
    from torch._inductor.utils import fresh_inductor_cache

    torch.compiler.reset()
    with fresh_inductor_cache():
        yield
    torch.compiler.reset()


def _compile_once(make: Callable[[], Step], device: torch.device) -> tuple[float, dict[str, float]]:
    """Seconds to the first replay, and what the compiler did in them; it is as if another process followed."""
    from torch._dynamo.utils import compilation_time_metrics as counted
    from torch._inductor.utils import clear_inductor_caches

    _forget(device)
    counted.clear()
    step = make()
    first = _begin(step, device)
    parts = {part: sum(sum(counted.get(name, ())) for name in names) for part, names in COMPILING.items()}
    torch.compiler.reset()
    clear_inductor_caches()
    return first, parts


def held_by(work: Callable[[], Any]) -> int:
    """The most bytes that some work on a processor has in use at once, beyond those that it found."""
    with recorded(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        work()
    events = (event for event in seen.profiler.kineto_results.events() if event.name() == "[memory]")
    moves = [event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]
    return max(accumulate(moves, initial=0))


def seconds_of(work: Callable[[], Any], device: torch.device) -> float:
    """Seconds of some work, until the device has done it."""
    _wait(device)
    since = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - since


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _forget(device: torch.device) -> None:
    """Let go of what earlier cases held, what cuBLAS keeps for each stream included."""
    gc.collect()
    if device.type == "cuda":
        getattr(torch._C, "_cuda_clearCublasWorkspaces", lambda: None)()
        torch.cuda.empty_cache()
