"""Text files from outside, line by line: what they are, the encoding they are in, and nothing longer than was said."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from rekd.data.own.draft import OwnDataError

MOST_BYTES = 2 * 2**30
LONGEST_LINE = 4 * 2**20
UNREAD = re.compile("[\udc80-\udcff]")
"""What stands in a line for bytes that are no characters of a one-byte encoding or of UTF-8."""
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before that of UTF-16, which it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHUNK = 2**20
_FOREIGN = re.compile("[^\x00-\x7f\udc80-\udcff]")
_OTHERS = {
    b"PK\x03\x04": "a zip archive or an Excel workbook; save the table as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save the table as CSV",
    b"PAR1": "a Parquet file; save the table as CSV",
    b"\x1f\x8b": "compressed; unpack it first",
    b"%PDF": "a PDF file; save the table as CSV",
}


@contextmanager
def opened(source: Path | bytes) -> Iterator[BinaryIO]:
    """The file's bytes.

    Raises:
        OwnDataError: it is missing, empty, a folder, too large, or no text.
    """
    try:
        file = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
    except OSError as error:
        raise OwnDataError(f"{source} can't be opened ({error.strerror}). Name a CSV file.") from None
    with file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        head = file.read(4096)
        file.seek(0)
        if not head.strip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"):
            raise OwnDataError(
                "The file is empty. A CSV file with a line of column names and a row a line is expected."
            )
        if size > MOST_BYTES:
            raise OwnDataError(
                f"The file has {size / 2**30:.1f} GB; at most {MOST_BYTES / 2**30:.0f} GB are read. Bring a part of it."
            )
        for mark, what in _OTHERS.items():
            if head.startswith(mark):
                raise OwnDataError(f"The file is no CSV: it is {what}.")
        if not _marked(head) and head.count(0) * 10 > len(head):
            raise OwnDataError("The file is no text, or text in an unusual encoding. Save it as CSV in UTF-8.")
        yield file


@contextmanager
def text_of(file: BinaryIO, encoding: str) -> Iterator[io.TextIOWrapper]:
    """The file's lines from its start; the file itself stays open."""
    file.seek(0)
    errors = "replace" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
    text = io.TextIOWrapper(file, encoding, errors, newline="")
    try:
        yield text
    finally:
        text.detach()
        file.seek(0)


def _marked(head: bytes) -> str:
    return next((encoding for mark, encoding in _MARKS if head.startswith(mark)), "")


def encoding_of(file: BinaryIO) -> tuple[str, bool]:
    """The encoding, and whether bytes are left that are none of its characters.

    Without a mark, UTF-8 unless more of its bytes are wrong than of its accented characters right.
    """
    marked = _marked(file.read(4))
    if marked and marked != "utf-8-sig":
        return marked, False
    if _decodes(file):
        return marked or "utf-8", False
    with text_of(file, "utf-8") as text:
        wrong = right = 0
        while chunk := text.read(_CHUNK):
            if not chunk.isascii():
                wrong += len(UNREAD.findall(chunk))
                right += len(_FOREIGN.findall(chunk))
    return (marked or "utf-8", True) if marked or right > wrong else ("cp1252", True)


def _decodes(file: BinaryIO) -> bool:
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := file.read(_CHUNK):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
        return True
    except UnicodeDecodeError:
        return False


class Lines:
    """Lines of a text, and whether their end was reached: a row that is given only then ends within a quotation."""

    def __init__(self, text: io.TextIOWrapper):
        self.text, self.ended = text, False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.text.readline(LONGEST_LINE)
        if len(line) == LONGEST_LINE:
            raise OwnDataError(
                f"A line has over {LONGEST_LINE:,} characters. A CSV file with a row a line is expected."
            )
        if not line:
            self.ended = True
            raise StopIteration
        return line
