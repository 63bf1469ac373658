"""Select-then-predict models: train them, distil them, and see what they selected.

The names below are imported when they are first used, so that `import rekd` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "Example": "rekd.types",
    "Explanation": "rekd.types",
    "Units": "rekd.types",
    "ModelConfig": "rekd.config",
    "TrainConfig": "rekd.config",
    "RationaleModel": "rekd.models",
    "build": "rekd.models",
    "available": "rekd.checkpoints",
    "load": "rekd.checkpoints",
    "load_split": "rekd.data",
    "rationale": "rekd.explanations.rationale",
    "attribute": "rekd.explanations.attributions",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'rekd' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOMES[name]), name)
