"""One folder a model: config.json, safetensors, metrics.json, README.md. Strict to read, atomic to write, never pickle.

Text towers with frozen word embeddings share one word table, a folder of its own (`words-<hash>`) beside the checkpoint
or inside it; the tokeniser lives there too.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rekd.config import ModelConfig, choose

if TYPE_CHECKING:
    from rekd.models import RationaleModel
    from rekd.units import ImageReader, TextReader

FORMAT = 1
SHARD_SIZE = "24MB"
ROLES = ("teacher", "cls", "re", "rekd", "random", "exhibit")
TOKENIZER = "tokenizer"
_KNOWN = ("config.json", "metrics.json", "README.md", TOKENIZER)
_WEIGHTS = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors")
_KEYS = ("task", "role", "hash", "parameters", "model")
_ON_THE_HUB = [*_KNOWN[:3], "model*.safetensors", f"{TOKENIZER}/*", "words-*/*"]


class CheckpointError(ValueError):
    """A checkpoint that can't be used, with the file and what to do."""


@dataclass(frozen=True)
class Info:
    """What is known of a checkpoint before its weights are read.

    hash: of weights and configuration, what caches rely on. parameters: of all towers, without a shared word table.
    bytes: size of its weight files. training: the run's configuration.
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


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A model in eval mode with the reader that feeds it."""

    info: Info
    model: RationaleModel
    reader: TextReader | ImageReader


def shipped() -> Path:
    """The folder of the models that come with the project."""
    return Path(__file__).resolve().parent.parent / "checkpoints"


def roots() -> list[Path]:
    """Where checkpoints are looked for: the shipped folder, then those named by REKD_CHECKPOINTS (as PATH is split)."""
    named = os.environ.get("REKD_CHECKPOINTS", "")
    return [shipped(), *(Path(part).expanduser() for part in named.split(os.pathsep) if part)]


def available(*folders: Path) -> list[Info]:
    """All readable checkpoints in these folders (by default `roots()`), by name; see `problems` for the others."""
    return [info for _, info in _scan(folders) if isinstance(info, Info)]


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
    """A checkpoint's folder from a local path, its name among `roots()` (of two the user's own), or a Hub id.

    Raises:
        CheckpointError: none of the three, with the names that exist.
    """
    here = Path(source).expanduser()
    for path in (here, *(root / str(source) for root in reversed(roots()))):
        if (path / "config.json").is_file():
            return path
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
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(
            f"{repo_id!r} is no folder here and could not be had from the Hub: {reason} "
            "Check the spelling and the network."
        ) from error


def read_info(folder: Path) -> Info:
    """The checkpoint's configuration, metrics and size, without its weights.

    Raises:
        CheckpointError: config.json is missing, unreadable, of another format, or names values that don't exist.
    """
    values = _read_json(folder / "config.json", "A checkpoint folder holds config.json, safetensors and metrics.json")
    if values.get("format") != FORMAT:
        raise CheckpointError(
            f"{folder / 'config.json'} has format {values.get('format')!r}; this version reads format {FORMAT}. "
            "Is it a folder that `python -m rekd train` or an export wrote?"
        )
    if lacking := [key for key in _KEYS if key not in values]:
        raise CheckpointError(f"{folder / 'config.json'} lacks {', '.join(lacking)}. Restore the file from its source.")
    metrics = _read_json(folder / "metrics.json", "") if (folder / "metrics.json").is_file() else {}
    try:
        choose("role", values["role"], ROLES)
        config = ModelConfig.from_dict(values["model"])
        sizes = sum(path.stat().st_size for path in folder.glob("model*.safetensors"))
        keep = {key: values[key] for key in _KEYS[:4]}
        training = values.get("training", {})
        return Info(_name(folder), folder, config, bytes=sizes, metrics=metrics, training=training, **keep)
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


def _read_json(path: Path, expected: str) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing. {expected}; copy the whole folder.") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path} is no readable JSON ({error}). Restore the file from its source.") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} holds {type(values).__name__}, not an object. Restore the file from its source.")
    return values


def load(source: str | Path, device: str = "cpu") -> Checkpoint:
    """Model and reader of a checkpoint, in eval mode, float32.

    Raises:
        CheckpointError: a missing, foreign or damaged file, key or shape; the message names it and the fix.
    """
    from rekd.models import build

    folder = find(source)
    info = read_info(folder)
    state = _read_weights(folder, info)
    reader, words, blank_id = _reader(folder, info.config, device)
    try:
        model = build(info.config, words, blank_id=blank_id)
    except Exception as error:  # transformers and timm raise many kinds over a configuration that they can't follow
        raise CheckpointError(f"{folder / 'config.json'} describes a model that can't be built: {error}") from error
    _fill(model, state, folder)
    _check_vocabulary(model, reader, folder)
    return Checkpoint(info, model.to(device).eval().requires_grad_(False), reader)


def _read_weights(folder: Path, info: Info) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load as parse

    known = (*_KNOWN, info.config.words)
    foreign = [p.name for p in folder.iterdir() if not _expected(p.name, known)]
    if foreign:
        raise CheckpointError(
            f"{folder} holds {', '.join(sorted(foreign))}, which no checkpoint has. Move it elsewhere."
        )
    files = sorted(folder.glob("model*.safetensors"))
    total = int(files[0].stem.rsplit("-", 1)[-1]) if files and "-of-" in files[0].name else 1
    if len(files) != total:
        raise CheckpointError(
            f"{folder} holds {len(files)} weight files (model*.safetensors) and should hold {total}. "
            "Copy the folder again."
        )
    state, digest = {}, hashlib.sha256()
    for path in files:
        data = path.read_bytes()
        digest.update(data)
        try:
            state |= parse(data)
        except SafetensorError as error:
            raise CheckpointError(f"{path} is damaged or cut short ({error}). Copy it again.") from error
    # The description as stored: a field that a later version adds leaves the hash as it was.
    if _hash(digest, _read_json(folder / "config.json", "")["model"]) != info.hash:
        raise CheckpointError(
            f"The weights in {folder} are not those that config.json was written with. Copy the folder again."
        )
    return state


def _expected(name: str, known: tuple[str, ...]) -> bool:
    return name.startswith(".") or name in known or _WEIGHTS.fullmatch(name) is not None


def _hash(weights, description: Mapping[str, Any]) -> str:
    digest = weights.copy()
    digest.update(json.dumps(description, sort_keys=True).encode())
    return digest.hexdigest()[:16]


def _fill(model: RationaleModel, state: Mapping[str, Any], folder: Path) -> None:
    own = _own_state(model)
    missing, extra = sorted(set(own) - set(state)), sorted(set(state) - set(own))
    if missing or extra:
        what = f"lack {missing[0]}" if missing else f"hold {extra[0]}, which the model has not"
        count = len(missing) + len(extra)
        raise CheckpointError(
            f"The weights in {folder} {what} ({count} keys differ). config.json and weights don't belong together."
        )
    for key, value in own.items():
        if value.shape != state[key].shape:
            raise CheckpointError(
                f"{key} in {folder} has shape {tuple(state[key].shape)}; config.json asks for {tuple(value.shape)}. "
                "config.json and weights don't belong together."
            )
        value.copy_(state[key])


def _own_state(model: RationaleModel) -> dict[str, Any]:
    """The state that belongs to the checkpoint itself: everything but the shared word table."""
    return {key: value for key, value in model.state_dict().items() if not key.startswith("words.")}


def _check_vocabulary(model: RationaleModel, reader: TextReader | ImageReader, folder: Path) -> None:
    if model.config.reader.modality == "image":
        return
    table = model.predictor.words.weight if model.words is None else model.words.rows
    if (pieces := len(reader.tokenizer)) > len(table):
        raise CheckpointError(
            f"The tokeniser of {folder} has {pieces:,} word pieces and the weights {len(table):,}: "
            "they don't belong together. Copy the folder again."
        )


def _reader(folder: Path, config: ModelConfig, device: str):
    from rekd.units import ImageReader

    if config.reader.modality == "image":
        return ImageReader(config.reader), None, 0
    home = folder / TOKENIZER
    words = None
    if config.words:
        home = words_folder(folder, config.words)
        words = load_words(home, device)
    reader = _text_reader(config, home)
    return reader, words, reader.blank_id


def words_folder(folder: Path, name: str) -> Path:
    """The word table's folder, inside the checkpoint or beside it (or among `roots()`).

    Raises:
        CheckpointError: it is nowhere.
    """
    for place in (folder / name, folder.parent / name, *(root / name for root in roots())):
        if (place / "words.safetensors").is_file():
            return place
    raise CheckpointError(
        f"{folder.name} needs the word table {name}, which is neither in {folder} nor beside it. Copy it there."
    )


def _text_reader(config: ModelConfig, home: Path) -> TextReader:
    from rekd.models.text import tokenizer_from
    from rekd.units import TextReader

    if not (home / "tokenizer.json").is_file():  # a path that does not exist would be looked up on the Hub
        raise CheckpointError(
            f"{home / 'tokenizer.json'} is missing. Copy it, with its companions, from the same source."
        )
    try:
        return TextReader(config.reader, tokenizer_from(home))
    except Exception as error:  # transformers raises many kinds over a file that it can't read
        raise CheckpointError(
            f"{home} holds no usable tokeniser ({error!r}). Copy tokenizer.json and its companions."
        ) from error


def load_words(home: Path, device: str = "cpu"):
    """The shared word table, one copy a process for each file and device."""
    path = home.absolute() / "words.safetensors"
    return _load_words(path, path.stat().st_mtime_ns, str(device))


@functools.lru_cache(maxsize=4)
def _load_words(path: Path, _changed: int, device: str):
    from safetensors.torch import load as parse

    from rekd.models.text import WordTable

    data = path.read_bytes()
    if _words_name(data) != path.parent.name:
        raise CheckpointError(
            f"{path} is not the word table that its folder is named after: damaged or foreign. Copy it again."
        )
    state = parse(data)
    table = WordTable(*state["rows"].shape)
    table.load_state_dict(state)
    return table.to(device)


def _words_name(data: bytes) -> str:
    return f"words-{hashlib.sha256(data).hexdigest()[:8]}"


def save_words(root: Path, words, tokenizer, card: str) -> str:
    """Write a word table with its tokeniser and card, unless it is there. Returns its name, `words-<hash>`."""
    from safetensors.torch import save

    data = save({"rows": words.rows.cpu().contiguous(), "scales": words.scales.cpu().contiguous()})
    name = _words_name(data)
    if not (root / name / "words.safetensors").is_file():
        with replaced_folder(root / name) as temp:
            (temp / "words.safetensors").write_bytes(data)
            tokenizer.save_pretrained(temp)
            (temp / "README.md").write_text(card, encoding="utf-8")
    return name


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
    from huggingface_hub import split_torch_state_dict_into_shards
    from safetensors.torch import save as serialise

    if role not in ROLES:
        raise ValueError(f"role is {role!r}; it must be one of {', '.join(ROLES)}")
    if model.words is not None and not model.config.words:
        raise ValueError(
            "the model shares a word table that its config.words does not name; write that by save_words first"
        )
    state = {k: v.detach().cpu().contiguous() for k, v in _own_state(model).items()}
    state = {k: v.to(torch.float16) if v.is_floating_point() else v for k, v in state.items()}
    shards = split_torch_state_dict_into_shards(
        state, filename_pattern="model{suffix}.safetensors", max_shard_size=SHARD_SIZE
    )
    digest = hashlib.sha256()
    with replaced_folder(folder) as temp:
        for filename, keys in sorted(shards.filename_to_tensors.items()):
            data = serialise({key: state[key] for key in keys})
            digest.update(data)
            (temp / filename).write_bytes(data)
        values = {
            "format": FORMAT,
            "task": task,
            "role": role,
            "hash": _hash(digest, model.config.to_dict()),
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


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write JSON so that a reader sees the old file or the new one, never a half."""
    temp = path.with_name(f".{path.name}.{os.getpid()}")
    temp.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(temp, path)


@contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder that takes the place of `folder` when the block ends without an error."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temp = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    temp.chmod(0o755)
    old = None
    try:
        yield temp
        if folder.exists():
            old = folder.with_name(f".{folder.name}-old-{os.getpid()}")
            os.replace(folder, old)
        os.replace(temp, folder)
    except BaseException:
        shutil.rmtree(temp, ignore_errors=True)
        if old is not None and not folder.exists():
            os.replace(old, folder)
        raise
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)
