"""A mask of one's own: its way into the address and back, the steps taken, and the input cut into what can be pressed.

Pure; nothing here knows a page or a session.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rekd.ui.components import UNIT_WORDS
from rekd.ui.text import TAIL

if TYPE_CHECKING:
    from rekd.types import Units

REMEMBERED = 200
"""Steps that can be undone."""
_PACKED = re.compile(r"([1-9][0-9]{0,4})-([0-9a-f]{1,2000})")


def pack(mask: Sequence[bool]) -> str:
    """A mask (N,), N at least 1, as "N-hex": four units a digit, the first unit first, the last digit filled with 0."""
    bits = "".join("1" if on else "0" for on in mask)
    digits = -(-len(bits) // 4)
    return f"{len(bits)}-{int(bits.ljust(4 * digits, '0'), 2):0{digits}x}"


def unpack(text: str, n: int) -> list[bool] | None:
    """The mask (n,) that was packed; None where the text is none, or one of another number of units."""
    found = _PACKED.fullmatch(text) if isinstance(text, str) else None
    if found is None or int(found[1]) != n or len(found[2]) != -(-n // 4):
        return None
    bits = f"{int(found[2], 16):0{4 * len(found[2])}b}"
    return None if "1" in bits[n:] else [bit == "1" for bit in bits[:n]]


def at_random(n: int, k: int, seed: int) -> list[bool]:
    """A mask (n,) of min(k, n) units, each as likely as any other; the same seed, the same mask."""
    import random

    chosen = set(random.Random(seed).sample(range(n), min(k, n)))
    return [i in chosen for i in range(n)]


@dataclass(frozen=True)
class History:
    """Packed masks that were left behind, and those that undoing took back; the last of each is the nearest."""

    past: tuple[str, ...] = ()
    future: tuple[str, ...] = ()

    def step(self, now: str, then: str) -> History:
        """A step from one mask to another; what was undone before can't be redone any more."""
        return self if now == then else History((*self.past, now)[-REMEMBERED:], ())

    def undo(self, now: str) -> tuple[str, History]:
        """The mask before `now`, which is `now` itself where there is none."""
        if not self.past:
            return now, self
        return self.past[-1], History(self.past[:-1], (*self.future, now))

    def redo(self, now: str) -> tuple[str, History]:
        """The mask that was undone last, which is `now` itself where there is none."""
        if not self.future:
            return now, self
        return self.future[-1], History((*self.past, now), self.future[:-1])


@dataclass(frozen=True)
class Cell:
    """What one press switches: a stretch of text with the characters before it, or a box of pixels.

    units: mostly one; several where pieces share characters, such as those of one emoji. label: for screen readers.
    """

    units: tuple[int, ...]
    label: str
    gap: str = ""
    text: str = ""
    box: tuple[int, ...] = ()


@dataclass(frozen=True)
class Sheet:
    """The whole input in the order it is drawn. rest: read, but no unit. unread: never read, cut for the eye.

    hidden: characters of the unread rest that are left out.
    """

    cells: tuple[Cell, ...]
    rest: str = ""
    unread: str = ""
    hidden: int = 0


def text_sheet(text: str, units: Units, stop: int) -> Sheet:
    """A text cut at its units; stop: the character where reading stopped. Every character up to there is in it once."""
    spans: list[tuple[int, int, tuple[int, ...]]] = []
    for i, (start, end) in enumerate(units.places):
        if start >= end:  # a slot without characters, such as a special token in the official code's reading
            continue
        if spans and start < spans[-1][1]:
            first, last, held = spans[-1]
            spans[-1] = (first, max(last, end), (*held, i))
        else:
            spans.append((start, end, (i,)))
    cells, at, noun = [], 0, UNIT_WORDS[units.kind][:-1]
    for number, (start, end, held) in enumerate(spans, 1):
        label = f"{text[start:end]}, {noun} {number} of {len(spans)}"
        cells.append(Cell(held, label, _lines(text[at:start]), _lines(text[start:end])))
        at = end
    stop = max(at, stop)
    left = text[stop:]
    if not left.strip():
        return Sheet(tuple(cells), _lines(text[at:]))
    return Sheet(tuple(cells), _lines(text[at:stop]), _lines(left[:TAIL]), max(0, len(left) - TAIL))


def _lines(piece: str) -> str:
    """Every line end as a browser draws one."""
    return piece.replace("\r\n", "\n").replace("\r", "\n")


def image_sheet(units: Units) -> Sheet:
    """The patches of an image, named by row and column from 1 at the upper left."""
    lefts, tops = (sorted({box[side] for box in units.places}) for side in (0, 1))
    where = [f"patch in row {tops.index(box[1]) + 1}, column {lefts.index(box[0]) + 1}" for box in units.places]
    boxes = zip(units.places, where, strict=True)
    return Sheet(tuple(Cell((i,), label, box=box) for i, (box, label) in enumerate(boxes)))


@dataclass(frozen=True)
class Easel:
    """One input being painted in one window.

    sheet: name of what is painted on. turn: number of the last stroke that the browser told of. version: counts the
    changes that were made here and not by the browser. draws: random masks taken so far. started: what was started
    from, as a sentence. wanted: a method that is to be computed and started from.
    """

    sheet: str
    history: History = History()
    turn: int = 0
    version: int = 0
    draws: int = 0
    started: str = ""
    wanted: str = ""

    def stroke(self, now: str, then: str, turn: int) -> Easel:
        """After a stroke in the browser, which shows it already."""
        return replace(self, history=self.history.step(now, then), turn=turn)

    def put(self, now: str, then: str, started: str = "") -> Easel:
        """After a button here: the browser is to show the new mask."""
        return replace(self, history=self.history.step(now, then), version=self.version + 1, started=started)
