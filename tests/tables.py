"""Parquet files as the public data sets have them, a few rows long."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def write(folder, name, **columns):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def png(colour, size=(32, 32), mode="RGB"):
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, "PNG")
    return {"bytes": file.getvalue(), "path": None}


def imdb(folder, n=20):
    """Sorted by label, as the real one is."""
    for split in ("train", "test"):
        texts = [f"{split} review {i}.<br /><br />Second line" for i in range(n)]
        write(folder, f"imdb/{split}.parquet", text=texts, label=[int(2 * i >= n) for i in range(n)], extra=[0] * n)
