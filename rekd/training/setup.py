"""From a run's configuration to its models, data and teacher: what the loop is given."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from rekd import checkpoints
from rekd.checkpoints import Checkpoint
from rekd.config import ModelConfig, ReaderConfig, TrainConfig, choose
from rekd.data import TASKS, Encoded, TaskSpec, encode, load_split
from rekd.models import RationaleModel
from rekd.training.feed import Feed, alignment
from rekd.training.untrained import NotAMatch, begin_from, new_model
from rekd.types import Split
from rekd.units import ImageReader, TextReader

RATE_WEIGHTS = {"text": 10.0, "image": 20.0}
"""Weight w of rate form `auto` (ours)."""
COUNT_WEIGHTS = {"text": 1e-4, "image": 5e-2}
"""The paper's weights on raw counts, of its smallest models (BERT-Mini, ViT-Tiny)."""
PAPER_LENGTHS = {"text": 256, "image": 196}
"""Units of the paper's inputs: a weight on counts is that on shares divided by the length's square."""


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
