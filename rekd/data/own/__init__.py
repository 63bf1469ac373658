"""Data of one's own: read and looked at as a draft, then kept as a task like the others.

`read_csv`, `read_images` and `read_hub` give a draft, `keep` a task; `forget` and `restore` undo each other. The names
are imported when they are first used: what is kept is asked for at every look at the table of data sets.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "draft": ("BadRow", "Draft", "OwnDataError", "Sample"),
    "hub": ("read_hub",),
    "images": ("read_images",),
    "keeping": ("keep", "read_source", "slug_of"),
    "kept": ("SIZES", "details", "forget", "home", "names", "problems", "restore", "usual_rate"),
    "text": ("columns", "guess_columns", "read_csv"),
}

__all__ = sorted(name for names in _HOMES.values() for name in names)


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"rekd.data.own.{home}"), name)
    raise AttributeError(f"module 'rekd.data.own' has no attribute {name!r}; it has {', '.join(__all__)}")
