"""What a configuration would build, from its names and sizes alone: reader, shape, parameters. No weight is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

from rekd.config import ModelConfig, ReaderConfig, TrainConfig
from rekd.data import TASKS, TaskSpec
from rekd.imports import uncollected
from rekd.training.setup import resolve
from rekd.training.untrained import image_model, layers_of


class NotHere(OSError):
    """A backbone's description is not on this machine; training would ask the Hugging Face Hub for it."""


@dataclass(frozen=True)
class Parameters:
    """How many numbers training moves, a tower; words: those of the frozen word table that text towers share."""

    generator: int
    predictor: int
    words: int = 0

    @property
    def total(self) -> int:
        return self.generator + self.predictor


def model_config(config: TrainConfig) -> ModelConfig:
    """The model that a run would build.

    Raises:
        ValueError: it can't be built, with the reason. NotHere: the backbone is not on this machine.
    """
    config = resolve(config)
    spec = TASKS[config.task]
    if spec.modality == "image":
        return image_model(config, spec, _vit(config.backbone, _as_key(config.backbone_args)))
    return _text_model(config, spec)


def student(config: TrainConfig) -> ModelConfig:
    """`model_config`, and where the text backbone is not here, one that has its units and classes alone."""
    try:
        return model_config(config)
    except NotHere:
        config = resolve(config)
        reader = ReaderConfig("text", units=config.units, max_tokens=config.max_tokens)
        return ModelConfig(config.kind, reader, TASKS[config.task].classes, {"model_type": ""}, rate=config.rate)


def units_of(config: TrainConfig) -> int:
    """N: patches of an image, or the most units that a text can have."""
    reader = student(config).reader
    return reader.grid[0] * reader.grid[1] if reader.modality == "image" else reader.max_tokens - 2


def parameters(config: TrainConfig) -> Parameters:
    """Sizes of both towers; counted on a model without storage.

    Raises:
        ValueError, NotHere: as `model_config`.
    """
    return parameters_of_config(model_config(config))


def parameters_of_config(config: ModelConfig) -> Parameters:
    """The same of a model's own description."""
    return _count(json.dumps(config.to_dict(), sort_keys=True, default=str), config.train_words)


@lru_cache(maxsize=64)
def _count(description: str, train_words: bool) -> Parameters:
    from rekd.models import build

    values = json.loads(description)
    values["reader"] = ReaderConfig(**values["reader"])
    config = ModelConfig.from_dict(values)
    with torch.device("meta"):
        table = None
        if config.reader.modality == "text" and not train_words:
            from rekd.models.embeddings import WordTable

            width = config.arch.get("embedding_size") or _defaults(config.arch).hidden_size
            table = WordTable(_defaults(config.arch).vocab_size, width)
        model = build(config, table)
    return parameters_of(model)


def parameters_of(model: torch.nn.Module) -> Parameters:
    """The same of a model that stands."""
    whole = sum(each.numel() for each in model.parameters())
    predictor = sum(each.numel() for each in model.predictor.parameters())
    return Parameters(whole - predictor, predictor, 0 if model.words is None else model.words.rows.numel())


def weights_at_hand(name: str) -> bool:
    """Whether timm's pretrained weights of that name lie in the Hub's cache; False of a name that timm doesn't know."""
    import timm
    from huggingface_hub import try_to_load_from_cache

    try:
        repo = getattr(timm.get_pretrained_cfg(name), "hf_hub_id", None)
    except RuntimeError:  # a model that timm knows, with weights that it doesn't
        return False
    kept = (try_to_load_from_cache(repo, file) for file in ("model.safetensors", "pytorch_model.bin")) if repo else ()
    return any(isinstance(path, str) for path in kept)


def _defaults(arch: Mapping[str, Any]):
    from transformers import AutoConfig

    values = dict(arch)
    return AutoConfig.for_model(values.pop("model_type"), **values)


def _as_key(args: Mapping[str, Any]) -> str:
    return json.dumps(dict(args), sort_keys=True)


@lru_cache(maxsize=32)
def _vit(name: str, args: str):
    """timm's model of that name, without storage."""
    with uncollected():
        from rekd.models.vision import create
    values = json.loads(args)
    values.pop("pretrained", None)
    width, heads = values.get("embed_dim"), values.get("num_heads")
    if isinstance(width, int) and isinstance(heads, int) and heads and width % heads:
        raise ValueError(f"a width of {width} can't be divided among {heads} attention heads; take a multiple")
    with torch.device("meta"):
        return create(name, values)


def _text_model(config: TrainConfig, spec: TaskSpec) -> ModelConfig:
    reader = ReaderConfig("text", units=config.units, max_tokens=config.max_tokens)
    arch = _text_arch(config.backbone, layers_of(config))
    names = ("kind", "rate", "masking", "final_norm", "pooling", "train_words")
    shared = {name: getattr(config, name) for name in names}
    return ModelConfig(reader=reader, arch=json.loads(arch), classes=spec.classes, **shared)


@lru_cache(maxsize=32)
def _text_arch(source: str, layers: tuple[int, ...]) -> str:
    from transformers import AutoConfig

    from rekd.models.text import arch_of

    try:
        config = AutoConfig.from_pretrained(source, local_files_only=True)
    except (OSError, ValueError) as error:  # ValueError: a config.json that is no encoder's
        raise NotHere(f"{source} is not on this machine; training asks the Hugging Face Hub for it") from error
    depth = config.num_hidden_layers
    if any(not -depth <= layer < depth for layer in layers) or len(layers) > depth:
        raise ValueError(f"layers is {list(layers)}; {source} has layers 0 to {depth - 1}")
    if layers:
        config.num_hidden_layers = len(layers)
    return json.dumps(arch_of(config), default=str)
