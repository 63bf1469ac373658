"""Archives from outside: honest ones are read, and whatever could harm is refused by a sentence."""

from __future__ import annotations

import io
import stat
import struct
import zipfile

import pytest

from rekd.zips import ZipRefused, open_zip, read_member, safe_members

MB = 2**20


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return held.getvalue()


def members(data: bytes, most_bytes: int = 100 * MB, most_files: int = 100) -> list[str]:
    with open_zip(data, most_files=most_files) as archive:
        return [info.filename for info in safe_members(archive, most_bytes=most_bytes, most_files=most_files)]


def test_an_honest_archive_gives_its_files_in_order_from_memory_and_from_disk(tmp_path):
    data = packed({"b/": b"", "b/two.txt": b"2" * 1000, "a.txt": b"one", "ü/Ж.txt": b""})
    path = tmp_path / "some.zip"
    path.write_bytes(data)
    for source in (data, path):
        with open_zip(source, most_files=10) as archive:
            infos = safe_members(archive, most_bytes=MB, most_files=10)
            assert [info.filename for info in infos] == ["b/two.txt", "a.txt", "ü/Ж.txt"]
            assert [read_member(archive, info, MB) for info in infos] == [b"2" * 1000, b"one", b""]
    path.unlink()  # nothing holds the file open


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/etc/evil", "C:evil", "c:/evil", "..\\evil", "\\\\host\\share\\evil", "a/.."]
)
def test_names_that_lead_out_are_refused_with_either_slash(name):
    with pytest.raises(ZipRefused, match="a path that leads out of the archive. Nothing of it was read"):
        members(packed({"good.txt": b"", name: b"x"}))


def test_dots_within_names_are_no_harm():
    assert members(packed({"a..b/..c/d...txt": b""})) == ["a..b/..c/d...txt"]


@pytest.mark.parametrize("kind", ["link", "neither a file nor a folder"])
def test_links_and_devices_are_refused(kind):
    info = zipfile.ZipInfo("innocent")
    info.external_attr = ((stat.S_IFLNK if kind == "link" else stat.S_IFIFO) | 0o777) << 16
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(ZipRefused, match=f"“innocent”, .*{kind}"):
        members(held.getvalue())


def test_a_name_that_stands_there_twice_is_refused():
    with pytest.warns(UserWarning, match="Duplicate name"):
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w") as archive:
            archive.writestr("a.txt", "1")
            archive.writestr("a.txt", "2")
    with pytest.raises(ZipRefused, match="“a.txt” twice"):
        members(held.getvalue())


def test_a_control_character_in_a_name_is_refused_and_not_printed():
    with pytest.raises(ZipRefused, match="no file name") as caught:
        members(packed({"a\x1b[2Jb": b""}))
    assert "\x1b" not in str(caught.value)


def test_a_password_is_told():
    data = bytearray(packed({"a.txt": b"secret"}))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(mark) + at] |= 1
    with pytest.raises(ZipRefused, match="locked by a password; pack it without one"):
        members(bytes(data))


def test_an_unusual_packing_is_refused():
    with pytest.raises(ZipRefused, match="usual method, deflate"):
        members(packed({"a.txt": b"x" * 100}, zipfile.ZIP_LZMA))


def test_a_bomb_is_refused_by_what_it_says_of_itself():
    bomb = packed({"zeros": bytes(70 * MB)})
    assert len(bomb) < MB
    with pytest.raises(ZipRefused, match="would swell from 0.1 to 70 MB"):
        members(bomb)
    with pytest.raises(ZipRefused, match="70 MB unpacked; at most 10 MB are read"):
        members(bomb, most_bytes=10 * MB)


def test_blank_pictures_that_pack_well_are_no_bomb():
    assert members(packed({f"{i}.bmp": bytes(MB) for i in range(20)}))


def test_a_bomb_that_lies_about_its_size_is_unpacked_no_further_than_it_says():
    """The archive says 1,000 bytes; the packed data hold 30 MB."""
    data = bytearray(packed({"zeros": bytes(30 * MB)}))
    for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = data.find(mark) + at
        data[place : place + 4] = struct.pack("<I", 1000)
    with open_zip(bytes(data), most_files=10) as archive:
        (info,) = safe_members(archive, most_bytes=MB, most_files=10)
        with pytest.raises(ZipRefused, match="“zeros” is damaged in the archive"):
            read_member(archive, info, MB)


def test_one_file_larger_than_wanted_is_refused_before_it_is_unpacked():
    with open_zip(packed({"big": bytes(2 * MB)}), most_files=10) as archive:
        (info,) = safe_members(archive, most_bytes=10 * MB, most_files=10)
        with pytest.raises(ZipRefused, match="“big” is larger than 1 MB"):
            read_member(archive, info, MB)


def test_too_many_files_are_refused_before_and_after_the_directory_is_read():
    data = packed({f"{i:04}": b"" for i in range(40)}, zipfile.ZIP_STORED)
    with pytest.raises(ZipRefused, match="holds 40 files; at most 30"):
        members(data, most_files=30)
    with pytest.raises(ZipRefused, match="lists far more than 1 files"):
        members(data, most_files=1)


def enlarged(data: bytes, said: int, extra: int = 0) -> bytes:
    """An archive with the records of a large one, whose own end says that its directory has `said` bytes."""
    at = data.rfind(b"PK\x05\x06")
    size, start = struct.unpack("<II", data[at + 12 : at + 20])
    count = struct.unpack("<H", data[at + 10 : at + 12])[0]
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44 + extra, 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)
    end = bytearray(data[at:])
    end[12:16] = struct.pack("<I", said)
    return data[:at] + record + bytes(extra) + locator + bytes(end)


@pytest.mark.parametrize("extra", [0, 40])
@pytest.mark.parametrize("said", [0, 46, 0xFFFFFFFF])
def test_a_directory_is_as_large_as_the_record_that_is_read_says(said, extra):
    """Of two ends that differ `zipfile` takes the larger archive's, from either of two places by its version."""
    data = enlarged(packed({f"{i:04}": b"" for i in range(40)}, zipfile.ZIP_STORED), said, extra)
    with pytest.raises(ZipRefused, match="lists far more than 1 files"):
        members(data, most_files=1)


def test_an_honest_large_archive_is_read():
    assert members(enlarged(packed({"a.txt": b"one"}), 0xFFFFFFFF)) == ["a.txt"]


def test_an_end_within_the_end_hides_no_directory():
    """`zipfile` reads the last 22 bytes, in which a second mark stands; nothing complete follows that one."""
    data = bytearray(packed({f"{i:04}": b"" for i in range(40)}, zipfile.ZIP_STORED))
    data[-6:-2] = b"PK\x05\x06"  # where the directory begins: not needed to find it
    assert len(zipfile.ZipFile(io.BytesIO(bytes(data))).infolist()) == 40
    with pytest.raises(ZipRefused, match="damaged .its end is cut short.. Pack it again"):
        members(bytes(data), most_files=1)


def test_an_end_as_far_from_the_end_as_is_looked_for_counts():
    data = packed({f"{i:04}": b"" for i in range(40)}, zipfile.ZIP_STORED) + bytes(2**16)
    assert len(zipfile.ZipFile(io.BytesIO(data)).infolist()) == 40
    with pytest.raises(ZipRefused, match="lists far more than 1 files"):
        members(data, most_files=1)


@pytest.mark.parametrize("cut", [0, 10, 100])
def test_what_is_no_archive_or_is_cut_short_is_a_sentence(cut):
    with pytest.raises(ZipRefused, match="no zip archive, or it is damaged"):
        members(packed({"a.txt": b"x" * 50})[:cut])


def test_damaged_content_is_told_by_its_checksum():
    data = bytearray(packed({"a.txt": b"x" * 50}, zipfile.ZIP_STORED))
    data[data.find(b"xxxx")] = ord("y")
    with open_zip(bytes(data), most_files=10) as archive:
        (info,) = safe_members(archive, most_bytes=MB, most_files=10)
        with pytest.raises(ZipRefused, match="“a.txt” is damaged in the archive"):
            read_member(archive, info, MB)


def test_long_names_are_shortened_in_sentences():
    with pytest.raises(ZipRefused) as caught:
        members(packed({"../" + "x" * 5000: b""}))
    assert len(str(caught.value)) < 250
