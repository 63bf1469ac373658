"""A data set of the Hugging Face Hub, read with one column of texts or images and one of labels, as a draft."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from rekd.data.own.draft import MOST_ROWS, Draft, Gathered, Images, OwnDataError, Progress, label_fault, label_of
from rekd.data.own.images import each, images_draft, look
from rekd.data.own.splits import NO_SPLIT, split_index
from rekd.data.own.text import Texts, chosen
from rekd.errors import reason
from rekd.pictures import PictureError

Table = Any
"""A datasets.Dataset: rows with `features`, read as Arrow tables; the package is imported when it is first used."""
MOST_DOWNLOAD = 10 * 2**30
_BLOCK = 1_000


def read_hub(hub_id: str, content: str = "", label: str = "", *, progress: Progress | None = None) -> Draft:
    """A data set of the Hub as a draft; `owner/name:config` chooses one of several configurations.

    Args:
        content, label: columns; guessed from their kind and name where none is named. progress: images: called with
            (images done, images in all).

    Raises:
        OwnDataError: it can't be had or used; the message says why.
    """
    parts, notes = _parts(_load(hub_id.strip()))
    features = next(iter(parts.values())).features
    content, label, guess = _columns(features, content, label)
    names = _class_names(features[label])
    notes = [*guess, *notes]
    if _kind(features[content]) == "image":
        return _images(hub_id, parts, content, label, names, notes, progress)
    texts = Texts(Gathered(numbers=[]))
    for split, rows in parts.items():
        given = _given(split, parts)
        for number, text, cell in _rows(rows, content, label):
            texts.take(f"{split} row {number}", text if isinstance(text, str) else "", _label(cell, names), given)
    return texts.draft(hub_id, f"The column “{label}”", notes, names)


def _load(hub_id: str) -> Mapping[str, Table]:
    try:
        import datasets
    except ImportError:
        raise OwnDataError(
            "Data sets of the Hugging Face Hub need the package `datasets`, which is not installed."
        ) from None
    name, _, config = (hub_id, "", "") if Path(hub_id).exists() else hub_id.partition(":")
    if not name:
        raise OwnDataError("No data set is named. Give its id on the Hugging Face Hub, such as owner/name.")
    try:
        size = datasets.load_dataset_builder(name, config or None).info.download_size or 0
        loaded = datasets.load_dataset(name, config or None) if size <= MOST_DOWNLOAD else None
    except Exception as error:  # no network, no such data set, no leave, a full disk: each library has its own errors
        raise OwnDataError(
            f"{hub_id} could not be had from the Hugging Face Hub: {reason(error)[:300]}. Look whether its id is right "
            "(owner/name, or owner/name:configuration) and whether this machine is online."
        ) from error
    if loaded is None:
        raise OwnDataError(
            f"{hub_id} is a download of {size / 2**30:.0f} GB; at most {MOST_DOWNLOAD / 2**30:.0f} GB are fetched."
        )
    return loaded if isinstance(loaded, Mapping) else {"train": loaded}


def _parts(loaded: Mapping[str, Table]) -> tuple[dict[str, Table], list[str]]:
    """The splits to read, and what to say of the others; without a train split the first stands for everything."""
    parts = {name: rows for name, rows in loaded.items() if split_index(name) is not None}
    if not any(split_index(name) == 0 for name in parts):
        parts = dict(list(loaded.items())[:1])
    rest = [name for name in loaded if name not in parts]
    if not parts or sum(map(len, parts.values())) > MOST_ROWS:
        raise OwnDataError(f"The data set has no rows, or over {MOST_ROWS:,}, the most that are read.")
    return parts, [f"Left out: the split{'s' * (len(rest) > 1)} {', '.join(rest)}."] if rest else []


def _given(split: str, parts: Mapping[str, Table]) -> int:
    """Index in SPLITS; a split that came alone is the whole."""
    return NO_SPLIT if len(parts) == 1 else split_index(split)


def _kind(feature: Any) -> str:
    """text, image, label (a class number or another short value), or "" for what none of these can be."""
    from datasets import ClassLabel, Image, Value

    if isinstance(feature, Image):
        return "image"
    if isinstance(feature, ClassLabel):
        return "label"
    dtype = feature.dtype if isinstance(feature, Value) else ""
    if dtype in ("string", "large_string"):
        return "text"
    return "label" if dtype.startswith(("int", "uint", "bool")) else ""


def _columns(features: Mapping[str, Any], content: str, label: str) -> tuple[str, str, list[str]]:
    """Content and label columns, guessed where they are not named.

    Raises:
        OwnDataError: there are none, or one that is named is of no such kind.
    """
    kinds = {name: _kind(feature) for name, feature in features.items()}
    for name, fitting in ((content, ("text", "image")), (label, ("text", "label"))):
        if name and kinds.get(name) not in fitting:
            there = ", ".join(n for n, kind in kinds.items() if kind in fitting) or "none"
            raise OwnDataError(f"The column “{name}” can't be used so; it must be one of {there}.")
    content = content or next((name for name, kind in kinds.items() if kind == "image"), "")
    texts = [name for name, kind in kinds.items() if kind == "text"]
    numbers = sorted((n for n, kind in kinds.items() if kind == "label"), key=lambda n: hasattr(features[n], "names"))
    names = list(
        dict.fromkeys([*filter(None, [content]), *texts, *numbers])
    )  # named classes last: the likeliest labels
    if len(names) > 1:
        content, label, notes = chosen(names, content, label, "picture" if kinds.get(content) == "image" else "text")
    if len(names) < 2 or kinds[content] == "label":
        raise OwnDataError(f"There is no column of texts or images beside one of labels; there are {', '.join(kinds)}.")
    return content, label, notes


def _class_names(feature: Any) -> tuple[str, ...]:
    return tuple(label_of(name) for name in getattr(feature, "names", None) or ())


def _label(cell: Any, names: Sequence[str]) -> str:
    """A label as text, "" where the row has none; class numbers become their names."""
    if cell is None or (names and not 0 <= cell < len(names)):
        return ""
    return names[cell] if names else str(cell)


def _rows(rows: Table, content: str, label: str) -> Iterator[tuple[int, Any, Any]]:
    number = 0
    for table in rows.with_format("arrow").iter(_BLOCK):
        for cells in zip(table.column(content).to_pylist(), table.column(label).to_pylist(), strict=True):
            yield number, *cells
            number += 1


def _images(hub_id, parts: Mapping[str, Table], column, label, names, notes, progress) -> Draft:
    from datasets import Image

    raw = {split: rows.cast_column(column, Image(decode=False)) for split, rows in parts.items()}
    starts = [0, *accumulate(len(rows) for rows in raw.values())]
    tables = list(raw.values())

    @contextmanager
    def reads() -> Iterator[Callable[[int], bytes]]:
        def read(row: int) -> bytes:
            place = int(np.searchsorted(starts, row, "right")) - 1
            return _bytes(tables[place][row - starts[place]][column])

        yield read

    found, good = Gathered(numbers=[]), []
    paths = [f"{split} row {number}" for split, rows in raw.items() for number in range(len(rows))]
    labels = [cell for rows in raw.values() for cell in rows.with_format("arrow")[:].column(label).to_pylist()]
    given = [_given(split, parts) for split, rows in raw.items() for _ in range(len(rows))]
    with closing(each(reads, range(len(paths)), look, progress)) as seen:
        for row, (content, fault) in enumerate(seen):
            name = label_of(_label(labels[row], names))
            if why := fault or label_fault(name):
                found.refuse(paths[row], why)
                continue
            found.add(paths[row], name, given[row], content)
            good.append(row)
    images = Images(reads, paths, np.array(good, np.int64))
    return images_draft(found, images, hub_id, f"The column “{label}”", notes, names)


def _bytes(cell: Any) -> bytes:
    """An image's bytes, of a local one from its file."""
    if isinstance(cell, Mapping) and cell.get("bytes"):
        return cell["bytes"]
    path = cell.get("path") if isinstance(cell, Mapping) else None
    if not path or not Path(path).is_file():
        raise PictureError("the picture is missing")
    return Path(path).read_bytes()
