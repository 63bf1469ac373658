"""A checkpoint in a zip file: only what a checkpoint may hold is unpacked, into the user's cache, by content."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import zipfile
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path, PurePosixPath

from rekd.checkpoints.folders import FILES, TOKENIZER, CheckpointError
from rekd.errors import reason
from rekd.files import cache_folder, replaced_folder
from rekd.zips import SMALL, ZipRefused, chunks, open_zip, safe_members

MOST_FILES = 2000
MOST_BYTES = 8 * 2**30
"""Far beyond what is trained here, and what a machine of today unpacks."""
MOST_SWELL = 3
"""How many times larger than packed a checkpoint may be beyond SMALL: trained weights hardly pack, and zeros that would
swell by far more are in memory whole once they are loaded."""
KEPT = 10
"""Unpacked archives in the cache; those unused for longest go, for the zip file has it all still."""
_WEIGHTS = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors")


def unpacked(path: Path) -> Path:
    """The folder of the one checkpoint in a zip file, named as in there, unpacked once for each content.

    Raises:
        CheckpointError: no such file, no zip, an unsafe one, none or several checkpoints in it, or no room to unpack.
    """
    if not path.is_file():
        raise CheckpointError(f"There is no file {path}. Check the spelling, or give the checkpoint's name or folder.")
    try:
        stat = path.stat()
        home = cache_folder() / "checkpoints" / _digest(path.absolute(), stat.st_mtime_ns, stat.st_size)
        with open_zip(path, most_files=MOST_FILES) as archive:
            name, files = _contents(safe_members(archive, most_bytes=MOST_BYTES, most_files=MOST_FILES), path)
            if not _whole(home, files):
                _check_swell(files.values(), stat.st_size)
                _unpack(archive, files, home)
        os.utime(home)
    except ZipRefused as error:
        raise CheckpointError(f"{path} can't be read as a checkpoint. {error}") from error
    except OSError as error:
        raise CheckpointError(
            f"{path} can't be unpacked below {cache_folder()} ({reason(error)}). Make room there, name another folder "
            "by REKD_CACHE, or unpack the file yourself and name its folder."
        ) from error
    _prune(home)
    return home / name


@functools.lru_cache(maxsize=64)
def _digest(path: Path, _changed: int, _size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _contents(members: list[zipfile.ZipInfo], path: Path) -> tuple[str, dict[Path, zipfile.ZipInfo]]:
    """The checkpoint's name, and its entries by where they go: below its name, or in a word table's folder beside it.

    Anything else in the archive stays there unread, as with a repository on the Hub.
    """
    entries = {PurePosixPath(member.filename.replace("\\", "/")): member for member in members}
    weights = {place.parent for place in entries if _WEIGHTS.fullmatch(place.name)}
    homes = sorted(place for place in weights if place / "config.json" in entries)
    if len(homes) != 1:
        held = f"holds {len(homes)}: {', '.join(map(str, homes[:8]))}" if homes else "holds none"
        raise CheckpointError(
            f"{path} should hold one checkpoint, a folder with config.json and model*.safetensors, and {held}. "
            "Pack one checkpoint's folder, or download it again."
        )
    name, files = _name(homes[0], path), {}
    for place, member in entries.items():
        if place.is_relative_to(homes[0]) and _belongs(inside := place.relative_to(homes[0])):
            files[Path(name, *inside.parts)] = member
        elif place.parent.parent == homes[0].parent and place.parent.name.startswith("words-"):
            files[Path(*place.parts[-2:])] = member
    return name, files


def _belongs(place: PurePosixPath) -> bool:
    """Whether a checkpoint's folder may hold this file."""
    if place.name.startswith("."):
        return False
    if len(place.parts) == 1:
        return place.name in FILES or _WEIGHTS.fullmatch(place.name) is not None
    return len(place.parts) == 2 and (place.parts[0] == TOKENIZER or place.parts[0].startswith("words-"))


def _name(home: PurePosixPath, path: Path) -> str:
    """What the checkpoint is called: its folder, its run's, or the archive itself, as any system can write it."""
    names = [name for name in reversed(home.parts) if name != "checkpoint"] or [path.stem]
    return re.sub(r'[<>:"|?*]', "-", names[0]).strip(" .") or "model"


def _whole(home: Path, files: dict[Path, zipfile.ZipInfo]) -> bool:
    """Whether all of it lies there, by name and size; that the content is right, loading it shows."""
    with suppress(OSError):
        return all((home / place).stat().st_size == member.file_size for place, member in files.items())
    return False


def _check_swell(members: Collection[zipfile.ZipInfo], size: int) -> None:
    """Refuse more bytes than trained weights have; `size` is the archive's own, whatever its entries say of theirs."""
    unpacked = sum(member.file_size for member in members)
    packed = min(size, sum(member.compress_size for member in members))
    if unpacked > SMALL + MOST_SWELL * packed:
        raise ZipRefused(
            f"It would swell from {packed / 2**20:,.1f} to {unpacked / 2**20:,.0f} MB; trained "
            f"weights grow at most {MOST_SWELL}-fold. Nothing of it was read; pack a checkpoint that training left."
        )


def _unpack(archive: zipfile.ZipFile, files: dict[Path, zipfile.ZipInfo], home: Path) -> None:
    try:
        with replaced_folder(home) as temp:
            for place, member in files.items():
                (temp / place).parent.mkdir(parents=True, exist_ok=True)
                with (temp / place).open("wb") as file:
                    file.writelines(chunks(archive, member))
    except OSError:
        if not _whole(home, files):  # else another process was first
            raise


def _prune(home: Path) -> None:
    """Remove what was unused for longest, never `home`."""
    with suppress(OSError):  # another process may prune at the same moment
        others = [path for path in home.parent.iterdir() if path != home and not path.name.startswith(".")]
        others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        for old in others[KEPT - 1 :]:
            shutil.rmtree(old, ignore_errors=True)
