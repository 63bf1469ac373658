"""What `bench infer` measures: the ways to a rationale and its prediction, and the inputs that are answered."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from rekd import masks
from rekd.bench.app import REVIEW
from rekd.models.backbone import fixed_shapes
from rekd.types import Batch, Example

if TYPE_CHECKING:
    from rekd.checkpoints import Checkpoint
    from rekd.models import RationaleModel

Answer = Callable[["RationaleModel", Batch], Tensor]


def answer(model: RationaleModel, batch: Batch) -> Tensor:
    """Select by the budget of the model's rate, then predict from that alone: label logits (B, K)."""
    mask, _ = masks.evaluation_mask("top-k", model.select(batch), batch.unit_mask, rate=model.config.rate)
    return model.predict(batch, mask)


def ours(model: RationaleModel, batch: Batch) -> Tensor:
    """As Explore answers: unselected tokens are dropped, and nothing is kept for gradients."""
    with torch.inference_mode():
        return answer(model, batch)


def _no_grad(model: RationaleModel, batch: Batch) -> Tensor:
    with torch.no_grad():
        return answer(model, batch)


def _masked(model: RationaleModel, batch: Batch) -> Tensor:
    with torch.inference_mode(), fixed_shapes():
        return answer(model, batch)


def _plain(model: RationaleModel, batch: Batch) -> Tensor:
    """As research code writes it: every token is computed, keys are masked, and a graph for gradients is kept."""
    with fixed_shapes(), _learning(model):
        return answer(model, batch)


def _compiled() -> Answer:
    """Compiled for the model and the shape that it is first called with."""
    torch.compiler.reset()  # else this would count as one more shape of what was compiled before, and soon as too many
    torch._logging.set_logs(dynamo=logging.ERROR)  # where the sequence is cut it says at length that a graph ends
    compiled = torch.compile(answer)

    def run(model: RationaleModel, batch: Batch) -> Tensor:
        with torch.no_grad():
            return compiled(model, batch)

    return run


@contextmanager
def _learning(model: RationaleModel) -> Iterator[None]:
    """Within, weights ask for gradients, as those of a model that was just made do."""
    model.requires_grad_(True)
    try:
        yield
    finally:
        model.requires_grad_(False)


def ways(device: torch.device) -> dict[str, Answer]:
    """Each way to the same logits, ours first; compiled where there is no GPU, whose launches a graph would save."""
    found: dict[str, Answer] = {"ours": ours, "masked": _masked, "plain": _plain, "no_grad": _no_grad}
    return found | ({"compiled": _compiled()} if device.type == "cpu" else {})


def inputs(checkpoint: Checkpoint, count: int) -> Batch:
    """Texts that fill all that the model reads, or images of random pixels, on the model's device."""
    config = checkpoint.info.config.reader
    if config.modality == "text":
        words = REVIEW.split() * (1 + config.max_tokens // len(REVIEW.split()))
        examples = [Example(f"bench/{n}", text=" ".join(words[n:] + words[:n])) for n in range(count)]
    else:
        pixels = np.random.default_rng(0).integers(0, 256, (count, *config.image_size, 3), dtype=np.uint8)
        examples = [Example(f"bench/{n}", image=image) for n, image in enumerate(pixels)]
    return checkpoint.reader.read(examples).batch.to(next(checkpoint.model.parameters()).device)
