"""Texts for training: a whole split tokenised once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from rekd.data.encoded import Encoded
from rekd.data.lexicon import Lexicon, splits_at_space
from rekd.types import Batch, Example, Split
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
    numbers, parts = numbered(split, ids), []
    lexicon = Lexicon(reader) if splits_at_space(reader.tokenizer) else None
    for start in range(0, len(split), CHUNK):
        stop = min(start + CHUNK, len(split))
        parts += [(rows, _small(batch)) for rows, batch in _read(split, range(start, stop), reader, lexicon)]
        if progress:
            progress(stop, len(split))
    blank = {"content": reader.pad_id, "token_mask": False, "token_units": -1, "unit_mask": False}
    tensors = {name: _stack([(rows, part[name]) for rows, part in parts], blank[name]) for name in blank}
    return Encoded(**tensors, labels=torch.tensor(split.labels, dtype=torch.int64), ids=numbers)


def _read(
    split: Split, rows: Sequence[int], reader: TextReader, lexicon: Lexicon | None
) -> Iterator[tuple[list[int], Batch]]:
    """Batches and the rows that they are of: by the words that texts share where that gives the same, else one by one.

    Raises:
        NothingToRead: see `collate`.
    """
    held = [row for row in rows if lexicon and lexicon.holds(split.texts[row])]
    if held:
        yield held, lexicon.read([split[row] for row in held])
    if others := sorted({*rows} - {*held}):
        yield others, read_named(reader, [split[row] for row in others]).batch


def _small(batch: Batch) -> dict[str, Tensor]:
    """What is stored of a batch, in few bytes."""
    return {
        "content": batch.content.int(),
        "token_mask": batch.token_mask,
        "token_units": batch.token_units.short(),
        "unit_mask": batch.unit_mask,
    }


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


def _stack(parts: Sequence[tuple[list[int], Tensor]], value: int | bool) -> Tensor:
    """Rows, (m, S) of different widths, each at its number in one tensor that is filled up with `value`."""
    count, width = sum(len(rows) for rows, _ in parts), max(part.shape[1] for _, part in parts)
    whole = np.full((count, width), value, parts[0][1].numpy().dtype)
    for rows, part in parts:
        whole[rows, : part.shape[1]] = part.numpy()
    return torch.from_numpy(whole)
