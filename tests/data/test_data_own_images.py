"""Pictures of one's own in folders or a zip: classes by folder, bad files told by their path, no bomb opened."""

from __future__ import annotations

import io
import os
import stat
import zipfile

import numpy as np
import pytest
from PIL import Image

from rekd.data.own import OwnDataError, read_images
from rekd.data.own import draft as own_draft
from rekd.data.own import folders as own_folders
from rekd.data.own.folders import arrange


def png(colour=(200, 30, 20), size=(12, 10), kind="PNG", **options) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", size, colour).save(held, kind, **options)
    return held.getvalue()


def pictures(classes="ab", count=4, top="") -> dict[str, bytes]:
    return {f"{top}{name}/{i}.png": png((20 * i, 9, ord(name))) for name in classes for i in range(count)}


def packed(files: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return held.getvalue()


def laid(root, files: dict[str, bytes]):
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


@pytest.fixture(params=["folder", "zip", "zip in memory"])
def source(request, tmp_path):
    """The same files as a folder, as an archive, and as an upload."""

    def make(files: dict[str, bytes]):
        if request.param == "folder":
            return laid(tmp_path / "shapes", files)
        if request.param == "zip":
            return laid(tmp_path, {"shapes.zip": packed(files)}) / "shapes.zip"
        return packed(files)

    return make


def reasons(draft) -> dict[str, str]:
    return {bad.number: bad.reason for bad in draft.bad}


def test_folders_give_classes_and_samples_of_each(source):
    draft = read_images(source(pictures("ba", 10)))
    assert draft.modality == "image" and draft.classes == ("a", "b") and draft.counts == {"a": 10, "b": 10}
    assert draft.splits == {"train": 16, "dev": 2, "test": 2} and draft.bad_count == 0
    assert {sample.label for sample in draft.samples} == {"a", "b"} and len(draft.samples) == 8
    assert draft.samples[1].number == "a/1.png"
    assert draft.samples[1].image.shape == (10, 12, 3) and draft.samples[1].image[0, 0].tolist() == [20, 9, 97]


def test_files_that_can_t_be_used_are_told_by_their_path(source):
    bad = {
        "a/cut.png": png(size=(50, 50), kind="BMP")[:500],
        "a/text.jpg": b"no picture at all",
        "b/empty.png": b"",
        "b/tiny.png": png(size=(7, 30)),
        "b/narrow.png": png(size=(2_000, 20)),
        "loose.png": png(),
    }
    draft = read_images(source({**pictures(), **bad}))
    assert draft.rows == 8 and draft.bad_count == 6 and set(reasons(draft)) == set(bad)
    assert "the file is damaged or cut short" in reasons(draft)["a/cut.png"]
    assert "no picture that can be read here" in reasons(draft)["a/text.jpg"]
    assert "is empty" in reasons(draft)["b/empty.png"]
    assert "too small or too narrow" in reasons(draft)["b/tiny.png"]
    assert "too small or too narrow" in reasons(draft)["b/narrow.png"]
    assert reasons(draft)["loose.png"] == "it stands in no folder that names its class"


def test_a_picture_far_too_large_is_told_before_it_is_decoded(source, monkeypatch):
    monkeypatch.setattr("rekd.pictures.MEGAPIXELS", 0.01)
    draft = read_images(source({**pictures(), "a/poster.png": png(size=(200, 100))}))
    assert "200 x 100 pixels; up to 0.01 megapixels are read" in reasons(draft)["a/poster.png"]


def test_what_programs_leave_behind_is_passed_over_and_other_files_are_noted(source):
    extra = {
        "a/.hidden.png": b"",
        "__MACOSX/a/._0.png": b"",
        "a/Thumbs.db": b"",
        "read me.txt": b"",
        "labels.csv": b"",
        "more.zip": packed(pictures()),
    }
    draft = read_images(source({**pictures(), **extra}))
    assert draft.rows == 8 and draft.bad_count == 0
    said = " ".join(draft.notes)
    assert "Archives within are not opened: more.zip." in said and "and 1 more" in said and "Thumbs" not in said


def test_a_folder_around_everything_counts_for_nothing(source):
    assert read_images(source(pictures(top="my pictures/all/"))).classes == ("a", "b")


@pytest.mark.parametrize("names", [("train", "val", "test"), ("Training", "valid", "TEST")])
def test_folders_of_splits_are_followed(source, names):
    train, dev, test = names
    files = {**pictures(top=f"x/{train}/", count=5), **pictures(top=f"x/{dev}/", count=1)}
    files |= {**pictures(top=f"x/{test}/", count=2), "x/rest/a/0.png": png(), f"x/{train}/loose.png": png()}
    draft = read_images(source(files))
    assert draft.splits == {"train": 10, "dev": 2, "test": 4} and draft.classes == ("a", "b")
    assert "it stands in “rest”, which is none of train" in reasons(draft)["x/rest/a/0.png"]
    assert "no folder that names its class" in reasons(draft)[f"x/{train}/loose.png"]


def test_a_class_that_is_called_train_is_a_class():
    spots, faults, _ = arrange([f"{name}/{i}.png" for name in ("train", "bus") for i in range(3)])
    assert {spot.label for spot in spots} == {"train", "bus"} and not faults


def test_folders_within_a_class_are_of_that_class(source):
    assert read_images(source({**pictures(count=3), "a/2020/more/x.jpg": png(kind="JPEG")})).counts == {"a": 4, "b": 3}


def test_one_class_is_refused_by_its_name(source):
    with pytest.raises(OwnDataError, match="Every row has the label “a”; two classes are needed"):
        read_images(source(pictures("a")))


def test_no_picture_at_all_is_a_sentence(source):
    with pytest.raises(OwnDataError, match="holds no picture. Folders of pictures, each named by its class"):
        read_images(source({"a/notes.txt": b""}))


def test_the_same_picture_twice_is_counted(source):
    draft = read_images(source({**pictures(count=6), "a/copy.png": pictures()["a/0.png"]}))
    assert "1 row repeats another exactly; all are kept." in draft.notes


def test_names_in_any_alphabet_and_spelling_are_read(tmp_path):
    files = {f"{name}/{i}.png": png() for name in ("кошка", "ku\u0308he", "猫") for i in range(3)}
    assert set(read_images(laid(tmp_path / "x", files)).classes) == {"кошка", "kühe", "猫"}
    data = bytearray(packed(files))
    for mark, flags in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        at = data.find(mark)
        while at >= 0:
            data[at + flags] &= 0xF7  # many programs write UTF-8 and don't say so
            at = data.find(mark, at + 4)
    assert set(read_images(bytes(data)).classes) == {"кошка", "kühe", "猫"}


def test_progress_is_told(source):
    steps = []
    read_images(source(pictures(count=40)), progress=lambda done, total: steps.append((done, total)))
    assert steps == [(64, 80), (80, 80)]


class TestArchives:
    @pytest.mark.parametrize("name", ["../a/x.png", "/a/x.png", "C:\\a\\x.png", "a\\..\\..\\x.png"])
    def test_a_path_out_of_the_archive_refuses_the_whole(self, name, tmp_path):
        with pytest.raises(OwnDataError, match="a path that leads out of the archive. Nothing of it was read"):
            read_images(packed({**pictures(), name: png()}))
        assert not list(tmp_path.rglob("*.png"))

    def test_a_link_refuses_the_whole(self):
        held = io.BytesIO(packed(pictures()))
        with zipfile.ZipFile(held, "a") as archive:
            info = zipfile.ZipInfo("a/link.png")
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, "/etc/passwd")
        with pytest.raises(OwnDataError, match="“a/link.png”, a link"):
            read_images(held.getvalue())

    def test_a_bomb_is_refused_and_named(self):
        with pytest.raises(OwnDataError, match="^upload.zip can't be used. The archive would swell"):
            read_images(packed({**pictures(), "a/bomb.bmp": bytes(80 * 2**20)}), name="upload.zip")

    def test_a_picture_that_is_a_bomb_is_a_bad_row(self, monkeypatch):
        monkeypatch.setattr(own_folders, "MOST_PICTURE", 2**20)
        draft = read_images(packed({**pictures(), "a/big.bmp": bytes(2 * 2**20)}))
        assert "larger than 1 MB unpacked" in reasons(draft)["a/big.bmp"]

    def test_damage_within_costs_its_picture_alone(self):
        data = bytearray(packed(pictures()))
        at = data.find(b"a/1.png") + 20
        data[at : at + 8] = b"\xff" * 8
        draft = read_images(bytes(data))
        assert set(reasons(draft)) == {"a/1.png"} and draft.rows == 7

    def test_too_much_is_refused_by_number(self, monkeypatch):
        monkeypatch.setattr(own_folders, "MOST_FILES", 5)
        with pytest.raises(OwnDataError, match="holds 8 files; at most 5"):
            read_images(packed(pictures()))

    def test_what_is_no_archive_is_a_sentence(self, tmp_path):
        with pytest.raises(OwnDataError, match="no zip archive"):
            read_images(b"hello")
        with pytest.raises(OwnDataError, match="There is no folder or archive"):
            read_images(tmp_path / "nothing")


class TestFolders:
    def test_too_many_files_are_refused(self, tmp_path, monkeypatch):
        monkeypatch.setattr(own_folders, "MOST_FILES", 5)
        with pytest.raises(OwnDataError, match="more than 5 files"):
            read_images(laid(tmp_path / "x", pictures()))

    def test_a_link_that_leads_back_up_ends(self, tmp_path):
        root = laid(tmp_path / "x", pictures())
        try:
            os.symlink(root, root / "a" / "up", target_is_directory=True)
        except OSError:
            pytest.skip("links need leave on this system")
        assert read_images(root).rows == 8

    def test_a_file_larger_than_pictures_are_is_told_by_its_size(self, tmp_path, monkeypatch):
        monkeypatch.setattr(own_folders, "MOST_PICTURE", 2**20)
        draft = read_images(laid(tmp_path / "x", {**pictures(), "b/big.png": bytes(3 * 2**20)}))
        assert reasons(draft)["b/big.png"].startswith("it has 3 MB; up to")


def test_too_many_rows_are_a_sentence(source, monkeypatch):
    monkeypatch.setattr(own_draft, "MOST_ROWS", 5)
    with pytest.raises(OwnDataError, match="more than 5 rows"):
        read_images(source(pictures()))


def test_turned_pictures_stand_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = {f"a/{i}.jpg": png(size=(30, 10), kind="JPEG", exif=exif) for i in range(3)}
    draft = read_images(laid(tmp_path / "x", {**pictures(), **turned}))
    assert {sample.image.shape for sample in draft.samples if sample.number.endswith("jpg")} == {(30, 10, 3)}
    assert np.all(draft.labels == [0] * 7 + [1] * 4)
