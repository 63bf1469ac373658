"""Data sets: a table of them, their rows in memory, and the tensors that training cuts batches from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rekd.data.encoded import Encoded
from rekd.data.order import batch_indices, order
from rekd.data.sources import DataBroken, DataMissing, data_at_hand, load_split, split_hash
from rekd.data.spec import TASKS, TaskSpec, task_spec
from rekd.data.tokenised import read_once
from rekd.data.vision import EncodedImages, encode_images
from rekd.types import Split
from rekd.units import ImageReader, TextReader

__all__ = [
    "TASKS",
    "DataBroken",
    "DataMissing",
    "Encoded",
    "EncodedImages",
    "TaskSpec",
    "batch_indices",
    "data_at_hand",
    "encode",
    "load_split",
    "order",
    "split_hash",
    "task_spec",
]


def encode(
    split: Split,
    reader: TextReader | ImageReader,
    ids: Sequence[int] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Encoded:
    """A whole split as tensors, whichever its modality; see `rekd.data.text.collate` and `encode_images`."""
    if split.modality != reader.config.modality:
        raise ValueError(
            f"{split.task} holds {split.modality}s and the model reads {reader.config.modality}s; choose another"
        )
    if split.modality == "text":
        return read_once(split, reader, ids, progress)
    return encode_images(split, reader, ids)
