"""Images for training: bytes in memory, augmented, scaled and normalised batch by batch on the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rekd.data.augmenting import DRAWS, strengthen
from rekd.data.encoded import Encoded
from rekd.data.spec import TASKS
from rekd.masks import uniform
from rekd.types import Batch, Split
from rekd.units import ImageReader, constant

AUGMENT_STREAM = 1 << 40
"""Added to the seed, so that augmentation shares no random number with masks of the same seed, step and example."""


@dataclass(frozen=True, eq=False)
class EncodedImages(Encoded):
    """Images (n, 3, H, W) uint8 with the reader that makes batches of them.

    crop: largest shift of the seeded random crop, in pixels of the stored images. flip: whether mirroring keeps labels.
    strong: whether augmented images are changed in one way more (`strengthen`).
    """

    reader: ImageReader
    crop: int
    flip: bool
    strong: bool = False

    def gather(
        self,
        index: Tensor,
        shape: tuple[int, int],
        *,
        step: int | Tensor | None = None,
        seed: int | None = None,
        augment: bool = False,
    ) -> Batch:
        """The rows `index`, scaled to the model's size and normalised; all have the same shape.

        Args:
            step, seed: what augmentation depends on, beside each example's id.
            augment: shift each image by up to `crop` pixels and mirror half of them, where the task allows it; where
                `strong`, change it in one way more.

        Raises:
            ValueError: augment without step and seed.
        """
        ids, images = self.ids[index], self.content[index]
        if augment and (step is None or seed is None):
            raise ValueError(
                "augmented images are a function of (seed, step, example); pass step and seed with augment=True"
            )
        if augment and self.can_vary:
            draws = uniform(seed + AUGMENT_STREAM, step, ids, 3 + DRAWS * self.strong)
            images = self.augmented(images, draws, constant(self._mean, torch.uint8, self.device))
        return self.reader.batch(self.reader.fit(images), self.labels[index], ids)

    @property
    def can_vary(self) -> bool:
        return bool(self.crop or self.flip or self.strong)

    def augmented(self, images: Tensor, draws: Tensor, fill: Tensor) -> Tensor:
        """Crops and flips take the first three draws, whatever else is done; they come last."""
        if self.strong:
            images = strengthen(images, draws[:, 3:], self._mean, crop=self.crop > 0, flip=self.flip)
        if self.crop or self.flip:
            images = shift_and_flip(images, draws[:, :3], self.crop, self.flip, fill)
        return images

    @property
    def _mean(self) -> tuple[int, ...]:
        """The reader's mean colour as bytes."""
        return tuple(round(255 * value) for value in self.reader.config.mean)


def encode_images(split: Split, reader: ImageReader, ids: Sequence[int] | None = None) -> EncodedImages:
    """A split's images as one tensor; crop and flip are the task's own (`TaskSpec`).

    Args:
        ids: (n,) numbers that noise is drawn from; None takes row numbers. Pass the rows after `Split.take`.
    """
    numbers = torch.arange(len(split)) if ids is None else torch.as_tensor(ids, dtype=torch.int64)
    if len(split) == 0 or len(numbers) != len(split):
        raise ValueError(
            f"{split.task} {split.name} has {len(split)} images and {len(numbers)} ids; give one id an image"
        )
    content = torch.from_numpy(np.ascontiguousarray(split.images.transpose(0, 3, 1, 2)))
    one = reader.read([split[0]]).batch  # every image has the same tokens and units
    masks = (part.expand(len(split), -1) for part in (one.token_mask, one.token_units, one.unit_mask))
    labels = torch.tensor(split.labels, dtype=torch.int64)
    spec = TASKS[split.task]
    return EncodedImages(content, *masks, labels, numbers, reader, round(spec.crop * min(content.shape[2:])), spec.flip)


def shift_and_flip(images: Tensor, draws: Tensor, crop: int, flip: bool, fill: Tensor) -> Tensor:
    """Shift images by whole pixels and mirror some of them, all at once.

    Args:
        images: (B, 3, H, W) uint8. draws: (B, 3) in [0, 1): down, right, mirror.
        crop: largest shift in pixels, either way. fill: colour (3,) uint8 of pixels from outside the image.

    Returns:
        (B, 3, H, W) uint8.
    """
    height, width = images.shape[-2:]
    device = images.device
    down, right = ((draws[:, axis] * (2 * crop + 1)).long()[:, None] - crop for axis in (0, 1))
    rows = torch.arange(height, device=device) + down  # (B, H): the source row of each row
    columns = torch.arange(width, device=device).expand(len(images), -1)
    if flip:
        columns = torch.where(draws[:, 2:] < 0.5, columns, width - 1 - columns)
    columns = columns + right
    inside = ((rows >= 0) & (rows < height))[:, None, :, None] & ((columns >= 0) & (columns < width))[:, None, None, :]
    example = torch.arange(len(images), device=device)[:, None, None, None]
    channel = torch.arange(images.shape[1], device=device)[:, None, None]
    moved = images[
        example, channel, rows.clamp(0, height - 1)[:, None, :, None], columns.clamp(0, width - 1)[:, None, None, :]
    ]
    return torch.where(inside, moved, fill[:, None, None])
