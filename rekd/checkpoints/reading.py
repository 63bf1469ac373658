"""A checkpoint is read strictly: every file, key and shape, and the hash of them all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rekd.checkpoints.folders import FILES, TOKENIZER, CheckpointError, Info, find, read_info, read_json, seal
from rekd.checkpoints.words import load_words, words_folder
from rekd.config import ModelConfig

if TYPE_CHECKING:
    from rekd.models import RationaleModel
    from rekd.units import ImageReader, TextReader

_WEIGHTS = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A model in eval mode with the reader that feeds it."""

    info: Info
    model: RationaleModel
    reader: TextReader | ImageReader


def load(source: str | Path, device: str = "cpu") -> Checkpoint:
    """Model and reader of a checkpoint, in eval mode, float32.

    Raises:
        CheckpointError: a missing, foreign or damaged file, key or shape; the message names it and the fix.
    """
    from rekd.models import build
    from rekd.models.blank import WithoutDraws

    folder = find(source)
    info = read_info(folder)
    state = _read_weights(folder, info)
    reader, words, blank_id = _reader(folder, info.config, device)
    try:
        with WithoutDraws():  # `_fill` sets every weight or refuses
            model = build(info.config, words, blank_id=blank_id)
    except Exception as error:  # transformers and timm raise many kinds over a configuration that they can't follow
        raise CheckpointError(f"{folder / 'config.json'} describes a model that can't be built: {error}") from error
    _fill(model, state, folder)
    _check_vocabulary(model, reader, folder)
    return Checkpoint(info, model.to(device).eval().requires_grad_(False), reader)


def _read_weights(folder: Path, info: Info) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load as parse

    known = (*FILES, info.config.words)
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
    if seal(digest, read_json(folder / "config.json", "")["model"]) != info.hash:
        raise CheckpointError(
            f"The weights in {folder} are not those that config.json was written with. Copy the folder again."
        )
    return state


def _expected(name: str, known: tuple[str, ...]) -> bool:
    return name.startswith(".") or name in known or _WEIGHTS.fullmatch(name) is not None


def _fill(model: RationaleModel, state: Mapping[str, Any], folder: Path) -> None:
    own = own_state(model)
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


def own_state(model: RationaleModel) -> dict[str, Any]:
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
