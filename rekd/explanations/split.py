"""Rationales of a whole split as a file, written as they come: Parquet, lines of JSON, or CSV for a spreadsheet."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rekd.explanations.spreadsheet import safe
from rekd.files import replaced_file
from rekd.types import Modality

if TYPE_CHECKING:
    import pyarrow as pa

Write = Callable[[Sequence[Mapping[str, Any]]], None]


@contextmanager
def split_file(path: Path, modality: Modality, every: bool, about: Mapping[str, str]) -> Iterator[Write]:
    """A function that writes rows of `rekd.training.extract`; the file takes its place when the block ends well.

    Args:
        path: ends in one of FORMATS. every: rows tell of every unit. about: what Parquet keeps as metadata.
    """
    columns = schema(modality, every).with_metadata(dict(about))
    with replaced_file(path) as temp, FORMATS[path.suffix.lower()](temp, columns) as write:
        yield write


def check_format(path: Path) -> None:
    """Refuse a file whose name says no format that is written.

    Raises:
        ValueError: see above.
    """
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"--out is {path}; its name must end in {', '.join(FORMATS)}, which says how it is written")


def schema(modality: Modality, every: bool) -> pa.Schema:
    """The columns and their types, in order; `rekd.training.extract.extract` says what they hold."""
    import pyarrow as pa

    whole, text, real, flag = pa.int32(), pa.string(), pa.float32(), pa.bool_()
    place = {"start": whole, "stop": whole, "text": text}
    if modality == "image":
        place = dict.fromkeys(("left", "top", "right", "bottom"), whole)
    unit = {"unit": whole, **place, "p_select": real}
    columns = {"model": text, "row": pa.int64(), "draw": whole, "label": text, "predicted": text, "probability": real}
    columns |= {"rule": text, "n_units": whole, "count": whole, "rate": real, "repaired": flag}
    columns |= {"reads_to": whole} if modality == "text" else {}
    columns |= {"selected": pa.list_(pa.struct(unit))}
    columns |= {"all_units": pa.list_(pa.struct({**unit, "selected": flag}))} if every else {}
    return pa.schema(columns)


@contextmanager
def _parquet(path: Path, columns: pa.Schema) -> Iterator[Write]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetWriter(path, columns) as writer:
        yield lambda rows: writer.write_table(pa.Table.from_pylist(list(rows), columns))


@contextmanager
def _json_lines(path: Path, columns: pa.Schema) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        yield lambda rows: file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@contextmanager
def _csv(path: Path, columns: pa.Schema) -> Iterator[Write]:
    """Lists of units are JSON in their cell."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, columns.names)
        writer.writeheader()
        yield lambda rows: writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else safe(value)


FORMATS = {".parquet": _parquet, ".jsonl": _json_lines, ".csv": _csv}
"""How a file is written, by the end of its name."""
