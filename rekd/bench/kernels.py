"""What a GPU does in a training step: how many kernels of which kinds, and the share of the time in which any runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

KINDS = {
    "attention": ("flash", "fmha", "attention"),
    "matrix products": ("gemm", "nvjet", "cutlass", "xmma", "splitk", "cublas"),
    "optimiser": ("multi_tensor", "fused_adam"),
    "compiled": ("triton",),
    "layer norms": ("layer_norm", "gammabeta"),
    "copies": ("copy", "catarray", "memcpy", "memset"),
    "sums": ("reduce_kernel",),
    "element by element": ("elementwise",),
}
"""Parts of the names of kernels, looked for in this order; what has none of them is one of OTHERS."""
OTHERS = "others"
STEPS = 5
Event = tuple[str, float, float]
"""A kernel's name, begin and end in seconds."""


@dataclass(frozen=True)
class Profile:
    """A step on a GPU. kernels: their number. busy: seconds in which any runs. kinds: seconds by kind, summed over
    kernels, which may overlap on several streams."""

    kernels: float
    busy: float
    kinds: dict[str, float]


def profile(step: Callable[[int], Any], first: int) -> Profile:
    """Profile STEPS steps, from number `first` on; the step must have been made before, so that nothing compiles."""
    from torch.autograd import DeviceType
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as recorded

    with recorded(activities=[ProfilerActivity.CUDA], acc_events=True) as found:
        for number in range(first, first + STEPS):
            step(number)
        torch.cuda.synchronize()
    on_gpu = (event for event in found.events() if event.device_type == DeviceType.CUDA)
    events = [(event.name, event.time_range.start / 1e6, event.time_range.end / 1e6) for event in on_gpu]
    return summarise(events, STEPS)


def summarise(events: Sequence[Event], steps: int) -> Profile:
    """What kernels of some steps come to, a step."""
    kinds: Counter = Counter()
    for name, begin, end in events:
        kinds[kind_of(name)] += (end - begin) / steps
    return Profile(len(events) / steps, _covered((begin, end) for _, begin, end in events) / steps, dict(kinds))


def kind_of(name: str) -> str:
    """A kernel's kind, by its name."""
    low = name.lower()
    return next((kind for kind, parts in KINDS.items() if any(part in low for part in parts)), OTHERS)


def _covered(stretches: Iterable[tuple[float, float]]) -> float:
    """Length of the union of stretches of time."""
    total, until = 0.0, float("-inf")
    for begin, end in sorted(stretches):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total
