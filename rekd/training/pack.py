"""A checkpoint as one zip file that stands alone: configuration, weights, numbers, card, and the shared word table."""

from __future__ import annotations

import io
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from rekd import checkpoints
from rekd.checkpoints import CheckpointError, Info
from rekd.checkpoints.folders import TOKENIZER
from rekd.files import replaced_file

LOADING = "## How to load it"
CHUNK = 1 << 20
"""Bytes copied at a time, so that large weights never lie in memory whole."""
_BORN = (1980, 1, 1, 0, 0, 0)
"""The time that every entry says: one checkpoint gives one archive, byte for byte, whenever it is packed."""


def pack(source: str | Path, target: Path, name: str = "") -> Path:
    """Write a checkpoint to `target`, or to <name>.zip in it where it is a folder.

    Nothing is compressed: weights don't shrink, and the bytes then depend on no library's version.

    Args:
        source: a run that has ended, or a checkpoint's folder or name. name: of the folder in the archive; "" takes the
            checkpoint's own.

    Returns:
        the file's path.

    Raises:
        CheckpointError: the run has no checkpoint yet, or it can't be read. OSError: the file can't be written.
    """
    info = _info(source)
    name = file_name(name or info.name)
    path = target / f"{name}.zip" if target.is_dir() else target
    with replaced_file(path) as temp, temp.open("wb") as file:
        _fill(file, info, name)
    return path


def packed(source: str | Path, name: str = "") -> bytes:
    """What `pack` writes, as a download button takes it."""
    info, file = _info(source), io.BytesIO()
    _fill(file, info, file_name(name or info.name))
    return file.getvalue()


def file_name(name: str) -> str:
    """A name that every system takes for a file: letters of any script, numbers, dots, dashes; of a Hub id its end."""
    return re.sub(r"[^\w.-]+", "-", name.rsplit("/", 1)[-1]).strip("-.")[:100] or "model"


def _info(source: str | Path) -> Info:
    """The checkpoint of a run, or the one that is named."""
    run = Path(source).expanduser()
    if (run / "checkpoint" / "config.json").is_file():
        return checkpoints.read_info(run / "checkpoint")
    if (run / "status.json").is_file():
        raise CheckpointError(f"{run} has no checkpoint yet: a run writes it when it ends. Resume it, or wait for it.")
    return checkpoints.read_info(checkpoints.find(source))


def _fill(file: IO[bytes], info: Info, name: str) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for place, content in sorted(_entries(info, name), key=lambda entry: entry[0]):
            entry = zipfile.ZipInfo(f"{name}/{place}", _BORN)
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # the same on Windows
            if isinstance(content, bytes):
                archive.writestr(entry, content)
                continue
            entry.file_size = content.stat().st_size
            with content.open("rb") as source, archive.open(entry, "w") as packed_file:
                shutil.copyfileobj(source, packed_file, CHUNK)


def _entries(info: Info, name: str) -> Iterator[tuple[str, Path | bytes]]:
    """Where each file stands below the archive's one folder, and the file, or its content."""
    folder = info.folder
    for path in (folder / "config.json", folder / "metrics.json", *folder.glob("model*.safetensors")):
        if path.is_file():
            yield path.name, path
    yield "README.md", _card(folder / "README.md", name).encode("utf-8")
    shared = [checkpoints.words_folder(folder, info.config.words)] if info.config.words else []
    for home in (folder / TOKENIZER, *shared):
        for path in home.iterdir() if home.is_dir() else ():
            if path.is_file() and not path.name.startswith("."):
                yield f"{home.name}/{path.name}", path


def _card(path: Path, name: str) -> str:
    """The checkpoint's card, with how to load the archive at its end; what an earlier archive said of that goes."""
    card = path.read_text(encoding="utf-8").split(LOADING)[0].strip() if path.is_file() else ""
    said = card.partition("\n")[2] if card.startswith("# ") else card  # its title is the run's folder
    return (
        f"# {name}\n\n{said.strip()}\n\n{LOADING}\n\n"
        "In a clone of the project that wrote it, the archive is read as it is; unpacked, its folder is too.\n\n"
        f"```sh\npython -m rekd evaluate {name}.zip\n```\n\n"
        f'```python\nimport rekd\n\ncheckpoint = rekd.load("{name}.zip")  # .model, .reader and .info\n```\n'
    )
