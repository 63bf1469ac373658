"""From a run's configuration to its models, data and teacher: what the loop is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from rekd import checkpoints
from rekd.checkpoints import Checkpoint
from rekd.config import ModelConfig, ReaderConfig, TrainConfig, choose
from rekd.data import TASKS, Encoded, TaskSpec, encode, load_split
from rekd.errors import reason
from rekd.models import RationaleModel, build
from rekd.training.feed import Feed, alignment
from rekd.types import Split
from rekd.units import ImageReader, TextReader

RATE_WEIGHTS = {"text": 10.0, "image": 20.0}
"""Weight w of rate form `auto` (ours)."""
COUNT_WEIGHTS = {"text": 1e-4, "image": 5e-2}
"""The paper's weights on raw counts, of its smallest models (BERT-Mini, ViT-Tiny)."""
PAPER_LENGTHS = {"text": 256, "image": 196}
"""Units of the paper's inputs: a weight on counts is that on shares divided by the length's square."""


class NotAMatch(ValueError):
    """A teacher that can't teach this student, with the reason."""


class BackboneMissing(RuntimeError):
    """The weights that training starts from are not at hand; the message names them and the ways to get them."""


@dataclass(frozen=True, eq=False)
class Setup:
    """Everything of a run but the loop. dev: the rows `dev_rows` of dev_split as the model reads them."""

    config: TrainConfig
    spec: TaskSpec
    model: RationaleModel
    reader: TextReader | ImageReader
    feed: Feed
    dev: Encoded
    dev_split: Split
    dev_rows: np.ndarray
    teacher: Checkpoint | None


def resolve(config: TrainConfig) -> TrainConfig:
    """The configuration with the task's own values where it left them open.

    Raises:
        ValueError: no such task, or one without a training split.
    """
    spec = trainable(config.task)
    text = spec.modality == "text"
    return replace(
        config,
        rate=config.rate or spec.rate,
        units=(config.units or "words") if text else "patches",
        backbone=config.backbone or spec.backbone,
        backbone_args=config.backbone_args or ({} if config.backbone else dict(spec.backbone_args)),
        **_rate_weights(config, spec.modality),
    )


def layers_of(config: TrainConfig) -> tuple[int, ...]:
    """Numbers of the layers that a text run keeps of its backbone; () for all.

    Raises:
        ValueError: they are no numbers.
    """
    layers = config.backbone_args.get("layers", ())
    if not isinstance(layers, (tuple, list)) or any(not isinstance(layer, int) for layer in layers):
        raise ValueError(f"layers is {layers!r}; it must be a list of the layers to keep, such as [0, 5]")
    return tuple(layers)


def _rate_weights(config: TrainConfig, modality: str) -> dict[str, float]:
    """The weights of the rate's form that the run left open."""
    on_counts, own = COUNT_WEIGHTS[modality], RATE_WEIGHTS[modality]
    if config.rate_form == "example":
        weight = config.example_rate_weight or on_counts * PAPER_LENGTHS[modality] ** 2
        return {"rate_weight": 0.0, "example_rate_weight": weight}
    return {"rate_weight": config.rate_weight or (on_counts if config.rate_form == "count" else own)}


def remarks(config: TrainConfig) -> list[str]:
    """What a person should know of a resolved configuration before it runs, a sentence each."""
    said = []
    if config.kind == "rekd" and config.alpha == 0:
        said.append("alpha is 0: task and rate are off, and the student's rate comes from its teacher alone.")
    if config.kind in ("re", "rekd") and config.rate_form == "auto" and config.example_rate_weight == 0:
        said.append("example_rate_weight is 0: nothing keeps the number of selected units from carrying the label.")
    if config.units == "tokens":
        said.append("units are tokens: padding and special tokens can be selected, as in the official code.")
    return said


def trainable(task: str) -> TaskSpec:
    """The task's entry in the table of data sets.

    Raises:
        ValueError: no such task, or one without a training split.
    """
    choose("task", task, tuple(name for name, spec in TASKS.items() if "train" in spec.splits))
    return TASKS[task]


def prepare(
    config: TrainConfig,
    device: torch.device,
    *,
    teacher: Checkpoint | None = None,
    train_rows: int | None = None,
    dev_rows: int | None = None,
) -> Setup:
    """Load data, teacher and backbone of a resolved configuration.

    Args:
        teacher: in place of the one that the configuration names. train_rows, dev_rows: at most so many are read.

    Raises:
        ValueError: a batch is larger than train.
        NotAMatch: the teacher reads other units or classes. BackboneMissing, DataMissing, CheckpointError: as they say.
    """
    spec = trainable(config.task)
    if config.teacher and teacher is None:
        teacher = checkpoints.load(config.teacher, str(device))
    torch.manual_seed(config.seed)
    model, reader = new_model(config, spec)
    if config.start:
        begin_from(model, checkpoints.load(config.start))
    if teacher is not None:
        check_teacher(teacher, model.config)
    train, dev = load_split(config.task, "train", train_rows), load_split(config.task, "dev", dev_rows)
    if train_rows is None and (fault := batch_fault(config.batch_size, len(train))):
        raise ValueError(fault)
    used = min(config.dev_limit or len(dev), len(dev))
    rows = np.arange(used) * len(dev) // used  # spread over the split, which may hold one class after the other
    feed = make_feed(config, train, reader, teacher, device)
    return Setup(config, spec, model, reader, feed, encode(dev.take(rows), reader, rows).to(device), dev, rows, teacher)


def batch_fault(batch: int, examples: int) -> str:
    """Why a batch can't be so large; "" where it can."""
    if batch <= examples:
        return ""
    return f"A batch of {batch:,} is larger than the {examples:,} examples of train; make it smaller."


def make_feed(config: TrainConfig, train: Split, reader, teacher: Checkpoint | None, device: torch.device) -> Feed:
    """The training batches, read once more by the teacher's reader where that differs."""
    data, other, units = encode(train, reader).to(device), None, None
    if teacher is not None and not _alike(reader, teacher.reader):
        other = encode(train, teacher.reader).to(device)
        units = alignment(train, reader, teacher.reader) if isinstance(reader, TextReader) else None
    augment, strong = config.augment and train.modality == "image", config.augmentation == "strong"
    return Feed(data, device, other, units, augment=augment, strong=strong)


def _alike(first: TextReader | ImageReader, second: TextReader | ImageReader) -> bool:
    if first.config != second.config:
        return False
    return isinstance(first, ImageReader) or first.tokenizer.get_vocab() == second.tokenizer.get_vocab()


def check_teacher(teacher: Checkpoint, student: ModelConfig) -> None:
    """Refuse a teacher whose units or classes are not the student's, saying which.

    Raises:
        NotAMatch: see above.
    """
    config, name = teacher.info.config, teacher.info.name
    if not config.selects:
        raise NotAMatch(f"{name} is of kind {config.kind!r} and selects nothing; a teacher must be of kind re or rekd")
    if config.classes != student.classes:
        raise NotAMatch(
            f"{name} knows the classes {', '.join(config.classes)}; the student has {', '.join(student.classes)}"
        )
    if config.reader.signature != student.reader.signature:
        raise NotAMatch(
            f"{name} selects {_described(config.reader)}, the student {_described(student.reader)}; "
            "choose one with the same units"
        )


def _described(reader: ReaderConfig) -> str:
    return "patches in {} rows of {}".format(*reader.grid) if reader.modality == "image" else reader.units


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
