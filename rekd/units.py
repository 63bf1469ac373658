"""Texts and images as units; units as tokens. Nobody else knows about word pieces or patch grids."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from rekd.config import ReaderConfig
from rekd.types import Batch, Example, Place, Units

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# Scripts written without spaces between words, where one character is the smallest thing a reader would point at: Thai,
# Lao, Myanmar, Khmer, kana, ideographs.
_ALONE = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_MARK = "\u0300"  # any combining mark or joiner, once `_settled`
_LETTER = rf"(?:(?![{_ALONE}])\w{_MARK}*)"
_WORD = re.compile(rf"{_MARK}*(?:[{_ALONE}]{_MARK}*|{_LETTER}+(?:['’-]{_LETTER}+)*)|[^\w\s{_ALONE}]+")
_USUAL_WORD = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]+")  # the same, and faster, where nothing is unusual
_UNUSUAL = re.compile(rf"[{_ALONE}{_MARK}]")
_BREAK = re.compile(rf"[\s{_ALONE}]|\Z")  # where no word goes on


def words(text: str) -> tuple[Place, ...]:
    """Character spans of words and of runs of punctuation, the same whatever tokeniser a model uses.

    Every visible character lies in one of them. Ideographs, kana and Thai letters stand alone; combining marks and
    joiners stay with the character before them.
    """
    settled = _settled(text)
    word = _WORD if _UNUSUAL.search(settled) else _USUAL_WORD
    return tuple([match.span() for match in word.finditer(settled)])


def _settled(text: str) -> str:
    """`text` with one mark for every combining mark and joiner, which `re` has no class for; offsets stay."""
    if text.isascii():
        return text
    marks = [char for char in set(text) if unicodedata.category(char) in ("Mn", "Mc", "Me", "Cf")]
    return text.translate(dict.fromkeys(map(ord, marks), _MARK)) if marks else text


@dataclass(frozen=True, eq=False)
class Reading:
    """Examples as a model reads them.

    notes: for each example what was left unread, "" where nothing was. stops: the character where reading of a text
    stops. pictures: images as the model sees them, (B, H, W, 3) uint8; the boxes of their units refer to these.
    """

    batch: Batch
    units: tuple[Units, ...]
    notes: tuple[str, ...]
    stops: tuple[int, ...]
    pictures: np.ndarray | None = None


class NothingToRead(ValueError):
    """The input holds no unit at all."""


class TextReader:
    """Tokenises texts and groups their word pieces to units.

    Special tokens are those that the tokeniser adds itself: a typed "[SEP]" is text.

    Raises:
        ValueError: the tokeniser gives no character offsets, or max_tokens leaves no room for text.
    """

    def __init__(self, config: ReaderConfig, tokenizer: PreTrainedTokenizerFast):
        if not getattr(tokenizer, "is_fast", False):
            raise ValueError(
                f"{type(tokenizer).__name__} gives no character offsets, which units need; "
                "use a tokenizer with a tokenizer.json"
            )
        self.config, self.tokenizer = config, tokenizer
        probe = tokenizer("a", return_special_tokens_mask=True)
        special, ids = probe["special_tokens_mask"], probe["input_ids"]
        first, last = special.index(0), len(special) - special[::-1].index(0)
        self.prefix, self.suffix = ids[:first], ids[last:]
        self.room = config.max_tokens - len(self.prefix) - len(self.suffix)
        self.pad_id = tokenizer.pad_token_id or 0
        self.unknown_id = self.pad_id if tokenizer.unk_token_id is None else tokenizer.unk_token_id
        self.reserved = set(tokenizer.all_special_ids)
        if self.room < 1:
            raise ValueError(f"max_tokens {config.max_tokens} leaves no room beside the special tokens; raise it")

    @property
    def blank_id(self) -> int:
        """The token that stands for absent content: the mask token, else padding."""
        mask = self.tokenizer.mask_token_id
        return self.pad_id if mask is None else mask

    def read(self, examples: Sequence[Example]) -> Reading:
        """Tokenise texts as one batch, padded to the longest.

        Raises:
            NothingToRead: a text has no word, sign or symbol.
        """
        texts = [_encodable(example.text or "") for example in examples]
        encoded = self.tokenizer(
            texts, add_special_tokens=False, return_offsets_mapping=True, split_special_tokens=True, verbose=False
        )
        rows = [self._row(*row) for row in zip(texts, encoded["input_ids"], encoded["offset_mapping"], strict=True)]
        ids, owners, units, notes, stops = zip(*rows, strict=True)
        sizes, counts = (np.array([len(each) for each in column]) for column in (ids, units))
        batch = self.pack(np.concatenate(ids), np.concatenate(owners), sizes, counts, examples)
        return Reading(batch, units, notes, stops)

    def _row(self, text: str, ids: list[int], spans: list[Place]):
        spans = spans[: self.room]
        end = max((stop for _, stop in spans), default=0)
        if not text[:end].strip():
            raise NothingToRead(
                "There is nothing to read: the text has no letter, digit or sign. Type a sentence or two."
            )
        kept = [_without_space(text, *span) if text[span[0] : span[0] + 1].isspace() else span for span in spans]
        owners, places = self._own(text, kept, end)
        cut = len(ids) > self.room
        # A vocabulary can hold "</s>" as a piece like any other; typed, it is a sign that the model does not know.
        pieces = [self.unknown_id if piece in self.reserved else piece for piece in ids[: self.room]]
        notes = [f"reads the first {self.room} of {len(ids):,} word pieces"] if cut else []
        pieces = np.array(pieces, np.int64)
        if unknown := len(set(owners[pieces == self.unknown_id].tolist())):
            unit = "word" if self.config.units == "words" else "word piece"
            notes.append(f"does not know {unknown:,} of {len(places):,} {unit}{'s' if len(places) > 1 else ''}")
        return pieces, owners, Units(self.config.units, places), " and ".join(notes), end if cut else len(text)

    def _own(self, text: str, spans: list[Place], end: int) -> tuple[np.ndarray, tuple[Place, ...]]:
        if self.config.units == "words":
            return _owners(words(text[: _BREAK.search(text, end).start()]), spans)
        if self.config.units == "pieces":
            return np.arange(len(spans)), tuple(spans)
        # Official code: every slot is a unit, special tokens and padding too; those have an empty place.
        before, after = [(0, 0)] * len(self.prefix), self.config.max_tokens - len(self.prefix) - len(spans)
        return np.arange(len(spans)), tuple(before + spans + [(len(text), len(text))] * after)

    def pack(
        self, pieces: np.ndarray, owners: np.ndarray, sizes: np.ndarray, counts: np.ndarray, examples: Sequence[Example]
    ) -> Batch:
        """Pieces of B texts, at most `room` each, as one batch between special tokens, padded to the longest.

        Args:
            pieces, owners: (P,) ids, and units within each text, of one text after the other.
            sizes, counts: (B,) pieces and units of each text.
        """
        every_slot, before = self.config.units == "tokens", len(self.prefix)
        ends = before + sizes[:, None]
        slots = np.arange(self.config.max_tokens if every_slot else ends.max() + len(self.suffix))
        ended, token_mask = slots >= ends, slots < ends + len(self.suffix)
        inner = (slots >= before) & ~ended
        content = np.full(inner.shape, self.pad_id, np.int64)
        content[:, :before] = self.prefix
        content[inner] = pieces
        content[ended & token_mask] = self.suffix * len(sizes)
        token_units = np.full(inner.shape, -1, np.int64)
        token_units[inner] = owners
        if every_slot:
            token_units[:] = slots
        unit_mask = np.arange(counts.max()) < counts[:, None]
        arrays = (content, token_mask, token_units, unit_mask, *_labels_and_ids(examples))
        return Batch(*map(torch.from_numpy, arrays))


def _encodable(text: str) -> str:
    """Lone surrogates, which no tokeniser encodes, become the replacement character; offsets stay."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def _without_space(text: str, start: int, stop: int) -> Place:
    """A piece without space before its first sign, which byte-level tokenisers keep; of space, its last character."""
    while start < stop - 1 and text[start].isspace():
        start += 1
    return start, stop


def _owners(spans: tuple[Place, ...], pieces: list[Place]) -> tuple[np.ndarray, tuple[Place, ...]]:
    """Give each piece to the word its first character lies in; join words that one piece covers; drop unread words.

    Returns:
        owners: (pieces,) index of each piece's word. places: the words that own a piece, in order.
    """
    table, (firsts, stops) = _table(spans), _table(pieces).T
    lasts = np.maximum(firsts, stops - 1)
    owner = np.maximum.accumulate(np.maximum(np.searchsorted(table[:, 0], firsts, "right") - 1, 0))
    reach = np.maximum(np.searchsorted(table[:, 0], lasts, "right") - 1, owner)
    opens = np.append(True, owner[1:] > owner[:-1])
    used, far = owner[opens], np.maximum.reduceat(reach, np.flatnonzero(opens))
    limit = np.append(used[1:] - 1, len(table) - 1)
    places = zip(table[used, 0].tolist(), table[np.minimum(far, limit), 1].tolist(), strict=True)
    return np.cumsum(opens) - 1, tuple(places)


def _table(places: Sequence[Place]) -> np.ndarray:
    """Spans as (n, 2) int64."""
    return np.fromiter(chain.from_iterable(places), np.int64, 2 * len(places)).reshape(-1, 2)


def _labels_and_ids(examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray]:
    labels = [-1 if example.label is None else example.label for example in examples]
    ids = [_number(example) for example in examples]
    return np.array(labels, np.int64), np.array(ids, np.int64)


def _number(example: Example) -> int:
    """The number that noise is drawn from: the row of a data set's example, else its content's hash."""
    tail = example.id.rsplit("/", 1)[-1]
    return int(tail) if tail.isdecimal() and len(tail) < 19 else int(example.key[:15], 16)


class ImageReader:
    """Crops images to the model's shape, scales, normalises, and cuts them into patches."""

    def __init__(self, config: ReaderConfig):
        self.config = config
        (height, width), (rows, columns) = config.patch_size, config.grid
        corners = [(column * width, row * height) for row in range(rows) for column in range(columns)]
        self.units = Units("patches", tuple((left, top, left + width, top + height) for left, top in corners))

    def fit(self, images: Tensor) -> Tensor:
        """The largest centred crop of the model's shape, scaled to it: (B, 3, H, W) uint8 -> (B, 3, h, w) uint8."""
        (height, width), (h, w) = images.shape[-2:], self.config.image_size
        if (height, width) == (h, w):
            return images
        scale = min(height / h, width / w)
        crop_h, crop_w = max(1, round(h * scale)), max(1, round(w * scale))
        top, left = (height - crop_h) // 2, (width - crop_w) // 2
        crop = images[..., top : top + crop_h, left : left + crop_w].float()
        sized = F.interpolate(crop, (h, w), mode="bicubic", align_corners=False, antialias=True)
        return sized.round().clamp(0, 255).to(torch.uint8)

    def batch(self, images: Tensor, labels: Tensor, ids: Tensor) -> Batch:
        """Normalise images of the model's own size (B, 3, h, w) uint8, on whatever device they are."""
        shape, device = (len(images), len(self.units)), images.device
        mean, std = (constant(v, torch.float32, device).view(1, 3, 1, 1) for v in (self.config.mean, self.config.std))
        everything = torch.ones(shape, dtype=torch.bool, device=device)
        order = torch.arange(shape[1], device=device).expand(shape)
        return Batch((images.float() / 255 - mean) / std, everything, order, everything, labels, ids)

    def read(self, examples: Sequence[Example]) -> Reading:
        """Images of any size as one batch, each cropped and scaled to the model's shape."""
        fitted = torch.cat([self.fit(torch.tensor(e.image).permute(2, 0, 1)[None]) for e in examples])
        labels, ids = map(torch.from_numpy, _labels_and_ids(examples))
        pictures = fitted.permute(0, 2, 3, 1).contiguous().numpy()
        blank = len(examples)
        return Reading(self.batch(fitted, labels, ids), (self.units,) * blank, ("",) * blank, (0,) * blank, pictures)


@cache  # none is ever let go, for a captured graph may read it
def constant(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """A few numbers on a device, copied there once: each copy would make the host wait. Not to be written to."""
    with torch.inference_mode(False):  # it outlives whoever asks for it first
        return torch.tensor(values, dtype=dtype, device=device)


def mark(units: Units, evidence: Sequence[Place]) -> tuple[bool, ...]:
    """Which units a person's marks cover: any shared character of a text, at least half of a patch's area."""
    if not evidence or not units.places:
        return (False,) * len(units.places)
    covers = _text_cover if units.kind != "patches" else _box_cover
    return tuple(covers(np.array(units.places)[:, None], np.array(evidence)).any(1).tolist())


def _text_cover(places: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Characters (N, 1, 2) and (M, 2), start and end -> (N, M) bool."""
    return (places[..., 0] < other[:, 1]) & (other[:, 0] < places[..., 1])


def _box_cover(places: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Boxes (N, 1, 4) and (M, 4), left, top, right, bottom -> (N, M) bool."""
    sides = np.minimum(places[..., 2:], other[:, 2:]) - np.maximum(places[..., :2], other[:, :2])
    area = (places[..., 2:] - places[..., :2]).prod(-1)
    return sides.clip(0).prod(-1) * 2 >= area
