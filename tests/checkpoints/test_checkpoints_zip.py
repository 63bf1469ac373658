"""A checkpoint in a zip file loads where nothing else of it is, and nothing but a checkpoint comes out of one."""

from __future__ import annotations

import os
import shutil
import stat
import struct
import tracemalloc
import zipfile

import pytest
import torch
from helpers import same

from rekd import checkpoints
from rekd.checkpoints import CheckpointError, zipped
from rekd.types import Example


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("REKD_CACHE", str(tmp_path / "cache"))
    zipped._digest.cache_clear()
    return tmp_path / "cache"


def archive(path, entries) -> object:
    """A zip of (name, file or bytes)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as held:
        for name, content in entries:
            held.writestr(name, content if isinstance(content, bytes) else content.read_bytes())
    return path


def entries(folder, top="imdb-re", words=True):
    found = [(f"{top}/{path.name}".lstrip("/"), path) for path in sorted(folder.iterdir())]
    for home in folder.parent.glob("words-*") if words else ():
        found += [(f"{top}/{home.name}/{path.name}".lstrip("/"), path) for path in sorted(home.iterdir())]
    return found


@torch.no_grad()
def selected(source):
    loaded = checkpoints.load(source)
    return loaded.model.select(loaded.reader.read([Example("own", "a great film, not a dull one")]).batch)


def test_a_zip_loads_as_the_folder_did_when_that_is_gone(own, tmp_path, cache):
    path, before = archive(tmp_path / "any.zip", entries(own / "imdb-re")), selected(own / "imdb-re")
    shutil.rmtree(own)
    loaded = checkpoints.load(path)
    assert loaded.info.name == "imdb-re" and loaded.info.folder.is_relative_to(cache)
    same(selected(path), before, atol=0)


@pytest.mark.parametrize(
    ("top", "name"), [("", "any"), ("deep/in/imdb-re", "imdb-re"), ("my-run/checkpoint", "my-run")]
)
def test_however_a_person_packed_it_one_checkpoint_is_found_and_named(own, tmp_path, top, name):
    path = archive(tmp_path / "any.zip", entries(own / "imdb-re", top))
    shutil.rmtree(own)
    assert checkpoints.load(path).info.name == name


def test_a_whole_run_that_was_packed_by_hand_brings_the_word_table_beside_its_checkpoint(own, tmp_path):
    (words,) = own.glob("words-*")
    more = [("run/config.json", b"{}"), ("run/state/00000001/weights.safetensors", b"x")]
    more += [(f"run/{words.name}/{path.name}", path) for path in words.iterdir()]
    path = archive(tmp_path / "any.zip", [*entries(own / "imdb-re", "run/checkpoint", words=False), *more])
    shutil.rmtree(own)
    assert checkpoints.load(path).info.name == "run"


def test_what_no_checkpoint_holds_stays_in_the_archive(own, tmp_path):
    foreign = ["imdb-re/train.py", "imdb-re/model.bin", "imdb-re/sub/x.json", "__MACOSX/imdb-re/._config.json"]
    foreign += ["imdb-re/._model.safetensors", "other/words-1/x", "readme.txt"]
    path = archive(tmp_path / "any.zip", [*entries(own / "imdb-re"), *((name, b"x") for name in foreign)])
    folder = checkpoints.load(path).info.folder
    held = {file.relative_to(folder.parent).as_posix() for file in folder.parent.rglob("*") if file.is_file()}
    assert held == {name for name, _ in entries(own / "imdb-re")}


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (("../../evil/config.json", b"x"), "leads out of the archive"),
        (("imdb-re/words-1/../../../x", b"x"), "leads out of the archive"),
        (("/etc/x", b"x"), "leads out of the archive"),
        (("C:\\x", b"x"), "leads out of the archive"),
    ],
)
def test_a_path_that_leads_out_refuses_the_whole(own, tmp_path, cache, entry, why):
    path = archive(tmp_path / "any.zip", [*entries(own / "imdb-re"), entry])
    before = {file for file in tmp_path.rglob("*") if not file.is_relative_to(cache)}
    with pytest.raises(CheckpointError, match=why):
        checkpoints.find(path)
    assert {file for file in tmp_path.rglob("*") if not file.is_relative_to(cache)} == before
    assert not [file for file in cache.rglob("*") if file.is_file()]


def test_a_link_and_a_bomb_are_refused(own, tmp_path):
    link = zipfile.ZipInfo("imdb-re/model-00001-of-00002.safetensors")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as held:
        held.writestr(link, "/etc/passwd")
    with pytest.raises(CheckpointError, match="a link"):
        checkpoints.find(tmp_path / "link.zip")
    zeros = bytes(70 * 2**20)
    bomb = [("a/config.json", b"{}"), ("a/model.safetensors", zeros)]
    with pytest.raises(CheckpointError, match="would swell"):
        checkpoints.find(archive(tmp_path / "bomb.zip", bomb))


def swollen(path, zeros: int, noise: int):
    """A checkpoint with so many bytes that pack and so many that don't."""
    return archive(path, [("a/config.json", b"{}"), ("a/model.safetensors", bytes(zeros) + os.urandom(noise))])


def test_weights_that_grow_as_no_trained_ones_do_are_refused_long_before_a_bomb(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(zipped, "SMALL", 10_000)
    with pytest.raises(CheckpointError, match="would swell from .* MB; trained weights grow at most 3-fold"):
        checkpoints.find(swollen(tmp_path / "zeros.zip", 400_000, 20_000))
    assert not list(cache.rglob("model*"))
    assert checkpoints.find(swollen(tmp_path / "honest.zip", 200_000, 120_000)).name == "a"


def test_an_archive_that_lies_about_what_its_entries_take_is_judged_by_its_own_size(tmp_path, monkeypatch):
    monkeypatch.setattr(zipped, "SMALL", 10_000)
    path = swollen(tmp_path / "any.zip", 400_000, 20_000)
    data = bytearray(path.read_bytes())
    data[(at := data.rfind(b"PK\x01\x02") + 20) : at + 4] = struct.pack("<I", 400_000)
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="would swell"):
        checkpoints.find(path)


def test_a_large_file_is_never_in_memory_whole(own, tmp_path):
    path = archive(tmp_path / "any.zip", entries(own / "digits-re", "digits-re", words=False))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_STORED) as held:
        held.writestr("digits-re/tokenizer/large", bytes(24 * 2**20))
    tracemalloc.start()
    folder = checkpoints.find(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (folder / "tokenizer" / "large").stat().st_size == 24 * 2**20 and peak < 8 * 2**20


def test_none_and_several_are_said(own, tmp_path):
    with pytest.raises(CheckpointError, match="should hold one checkpoint.*and holds none"):
        checkpoints.find(archive(tmp_path / "none.zip", [("notes/config.json", b"{}"), ("x/model.safetensors", b"")]))
    both = [*entries(own / "imdb-re"), *entries(own / "imdb-cls", "imdb-cls")]
    with pytest.raises(CheckpointError, match="holds 2: imdb-cls, imdb-re"):
        checkpoints.find(archive(tmp_path / "both.zip", both))


def test_no_zip_and_no_file_are_said_and_the_hub_is_not_asked(tmp_path):
    (tmp_path / "any.zip").write_bytes(b"no zip at all")
    with pytest.raises(CheckpointError, match="no zip archive"):
        checkpoints.find(tmp_path / "any.zip")
    with pytest.raises(CheckpointError, match="There is no file someone.gone.zip"):
        checkpoints.find("someone/gone.zip")


def test_damaged_content_is_said(own, tmp_path):
    path = archive(tmp_path / "any.zip", entries(own / "imdb-re"))
    with zipfile.ZipFile(path) as held:
        at = held.getinfo("imdb-re/model.safetensors").header_offset + 200
    data = bytearray(path.read_bytes())
    data[at : at + 50] = bytes(50)
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=r"model.safetensors.* is damaged"):
        checkpoints.find(path)


def test_it_is_unpacked_once_and_again_where_the_cache_lost_something(own, tmp_path, monkeypatch):
    path, reads = archive(tmp_path / "any.zip", entries(own / "imdb-re")), []
    read = zipped.chunks
    monkeypatch.setattr(zipped, "chunks", lambda *args: reads.append(1) or read(*args))
    folder = checkpoints.find(path)
    first = len(reads)
    assert checkpoints.find(path) == folder and len(reads) == first > 0
    (folder / "model.safetensors").unlink()
    same(selected(path), selected(own / "imdb-re"), atol=0)
    assert len(reads) == 2 * first


def test_another_content_under_the_same_name_is_another_folder(own, tmp_path):
    path = archive(tmp_path / "any.zip", entries(own / "imdb-re"))
    first = checkpoints.find(path)
    archive(path, entries(own / "imdb-cls", "imdb-cls"))
    os.utime(path, ns=(1, 1))
    second = checkpoints.find(path)
    assert (first.name, second.name) == ("imdb-re", "imdb-cls") and first.parent != second.parent


def test_the_cache_keeps_the_last_few(own, tmp_path, cache, monkeypatch):
    monkeypatch.setattr(zipped, "KEPT", 2)
    paths = [archive(tmp_path / f"{n}.zip", [*entries(own / "digits-re", f"m{n}", words=False)]) for n in range(3)]
    for age, path in enumerate(paths):
        os.utime(checkpoints.find(path).parent, (1e9 + age, 1e9 + age))
    assert sorted(file.name for file in cache.glob("checkpoints/*/m*")) == ["m1", "m2"]
    assert checkpoints.load(paths[0]).info.name == "m0", "what went is unpacked again"


def test_a_cache_that_cannot_be_written_is_said_with_the_ways_out(own, tmp_path, cache):
    cache.write_text("a file where a folder should be")
    with pytest.raises(CheckpointError, match="can't be unpacked below .*REKD_CACHE"):
        checkpoints.find(archive(tmp_path / "any.zip", entries(own / "digits-re", words=False)))
