"""Large libraries are imported, and models built, with the garbage collector at rest."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

MANY = 50
"""Modules that make it worth while to look at them no more; the smallest of the large libraries brings more."""
_frozen = {"modules": 0}


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


def freeze() -> None:
    """Let the garbage collector pass over what is there, if many modules came since it was last told so.

    Streamlit collects after every run of a script, even one of a small part of the page. Over the objects of torch and
    plotly that takes .1 s, in which no other thread runs; what came with modules stays as long as the process.
    """
    if len(sys.modules) - _frozen["modules"] >= MANY:
        _frozen["modules"] = len(sys.modules)
        gc.collect()
        gc.freeze()
