"""Long splits repeat their words: each is tokenised once, and the texts are put together from what was found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from rekd.types import Batch, Example
from rekd.units import TextReader

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

LONGEST = 100
"""Characters of a word: a text with a longer one is left to the reader."""
LINE = 1_500
"""Characters tokenised as one text, about: enough to be worth a call, too few for `PIECES`."""
PIECES = 8_192
"""Word pieces that a line may have; a character here makes at most four."""

# Space that is space to the tokeniser, to `str.split` and to `words`, and signs that each have a piece and join nothing
# before them: ASCII, Latin letters and signs, typographic quotes and dashes. Of other characters the tokeniser drops
# some, so that a word may have no piece, and takes some for no space that Python does.
_SPACE = "\t\n\r \xa0"
_SIGN = "!-~\xa1-\xac\xae-\u024f\u2010-\u2027"
_PLAIN = re.compile(rf"[{_SPACE}]*+(?:[{_SIGN}]{{1,{LONGEST}}}+(?:[{_SPACE}]++|\Z))++")


def splits_at_space(tokenizer: PreTrainedTokenizerFast) -> bool:
    """Whether the pieces of a plain word are the same in any text: so they are for tokenisers of BERT's kind."""
    from tokenizers import models, normalizers, pre_tokenizers  # needless where data is loaded and not read

    core = tokenizer.backend_tokenizer
    added = core.get_added_tokens_decoder().values()
    return (
        all(token.special for token in added)  # typed, those are text; others may hold space
        and (core.normalizer is None or isinstance(core.normalizer, normalizers.BertNormalizer))
        and isinstance(core.pre_tokenizer, pre_tokenizers.BertPreTokenizer)
        and isinstance(core.model, models.WordPiece)
    )


class Lexicon:
    """What a reader makes of words, here all that stands between two spaces; it grows with the texts that are read.

    Pieces of all words lie one after the other: `ids` and `owners`, each piece's unit within its word, (P,) int64.
    `starts`, `sizes` and `counts` say where those of a word begin, how many it has, and how many units: (W,) int64.
    """

    def __init__(self, reader: TextReader):
        self.reader = reader
        self._whole = TextReader(replace(reader.config, units="words", max_tokens=PIECES), reader.tokenizer)
        self._numbers = _Numbers()
        self.ids, self.owners, self.sizes, self.counts = np.empty((4, 0), np.int64)
        self.starts = self.sizes

    def holds(self, text: str | None) -> bool:
        """Whether words are enough to read the text by; the reader itself is asked otherwise."""
        return _PLAIN.fullmatch(text or "") is not None

    def read(self, examples: Sequence[Example]) -> Batch:
        """The reader's own batch of texts, each of which must be one that the lexicon `holds`."""
        room = self.reader.room  # a word has at least one piece
        texts = [example.text.split(None, room)[:room] for example in examples]
        lengths = np.array([len(text) for text in texts])
        words = np.fromiter(map(self._numbers.__getitem__, chain.from_iterable(texts)), np.int64, lengths.sum())
        self._learn(self._numbers.take_new())
        return self._batch(words, lengths, examples)

    def _batch(self, words: np.ndarray, lengths: np.ndarray, examples: Sequence[Example]) -> Batch:
        """Args: words (W,) numbers, one text after the other; lengths (B,) words of each text."""
        firsts, sizes = _before(lengths), self.sizes[words]
        text_sizes = np.add.reduceat(sizes, firsts)
        number = np.arange(sizes.sum())
        place = number - np.repeat(_before(text_sizes), text_sizes)  # within its text
        piece = number + np.repeat(self.starts[words] - _before(sizes), sizes)  # among all that are known
        units = _before(self.counts[words])
        owners = self.owners[piece] + np.repeat(units, sizes) - np.repeat(units[firsts], text_sizes)
        read = place < self.reader.room
        piece, owners, text_sizes = piece[read], owners[read], np.minimum(text_sizes, self.reader.room)
        counts = owners[np.cumsum(text_sizes) - 1] + 1
        if self.reader.config.units != "words":
            owners, counts = place[read], text_sizes
        if self.reader.config.units == "tokens":
            counts = np.full_like(text_sizes, self.reader.config.max_tokens)
        return self.reader.pack(self.ids[piece], owners, text_sizes, counts, examples)

    def _learn(self, words: list[str]) -> None:
        """Have words read, many in a line, and keep what each was given."""
        if not words:
            return
        ends = np.cumsum([len(word) + 1 for word in words])  # where all lines stand in one row, space between
        breaks = [0, *(np.flatnonzero(np.diff(ends // LINE)) + 1), len(words)]
        lines = [" ".join(words[start:stop]) for start, stop in zip(breaks, breaks[1:], strict=False)]
        reading = self._whole.read([Example("0", line) for line in lines])
        origins = _before(np.array([len(line) + 1 for line in lines])).tolist()
        units = [at + start for at, of in zip(origins, reading.units, strict=True) for start, _ in of.places]
        owner = np.searchsorted(ends, units, "right")  # the word of each unit
        owned = reading.batch.token_units.numpy()
        unit = (owned + _before(np.array([len(of) for of in reading.units]))[:, None])[owned >= 0]  # of each piece
        counts, sizes = (np.bincount(each, minlength=len(words)) for each in (owner, owner[unit]))
        self.ids = np.append(self.ids, reading.batch.content.numpy()[owned >= 0])
        self.owners = np.append(self.owners, unit - _before(counts)[owner[unit]])
        self.counts, self.sizes = np.append(self.counts, counts), np.append(self.sizes, sizes)
        self.starts = _before(self.sizes)


class _Numbers(dict[str, int]):
    """Words, numbered in the order in which they are first asked for."""

    def __init__(self):
        super().__init__()
        self._new: list[str] = []

    def __missing__(self, word: str) -> int:
        number = self[word] = len(self)
        self._new.append(word)
        return number

    def take_new(self) -> list[str]:
        """The words that were numbered since this was last asked."""
        new, self._new = self._new, []
        return new


def _before(sizes: np.ndarray) -> np.ndarray:
    """How much lies before each: (n,) -> (n,)."""
    return np.cumsum(sizes) - sizes
