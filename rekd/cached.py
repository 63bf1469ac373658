"""Tensors that cost time and can be had again, kept in the cache folder: mapped into memory, checked on reading."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from rekd.files import cache_folder, replaced_file


def digest(parts: Iterable[bytes | np.ndarray]) -> str:
    """32 hex digits of all that a result depends on."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()[:32]


def content(tensor: Tensor) -> Iterable[bytes | np.ndarray]:
    """What `digest` is given of a tensor: shape, type and values."""
    yield repr((tuple(tensor.shape), tensor.dtype)).encode()
    yield np.ascontiguousarray(tensor.cpu().numpy())


def cached(kind: str, key: str, make: Callable[[], dict[str, Tensor]], most: int) -> dict[str, Tensor]:
    """What was kept under a key, or what `make` gives, which is kept then; on the CPU.

    Args:
        kind: a folder of the cache folder. most: files kept there, the newest; a full or closed disk keeps none.
    """
    path = cache_folder() / kind / f"{key}.safetensors"
    if (found := _read(path)) is not None:
        return found
    made = make()
    with suppress(OSError):
        _write(path, made, most)
    return made


def _sum_of(tensors: Mapping[str, Tensor]) -> str:
    return digest(part for name in sorted(tensors) for part in (name.encode(), *content(tensors[name])))


def _read(path: Path) -> dict[str, Tensor] | None:
    """None where there is no file, or one that was damaged."""
    try:
        with safe_open(path, "pt") as file:
            found = {name: file.get_tensor(name) for name in sorted(file.keys())}
            return found if (file.metadata() or {}).get("sha256") == _sum_of(found) else None
    except (OSError, SafetensorError):
        return None


def _write(path: Path, tensors: Mapping[str, Tensor], most: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced_file(path) as temp:
        save_file(dict(tensors), temp, metadata={"sha256": _sum_of(tensors)})
    files = sorted(path.parent.glob("*.safetensors"), key=lambda each: each.stat().st_mtime)
    for old in files[:-most]:
        with suppress(OSError):  # another process has it open (Windows), or was faster
            old.unlink(missing_ok=True)
