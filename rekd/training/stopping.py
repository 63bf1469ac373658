"""The wish to stop: taken from signals, or from a file where a system has no signal for it, and kept until read."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

WISH = "stop.wish"
"""A file in a run's folder that asks the run to stop: Windows has no polite signal that crosses consoles."""
BY_FILE = sys.platform == "win32"


class Stopped(RuntimeError):
    """A run that ended because it was asked to, with its state saved."""


@contextmanager
def stop_on_signal(tell: Callable[[], None], run: Path | None = None) -> Iterator[Callable[[], bool]]:
    """Within, Ctrl+C and a request to terminate are kept as a wish, which the function given asks for.

    A second Ctrl+C interrupts at once. A second request to terminate does not: two pages may ask for the same. Outside
    the main thread signals can't be taken; the file counts everywhere.

    Args:
        tell: called when the wish arrives by a signal. run: a folder in which the file `WISH` is a wish too.
    """
    wished = threading.Event()
    file = run / WISH if run else None

    def take(number: int, _) -> None:
        if not wished.is_set():
            wished.set()
            tell()
        elif number == signal.SIGINT:
            raise KeyboardInterrupt

    def asked() -> bool:
        return wished.is_set() or (file is not None and file.exists())

    if file:
        file.unlink(missing_ok=True)  # an earlier process's
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    names = ("SIGINT", "SIGTERM", "SIGBREAK")  # the last on Windows alone
    kept = {number: signal.signal(number, take) for name in names if (number := getattr(signal, name, None))}
    try:
        yield asked
    finally:
        for number, before in kept.items():
            signal.signal(number, before)
        if file:
            file.unlink(missing_ok=True)
