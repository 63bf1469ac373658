"""Folders of images named by their class, on disk or in a zip, as a draft."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import numpy as np

from rekd.cores import cores
from rekd.data.own.draft import Draft, Gathered, Images, OwnDataError, Progress, Reads, Sample
from rekd.data.own.folders import arrange, listing_of
from rekd.data.own.settle import settle
from rekd.data.own.text import SAMPLES, spread
from rekd.errors import reason
from rekd.pictures import PictureError, open_image
from rekd.zips import ZipRefused

LEAST_SIDE = 8
"""Pixels of the shorter side; below, an image has less than a pixel a patch."""
LOOK, SAMPLE = 512, 256
"""Longest side at which images are looked through, and of samples, in pixels."""
FAULTS = (PictureError, ZipRefused, OSError, KeyError)
"""What reading a picture may end in: no picture, a damaged archive, a file that is gone or closed to us."""
_BLOCK = 64
_T = TypeVar("_T")


def read_images(source: Path | bytes, *, name: str = "", progress: Progress | None = None) -> Draft:
    """A folder of class-named folders, or a zip of such, as a draft; folders train, val and test may stand above them.

    Args:
        name: what bytes are called, such as the name of an uploaded file. progress: called with (images done, images in
            all).

    Raises:
        OwnDataError: the folder or archive can't be used; the message says why.
    """
    listing = listing_of(source, name)
    placed, faults, notes = arrange(listing.paths)
    if not placed and not faults:
        raise OwnDataError(
            f"{listing.name} holds no picture. Folders of pictures, each named by its class, are expected."
        )
    found = Gathered(numbers=[])
    for path, why in faults:
        found.refuse(path, why)
    reads = listing.reads([listing.keys[spot.row] for spot in placed])
    paths = [listing.paths[spot.row] for spot in placed]
    good = []
    with closing(each(reads, range(len(placed)), look, progress)) as seen:
        for row, (content, fault) in enumerate(seen):
            if fault:
                found.refuse(paths[row], fault)
                continue
            found.add(paths[row], placed[row].label, placed[row].given, content)
            good.append(row)
    return images_draft(found, Images(reads, paths, np.array(good, np.int64)), listing.name, listing.name, notes)


def images_draft(
    found: Gathered, images: Images, source: str, where: str, notes: Sequence[str], known: Sequence[str] = ()
) -> Draft:
    """Images that were looked through as a draft; see `settle`. images.rows: those of the good rows of `found`."""
    settled = settle(found, where, known)
    images = Images(images.reads, images.numbers, images.rows[settled.rows])
    return Draft(
        "image",
        source,
        settled.classes,
        settled.counts,
        settled.splits,
        tuple(found.bad),
        found.bad_count,
        tuple(_samples(images, settled.classes, settled.labels)),
        (*notes, *settled.notes),
        labels=settled.labels,
        parts=settled.parts,
        content=images,
    )


def _samples(images: Images, classes: Sequence[str], labels: np.ndarray) -> Iterator[Sample]:
    rows = spread(labels, SAMPLES)
    with images.reads() as read:
        for row in rows:
            number = int(images.rows[row])
            pixels = open_image(read(number), images.numbers[number], SAMPLE).pixels
            yield Sample(images.numbers[number], classes[labels[row]], image=pixels)


def each(
    reads: Reads,
    rows: Sequence[int],
    work: Callable[[Callable[[int], bytes], int], _T],
    progress: Progress | None = None,
) -> Iterator[_T]:
    """`work(read, row)` of every row, in their order, on a few threads; pictures are decoded outside Python's lock."""
    with reads() as read, ThreadPoolExecutor(min(4, cores())) as pool:
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            with warnings.catch_warnings():  # threads that each set and restore these would leave them in disorder
                warnings.simplefilter("ignore")
                done = list(pool.map(lambda row: work(read, row), block))
            if progress:
                progress(start + len(block), len(rows))
            yield from done


def look(read: Callable[[int], bytes], row: int) -> tuple[int, str]:
    """An image's content as a number, and why it can't be used, "" where it can."""
    try:
        data = read(row)
        height, width = open_image(data, "The file", LOOK).pixels.shape[:2]
    except FAULTS as error:
        return 0, clause(error)
    if min(height, width) < LEAST_SIDE:
        return 0, f"the picture is too small or too narrow: its shorter side needs {LEAST_SIDE} of {LOOK} pixels"
    return hash(data), ""


def clause(error: Exception) -> str:
    """Why a picture could not be read, as part of a sentence."""
    text = (error.strerror or reason(error)) if isinstance(error, OSError) else str(error)
    return text[:1].lower() + text[1:].rstrip(".") if text.startswith("The ") else text.rstrip(".")
