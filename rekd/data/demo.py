"""The built-in images: real handwritten digits among stroke fragments of other digits, drawn from a seed.

Every canvas is 64 x 64 pixels, cut into patches of 8 x 8. One whole digit of scikit-learn's `load_digits`, enlarged to
a box of 24 to 28 pixels whose corner snaps to the patch grid, gives the label; pieces of other digits lie around that
box. The planted rationale is the set of patches that hold at least `INK_PIXELS` ink pixels of the digit.

Only integers are drawn and computed, so a seed gives the same pixels on every platform.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from rekd.data.order import permutation, raw_numbers
from rekd.data.spec import TASKS
from rekd.types import Place, Split

CANVAS, PATCH = 64, 8
BOXES = (24, 25, 26, 27, 28)
"""Side of the enlarged digit in pixels."""
SLOT = 32
"""Side of the patches that the largest box touches, in pixels; no fragment comes closer."""
INK, INK_PIXELS = 64, 3
"""A pixel is ink from this brightness of 255 on; a patch is planted from this number of the digit's ink pixels on."""
FRAGMENTS = 8
"""Fragments tried on a canvas; five or six of them find room."""
RADII, OVER = (6, 7, 8), 3
"""A fragment is what half a disk of such a radius, and OVER pixels more, cuts out of another enlarged digit: open
strokes and corners, seldom a closed loop, never a whole digit."""
SIDES = np.array([(0, 1), (1, 0), (0, -1), (-1, 0)])
"""Directions (down, right) in which the half disk lies."""
CLEARANCE = 11
"""Pixels between the centres of two fragments, down or across."""
TRIES = 6
"""Places tried for a fragment before it is left out, and digits tried before none of another class is found."""
PAPER, PEN = (24, 30, 44), (250, 244, 230)
"""Colours of empty canvas and full ink."""

CANVASES = {"train": 12_000, "dev": 1_000, "test": 2_000}
SOURCES = {"train": 1_197, "dev": 200, "test": 400}
"""Source digits of each split; together the 1,797 of `load_digits`."""
SEED = 2026
BLOCK = 250
"""Canvases drawn at a time: fast, since their pixels stay in the processor's cache."""


class Dice:
    """Seeded integers, evenly spread below a limit that may differ from entry to entry."""

    def __init__(self, seed: int, *stream: int):
        self._bits = raw_numbers(seed, *stream)

    def below(self, limit: int | np.ndarray, *shape: int) -> np.ndarray:
        """(*shape,) int64 in 0 .. limit - 1 (Lemire's multiply and shift on 32 bits)."""
        draws = self._bits.random_raw(int(np.prod(shape))).reshape(shape) >> np.uint64(32)
        return ((draws * np.asarray(limit, dtype=np.uint64)) >> np.uint64(32)).astype(np.int64)


def source_rows(split: str) -> np.ndarray:
    """Which of the 1,797 handwritten digits a split draws from, digits and fragments alike; no row is in two splits."""
    names = list(SOURCES)
    start = sum(SOURCES[name] for name in names[: names.index(split)])
    return np.sort(permutation(sum(SOURCES.values()), SEED)[start : start + SOURCES[split]])


def digit_sources(split: str) -> tuple[np.ndarray, np.ndarray]:
    """The split's handwritten digits (n, 8, 8) int64 of 0 to 16, and their labels (n,) int64."""
    images, labels = _handwriting()
    rows = source_rows(split)
    return images[rows], labels[rows]


@lru_cache(maxsize=1)
def _handwriting() -> tuple[np.ndarray, np.ndarray]:
    """All images (1797, 8, 8) and labels (1797,) of `load_digits`, read from its table: importing it takes seconds."""
    table = Path(find_spec("sklearn").origin).parent / "datasets" / "data" / "digits.csv.gz"
    if table.is_file():
        rows = np.loadtxt(table, delimiter=",").astype(np.int64)
        return rows[:, :-1].reshape(-1, 8, 8), rows[:, -1]
    from sklearn.datasets import load_digits

    digits = load_digits()
    return digits.images.astype(np.int64), digits.target.astype(np.int64)


def enlarge(glyphs: np.ndarray, side: int) -> np.ndarray:
    """Bilinear enlargement in exact integers, steepened so that strokes have clear edges.

    Args:
        glyphs: (n, 8, 8) of 0 to 16.

    Returns:
        (n, SLOT, SLOT) uint8 brightness, the digit in the upper left `side` x `side` pixels.
    """
    cells = glyphs.shape[-1]
    # Pixel i has its centre at cell ((2 i + 1) cells - side) / (2 side): whole numbers over the divisor 2 side.
    position = np.clip((2 * np.arange(side) + 1) * cells - side, 0, 2 * side * (cells - 1))
    low, part = np.divmod(position, 2 * side)
    weights = np.zeros((side, cells), np.int64)
    weights[np.arange(side), low] += 2 * side - part
    weights[np.arange(side), np.minimum(low + 1, cells - 1)] += part
    smooth = weights @ glyphs @ weights.T  # times (2 side)^2
    # Brightness 0 at 20 % of full ink and 255 at 90 %.
    full = 16 * (2 * side) ** 2
    steep = np.clip((10 * smooth - 2 * full) * 255 // (7 * full), 0, 255)
    return np.pad(steep, ((0, 0), (0, SLOT - side), (0, SLOT - side))).astype(np.uint8)


@lru_cache(maxsize=3)
def digits(split: str, seed: int = SEED) -> Split:
    """The split "train", "dev" or "test" of task `digits`, drawn once and kept.

    Evidence holds the pixel boxes of each canvas's planted patches.
    """
    glyphs, labels = digit_sources(split)
    bank = np.stack([enlarge(glyphs, side) for side in BOXES])
    stream = list(CANVASES).index(split)
    blocks = [
        _canvases(Dice(seed, stream, start), bank, labels, min(BLOCK, CANVASES[split] - start))
        for start in range(0, CANVASES[split], BLOCK)
    ]
    images, chosen, planted = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    boxes = patch_boxes()
    evidence = [tuple(boxes[patch] for patch in np.flatnonzero(row)) for row in planted]
    return Split("digits", split, TASKS["digits"].classes, labels[chosen], images=images, evidence=evidence)


def _canvases(dice: Dice, bank: np.ndarray, labels: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """n images (n, 64, 64, 3) uint8, their source digits (n,) and planted patches (n, 64) bool.

    Args:
        bank: (sizes, sources, SLOT, SLOT) uint8, every source digit at every size. labels: (sources,).
    """
    chosen, corner, size = _draw_digits(dice, labels, n)
    wide = np.zeros((n, CANVAS + SLOT, CANVAS + SLOT), np.uint8)  # the empty rest of a small box's slot may stick out
    _lay(wide, bank[size, chosen], corner)
    ink = wide[:, :CANVAS, :CANVAS]
    planted = _planted(ink)
    return _colour(_add_fragments(ink, dice, bank, labels, chosen, corner)), chosen, planted


def patch_boxes() -> tuple[Place, ...]:
    """The 64 patches of a canvas in reading order, as (left, top, right, bottom) pixels."""
    starts = range(0, CANVAS, PATCH)
    return tuple((left, top, left + PATCH, top + PATCH) for top in starts for left in starts)


def _draw_digits(dice: Dice, labels: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Source digit (n,), upper left corner (n, 2) in pixels and index of the box's side (n,); classes evenly drawn."""
    by_class = np.argsort(labels, kind="stable")
    counts = np.bincount(labels, minlength=10)
    label = dice.below(10, n)
    chosen = by_class[(np.cumsum(counts) - counts)[label] + dice.below(counts[label], n)]
    size = dice.below(len(BOXES), n)
    span = -(-np.array(BOXES)[size] // PATCH)  # patches that the box touches, a side
    corner = dice.below((CANVAS // PATCH + 1 - span)[:, None], n, 2) * PATCH
    return chosen, corner, size


def _lay(ink: np.ndarray, pieces: np.ndarray, corner: np.ndarray) -> None:
    """Lay pieces (n, h, w) at corners (n, 2) on canvases (n, H, W), the brighter pixel winning; all must lie inside."""
    (n, height, width), (_, rows, columns) = pieces.shape, ink.shape
    start = (np.arange(n) * rows + corner[:, 0]) * columns + corner[:, 1]
    where = start[:, None, None] + (np.arange(height) * columns)[:, None] + np.arange(width)
    flat = ink.reshape(-1)
    flat[where] = np.maximum(flat[where], pieces)


def _planted(ink: np.ndarray) -> np.ndarray:
    """(n, 64) bool: the patches with at least INK_PIXELS ink pixels."""
    grid = CANVAS // PATCH
    cells = (ink >= INK).reshape(len(ink), grid, PATCH, grid, PATCH)
    return (cells.sum((2, 4)) >= INK_PIXELS).reshape(len(ink), grid * grid)


def _add_fragments(ink: np.ndarray, dice: Dice, bank: np.ndarray, labels: np.ndarray, chosen, corner) -> np.ndarray:
    """Lay up to FRAGMENTS pieces of digits of other classes on each canvas, clear of the digit and of each other.

    Args:
        ink: (n, 64, 64). bank: (sizes, sources, SLOT, SLOT). chosen: (n,) source of the canvas's digit.
        corner: (n, 2) of the canvas's digit.
    """
    reach, taken = max(RADII), np.full((len(ink), 0, 2), 0)
    wide = np.pad(ink, ((0, 0), (reach, reach), (reach, reach)))  # fragments may stick out of the canvas
    for _ in range(FRAGMENTS):
        radius = np.array(RADII)[dice.below(len(RADII), len(ink))]
        centre, free = _free_place(dice, radius, corner, taken)
        piece = _cut(dice, radius, bank, labels, labels[chosen])
        _lay(wide, piece * free[:, None, None], centre)
        # A fragment that found no place is remembered far away, where it is in nobody's way.
        taken = np.concatenate([taken, np.where(free[:, None], centre, -CANVAS)[:, None]], axis=1)
    return wide[:, reach:-reach, reach:-reach]


def _free_place(dice: Dice, radius, corner, taken) -> tuple[np.ndarray, np.ndarray]:
    """Centres (n, 2) of disks of `radius` (n,) clear of the digit's slot and of earlier fragments; found (n,) bool."""
    n, margin = len(radius), min(RADII) - 1
    tries = margin + dice.below(CANVAS - 2 * margin, n, TRIES, 2)
    gap = np.maximum(corner[:, None] - tries, tries - corner[:, None] - SLOT + 1).max(-1)
    apart = (np.abs(tries[:, :, None] - taken[:, None]).max(-1) >= CLEARANCE).all(-1)
    free = (gap >= radius[:, None] + 2) & apart
    return tries[np.arange(n), free.argmax(1)], free.any(1)


def _cut(dice: Dice, radius: np.ndarray, bank: np.ndarray, labels: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Half disks out of digits of another class than `own` (n,): (n, 2 reach + 1, 2 reach + 1) uint8."""
    n, reach = len(radius), max(RADII)
    source = dice.below(len(labels), n, TRIES)
    source = source[np.arange(n), (labels[source] != own[:, None]).argmax(1)]
    size = dice.below(len(BOXES), n)
    centre = reach + dice.below((np.array(BOXES)[size] - 2 * reach)[:, None], n, 2)
    window = np.arange(-reach, reach + 1)
    first = ((size * len(labels) + source) * SLOT + centre[:, 0]) * SLOT + centre[:, 1]
    piece = bank.reshape(-1).take(first[:, None, None] + window[:, None] * SLOT + window)
    down, right = SIDES[dice.below(len(SIDES), n)].T[:, :, None, None]
    # Both edges fade over two pixels; radius^2 - distance^2 falls by 2 radius a pixel at the arc.
    arc = (radius[:, None, None] ** 2 - (window[:, None] ** 2 + window**2)) * 128 // radius[:, None, None]
    straight = (down * window[:, None] + right * window + OVER) * 128
    fade = np.clip(np.minimum(arc, straight), 0, 255).astype(np.uint16)
    piece = (piece * fade // np.uint16(255)).astype(np.uint8)
    return piece * (labels[source] != own)[:, None, None]


def _colour(ink: np.ndarray) -> np.ndarray:
    """Brightness (n, H, W) as ink on paper: (n, H, W, 3) uint8."""
    steps = np.arange(256)[:, None]
    table = (np.array(PAPER) * (255 - steps) + np.array(PEN) * steps + 127) // 255
    return table.astype(np.uint8).take(ink, axis=0)
