"""Does what was left out reach the prediction? Its content becomes that of other inputs, and the mask is kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from rekd.models import RationaleModel
from rekd.types import Batch, Example
from rekd.units import ImageReader, Reading, TextReader

CHUNK = 20
"""Inputs predicted together, always as many: the last digit of a sum in floating point depends on the shape of a batch
and on a row's place in it. Every row is compared with the same row of a batch that holds the original throughout, so
what is left of a difference comes from content alone."""

Reader = TextReader | ImageReader
_AROUND = re.compile(r"(?<=[(\[{]) | (?=[)\]}:;])")
"""Spaces that a tokenizer leaves inside brackets and before colons."""


@dataclass(frozen=True, eq=False)
class Donor:
    """An input whose content fills the gaps; `turn` moves it on by as many tokens, round its end."""

    example: Example
    turn: int = 0


@dataclass(frozen=True)
class Movement:
    """How far a model's logits moved over inputs whose unselected units hold other content.

    draws: how many such inputs. replaced, units: how many of the units were unselected. changed: mean share of their
    tokens whose content really became another, 0 to 1. largest: |difference| over all draws and classes. moves: of the
    logit of the class predicted on the original, one a draw. flips: draws that another class is predicted on.
    """

    draws: int
    replaced: int
    units: int
    changed: float
    largest: float
    moves: tuple[float, ...]
    flips: int

    @property
    def tested(self) -> bool:
        """Whether anything was changed at all; without that nothing is proved."""
        return self.changed > 0

    @property
    def exact(self) -> bool:
        """Whether nothing moved, to the last bit; a logit that is no number counts as moved."""
        return self.largest == 0

    @property
    def median(self) -> float:
        return float(np.median(self.moves))

    @property
    def top(self) -> float:
        return float(np.max(self.moves))


def donors(examples: Sequence[Example], draws: int, seed: int) -> tuple[Donor, ...]:
    """As many donors as draws, in the order of `examples`; those used again are turned, so that no draw repeats one.

    Raises:
        ValueError: no example.
    """
    if not examples:
        raise ValueError("there is no input to take other content from; give one or more examples")
    turns = np.random.default_rng(seed).integers(1, 1 << 16, draws).tolist()
    n = len(examples)
    return tuple(Donor(examples[i % n], 0 if i < n else turns[i]) for i in range(draws))


def shuffled(image: np.ndarray, draws: int, seed: int) -> list[Example]:
    """The image (H, W, 3) uint8 with its pixels in another order, `draws` times: other content where no data are."""
    pixels = image.reshape(-1, image.shape[-1])
    rngs = (np.random.default_rng((seed, draw)) for draw in range(draws))
    return [
        Example(f"shuffled/{draw}", image=rng.permutation(pixels).reshape(image.shape)) for draw, rng in enumerate(rngs)
    ]


def scrambled(reader: Reader, batch: Batch, mask: Sequence[bool], others: Sequence[Donor]) -> Batch:
    """The input once for each donor, with the donor's content in every token whose unit is not in `mask`.

    Units, padding, special tokens and positions stay. A word takes as many of the donor's word pieces as it has itself,
    a patch the pixels of the donor's patch at its place; a donor that is shorter begins anew.

    Args:
        batch: one input as the reader reads it. mask: (N,).

    Raises:
        NothingToRead: a donor holds no unit.
    """
    given = reader.read([donor.example for donor in others]).batch
    slots, owned = _slots(reader, batch)[0], _owned(reader, batch)[0]
    gaps = owned & ~_on_tokens(batch, mask)[0]
    places, rank = gaps.nonzero()[:, 0], owned.cumsum(0) - 1
    rows = slots.repeat(len(others), *(1,) * slots.dim())
    parts = zip(_slots(reader, given), _owned(reader, given), others, strict=True)
    for row, (content, has, donor) in zip(rows, parts, strict=True):
        source = content[has]
        row[places] = source[(rank[places] + donor.turn) % len(source)]
    return replace(batch.rows(torch.zeros(len(others), dtype=torch.long)), content=_content(reader, rows))


def movement(
    model: RationaleModel,
    reader: Reader,
    reading: Reading,
    mask: Sequence[bool],
    others: Sequence[Donor],
    *,
    whole: bool = False,
) -> Movement:
    """How the logits move when the content outside `mask` becomes the donors'.

    Args:
        reading: one input. mask: (N,). whole: the model reads everything, as a model that a method explains does;
            else it predicts from `mask` alone.

    Raises:
        NothingToRead: a donor holds no unit.
    """
    batch = reading.batch
    original = batch.rows(torch.zeros(CHUNK, dtype=torch.long))
    seen = None if whole else torch.tensor([mask]).expand(CHUNK, -1)
    with torch.inference_mode():
        still = model.predict(original, seen)
        said, changed = [], []
        for start in range(0, len(others), CHUNK):
            part = others[start : start + CHUNK]
            content = scrambled(reader, batch, mask, part).content
            changed.append(_changed(reader, batch, mask, content))
            filled = replace(original, content=torch.cat([content, original.content[len(part) :]]))
            said.append(model.predict(filled, seen)[: len(part)])
    return _measured(still, torch.cat(said), torch.cat(changed), mask)


def _measured(still: Tensor, said: Tensor, changed: Tensor, mask: Sequence[bool]) -> Movement:
    """still: (CHUNK, K) logits of the original at each place of a batch. said: (n, K). changed: (n,) shares."""
    before = still.repeat(-(-len(said) // CHUNK), 1)[: len(said)]
    moved, label = (said - before).abs(), int(still[0].argmax())
    return Movement(
        draws=len(said),
        replaced=len(mask) - sum(mask),
        units=len(mask),
        changed=float(changed.mean()),
        largest=float(moved.max()),
        moves=tuple(moved[:, label].tolist()),
        flips=int((said.argmax(1) != before.argmax(1)).sum()),
    )


def _changed(reader: Reader, batch: Batch, mask: Sequence[bool], content: Tensor) -> Tensor:
    """Share of the unselected tokens that hold other content than before, (n,); 0 where none is unselected."""
    gaps = (_owned(reader, batch) & ~_on_tokens(batch, mask))[0]
    other = _slots(reader, replace(batch, content=content)) != _slots(reader, batch)
    differs = other.flatten(2).any(2) if other.dim() > 2 else other
    return differs[:, gaps].float().sum(1) / max(1, int(gaps.sum()))


def pieces(
    reader: TextReader, reading: Reading, text: str, mask: Sequence[bool], ids: Tensor
) -> list[tuple[str, bool]]:
    """A scrambled text as a person reads it: stretches of (text, selected), between two of which stands a space.

    What is selected is cut from the text itself; what was replaced is decoded from the word pieces.

    Args:
        reading: the original. ids: (T,) word pieces of one row of `scrambled`.
    """
    places, owners = reading.units[0].places, reading.batch.token_units[0].tolist()
    out: list[tuple[str, bool]] = []
    run: list[int] = []

    def close() -> None:
        if run:
            out.append((_decoded(reader, run), False))
            run.clear()

    last = -1
    for owner, piece in zip(owners, ids.tolist(), strict=True):
        if owner >= 0 and not mask[owner]:
            run.append(piece)
        elif owner >= 0 and owner != last:
            close()
            out.append((text[slice(*places[owner])], True))
        last = owner
    close()
    return [stretch for stretch in out if stretch[0]]


def _decoded(reader: TextReader, run: Sequence[int]) -> str:
    """Word pieces as a person writes them, without the sign of one that continues a word that is not there."""
    before = list(reader.prefix)[-1:]  # after another piece the tokenizer knows what to do with the sign
    start, whole = (
        reader.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=True)
        for ids in (before, [*before, *run])
    )
    return _AROUND.sub("", whole.removeprefix(start)).strip()


def picture(reader: ImageReader, batch: Batch) -> np.ndarray:
    """Normalised pixels of one row as an image (H, W, 3) uint8."""
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (reader.config.mean, reader.config.std))
    pixels = (batch.content[0] * std + mean) * 255
    return pixels.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def _owned(reader: Reader, batch: Batch) -> Tensor:
    """Tokens with content of the input's own, (B, T) bool: no padding, no special tokens."""
    owned = (batch.token_units >= 0) & batch.token_mask
    if reader.config.modality == "text":
        owned &= ~torch.isin(batch.content, torch.tensor([*reader.prefix, *reader.suffix], dtype=torch.long))
    return owned


def _on_tokens(batch: Batch, mask: Sequence[bool]) -> Tensor:
    """A mask (N,) on the tokens of one input, (1, T) bool; tokens without a unit are off."""
    units = batch.token_units
    return torch.tensor(mask)[units.clamp(min=0)] & (units >= 0)


def _slots(reader: Reader, batch: Batch) -> Tensor:
    """Content token by token: word pieces (B, T), or the pixels of patches (B, T, values)."""
    if reader.config.modality == "text":
        return batch.content
    (height, width), (rows, columns), b = reader.config.patch_size, reader.config.grid, len(batch.content)
    cells = batch.content.reshape(b, 3, rows, height, columns, width)
    return cells.permute(0, 2, 4, 1, 3, 5).reshape(b, rows * columns, -1)


def _content(reader: Reader, slots: Tensor) -> Tensor:
    """The way back from `_slots`."""
    if reader.config.modality == "text":
        return slots
    (height, width), (rows, columns), b = reader.config.patch_size, reader.config.grid, len(slots)
    cells = slots.reshape(b, rows, columns, 3, height, width).permute(0, 3, 1, 4, 2, 5)
    return cells.reshape(b, 3, rows * height, columns * width).contiguous()
