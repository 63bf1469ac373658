"""Rows of the data sets: local Parquet where REKD_DATA names its folder, or of own data, else the Hugging Face Hub.

`datasets` is imported in the Hub branch alone, so that everything else works where it is not installed.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rekd.data.evidence import evidence_spans
from rekd.data.order import permutation
from rekd.data.own import kept as own_kept
from rekd.data.spec import TaskSpec, task_spec
from rekd.types import Split

if TYPE_CHECKING:
    import pyarrow as pa

DEV_SEED = 2026
"""The dev split is the first rows of one shuffle of the official train split: fixed, whatever seed a run has."""
MOST_HELD = 6
"""Splits held in memory at once where `hold_splits` was asked for: those of two data sets."""


class DataMissing(RuntimeError):
    """A data set is neither in the folder REKD_DATA nor to be had from the Hub; the message says the two ways."""


class DataBroken(ValueError):
    """A table was found and can't be used; the message names it and says what was expected."""


_held: OrderedDict[tuple, Split] | None = None


def hold_splits() -> None:
    """From now on this process holds the splits that it reads, the last few: for one that trains run after run.

    Nobody writes into a split, so that one can serve all.
    """
    global _held
    _held = OrderedDict() if _held is None else _held


def load_split(task: str, split: str, most: int | None = None) -> Split:
    """Read one split into memory, or find it there: see `hold_splits`, and `read_split` for the rest."""
    if _held is None:
        return read_split(task, split, most)
    key = (task, split, most)
    if key not in _held:
        _held[key] = read_split(task, split, most)
    _held.move_to_end(key)
    while len(_held) > MOST_HELD:
        _held.popitem(last=False)
    return _held[key]


def read_split(task: str, split: str, most: int | None = None) -> Split:
    """Read one split into memory.

    Rows keep the official order, which may be sorted by label (IMDB's is). Dev of imdb and CIFAR is cut out of the
    official train split, whose other rows are train.

    Args:
        most: of a longer split, so many rows, evenly spread; None reads all.

    Raises:
        ValueError: no such task or split.
        DataMissing: the data is not at hand and could not be downloaded.
        DataBroken: a file or table is damaged, lacks a column, or holds rows without label or content.
    """
    spec = task_spec(task, split)
    if spec.built_in:
        rows = _built_in(task, split)
        return rows if most is None or most >= len(rows) else rows.take(_spread(len(rows), most))
    paths = local_files(spec, split)
    table, source = (_read(paths, spec), str(paths[0].parent)) if paths else _download(spec, split)
    held_back = 0 if split == "test" else spec.dev_rows
    if table.num_rows <= held_back:
        raise DataBroken(
            f"{source}: the official {spec.splits[split]} split has {table.num_rows} rows and more than {held_back} "
            f"were expected; take the whole data set"
        )
    if held_back:
        table = table.take(carved_rows(split, table.num_rows, held_back))
    if most is not None and most < table.num_rows:
        table = table.take(_spread(table.num_rows, most))
    return _split_of(table, spec, split, source)


def _spread(n: int, most: int) -> np.ndarray:
    """`most` of n row numbers, evenly spread, in order."""
    return np.linspace(0, n - 1, most).round().astype(np.int64)


def data_at_hand(task: str) -> bool:
    """Whether every split of `task` is built in or lies in its local folder; looks at file names alone.

    True too where shards are missing: reading then says which set is incomplete.
    """
    spec = task_spec(task)
    try:
        return spec.built_in or all(local_files(spec, split) for split in spec.splits)
    except DataBroken:
        return True


def carved_rows(split: str, n: int, dev_rows: int) -> np.ndarray:
    """Rows of an official train split of n rows that make up "train" or "dev", in their official order."""
    shuffled = permutation(n, DEV_SEED)
    return np.sort(shuffled[:dev_rows] if split == "dev" else shuffled[dev_rows:])


def split_hash(split: Split) -> str:
    """16 hex digits of the content: classes, labels, texts or images, evidence; names of task and split don't count."""
    digest = hashlib.sha256(repr(split.classes).encode())
    digest.update(np.ascontiguousarray(split.labels, np.int64).tobytes())
    if split.images is not None:
        digest.update(repr(split.images.shape).encode())
        digest.update(np.ascontiguousarray(split.images).data)
    for text in split.texts or ():
        raw = text.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "little") + raw)
    for places in split.evidence or ():
        digest.update(repr(places).encode())
    return digest.hexdigest()[:16]


def _built_in(task: str, split: str) -> Split:
    from rekd.data import demo, reviews

    return demo.digits(split) if task == "digits" else reviews.film_reviews()


def local_files(spec: TaskSpec, split: str) -> list[Path]:
    """The split's Parquet files in the folder of own data or in REKD_DATA, in order; empty when there are none.

    Raises:
        DataBroken: some shards of a set are missing.
    """
    root = own_kept.home() if spec.own else Path(os.environ.get("REKD_DATA", "")).expanduser()
    folder = root / spec.folder
    if not (spec.own or os.environ.get("REKD_DATA")) or not folder.is_dir():
        return []
    single, shards = spec.files[split]
    if (folder / single).is_file():
        return [folder / single]
    paths = sorted(folder.glob(shards))
    if paths and not paths[0].stem.endswith(f"-{len(paths):05}"):
        raise DataBroken(
            f"{folder} holds {len(paths)} files named {shards}, and {paths[0].name} is one of another number; "
            f"add the rest"
        )
    return paths


def _read(paths: list[Path], spec: TaskSpec) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = []
    for path in paths:
        try:
            file = pq.ParquetFile(path)
            _check_columns(file.schema_arrow.names, spec, str(path))
            tables.append(file.read(columns=list(spec.columns.values())))
        except (pa.ArrowException, OSError) as error:
            raise DataBroken(f"{path} can't be read as Parquet; copy or download it again ({error})") from error
    try:
        return pa.concat_tables(tables)
    except pa.ArrowException as error:
        raise DataBroken(f"The files {', '.join(map(str, paths))} do not have the same columns ({error})") from error


def _download(spec: TaskSpec, split: str) -> tuple[pa.Table, str]:
    """The official split from the Hub as an Arrow table; images stay as encoded bytes."""
    if spec.own:
        raise DataMissing(f"The data set {spec.name} is gone from {own_kept.folder_of(spec.name)}. Add it again.")
    try:
        import datasets
    except ImportError as error:
        raise DataMissing(two_ways(spec, "The package `datasets` is not installed.")) from error
    try:
        loaded = datasets.load_dataset(spec.hub_id, split=spec.splits[split])
        table = loaded.with_format("arrow")[:]
    except Exception as error:  # no network, no such repository, full disk: each library below has errors of its own
        reason = " ".join(str(error).split())[:300]
        raise DataMissing(two_ways(spec, f"The download failed: {type(error).__name__}: {reason}")) from error
    _check_columns(table.column_names, spec, spec.hub_id)
    return table, spec.hub_id


def two_ways(spec: TaskSpec, reason: str = "") -> str:
    """The two ways to get a data set that is not here; nothing is asked of the network to say so.

    Args:
        reason: a sentence on what stood in the way, if anything was tried.
    """
    root = os.environ.get("REKD_DATA", "")
    wanted = ", ".join(dict.fromkeys(f"{spec.folder}/{single}" for single, _ in spec.files.values()))
    here = f"REKD_DATA is {root!r} and lacks them." if root else "REKD_DATA is not set."
    return (
        f"The data set {spec.name} is not at hand. Either start with the environment variable REKD_DATA set to a "
        f"folder that holds {wanted} (or shards named like train-00000-of-00002.parquet), or go online once with the "
        f"package `datasets`, to download {spec.hub_id} from the Hugging Face Hub. {here} {reason}".rstrip()
    )


def _check_columns(present: list[str], spec: TaskSpec, source: str) -> None:
    if missing := [name for name in spec.columns.values() if name not in present]:
        raise DataBroken(
            f"{source} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; {spec.name} is read from the "
            f"columns {', '.join(spec.columns.values())}, and the table has {', '.join(present) or 'none'}"
        )


def _split_of(table: pa.Table, spec: TaskSpec, split: str, source: str) -> Split:
    labels = _labels(table, spec, source)
    if spec.modality == "image":
        return Split(spec.name, split, spec.classes, labels, images=_images(table, spec, source))
    texts = _texts(table, spec, source)
    evidence = None
    if "evidences" in spec.columns:
        marked = _passages(table, spec.columns["evidences"], source)
        evidence = [evidence_spans(text, passages) or None for text, passages in zip(texts, marked, strict=True)]
    return Split(spec.name, split, spec.classes, labels, texts=texts, evidence=evidence)


def _labels(table: pa.Table, spec: TaskSpec, source: str) -> np.ndarray:
    name, count = spec.columns["label"], len(spec.classes)
    column = table.column(name)
    labels = np.array(column.to_pylist() if column.null_count == 0 else [-1])
    if labels.dtype.kind not in "iu":
        raise DataBroken(
            f"{source}: the column {name} holds {column.type}; class numbers 0 to {count - 1} were expected"
        )
    if (wrong := labels[(labels < 0) | (labels >= count)]).size:
        raise DataBroken(
            f"{source}: the column {name} holds {'empty cells' if column.null_count else wrong[0]}, which is no class "
            f"of {spec.name} (0 to {count - 1}; -1 stands for unlabelled rows); take a fully labelled split"
        )
    return labels.astype(np.int64)


def _texts(table: pa.Table, spec: TaskSpec, source: str) -> list[str]:
    name = spec.columns["text"]
    texts = table.column(name).to_pylist()
    if (row := next((i for i, text in enumerate(texts) if not isinstance(text, str)), None)) is not None:
        raise DataBroken(f"{source}: the column {name} holds no text in row {row} of the split")
    return [text.replace(spec.line_break, "\n") for text in texts] if spec.line_break else texts


def _passages(table: pa.Table, name: str, source: str) -> list[list[str]]:
    marked = [cell or [] for cell in table.column(name).to_pylist()]
    if not all(isinstance(cell, list) and all(isinstance(passage, str) for passage in cell) for cell in marked):
        kind = table.column(name).type
        raise DataBroken(f"{source}: the column {name} holds {kind}; lists of passages of the text were expected")
    return marked


def _images(table: pa.Table, spec: TaskSpec, source: str) -> np.ndarray:
    """Encoded images -> (n, H, W, 3) uint8."""
    from PIL import Image

    name = spec.columns["image"]
    cells = table.column(name).to_pylist()
    images = np.zeros((len(cells), *spec.image_size, 3), np.uint8)
    for row, cell in enumerate(cells):
        try:
            with Image.open(io.BytesIO(cell["bytes"] if isinstance(cell, dict) else cell)) as picture:
                pixels = np.asarray(picture.convert("RGB"))
        except (OSError, TypeError, ValueError) as error:
            raise DataBroken(
                f"{source}: the column {name} holds no image in row {row} of the split ({error})"
            ) from error
        if pixels.shape != images.shape[1:]:
            (height, width), (h, w) = pixels.shape[:2], spec.image_size
            raise DataBroken(
                f"{source}: the image in row {row} of the split is {width} x {height} pixels; {spec.name} has {w} x {h}"
            )
        images[row] = pixels
    return images
