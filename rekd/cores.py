"""Processor cores that there are for this process."""

from __future__ import annotations

import os


def cores() -> int:
    """Those that it may use: begun by taskset, or by a cluster's scheduler, often fewer than there are."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
