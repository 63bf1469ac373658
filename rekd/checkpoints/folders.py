"""Checkpoint folders: where they are looked for, what their config.json says, and one found by name, path or Hub id."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rekd import files
from rekd.config import ModelConfig, choose
from rekd.errors import reason

FORMAT = 1
ROLES = ("teacher", "cls", "re", "rekd", "random", "exhibit")
TOKENIZER = "tokenizer"
FILES = ("config.json", "metrics.json", "README.md", TOKENIZER)
"""What a checkpoint's folder may hold beside its weights and its word table."""
_KEYS = ("task", "role", "hash", "parameters", "model")
_ON_THE_HUB = [*FILES[:3], "model*.safetensors", f"{TOKENIZER}/*", "words-*/*"]


class CheckpointError(ValueError):
    """A checkpoint that can't be used, with the file and what to do."""


@dataclass(frozen=True)
class Info:
    """What is known of a checkpoint before its weights are read.

    hash: of weights and configuration, what caches rely on. parameters: of all towers, without a shared word table.
    bytes: size of its weight files. training: the run's configuration. promoted: when a person put it here from a run
    of their own, in Unix seconds; 0 of what came with the project or from elsewhere.
    """

    name: str
    folder: Path
    config: ModelConfig = field(compare=False)
    task: str
    role: str
    hash: str
    parameters: int
    bytes: int
    metrics: Mapping[str, Any] = field(default_factory=dict, compare=False)
    training: Mapping[str, Any] = field(default_factory=dict, compare=False)
    promoted: float = field(default=0.0, compare=False)


def shipped() -> Path:
    """The folder of the models that come with the project."""
    return Path(__file__).resolve().parents[2] / "checkpoints"


def roots() -> list[Path]:
    """Where checkpoints are looked for: the shipped folder, then those named by REKD_CHECKPOINTS (as PATH is split)."""
    named = os.environ.get("REKD_CHECKPOINTS", "")
    return [shipped(), *(Path(part).expanduser() for part in named.split(os.pathsep) if part)]


def available(*folders: Path) -> list[Info]:
    """All readable checkpoints in these folders (by default `roots()`), by name; see `problems` for the others.

    What a person promoted stands last, so that it is nobody's default where another model will do.
    """
    return sorted((info for _, info in _scan(folders) if isinstance(info, Info)), key=lambda info: info.promoted > 0)


def problems(*folders: Path) -> dict[Path, str]:
    """Folders that look like checkpoints and are none, with the reason as a sentence."""
    return {path: str(info) for path, info in _scan(folders) if isinstance(info, CheckpointError)}


def _scan(folders: tuple[Path, ...]) -> Iterator[tuple[Path, Info | CheckpointError]]:
    for root in folders or roots():
        for path in sorted(root.glob("*/config.json")):
            if path.parent.name.startswith(("words-", ".")):
                continue
            try:
                yield path.parent, read_info(path.parent)
            except CheckpointError as error:
                yield path.parent, error


def find(source: str | Path) -> Path:
    """A checkpoint's folder from a path, its name among `roots()` (of two the user's own), a zip file or a Hub id.

    Raises:
        CheckpointError: none of these, with the names that exist.
    """
    here = Path(source).expanduser()
    for path in (here, *(root / str(source) for root in reversed(roots()))):
        if (path / "config.json").is_file():
            return path
    if here.suffix.lower() == ".zip" and not here.is_dir():
        from rekd.checkpoints.zipped import unpacked

        return unpacked(here)
    if str(source) and here.is_dir():  # `read_info` says what it lacks
        return here
    if str(source).count("/") == 1 and not str(source).startswith((".", "/", "~")):
        return _from_hub(str(source))
    names = ", ".join(info.name for info in available()) or "none yet"
    raise CheckpointError(
        f"There is no checkpoint {str(source)!r}: no such folder and no such name. Names here: {names}."
    )


def _from_hub(repo_id: str) -> Path:
    read_info(_fetch(repo_id, ["config.json"]))  # a repository of another kind is refused before its weights travel
    return _fetch(repo_id, _ON_THE_HUB)


def _fetch(repo_id: str, patterns: list[str]) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repo_id, allow_patterns=patterns))
    except Exception as error:  # the Hub client raises many kinds: offline, unknown, gated, no access
        raise CheckpointError(
            f"{repo_id!r} is no folder here and could not be had from the Hub; check the spelling and the network. "
            f"The Hub's client says: {reason(error)}"
        ) from error


def read_info(folder: Path) -> Info:
    """The checkpoint's configuration, metrics and size, without its weights.

    Raises:
        CheckpointError: config.json is missing, unreadable, of another format, or names values that don't exist.
    """
    values = read_json(folder / "config.json", "A checkpoint folder holds config.json, safetensors and metrics.json")
    if "format" not in values and "training" in values:
        raise CheckpointError(
            f"{folder} is a run and no checkpoint: did you mean {folder / 'checkpoint'}? A run writes it when it ends."
        )
    if values.get("format") != FORMAT:
        raise CheckpointError(
            f"{folder / 'config.json'} has format {values.get('format')!r}; this version reads format {FORMAT}. "
            "Is it a folder that `python -m rekd train` or an export wrote?"
        )
    if lacking := [key for key in _KEYS if key not in values]:
        raise CheckpointError(f"{folder / 'config.json'} lacks {', '.join(lacking)}. Restore the file from its source.")
    metrics = read_json(folder / "metrics.json", "") if (folder / "metrics.json").is_file() else {}
    try:
        choose("role", values["role"], ROLES)
        config = ModelConfig.from_dict(values["model"])
        sizes = sum(path.stat().st_size for path in folder.glob("model*.safetensors"))
        keep = {key: values[key] for key in _KEYS[:4]}
        more = {"training": values.get("training", {}), "promoted": float(values.get("promoted", 0.0))}
        return Info(_name(folder), folder, config, bytes=sizes, metrics=metrics, **more, **keep)
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"{folder / 'config.json'} can't be used: {error}. Restore the file from its source."
        ) from error


def _name(folder: Path) -> str:
    """The folder's own name, its run's, or the Hub id of a snapshot in the Hub's cache (a folder named by revision)."""
    folder = folder.absolute()
    if folder.name == "checkpoint":
        return folder.parent.name
    if folder.parent.name == "snapshots" and folder.parents[1].name.startswith("models--"):
        return folder.parents[1].name.removeprefix("models--").replace("--", "/")
    return folder.name


def read_json(path: Path, expected: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        CheckpointError: there is none; `expected` is said of a file that is missing.
    """
    try:
        return files.read_json(path)
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing. {expected}; copy the whole folder.") from None
    except ValueError as error:
        raise CheckpointError(str(error)) from error


def seal(weights: hashlib._Hash, description: Mapping[str, Any]) -> str:
    """A checkpoint's hash: of its weights' bytes, file by file, and of its model's description as stored."""
    digest = weights.copy()
    digest.update(json.dumps(description, sort_keys=True).encode())
    return digest.hexdigest()[:16]
