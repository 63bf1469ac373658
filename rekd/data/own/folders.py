"""Where the pictures of a folder or a zip stand, and what class and split their folders give them."""

from __future__ import annotations

import os
import re
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from rekd.data.own.draft import OwnDataError, Reads, label_fault, label_of
from rekd.data.own.splits import NO_SPLIT, split_index
from rekd.pictures import MEGABYTES, PictureError
from rekd.zips import ZipRefused, open_zip, read_member, safe_members

MOST_FILES = 250_000
MOST_UNPACKED = 16 * 2**30
MOST_PICTURE = MEGABYTES * 2**20
"""Bytes of an archive's files together, and of one picture."""
SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff")
_JUNK = re.compile(r"(^|/)(\.[^/]*|__MACOSX|Thumbs\.db|desktop\.ini)(/|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Listing:
    """Files of a source. keys: as the source calls them; paths: as people read them, with /. reads: opens some keys."""

    name: str
    keys: list[str]
    paths: list[str]
    reads: Callable[[Sequence[str]], Reads]


@dataclass(frozen=True)
class Spot:
    """Where an image stands: its row in the listing, its class, its split as an index in SPLITS, or NO_SPLIT."""

    row: int
    label: str
    given: int


def arrange(paths: Sequence[str]) -> tuple[list[Spot], list[tuple[str, str]], list[str]]:
    """Classes and splits of files by their folders: the images, (path, reason) of those in no place, and notes.

    A folder around everything counts for nothing.
    """
    kept = [row for row, path in enumerate(paths) if not _JUNK.search(path)]
    images = [row for row in kept if paths[row].lower().endswith(SUFFIXES)]
    parts = {row: PurePosixPath(paths[row]).parts for row in sorted(images, key=lambda row: paths[row])}
    while len(tops := {part[0] for part in parts.values() if len(part) > 1}) == 1:
        if not any(len(part) > 2 for part in parts.values()):
            break
        parts = {row: part[1:] if part[0] in tops and len(part) > 1 else part for row, part in parts.items()}
    split = any(len(part) > 2 and split_index(part[0]) == 0 for part in parts.values())
    spots, faults = [], []
    for row, part in parts.items():
        spot, why = _spot(row, part, split)
        if spot:
            spots.append(spot)
        else:
            faults.append((paths[row], why))
    return spots, faults, _left_out([paths[row] for row in kept if not paths[row].lower().endswith(SUFFIXES)])


def _spot(row: int, part: tuple[str, ...], split: bool) -> tuple[Spot | None, str]:
    given = split_index(part[0]) if split and len(part) > 1 else NO_SPLIT
    if given is None:
        return None, f"it stands in “{part[0]}”, which is none of train, val and test that stand beside it"
    if len(part) < 2 + split:
        return None, "it stands in no folder that names its class"
    label = label_of(unicodedata.normalize("NFC", part[split]))
    why = label_fault(label)
    return (None, why) if why else (Spot(row, label, given), "")


def _left_out(others: Sequence[str]) -> list[str]:
    notes = []
    zips = [path for path in others if path.lower().endswith((".zip", ".tar", ".gz", ".7z", ".rar"))]
    rest = len(others) - len(zips)
    if zips:
        notes.append(f"Archives within are not opened: {zips[0]}{f' and {len(zips) - 1:,} more' * (len(zips) > 1)}.")
    if rest:
        first = next(path for path in others if path not in zips)
        notes.append(f"No pictures by their names, and left out: {first}{f' and {rest - 1:,} more' * (rest > 1)}.")
    return notes


def listing_of(source: Path | bytes, name: str = "") -> Listing:
    """The files of a folder or an archive; name: what an archive in memory is called.

    Raises:
        OwnDataError: it can't be used; the message says why.
    """
    if isinstance(source, Path) and source.is_dir():
        return _folder(source)
    if isinstance(source, Path) and not source.is_file():
        raise OwnDataError(f"There is no folder or archive {source}.")
    name = name or ("upload" if isinstance(source, bytes) else source.name)
    try:
        return _archive(source, name)
    except ZipRefused as error:
        raise OwnDataError(f"{name} can't be used. {error}") from None
    except OSError as error:
        raise OwnDataError(f"{name} can't be read ({error.strerror}).") from None


def _folder(root: Path) -> Listing:
    keys, seen = [], set()
    for folder, below, files in os.walk(root, followlinks=True, onerror=_unread):
        real = os.path.realpath(folder)
        below[:] = sorted(below) if real not in seen else []  # a link may lead back up
        keys += [Path(folder, file).relative_to(root).as_posix() for file in sorted(files)] if real not in seen else []
        seen.add(real)
        if len(keys) > MOST_FILES:
            raise OwnDataError(f"{root} holds more than {MOST_FILES:,} files, the most that are read.")

    def reads(chosen: Sequence[str]) -> Reads:
        @contextmanager
        def opened() -> Iterator[Callable[[int], bytes]]:
            yield lambda row: _small_file(root / chosen[row])

        return opened

    return Listing(root.name or str(root), keys, keys, reads)


def _unread(error: OSError) -> None:
    raise OwnDataError(f"The folder {error.filename} can't be read ({error.strerror}).") from None


def _small_file(path: Path) -> bytes:
    if not path.is_file():
        raise PictureError("it is no file any more")
    if (size := path.stat().st_size) > MOST_PICTURE:
        raise PictureError(f"it has {size / 2**20:.0f} MB; up to {MEGABYTES} MB are read")
    return path.read_bytes()


def _archive(source: Path | bytes, name: str) -> Listing:
    with open_zip(source, most_files=MOST_FILES) as archive:
        members = safe_members(archive, most_bytes=MOST_UNPACKED, most_files=MOST_FILES)

    def reads(chosen: Sequence[str]) -> Reads:
        @contextmanager
        def opened() -> Iterator[Callable[[int], bytes]]:
            with open_zip(source, most_files=MOST_FILES) as archive:
                yield lambda row: read_member(archive, archive.getinfo(chosen[row]), MOST_PICTURE)

        return opened

    return Listing(name, [info.filename for info in members], [_spelt(info) for info in members], reads)


def _spelt(info: zipfile.ZipInfo) -> str:
    """The name as it was meant: many programs write UTF-8 without saying so, and it is read as an old code page."""
    name = info.filename.replace("\\", "/")
    if info.flag_bits & 0x800:
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name
