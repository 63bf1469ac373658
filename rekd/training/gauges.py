"""Time and memory as a measurement reads them: a clock that waits for the device, memory at its peak and free."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import torch


class Clock:
    """Wall time, with a GPU's work waited for."""

    def __init__(self, device: str):
        self.wait: Callable[[], None] = lambda: None
        if device.startswith("cuda"):
            self.wait = torch.cuda.synchronize
        elif device == "mps":
            self.wait = torch.mps.synchronize

    def of(self, work: Callable[[], Any]) -> float:
        """Seconds of a call."""
        self.wait()
        begun = time.perf_counter()
        work()
        self.wait()
        return time.perf_counter() - begun


def forget(device: str) -> None:
    """Give back what an earlier measurement of this process holds, so that the next one shows its own memory alone."""
    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def free_memory(device: str) -> float:
    """Bytes of the device that a process like this one could have."""
    if device.startswith("cuda"):
        return torch.cuda.mem_get_info()[0]
    return psutil.virtual_memory().available + psutil.Process().memory_info().rss


@contextmanager
def peak_memory(device: str) -> Iterator[Callable[[], float]]:
    """The most memory that is in use within, to be asked for afterwards: a GPU's, or that of this process."""
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
        yield torch.cuda.max_memory_reserved
        return
    most, over, process = [0], threading.Event(), psutil.Process()

    def look() -> None:
        while not over.wait(0.05):
            most[0] = max(most[0], process.memory_info().rss)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield lambda: most[0]
    finally:
        over.set()
        thread.join()
