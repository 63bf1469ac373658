"""One folder a model: config.json, safetensors, metrics.json, README.md. Strict to read, atomic to write, never pickle.

Text towers with frozen word embeddings share one word table, a folder of its own (`words-<hash>`) beside the checkpoint
or inside it; the tokeniser lives there too.
"""

from __future__ import annotations

from rekd.checkpoints.folders import (
    ROLES,
    CheckpointError,
    Info,
    available,
    find,
    problems,
    read_info,
    roots,
    shipped,
)
from rekd.checkpoints.reading import Checkpoint, load
from rekd.checkpoints.words import load_words, save_words, words_folder
from rekd.checkpoints.writing import save

__all__ = [
    "ROLES",
    "Checkpoint",
    "CheckpointError",
    "Info",
    "available",
    "find",
    "load",
    "load_words",
    "problems",
    "read_info",
    "roots",
    "save",
    "save_words",
    "shipped",
    "words_folder",
]
