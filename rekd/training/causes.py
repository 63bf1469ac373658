"""Why a run failed, in words that name what to do."""

from __future__ import annotations

import errno
from pathlib import Path

import psutil

from rekd.errors import reason

SCARCE = 0.05
"""Share of free memory below which a process that vanished was most likely ended for want of it."""
STARTED = "== started"
"""Begins the line that stands in a log before what each of its run's processes says."""
AGAIN = "Resume it: it goes on from its last state, or begins anew where none was saved yet."
TAIL = 40
"""Lines of a log that are shown."""


def cause_of(error: BaseException) -> str:
    """An error that ended a run, as a sentence."""
    said = " ".join(str(error).split())
    lowered = said.lower()
    if isinstance(error, MemoryError) or "out of memory" in lowered or "can't allocate memory" in lowered:
        return (
            "Out of memory: a batch and the models did not fit. Duplicate the run with a larger accumulation (the same "
            f"batch in smaller parts) or a smaller batch. The system says: {said or type(error).__name__}"
        )
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
    if full or "no space left" in lowered or "os error 28" in lowered:  # the latter two of safetensors' own error
        return "The disk is full. Free some space, then resume the run from its last state."
    ours = isinstance(error, OSError) and error.errno is None  # a system's own has a number
    if ours or type(error).__module__.startswith("rekd.") or isinstance(error, ValueError):
        return said or type(error).__name__
    return f"{type(error).__name__}: {reason(error)}"


def cause_of_gone(heartbeat: float, free: float, log: Path) -> str:
    """Why a process may have ended without a word.

    Args:
        heartbeat: its last sign of life, Unix seconds. free: share of memory that was free then. log: its output.
    """
    if psutil.boot_time() > heartbeat > 0:
        return f"The machine was switched off or restarted while it was at work. {AGAIN}"
    said = _last_start(tail(log))
    if any("MemoryError" in line or "out of memory" in line.lower() for line in said):
        return "Out of memory: its log says so. Duplicate it with a larger accumulation or a smaller batch."
    if free < SCARCE:
        return (
            f"Its process was ended by the system, most likely for want of memory: {free:.0%} was free at its last "
            "sign of life. Close other programs and resume it, or duplicate it with a larger accumulation."
        )
    if any(line.startswith("Traceback") for line in said):
        return f"Its process ended by an error of its own, the last line of its log: {said[-1]}"
    silent = "" if said else ", without a word in its log"
    return f"Its process was killed from outside{silent}. {AGAIN}"


def _last_start(lines: list[str]) -> list[str]:
    """What a log says since its run was last started; a resumed run writes on in the same."""
    starts = [place for place, line in enumerate(lines) if line.startswith(STARTED)]
    return lines[starts[-1] + 1 :] if starts else lines


def tail(log: Path, lines: int = TAIL) -> list[str]:
    """The last lines of a run's output; of a line that was written over, as progress bars do, what stands last."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 64 * 1024))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [line.rstrip("\r").rsplit("\r", 1)[-1] for line in text.split("\n") if line.strip()][-lines:]
