"""What an explanation costs: passes told to a listener, memory that runs out, time and peak memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from psutil import Process

from rekd.explanations.subject import Heard

T = TypeVar("T")

NO_MEMORY = ("allocate memory", "out of memory", "not enough memory", "bad_alloc", "alloc_failed")
"""Parts of what PyTorch says, on Linux, macOS, Windows and CUDA, when memory could not be had."""


class TooLittleMemory(MemoryError):
    """Not even one pass at a time found room."""


class Passes:
    """Tells a listener how many passes are new. A run that starts again is silent until it is as far as before.

    made: passes so far, those of a run that was given up with them.

    Args:
        heard: called in the thread that computes, also with 0; None listens to nothing.
    """

    def __init__(self, heard: Heard | None):
        self.heard, self.made, self.done, self.told = heard, 0, 0, 0

    def __call__(self, count: int) -> None:
        self.made += count
        self.done += count
        new = max(0, self.done - self.told)
        self.told += new
        if self.heard is not None:
            self.heard(new)

    def again(self) -> None:
        self.done = 0

    def finish(self, total: int) -> None:
        """Tell what was promised and not needed, such as a mask that was asked about before."""
        self(max(0, total - self.done))


def halving(run: Callable[[int], T], chunk: int) -> tuple[T, int, int]:
    """run(chunk), again with half the chunk where memory runs out.

    Returns:
        what it gave, the chunk that fitted, and how often it was halved.

    Raises:
        TooLittleMemory: a chunk of 1 does not fit either.
    """
    halved = 0
    while True:
        try:
            return run(chunk), chunk, halved
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            if chunk == 1:
                raise TooLittleMemory(
                    "There is not enough memory for even one pass of this model at a time. Close other programs, or "
                    "choose a smaller model or a shorter input."
                ) from error
        # Outside the handler, which would hold the tensors of the run that failed.
        chunk, halved = chunk // 2, halved + 1


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory could not be had, on a GPU or a processor."""
    said = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(part in said for part in NO_MEMORY)


@contextmanager
def measured(device: torch.device) -> Iterator[dict[str, Any]]:
    """A dict that holds seconds, peak_memory_mb and memory once the block is left.

    On a CUDA device: what its allocator held beyond the start. Elsewhere: how far the resident memory of the whole
    process rose, looked at every 20 ms; other work of the process counts too, memory that was free already does not.
    """
    out: dict[str, Any] = {"memory": "rise of the process's resident memory"}
    resident, done, seen = Process().memory_info, threading.Event(), [0]

    def watch() -> None:
        while not done.wait(0.02):
            seen[0] = max(seen[0], resident().rss)

    on_gpu, watcher = device.type == "cuda", threading.Thread(target=watch, daemon=True)
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    base = torch.cuda.memory_allocated(device) if on_gpu else resident().rss
    start = time.perf_counter()
    watcher.start()
    try:
        yield out
    finally:
        out["seconds"] = time.perf_counter() - start
        done.set()
        watcher.join()
    peak = max(seen[0], resident().rss)
    if on_gpu:
        peak, out["memory"] = torch.cuda.max_memory_allocated(device), "GPU memory held at once"
    out["peak_memory_mb"] = max(0, peak - base) / 2**20
