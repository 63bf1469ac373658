"""Steps of tiny runs, made in any way, for whoever compares ways."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from helpers import image_config, text_config, tiny_tokenizer

from rekd.config import TrainConfig
from rekd.data import encode
from rekd.models import build
from rekd.training.feed import Feed
from rekd.training.kept import compute
from rekd.training.optimizers import make_optimizer
from rekd.training.step import Step
from rekd.training.task import Objective, Teacher
from rekd.types import Split
from rekd.units import ImageReader, TextReader

WORDS = "a the good bad film story plot slow funny dull great warm act long worst lovely"


def texts(count: int = 24, most: int = 30) -> Split:
    """Texts that grow from row to row."""
    draw = np.random.default_rng(3)
    said = [" ".join(draw.choice(WORDS.split(), 1 + most * row // count)) for row in range(count)]
    return Split("imdb", "train", ("negative", "positive"), np.arange(count) % 2, texts=said)


def images(count: int = 24) -> Split:
    """Pictures of noise."""
    drawn = np.random.default_rng(4).integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)
    return Split("cifar10", "train", ("red", "green", "blue"), np.arange(count) % 3, images=drawn)


def made(
    modality: str, device: str = "cpu", engine: str = "eager", precision: str = "no", kept: bool = False, **values
) -> Step:
    """A step of a tiny run; the same models, data and settings at every call.

    Args:
        kept: whether the teacher was asked beforehand.
    """
    split, shape = (texts(), text_config()) if modality == "text" else (images(), image_config())
    reader = TextReader(shape.reader, tiny_tokenizer()) if modality == "text" else ImageReader(shape.reader)
    base = {"kind": "re", "rate": 0.25, "rate_weight": 10.0, "batch_size": 8, "steps": 60, "learning_rate": 3e-3}
    config = TrainConfig(split.task, **{**base, "augment": False, **values})
    torch.manual_seed(5)
    model = build(replace(shape, kind=config.kind), dropout=config.dropout)
    teacher = build(shape).eval()
    teacher.selector.weight.data.mul_(20)
    strong = config.augmentation == "strong"
    feed = Feed(encode(split, reader).to(device), torch.device(device), augment=config.augment, strong=strong)
    objective = Objective(model, config, Teacher(teacher.to(device)) if config.kind == "rekd" else None).to(device)
    if kept:
        feed.kept = compute(teacher, feed.data).to(device)
    AcceleratorState._reset_state(True)  # it would hold the precision of whoever asked first
    accelerator = Accelerator(mixed_precision=precision, cpu=device == "cpu")
    optimizer = accelerator.prepare(make_optimizer(objective, config, engine))
    wrapped = accelerator.prepare(objective) if engine == "eager" else objective
    return Step(wrapped, optimizer, feed, config, accelerator, engine)


def told(step: Step, count: int = 12) -> list[dict[str, float]]:
    """The terms of the first steps."""
    out = []
    for number in range(count):
        step(number)
        out.append(step.means())
    return out


def weights(step: Step) -> torch.Tensor:
    """All parameters in a row."""
    return torch.cat([p.detach().float().flatten().cpu() for p in step.objective.parameters()])


def drawn(step: Step, count: int = 12) -> torch.Tensor:
    """The masks of the first steps of pictures, (count, B, N); kept as a graph would keep them."""
    objective = step.accelerator.unwrap_model(step.objective)
    held, choose = torch.zeros(8, 16, device=step.feed.data.unit_mask.device), objective._choose

    def kept(*given):
        chosen = choose(*given)
        held.copy_(chosen.mask.detach())
        return chosen

    objective._choose, out = kept, []
    for number in range(count):
        step(number)
        out.append(held.cpu().clone())
    return torch.stack(out)
