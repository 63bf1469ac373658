"""Zip archives from outside, read entry by entry and never extracted: nothing leaves its folder, nothing swells."""

from __future__ import annotations

import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rekd.errors import reason

MOST_SWELL = 100
"""How many times larger than packed an archive may say that its files are, where they are large at all."""
CHUNK = 2**20
"""Bytes that are unpacked at a time."""
SMALL = 64 * 2**20
"""Bytes; below this size nothing swells dangerously, however well it was packed (blank pictures are)."""
ENTRY_BYTES = 1024
"""Room of an entry in the archive's directory, far more than a name and its extras need."""
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class ZipRefused(ValueError):
    """An archive that is damaged or that no honest program packs; the message is a sentence for a person."""


@contextmanager
def open_zip(source: Path | bytes, *, most_files: int) -> Iterator[zipfile.ZipFile]:
    """An archive from a file or from memory, its directory read once its size is known to be reasonable.

    Raises:
        ZipRefused: no zip, damaged, or a directory far too large for `most_files`.
    """
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        if _directory_bytes(file) > most_files * ENTRY_BYTES:
            raise ZipRefused(f"The archive lists far more than {most_files:,} files. Pack fewer.")
        file.seek(0)
        try:
            archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, OSError) as error:
            raise ZipRefused(f"It is no zip archive, or it is damaged ({reason(error)}). Pack it again.") from None
        with archive:
            yield archive


def safe_members(archive: zipfile.ZipFile, *, most_bytes: int, most_files: int) -> list[zipfile.ZipInfo]:
    """The files of an archive, in its order and without its folders; one bad entry refuses the whole.

    Raises:
        ZipRefused: a name that leads out of the archive or stands there twice, a link, a password, an unusual packing,
            too many files, too many bytes, or so much more unpacked than packed that it is a bomb.
    """
    infos = archive.infolist()
    if len(infos) > most_files:
        raise ZipRefused(f"The archive holds {len(infos):,} files; at most {most_files:,} are read. Pack fewer.")
    seen: set[str] = set()
    for info in infos:
        if why := _fault(info):
            raise ZipRefused(f"The archive holds {_shown(info)}, {why}. Nothing of it was read.")
        if info.filename in seen:
            raise ZipRefused(f"The archive holds {_shown(info)} twice; which is meant can't be told. Pack it again.")
        seen.add(info.filename)
    files = [info for info in infos if not info.is_dir()]
    _check_size(files, most_bytes)
    return files


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most_bytes: int) -> bytes:
    """One file of an archive; it is unpacked no further than `most_bytes`, whatever size the archive says it has.

    Raises:
        ZipRefused: it is larger, damaged, or can't be unpacked.
    """
    too_large = f"{_shown(info)} is larger than {most_bytes / 2**20:,.0f} MB unpacked, which is the most that is read."
    if info.file_size > most_bytes:
        raise ZipRefused(too_large)
    data = next(chunks(archive, info, most_bytes + 1), b"")
    if len(data) > most_bytes:
        raise ZipRefused(too_large)
    return data


def chunks(archive: zipfile.ZipFile, info: zipfile.ZipInfo, size: int = CHUNK) -> Iterator[bytes]:
    """One file of an archive in pieces of `size` bytes, no more in all than the archive says it has.

    Raises:
        ZipRefused: it is damaged, or can't be unpacked. What goes wrong with a piece outside is not taken for that.
    """
    try:
        with archive.open(info) as file:
            while chunk := file.read(size):
                yield chunk
    # A wrong checksum, cut data, an unknown method, a password: the module has an error of its own for each.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise ZipRefused(f"{_shown(info)} is damaged in the archive ({reason(error)}). Pack it again.") from None


def _fault(info: zipfile.ZipInfo) -> str:
    """What is wrong with an entry, "" where nothing is. Both kinds of slash count, on every system."""
    name = info.orig_filename.replace("\\", "/")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if not name.strip("/") or _CONTROL.search(name):
        return "which is no file name"
    if name.startswith("/") or _DRIVE.match(name) or ".." in name.split("/"):
        return "a path that leads out of the archive"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "a link" if kind == stat.S_IFLNK else "which is neither a file nor a folder"
    if info.flag_bits & 0x41:
        return "which is locked by a password; pack it without one"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "packed in an unusual way; pack it by the usual method, deflate"
    return ""


def _check_size(files: list[zipfile.ZipInfo], most_bytes: int) -> None:
    unpacked, packed = sum(info.file_size for info in files), sum(info.compress_size for info in files)
    if unpacked > most_bytes:
        said = f"{unpacked / 2**20:,.0f} MB unpacked; at most {most_bytes / 2**20:,.0f} MB are read"
        raise ZipRefused(f"The archive's files are {said}. Pack fewer.")
    if unpacked > SMALL and unpacked > MOST_SWELL * packed:
        raise ZipRefused(
            f"The archive would swell from {packed / 2**20:,.1f} to {unpacked / 2**20:,.0f} MB; files that real work "
            f"leaves grow at most {MOST_SWELL}-fold. Nothing of it was read."
        )


def _directory_bytes(file) -> int:
    """Size of the archive's directory, the largest that its end records say; 0 where there is no such record.

    Raises:
        ZipRefused: the end record is cut short.
    """
    start = max(0, file.seek(0, io.SEEK_END) - 22 - 2**16)  # as far from the end as `zipfile` looks for the record
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0:
        return 0
    if len(tail) < at + 22:
        raise ZipRefused("It is no zip archive, or it is damaged (its end is cut short). Pack it again.")
    said, large = int.from_bytes(tail[at + 12 : at + 16], "little"), _large_directories(file, start + at)
    return max(large if large and said == 0xFFFFFFFF else [said, *large])  # all ones: see the larger record


def _large_directories(file, end: int) -> list[int]:
    """Sizes of the directory as the records of a large archive say, wherever `zipfile` may look for one.

    It takes such a record's size whatever the end record at `end` says, once the record's locator stands before that:
    from just before the locator, or, in later versions of Python, from the place that the locator names.
    """
    file.seek(max(0, end - 20))
    locator = file.read(20)
    if end < 76 or not locator.startswith(b"PK\x06\x07"):
        return []
    named = int.from_bytes(locator[8:16], "little")
    return [size for at in {end - 76, min(named, end)} if (size := _large_directory(file, at)) is not None]


def _large_directory(file, at: int) -> int | None:
    file.seek(at)
    record = file.read(56)
    return int.from_bytes(record[40:48], "little") if record.startswith(b"PK\x06\x06") else None


def _shown(info: zipfile.ZipInfo) -> str:
    name = _CONTROL.sub("\ufffd", info.orig_filename)
    return f"“{name if len(name) <= 80 else name[:40] + '…' + name[-39:]}”"
