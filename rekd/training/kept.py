"""What a fixed teacher says of fixed inputs, computed once and kept: a step of REKD then costs what one of RE costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rekd import masks
from rekd.cached import cached, content, digest
from rekd.checkpoints import Checkpoint
from rekd.config import TrainConfig
from rekd.data import Encoded
from rekd.models import RationaleModel
from rekd.models.backbone import room_for
from rekd.training.evaluate import batches
from rekd.types import Batch

SIZE = 256
"""Examples that the teacher reads at once."""
MOST_SELECTED, SPARE = 2, 4
"""Times its rate, and patches more, that a teacher selects of an image at the most. Calibrated shares vary by a tenth
to a sixth of it, no image of 3,000 came to 1.8 times; a teacher that leaks by how much it selects goes beyond."""
MOST_FILES = 16
"""Files kept in the cache folder, the newest: 25 MB each for a data set of IMDB's size."""

Heard = Callable[[int, int], None]
"""Is told how many examples are read, and of how many."""


@dataclass(frozen=True, eq=False)
class Kept:
    """In the order of the data, on their own units: selection logits (n, M) float32, and label logits (n, K) from the
    teacher's own view, its calibrated mask."""

    selection: Tensor
    label: Tensor

    def to(self, device: torch.device | str) -> Kept:
        return Kept(self.selection.to(device), self.label.to(device))


def own_view(model: RationaleModel, batch: Batch, logits: Tensor) -> Tensor:
    """What a teacher says from its own rationale, its calibrated mask: label logits (B, K).

    Of an image the mask holds at most MOST_SELECTED times the rate and SPARE, the largest logits: a training step that
    may not look at masks computes so many patches and no more.
    """
    config = model.config
    options = {"rate": config.rate, "cut": config.cut}
    mask, _ = masks.evaluation_mask("calibrated", logits, batch.unit_mask, **options)
    if config.reader.modality == "text":  # whose units are several tokens
        return model.predict(batch, mask)
    most = math.ceil(MOST_SELECTED * config.rate * mask.shape[1]) + SPARE
    with room_for(most):
        return model.predict(batch, masks.at_most(mask, logits, most))


def pays(config: TrainConfig, data: Encoded, rows: int) -> bool:
    """Whether a run's teacher reads the same at every step, and each of `rows` examples, so that keeping costs less."""
    return not (config.augment and data.can_vary) and config.steps * config.batch_size >= rows


def keep(teacher: Checkpoint, data: Encoded, precision: str, heard: Heard = lambda done, all_: None) -> Kept:
    """Read from the cache folder, or computed and written there; on the CPU.

    Args:
        data: the training split as the teacher reads it. precision: under which it is computed, part of the key.
        heard: may raise to end the computation, of which then nothing is kept.
    """
    if not teacher.info.hash:  # a stand-in of random weights
        return compute(teacher.model, data, heard)
    how = f"{precision}, {MOST_SELECTED}, {SPARE}"  # of what `own_view` depends on beside model and data
    key = digest([teacher.info.hash.encode(), how.encode(), *_bytes(data)])
    found = cached("teachers", key, lambda: vars(compute(teacher.model, data, heard)), MOST_FILES)
    return Kept(**found)


@torch.no_grad()
def compute(model, data: Encoded, heard: Heard = lambda done, all_: None) -> Kept:
    """One pass of a teacher in eval mode over a split."""
    selection = torch.zeros(data.unit_mask.shape)
    label, done = torch.zeros(len(data), len(model.config.classes)), 0
    for rows, batch in batches(data, SIZE, device=next(model.parameters()).device):
        logits = model.select(batch).float()
        here = torch.from_numpy(rows)
        selection[here, : logits.shape[1]] = logits.cpu()
        label[here] = own_view(model, batch, logits).float().cpu()
        done += len(rows)
        heard(done, len(data))
    return Kept(selection, label)


def _bytes(data: Encoded) -> Iterable[bytes | np.ndarray]:
    """All of a split that a teacher's answer depends on."""
    for part in (data.content, data.token_mask, data.token_units, data.unit_mask):
        yield from content(part)
