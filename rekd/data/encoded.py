"""A split as tensors in memory, read once, from which any batch is cut."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from rekd.types import Batch

MULTIPLE = 8
"""Batches of text are trimmed to a multiple of this many tokens: few distinct shapes, aligned matrix products."""


@dataclass(frozen=True, eq=False)
class Encoded:
    """n examples as a reader reads them; the axes are those of `Batch`, with n for B.

    content: text: (n, T) int32 word-piece ids; images: (n, 3, H, W) uint8, not yet cropped, scaled or normalised.
    token_mask: (n, T) bool. token_units: (n, T) int16 or int64. unit_mask: (n, N) bool.
    labels: (n,) int64. ids: (n,) int64, what noise is drawn from: the example's row in its split, whatever the order.
    """

    content: Tensor
    token_mask: Tensor
    token_units: Tensor
    unit_mask: Tensor
    labels: Tensor
    ids: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def device(self) -> torch.device:
        return self.content.device

    @property
    def can_vary(self) -> bool:
        """Whether a batch depends on its step where it is augmented."""
        return False

    @cached_property
    def _lengths(self) -> tuple[np.ndarray, np.ndarray]:
        """Slots that each example uses, of tokens and of units: (n,) each, kept off the device."""
        tokens = (self.token_mask | (self.token_units >= 0)).cpu().numpy()
        return _used(tokens), _used(self.unit_mask.cpu().numpy())

    def to(self, device: torch.device | str) -> Encoded:
        """The same examples with their tensors on `device`, so that batches need no copy."""
        return replace(self, **{f.name: getattr(self, f.name).to(device) for f in fields(Encoded)})

    def take(self, indices: np.ndarray | list[int]) -> Encoded:
        """The rows `indices`, in that order; they keep their ids."""
        rows = torch.as_tensor(np.asarray(indices, np.int64), device=self.device)
        return replace(self, **{f.name: getattr(self, f.name)[rows] for f in fields(Encoded)})

    def batch(
        self,
        indices: np.ndarray | list[int],
        device: torch.device | str | None = None,
        *,
        multiple: int = MULTIPLE,
        step: int | Tensor | None = None,
        seed: int | None = None,
        augment: bool = False,
    ) -> Batch:
        """The rows `indices` as a model reads them, trimmed to the longest of them.

        Args:
            device: where the batch goes; None leaves it where the tensors are. multiple: see `shape`.
            step, seed, augment: for images; a text is never changed.
        """
        index = torch.as_tensor(np.asarray(indices, np.int64), device=self.device)
        batch = self.gather(index, self.shape(indices, multiple), step=step, seed=seed, augment=augment)
        return batch if device is None else batch.to(device)

    def shape(self, indices: np.ndarray | list[int], multiple: int = MULTIPLE) -> tuple[int, int]:
        """Tokens, a multiple of so many, and units that hold the longest of rows `indices`; known off the device."""
        rows = np.asarray(indices, np.int64)
        tokens, units = (int(lengths[rows].max()) for lengths in self._lengths)
        return min(-(-tokens // multiple) * multiple, self.content.shape[1]), units

    def gather(
        self,
        index: Tensor,
        shape: tuple[int, int],
        *,
        step: int | Tensor | None = None,
        seed: int | None = None,
        augment: bool = False,
    ) -> Batch:
        """`batch` of rows that lie on the device, trimmed to `shape`: nothing of it waits for the device.

        Args:
            index: (B,) int64. shape: T and N, each at least as large as the longest of the rows.
        """
        tokens, units = shape
        return Batch(
            self.content[index, :tokens].long(),
            self.token_mask[index, :tokens],
            self.token_units[index, :tokens].long(),
            self.unit_mask[index, :units],
            self.labels[index],
            self.ids[index],
        )


def _used(mask: np.ndarray) -> np.ndarray:
    """One more than the last True of each row, 0 for a row without any: (n, S) -> (n,)."""
    return np.where(mask.any(1), mask.shape[1] - mask[:, ::-1].argmax(1), 0)
