"""Does a prediction follow the content or the mask? One input's mask is laid on the content of others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from rekd.explanations.proof import CHUNK, Reader
from rekd.measures.leakage import MaskSet, fitted, scattered
from rekd.models import RationaleModel
from rekd.types import Batch, Example


@dataclass(frozen=True)
class Followed:
    """What was predicted of the content of other inputs under one input's mask, and under random masks of its share.

    contents: how many, all of classes other than the mask's. content, mask: how many were called by the content's own
    class, and by the mask's. random_content, random_mask: the same under the random masks, one a content.
    """

    contents: int
    content: int
    mask: int
    random_content: int
    random_mask: int

    @property
    def neither(self) -> int:
        return self.contents - self.content - self.mask

    @property
    def spread(self) -> float:
        """The standard deviation of `random_mask` over other draws of as many, from its own share."""
        return _deviation(self.random_mask, self.contents)

    @property
    def by_mask(self) -> bool:
        """Whether the mask by itself speaks for its class: said two deviations more often than under random masks."""
        return self.mask - self.random_mask > 2 * math.hypot(_deviation(self.mask, self.contents), self.spread)


def _deviation(count: int, of: int) -> float:
    share = (count + 1) / (of + 2)  # Laplace's: a count of 0 is not known to the last digit
    return math.sqrt(of * share * (1 - share))


def follow(
    model: RationaleModel, reader: Reader, mask: Sequence[bool], label: int, others: Sequence[Example], seed: int
) -> Followed:
    """Lay a mask on the content of others, stretched or squeezed to their units, and beside it a random one.

    Args:
        mask: (N,) of the input. label: the class that the model predicts from it. others: examples of other classes.

    Raises:
        ValueError: no other example, or one of the mask's class or without a class.
        NothingToRead: one of them holds no unit.
    """
    labels = [example.label for example in others]
    if not others or None in labels or label in labels:
        raise ValueError(f"the swap needs examples of known classes other than {label}; given were {labels[:10]}")
    said, control = [], []
    with torch.inference_mode():
        for batch, laid, drawn in _batches(reader, mask, label, others, seed):
            said.append(model.predict(batch, laid).argmax(1))
            control.append(model.predict(batch, drawn).argmax(1))
    own, called, random = torch.tensor(labels), torch.cat(said), torch.cat(control)
    return Followed(
        contents=len(others),
        content=int((called == own).sum()),
        mask=int((called == label).sum()),
        random_content=int((random == own).sum()),
        random_mask=int((random == label).sum()),
    )


def _batches(reader: Reader, mask: Sequence[bool], label: int, others: Sequence[Example], seed: int) -> Iterator:
    """Content as batches, the mask fitted to it (B, N), and random masks (B, N)."""
    rng = np.random.default_rng(seed)
    for start in range(0, len(others), CHUNK):
        batch = reader.read(others[start : start + CHUNK]).batch
        held = _beside(mask, label, batch)
        rows, n = range(1, len(batch) + 1), batch.unit_mask.shape[1]
        laid = np.stack([fitted(held, 0, row) for row in rows])
        drawn = np.stack([scattered(held, row, held.shares[0], rng) for row in rows])
        yield batch, torch.from_numpy(laid)[:, :n], torch.from_numpy(drawn)[:, :n]


def _beside(mask: Sequence[bool], label: int, batch: Batch) -> MaskSet:
    """The mask as first row, the units of the others below it, as wide as the widest."""
    own, width = torch.tensor([mask]), max(len(mask), batch.unit_mask.shape[1])
    real = torch.cat([F.pad(rows, (0, width - rows.shape[1])) for rows in (torch.ones_like(own), batch.unit_mask)])
    masks = torch.zeros_like(real)
    masks[0, : len(mask)] = own[0]
    return MaskSet(masks, real, torch.cat([torch.tensor([label]), batch.labels]))
