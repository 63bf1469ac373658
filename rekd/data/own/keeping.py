"""From a draft to a task: its rows written as Parquet, its images brought to one size."""

from __future__ import annotations

import io
import os
import re
import shutil
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from rekd.config import ReaderConfig, between, choose
from rekd.data.own.draft import Draft, OwnDataError, Progress
from rekd.data.own.hub import read_hub
from rekd.data.own.images import FAULTS, LOOK, clause, each, read_images
from rekd.data.own.kept import (
    FILE,
    FORMAT,
    GRID,
    PREFIX,
    SIZES,
    home,
    spec_of,
    usual_rate,
)
from rekd.data.own.splits import SPLITS
from rekd.data.own.text import read_csv
from rekd.data.spec import TaskSpec
from rekd.errors import reason
from rekd.files import write_json
from rekd.pictures import SIDE, open_image
from rekd.units import ImageReader

MOST_PIXELS = 4 * 2**30
"""Bytes of all images of a data set, as they lie in memory while a model learns from them."""
LONGEST_NAME = 40
_RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d")
_HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?(:[\w.-]+)?")


def read_source(source: str, text: str = "", label: str = "", *, progress: Progress | None = None) -> Draft:
    """A CSV file, a folder or zip of class-named image folders, or a Hub id, whichever `source` names, as a draft.

    Raises:
        OwnDataError: it is none of these, or can't be used.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        return read_images(path, progress=progress)
    if path.is_file():
        with path.open("rb") as file:
            archive = file.read(2) == b"PK" and path.suffix.lower() != ".xlsx"
        return read_images(path, progress=progress) if archive else read_csv(path, text, label)
    if path.suffix.lower() in (".csv", ".tsv", ".txt", ".zip") or not _HUB_ID.fullmatch(source):
        raise OwnDataError(f"There is no file or folder {source}.")
    return read_hub(source, text, label, progress=progress)


def slug_of(name: str) -> str:
    """What a data set's folder is called: small letters, digits and hyphens of the name that a person gave it.

    Raises:
        OwnDataError: nothing of the name is left, or another data set has it.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_NAME].strip("-")
    if not slug or _RESERVED.fullmatch(slug):
        raise OwnDataError(f"“{name[:60]}” can't be a folder's name; give one with letters a to z or digits.")
    _check_free(slug)
    return slug


def _check_free(slug: str) -> None:
    if (home() / slug).exists():
        raise OwnDataError(f"The name “{slug}” is taken; give another, or remove the data set {PREFIX}{slug} first.")


def keep(
    draft: Draft, name: str, *, rate: float = 0.0, image_size: int = 64, progress: Progress | None = None
) -> TaskSpec:
    """Write a draft as a data set of its own, all or nothing, and return its entry in the table of tasks.

    Args:
        rate: share of the units to select; 0 takes the usual one. image_size: side of the kept images in pixels, one
            of SIZES. progress: called with (rows done, rows in all).

    Raises:
        OwnDataError: the name is empty, taken or was taken meanwhile; the images are too large together, or can't be
            read any more.
        ValueError: rate or image_size is out of range.
    """
    slug, rate = slug_of(name), rate or usual_rate(draft.modality)
    between("rate", rate, 1e-4, 1.0)
    choose("image_size", image_size, SIZES)
    values = {
        "format": FORMAT,
        "title": " ".join(name.split()),
        "modality": draft.modality,
        "classes": list(draft.classes),
        "rate": rate,
        "line_break": draft.line_break,
        "image_size": image_size if draft.modality == "image" else 0,
        "mean": [0.0] * 3,
        "std": [1.0] * 3,
        "source": draft.source,
        "created": time.strftime("%Y-%m-%d %H:%M:%S"),
        "rows": dict(draft.splits),
        "left_out": draft.bad_count,
    }
    try:
        with _new_folder(home() / slug) as folder:
            if draft.modality == "text":
                _write_texts(draft, folder, progress)
            else:
                values |= _write_images(draft, folder, image_size, progress)
            spec = spec_of(slug, values)
            write_json(folder / FILE, values)
    except OSError as error:
        raise OwnDataError(f"{home() / slug} could not be written ({error.strerror or reason(error)}).") from error
    return spec


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder that becomes `folder` when the block ends without an error, and never replaces another."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temp = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        temp.chmod(0o755)
        yield temp
        _place(temp, folder)
    except BaseException:
        shutil.rmtree(temp, ignore_errors=True)
        raise


def _place(temp: Path, folder: Path) -> None:
    """Give a data set its name, which somebody else may have taken while it was written."""
    _check_free(folder.name)
    try:
        os.rename(temp, folder)
    except OSError:
        _check_free(folder.name)  # taken between the two lines above: no system renames over a folder that holds files
        raise


def _write_texts(draft: Draft, folder: Path, progress: Progress | None) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    done = 0
    for split in SPLITS:
        rows = draft.parts[split]
        table = pa.table({"text": draft.content.take(pa.array(rows)), "label": draft.labels[rows]})
        pq.write_table(table, folder / f"{split}.parquet", compression="zstd")
        done += len(rows)
        if progress:
            progress(done, draft.rows)


def _write_images(draft: Draft, folder: Path, side: int, progress: Progress | None) -> dict[str, Any]:
    """Write the images as PNG of one size; gives mean and deviation of each colour in train, as shares of 255."""
    if draft.rows * side * side * 3 > MOST_PIXELS:
        most = MOST_PIXELS // (side * side * 3)
        raise OwnDataError(
            f"{draft.rows:,} pictures of {side} x {side} pixels are too many to learn from at once; at that size "
            f"{most:,} can be kept. Choose a smaller size, or bring fewer."
        )
    before, sums = 0, np.zeros((2, 3))
    for split in SPLITS:
        rows = draft.parts[split]
        told = None if progress is None else _shifted(progress, before, draft.rows)
        found = _write_split(draft, rows, folder / f"{split}.parquet", side, told)
        sums = found if split == "train" else sums
        before += len(rows)
    mean, square = sums / (len(draft.parts["train"]) * side * side * 255 * np.array([[1], [255]]))
    spread = np.sqrt(np.maximum(square - mean**2, 0)).clip(0.01)
    return {"mean": mean.round(4).tolist(), "std": spread.round(4).tolist()}


def _shifted(progress: Progress, before: int, total: int) -> Progress:
    return lambda done, _: progress(before + done, total)


def _write_split(draft: Draft, rows: np.ndarray, path: Path, side: int, progress: Progress | None) -> np.ndarray:
    """Write one split, a block at a time; gives the sums (2, 3) of its pixels and of their squares."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    images, labels, sums = draft.content, draft.labels[rows], np.zeros((2, 3))
    schema = pa.schema({"image": pa.binary(), "label": pa.int64()})
    making = each(images.reads, images.rows[rows].tolist(), _fitted(images.numbers, side), progress)
    with closing(making) as made, pq.ParquetWriter(path, schema) as writer:
        for start in range(0, len(rows), 512):
            block = labels[start : start + 512]
            pngs = []
            for _, (png, part) in zip(block, made, strict=False):
                pngs.append(png)
                sums += part
            writer.write_table(pa.table({"image": pa.array(pngs, pa.binary()), "label": block}, schema=schema))
    return sums


def _fitted(names, side: int) -> Callable[[Callable[[int], bytes], int], tuple[bytes, np.ndarray]]:
    """What makes of an image the PNG that is kept, cropped as models crop, and the sums of its pixels."""
    import torch
    from PIL import Image

    reader = ImageReader(ReaderConfig("image", "patches", image_size=(side, side), patch_size=(side // GRID,) * 2))

    def work(read: Callable[[int], bytes], row: int) -> tuple[bytes, np.ndarray]:
        try:
            pixels = open_image(read(row), "The file", min(SIDE, max(LOOK, 4 * side))).pixels
        except FAULTS as error:
            raise OwnDataError(f"{names[row]} can't be read any more: {clause(error)}. Read the data again.") from error
        fitted = reader.fit(torch.from_numpy(pixels).permute(2, 0, 1)[None])[0].permute(1, 2, 0).contiguous().numpy()
        held = io.BytesIO()
        Image.fromarray(fitted).save(held, "PNG", compress_level=3)  # half the time of the usual level
        flat = fitted.reshape(-1, 3).astype(np.float64)
        return held.getvalue(), np.stack([flat.sum(0), (flat**2).sum(0)])

    return work
