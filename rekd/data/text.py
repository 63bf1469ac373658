"""Texts for training: a whole split tokenised once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from rekd.data.encoded import Encoded
from rekd.types import Example, Split
from rekd.units import NothingToRead, Reading, TextReader

CHUNK = 512
"""Texts tokenised at a time: enough for the tokeniser's threads, little memory for offsets."""


def collate(
    split: Split,
    reader: TextReader,
    ids: Sequence[int] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Encoded:
    """Tokenise every text of a split.

    Args:
        ids: (n,) numbers that noise is drawn from; None takes row numbers. Pass the rows after `Split.take`.
        progress: called with (texts done, texts in all) after each chunk.

    Raises:
        NothingToRead: a text has no word, sign or symbol; the message names its row.
    """
    numbers, batches = numbered(split, ids), []
    for start in range(0, len(split), CHUNK):
        stop = min(start + CHUNK, len(split))
        batches.append(read_named(reader, [split[row] for row in range(start, stop)]).batch)
        if progress:
            progress(stop, len(split))
    return Encoded(
        content=_stack([b.content.int() for b in batches], reader.pad_id),
        token_mask=_stack([b.token_mask for b in batches], False),
        token_units=_stack([b.token_units.short() for b in batches], -1),
        unit_mask=_stack([b.unit_mask for b in batches], False),
        labels=torch.cat([b.labels for b in batches]),
        ids=numbers,
    )


def numbered(split: Split, ids: Sequence[int] | None) -> Tensor:
    """The numbers that noise is drawn from, one a text: (n,) int64."""
    numbers = torch.arange(len(split)) if ids is None else torch.as_tensor(ids, dtype=torch.int64)
    if len(split) == 0 or len(numbers) != len(split):
        raise ValueError(f"{split.task} {split.name} has {len(split)} texts and {len(numbers)} ids; give one id a text")
    return numbers


def read_named(reader: TextReader, examples: Sequence[Example]) -> Reading:
    """`reader.read`, which says what an example without anything to read is called.

    Raises:
        NothingToRead: see above.
    """
    try:
        return reader.read(examples)
    except NothingToRead:
        for example in examples:
            try:
                reader.read([example])
            except NothingToRead as error:
                raise NothingToRead(f"{example.id}: {error}") from error
        raise


def _stack(parts: list[Tensor], value: int | bool) -> Tensor:
    """Chunks (m, S) of different widths as one tensor, filled up with `value`."""
    width = max(part.shape[1] for part in parts)
    return torch.cat([F.pad(part, (0, width - part.shape[1]), value=value) for part in parts])
