"""A run's model before its first step: what it is built of, and whose weights it begins with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from rekd.checkpoints import Checkpoint
from rekd.config import ModelConfig, ReaderConfig, TrainConfig
from rekd.data import TaskSpec
from rekd.errors import reason
from rekd.models import RationaleModel, build
from rekd.units import ImageReader, TextReader


class NotAMatch(ValueError):
    """A model that can't teach this student, or that it can't begin from, with the reason."""


class BackboneMissing(RuntimeError):
    """The weights that training starts from are not at hand; the message names them and the ways to get them."""


def layers_of(config: TrainConfig) -> tuple[int, ...]:
    """Numbers of the layers that a text run keeps of its backbone; () for all.

    Raises:
        ValueError: they are no numbers.
    """
    layers = config.backbone_args.get("layers", ())
    if not isinstance(layers, (tuple, list)) or any(not isinstance(layer, int) for layer in layers):
        raise ValueError(f"layers is {layers!r}; it must be a list of the layers to keep, such as [0, 5]")
    return tuple(layers)


def new_model(config: TrainConfig, spec: TaskSpec) -> tuple[RationaleModel, TextReader | ImageReader]:
    """A student before its first step: pretrained text towers, or vision towers from scratch or from timm's weights."""
    return (_new_text if spec.modality == "text" else _new_image)(config, spec)


def begin_from(model: RationaleModel, source: Checkpoint) -> None:
    """Give both towers the weights of a checkpoint's predictor, the predictor its classifier too.

    Raises:
        NotAMatch: the checkpoint is of another kind than cls, or has another backbone, other classes or other inputs.
    """
    mine, theirs = model.config, source.info.config
    if theirs.kind != "cls":
        raise NotAMatch(
            f"{source.info.name} is of kind {theirs.kind!r}; start from one of kind cls, which has read everything"
        )
    if (mine.arch, mine.reader, mine.classes) != (theirs.arch, theirs.reader, theirs.classes):
        raise NotAMatch(
            f"{source.info.name} has another backbone, reader or classes than this run; start from one with the same"
        )
    weights = source.model.predictor.state_dict()
    model.predictor.load_state_dict(weights)
    if model.generator is not None:
        own = model.generator.state_dict()
        model.generator.load_state_dict({key: weights[key] for key in own})


def _shared(config: TrainConfig, spec: TaskSpec) -> dict[str, Any]:
    names = ("kind", "rate", "masking", "final_norm", "pooling")
    return {name: getattr(config, name) for name in names} | {"classes": spec.classes}


def _new_text(config: TrainConfig, spec: TaskSpec) -> tuple[RationaleModel, TextReader]:
    from rekd.models.embeddings import WordTable
    from rekd.models.text import pretrained, tokenizer_from

    if fault := missing_folder(config.backbone):
        raise BackboneMissing(fault)
    try:
        arch, weights, words = pretrained(config.backbone, layers_of(config))
        tokenizer = tokenizer_from(config.backbone)
    except OSError as error:
        raise BackboneMissing(_ways_out(config.backbone, error, _FOLDER)) from error
    reader_config = ReaderConfig("text", units=config.units, max_tokens=config.max_tokens)
    reader = TextReader(reader_config, tokenizer)
    model_config = ModelConfig(reader=reader_config, arch=arch, train_words=config.train_words, **_shared(config, spec))
    table = None if config.train_words else WordTable.quantise(words)
    model = build(model_config, table, blank_id=reader.blank_id, dropout=config.dropout)
    for tower in _towers(model):
        tower.encoder.load_state_dict(weights)
        if config.train_words:
            tower.words.weight.data.copy_(words)
    return model, reader


def _new_image(config: TrainConfig, spec: TaskSpec) -> tuple[RationaleModel, ImageReader]:
    from rekd.models.vision import create

    args = dict(config.backbone_args)
    weights = args.pop("pretrained", False)
    try:
        source = create(config.backbone, args, pretrained=bool(weights))
    except OSError as error:
        said = _ways_out(config.backbone, error, "train from scratch, without pretrained weights")
        raise BackboneMissing(said) from error
    model_config = image_model(config, spec, source)
    model = build(model_config, dropout=config.dropout)
    if weights:  # everything but the classifier, which is new
        for tower in _towers(model):
            tower.vit.load_state_dict(source.state_dict(), strict=False)
    return model, ImageReader(model_config.reader)


def image_model(config: TrainConfig, spec: TaskSpec, source: nn.Module) -> ModelConfig:
    """What a vision run builds; `source` is timm's own model of the backbone, with weights or without."""
    args = dict(config.backbone_args)
    weights = args.pop("pretrained", False)
    mean, std = (source.pretrained_cfg["mean"], source.pretrained_cfg["std"]) if weights else (spec.mean, spec.std)
    size, patch = args.pop("img_size", spec.image_size), args.pop("patch_size", source.patch_embed.patch_size)
    sizes = {"image_size": _pair(size), "patch_size": _pair(patch)}
    reader = ReaderConfig("image", "patches", **sizes, mean=mean, std=std)
    return ModelConfig(reader=reader, arch={"name": config.backbone, "args": args}, **_shared(config, spec))


_FOLDER = (
    "give a folder of this computer that holds such weights as the backbone: `--backbone FOLDER` on the command line, "
    "“Another encoder” in the form of the page Train"
)


def missing_folder(backbone: str) -> str:
    """What to say of a text backbone that is written as a folder and is none; "" of a folder and of a Hub id."""
    written = backbone.startswith(("/", ".", "~")) or "\\" in backbone or backbone.count("/") > 1
    if not written or Path(backbone).is_dir():
        return ""
    return (
        f"There is no folder {backbone} here, which was named as the backbone. Name a folder that holds a text encoder "
        "(config.json, its weights, its tokeniser), or a model's id on the Hugging Face Hub, such as owner/name."
    )


def _ways_out(backbone: str, error: OSError, other: str) -> str:
    """Why weights are needed that could not be had, and what to do."""
    return (
        f"Training starts from the pretrained weights {backbone!r}, and they are neither here nor to be had from the "
        f"Hugging Face Hub. Go online once, so that they are kept in the Hub's cache, or {other}. "
        f"The reason given: {reason(error)}"
    )


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    return tuple(size) if isinstance(size, (tuple, list)) else (size, size)


def _towers(model: RationaleModel) -> list[nn.Module]:
    return [tower for tower in (model.generator, model.predictor) if tower is not None]
