"""Processor cores that there are for this process."""

from __future__ import annotations

import psutil


def cores() -> int:
    """Those that it may use: begun by taskset, or by a cluster's scheduler, often fewer than there are."""
    process = psutil.Process()
    if hasattr(process, "cpu_affinity"):  # no system but macOS is without
        return len(process.cpu_affinity())
    return psutil.cpu_count() or 1
