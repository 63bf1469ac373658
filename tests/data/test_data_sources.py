"""Splits from local files: rows in the official order, development rows cut out of training, a hash of the content."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from tables import imdb, png, write

from rekd.data import data_at_hand, load_split, sources, split_hash


def test_texts_keep_the_official_order_and_line_breaks_become_newlines(folder):
    imdb(folder)
    test = load_split("imdb", "test")
    assert (test.task, test.name, test.classes) == ("imdb", "test", ("negative", "positive"))
    assert test.texts[3] == "test review 3.\n\nSecond line"
    assert test.labels.tolist() == [0] * 10 + [1] * 10 and test.labels.dtype == np.int64
    assert test[3].id == "imdb/test/3" and test[3].evidence is None


def test_dev_is_cut_out_of_train_and_is_always_the_same(folder, small_dev):
    imdb(folder, 40)
    train, dev = load_split("imdb", "train"), load_split("imdb", "dev")
    assert len(dev) == 4 and len(train) == 36
    assert len(set(train.texts) | set(dev.texts)) == 40
    assert dev.texts == load_split("imdb", "dev").texts
    numbers = [int(text.split()[2][:-1]) for text in train.texts]
    assert numbers == sorted(numbers), "rows keep the official order"


def test_dev_of_a_split_sorted_by_label_holds_both_classes():
    rows = sources.carved_rows("dev", 25_000, 2_500)
    assert len(rows) == 2_500
    assert abs((rows >= 12_500).mean() - 0.5) < 0.04
    assert not set(rows) & set(sources.carved_rows("train", 25_000, 2_500))


def test_images_are_decoded_from_any_mode_into_one_array(folder, small_dev):
    cells = [png((200, 10, 30)), png(77, mode="L"), png((1, 2, 3, 255), mode="RGBA")]
    write(folder, "cifar10/test.parquet", img=cells, label=[9, 0, 4])
    test = load_split("cifar10", "test")
    assert test.images.shape == (3, 32, 32, 3) and test.images.dtype == np.uint8
    assert test.images[:, 5, 5].tolist() == [[200, 10, 30], [77, 77, 77], [1, 2, 3]]
    assert test.classes[test[0].label] == "truck"


def test_images_given_as_plain_bytes_are_read_too(folder):
    write(folder, "cifar10/test.parquet", img=[png((9, 9, 9))["bytes"]], label=[1])
    assert load_split("cifar10", "test").images[0, 0, 0].tolist() == [9, 9, 9]


def test_numbered_shards_are_read_in_order(folder, small_dev):
    for shard, start in ((1, 6), (0, 0)):
        rows = range(start, start + 6)
        write(
            folder,
            f"cifar10/train-0000{shard}-of-00002.parquet",
            img=[png((i, 0, 0)) for i in rows],
            label=[i % 10 for i in rows],
        )
    train, dev = load_split("cifar10", "train"), load_split("cifar10", "dev")
    reds = [*train.images[:, 0, 0, 0], *dev.images[:, 0, 0, 0]]
    assert sorted(reds) == list(range(12))
    assert (train.labels == train.images[:, 0, 0, 0] % 10).all()


def test_coarse_and_fine_classes_read_the_same_file(folder, small_dev):
    write(folder, "cifar100/test.parquet", img=[png((0, 0, 0))], fine_label=[51], coarse_label=[4])
    assert load_split("cifar100", "test")[0].label == 4
    assert load_split("cifar100-fine", "test")[0].label == 51


def test_movies_read_their_own_validation_and_give_evidence_in_characters(folder):
    review = "a dull start .\nthen , at last , it soars\nand ends well ."
    for name in ("train", "validation", "test"):
        write(folder, f"movies/{name}.parquet", review=[review], label=[1], evidences=[["it soars and ends", "dull"]])
    dev = load_split("movies", "dev")
    assert dev.texts[0] == review
    assert [review[a:b] for a, b in dev.evidence[0]] == ["dull", "it soars\nand ends"]


def test_reviews_that_nobody_marked_have_no_evidence(folder):
    cells = pa.array([None, []], pa.list_(pa.string()))
    write(folder, "movies/test.parquet", review=["a b", "c"], label=[0, 1], evidences=cells)
    assert load_split("movies", "test").evidence == [None, None]


def test_data_at_hand_looks_at_files_alone(folder, no_datasets):
    assert data_at_hand("digits") and data_at_hand("reviews")
    assert not data_at_hand("imdb")
    imdb(folder)
    assert data_at_hand("imdb") and not data_at_hand("movies")
    (folder / "imdb" / "test.parquet").unlink()
    assert not data_at_hand("imdb"), "every split counts"


def test_a_folder_in_the_home_directory_may_be_named_with_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("REKD_DATA", "~/sets")
    (tmp_path / "sets").mkdir()
    imdb(tmp_path / "sets")
    assert data_at_hand("imdb")


@pytest.mark.parametrize("task", ["reviews", "digits"])
def test_built_in_tasks_have_only_their_own_splits(task):
    with pytest.raises(ValueError, match="has no split 'validation'"):
        load_split(task, "validation")


class TestHash:
    def test_follows_the_content(self, folder):
        imdb(folder)
        test = load_split("imdb", "test")
        assert split_hash(test) == split_hash(load_split("imdb", "test"))
        assert split_hash(replace(test, name="dev", task="other")) == split_hash(test)
        labels = test.labels.copy()
        labels[0] = 1
        changed = [
            replace(test, labels=labels),
            replace(test, texts=["?", *test.texts[1:]]),
            replace(test, texts=[test.texts[0] + test.texts[1][:1], test.texts[1][1:], *test.texts[2:]]),
            replace(test, classes=("bad", "good")),
            replace(test, evidence=[((0, 3),)] * 20),
            test.take(range(19)),
            test.take(range(19, -1, -1)),
        ]
        assert len({split_hash(split) for split in [test, *changed]}) == len(changed) + 1

    def test_sees_every_pixel(self):
        reviews, test = load_split("reviews", "test"), load_split("digits", "test").take(range(5))
        images = test.images.copy()
        images[4, 63, 63, 2] ^= 1
        assert len({split_hash(s) for s in (reviews, test, replace(test, images=images))}) == 3


def test_local_data_and_built_in_data_need_none_of_the_heavy_packages(tmp_path):
    imdb(tmp_path)
    blocked = ("datasets", "captum", "streamlit", "plotly", "transformers")
    program = f"""
import sys
for name in {blocked!r}: sys.modules[name] = None
from rekd.data import load_split
print(*(len(load_split(name, "test")) for name in ("imdb", "reviews", "digits")), "sklearn" in sys.modules)
"""
    root = str(next(p for p in sources.Path(sources.__file__).parents if (p / "rekd").is_dir()))
    environment = {**sources.os.environ, "REKD_DATA": str(tmp_path), "PYTHONPATH": root}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.stdout.split() == ["20", "12", "2000", "False"], done.stderr + json.dumps(done.args)
