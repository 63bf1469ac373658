"""A checkpoint is written whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rekd.checkpoints.folders import FORMAT, ROLES, TOKENIZER, Info, read_info, seal
from rekd.checkpoints.reading import own_state
from rekd.files import replaced_folder, write_json

if TYPE_CHECKING:
    from rekd.models import RationaleModel

SHARD_SIZE = "24MB"
"""Largest weight file: hosts refuse or warn of larger ones."""


def save(
    folder: Path,
    model: RationaleModel,
    *,
    task: str,
    role: str,
    training: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    card: str = "",
    tokenizer=None,
    versions: Mapping[str, str] | None = None,
) -> Info:
    """Write a checkpoint, weights rounded to float16, replacing what was there only when all is written.

    Args:
        tokenizer: written beside text towers whose word embeddings are their own; a shared table has its own.

    Raises:
        ValueError: an unknown role, or a shared word table that was not saved first.
    """
    import torch

    if role not in ROLES:
        raise ValueError(f"role is {role!r}; it must be one of {', '.join(ROLES)}")
    if model.words is not None and not model.config.words:
        raise ValueError(
            "the model shares a word table that its config.words does not name; write that by save_words first"
        )
    state = {k: v.detach().cpu().contiguous() for k, v in own_state(model).items()}
    state = {k: v.to(torch.float16) if v.is_floating_point() else v for k, v in state.items()}
    with replaced_folder(folder) as temp:
        values = {
            "format": FORMAT,
            "task": task,
            "role": role,
            "hash": seal(_write_weights(temp, state), model.config.to_dict()),
            "parameters": sum(value.numel() for value in state.values()),
            "model": model.config.to_dict(),
            "training": dict(training or {}),
            "versions": dict(versions or {}),
        }
        write_json(temp / "config.json", values)
        if metrics is not None:
            write_json(temp / "metrics.json", metrics)
        if card:
            (temp / "README.md").write_text(card, encoding="utf-8")
        if tokenizer is not None and not model.config.words:
            tokenizer.save_pretrained(temp / TOKENIZER)
    return read_info(folder)


def _write_weights(folder: Path, state: Mapping[str, Any]) -> hashlib._Hash:
    """Write tensors as one file or as numbered shards; returns the digest of their bytes."""
    from huggingface_hub import split_torch_state_dict_into_shards
    from safetensors.torch import save as serialise

    pattern = "model{suffix}.safetensors"
    shards = split_torch_state_dict_into_shards(state, filename_pattern=pattern, max_shard_size=SHARD_SIZE)
    digest = hashlib.sha256()
    for filename, keys in sorted(shards.filename_to_tensors.items()):
        data = serialise({key: state[key] for key in keys})
        digest.update(data)
        (folder / filename).write_bytes(data)
    return digest
