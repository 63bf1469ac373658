"""Long text splits tokenised once and kept: reading 22,500 reviews takes a run longer than a hundred of its steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from rekd import units
from rekd.cached import cached, digest
from rekd.data import lexicon, text
from rekd.data.encoded import Encoded
from rekd.data.sources import split_hash
from rekd.data.text import collate, numbered
from rekd.types import Split
from rekd.units import TextReader

FEWEST = 2_000
"""Texts of a split from which it is kept: fewer are read in a second or two."""
MOST_FILES = 12
"""Files kept, the newest: 50 MB each for a split of IMDB's size."""
_OWN = ("labels", "ids")
"""Fields that are not the reader's work."""


def read_once(
    split: Split,
    reader: TextReader,
    ids: Sequence[int] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Encoded:
    """`collate`, which is asked once for a long split and a way of reading; the rest comes from the cache folder."""
    if len(split) < FEWEST:
        return collate(split, reader, ids, progress)

    def make() -> dict[str, Tensor]:
        read = collate(split, reader, ids, progress)
        return {field.name: getattr(read, field.name) for field in fields(read) if field.name not in _OWN}

    found = cached("texts", _key(split, reader), make, MOST_FILES)
    return Encoded(**found, labels=torch.as_tensor(split.labels, dtype=torch.int64), ids=numbered(split, ids))


def _key(split: Split, reader: TextReader) -> str:
    """Of the texts, the tokeniser, the reader's settings, and the code that reads."""
    reads = (split_hash(split), reader.tokenizer.backend_tokenizer.to_str(), repr(reader.config))
    return digest([*(part.encode() for part in reads), _code()])


@cache
def _code() -> bytes:
    return b"".join(Path(module.__file__).read_bytes() for module in (units, lexicon, text))
