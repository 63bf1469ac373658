"""Own inputs, and batches of them, kept on this server by content hash, so that a short address can reopen them."""

from __future__ import annotations

import io
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np

from rekd.files import cache_folder

FILES, MEGABYTES = 500, 256
"""Beyond this many files or bytes the ones unused for longest go."""
BATCH = ".zip"
"""Ending of a kept batch of inputs."""
_NAME = re.compile(r"[0-9a-f]{16}")


def folder() -> Path:
    """Where they are kept, below REKD_CACHE or the user's cache folder."""
    return cache_folder() / "inputs"


def keep_text(text: str) -> str:
    """Keep a text; returns its content hash."""
    from rekd.types import Example

    name = Example("own", text=text).key
    _write(f"{name}.txt", text.encode("utf-8", "surrogatepass"))
    return name


def keep_image(pixels: np.ndarray) -> str:
    """Keep a picture (H, W, 3) uint8, lossless; returns its content hash."""
    from PIL import Image

    from rekd.types import Example

    name = Example("own", image=pixels).key
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG")
    _write(f"{name}.png", held.getvalue())
    return name


def find_text(name: str) -> str | None:
    """The text kept under a hash, None where there is none (another server, pruned, or no hash at all)."""
    data = _read(name, ".txt")
    return None if data is None else data.decode("utf-8", "surrogatepass")


def find_image(name: str) -> np.ndarray | None:
    """The picture kept under a hash, (H, W, 3) uint8, or None."""
    from PIL import Image

    data = _read(name, ".png")
    if data is None:
        return None
    try:
        return np.array(Image.open(io.BytesIO(data), formats=["PNG"]).convert("RGB"), np.uint8)
    except (OSError, ValueError):
        return None


def keep_batch(name: str, packed: bytes) -> None:
    """Keep a batch, packed by `many_kept`, under its content hash."""
    _write(name + BATCH, packed)


def find_batch(name: str) -> bytes | None:
    """The packed batch kept under a hash, or None."""
    return _read(name, BATCH)


def holds(name: str, ending: str) -> bool:
    """Whether something is kept under a hash with this ending; asking marks it as used."""
    for place in _places() if is_name(name) else ():
        path = place / (name + ending)
        with suppress(OSError):
            if path.is_file():
                with suppress(OSError):
                    os.utime(path)
                return True
    return False


def is_name(name: str) -> bool:
    """Whether this can be a content hash; anything else never reaches the file system."""
    return bool(_NAME.fullmatch(name))


def _places() -> tuple[Path, Path]:
    """The cache folder, then one in the temporary folder for machines whose cache can't be written."""
    return folder(), Path(tempfile.gettempdir()) / "rekd-inputs"


def _read(name: str, ending: str) -> bytes | None:
    if not is_name(name):
        return None
    for place in _places():
        path = place / (name + ending)
        with suppress(OSError):
            data = path.read_bytes()
            with suppress(OSError):  # marks it as used; a read-only folder is no reason to fail
                os.utime(path)
            return data
    return None


def _write(filename: str, data: bytes) -> None:
    for place in _places():
        with suppress(OSError):
            place.mkdir(parents=True, exist_ok=True)
            if not (place / filename).is_file():
                handle, temp = tempfile.mkstemp(dir=place, prefix=".new-")
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                os.replace(temp, place / filename)
                prune(place)
            return
    raise OSError(f"neither {' nor '.join(map(str, _places()))} can be written")


def prune(place: Path) -> None:
    """Delete what was unused for longest until at most FILES files and MEGABYTES remain."""
    held = []
    for path in place.iterdir():
        with suppress(OSError):  # another session may prune at the same moment
            if is_name(path.stem):
                stat = path.stat()
                held.append((stat.st_mtime, stat.st_size, path))
    held.sort(reverse=True)
    total = 0
    for rank, (_, size, path) in enumerate(held):
        total += size
        if rank >= FILES or (total > MEGABYTES * 2**20 and rank):
            with suppress(OSError):
                path.unlink()
