"""Large libraries are imported, and models built, with the garbage collector at rest."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """No garbage collection within: torch, transformers and captum make a million objects, and all of them stay.

    Looking through them again and again is a tenth of the time that the imports take. Threads may be within at once.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
