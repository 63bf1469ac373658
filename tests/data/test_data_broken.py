"""Local files that are missing, damaged or of another data set: each is a sentence with the file and the place."""

from __future__ import annotations

import pyarrow as pa
import pytest
from tables import imdb, png, write

from rekd.data import DataBroken, data_at_hand, load_split


def test_a_missing_shard_is_named(folder):
    write(folder, "cifar10/train-00000-of-00002.parquet", img=[png(0)], label=[0])
    with pytest.raises(DataBroken, match="holds 1 files named train-.*of another number; add the rest"):
        load_split("cifar10", "train")


def test_an_incomplete_set_counts_as_at_hand_so_that_reading_says_what_is_missing(folder):
    write(folder, "cifar10/train.parquet", img=[png(0)], label=[0])
    write(folder, "cifar10/test-00001-of-00002.parquet", img=[png(0)], label=[0])
    assert data_at_hand("cifar10")
    with pytest.raises(DataBroken, match="add the rest"):
        load_split("cifar10", "test")


def test_a_train_split_too_small_for_dev_is_refused(folder):
    imdb(folder)
    assert len(load_split("imdb", "test")) == 20
    for split in ("train", "dev"):
        with pytest.raises(DataBroken, match="train split has 20 rows and more than 2500 were expected"):
            load_split("imdb", split)


def test_an_empty_table_is_refused(folder):
    write(folder, "imdb/test.parquet", text=pa.array([], pa.string()), label=pa.array([], pa.int64()))
    with pytest.raises(DataBroken, match="test split has 0 rows"):
        load_split("imdb", "test")


def test_a_damaged_file_is_named(folder):
    path = folder / "imdb" / "test.parquet"
    path.parent.mkdir()
    path.write_bytes(b"PAR1 and then nothing of use")
    with pytest.raises(DataBroken, match=r"test\.parquet can't be read as Parquet; copy or download it again"):
        load_split("imdb", "test")


def test_wrong_columns_are_named_with_those_expected_and_those_there(folder):
    write(folder, "imdb/test.parquet", sentence=["x"], label=[0])
    with pytest.raises(
        DataBroken, match=r"test\.parquet lacks the column text; .*columns text, label.*has sentence, label"
    ):
        load_split("imdb", "test")


def test_shards_that_disagree_are_refused(folder):
    write(folder, "cifar10/test-00000-of-00002.parquet", img=[png(0)], label=[0])
    write(folder, "cifar10/test-00001-of-00002.parquet", img=["x"], label=[0])
    with pytest.raises(DataBroken, match="do not have the same columns"):
        load_split("cifar10", "test")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, -1], "holds -1, which is no class of imdb .*unlabelled"),
        ([0, 2], "holds 2, which is no class of imdb"),
        ([0, None], "holds empty cells"),
        (["neg", "pos"], "holds string; class numbers 0 to 1 were expected"),
    ],
)
def test_labels_that_are_no_classes_are_refused(folder, labels, message):
    write(folder, "imdb/test.parquet", text=["a", "b"], label=labels)
    with pytest.raises(DataBroken, match=message):
        load_split("imdb", "test")


def test_a_text_cell_without_text_is_refused(folder):
    write(folder, "imdb/test.parquet", text=["a", None], label=[0, 1])
    with pytest.raises(DataBroken, match="column text holds no text in row 1"):
        load_split("imdb", "test")


def test_evidence_that_is_no_list_of_passages_is_refused(folder):
    write(folder, "movies/test.parquet", review=["a b"], label=[0], evidences=["a"])
    with pytest.raises(DataBroken, match="column evidences holds string; lists of passages"):
        load_split("movies", "test")


@pytest.mark.parametrize("cell", [{"bytes": b"no picture", "path": None}, {"bytes": None, "path": "cat.png"}])
def test_an_image_cell_without_image_is_refused(folder, cell):
    write(
        folder,
        "cifar10/test.parquet",
        img=pa.array([cell], pa.struct({"bytes": pa.binary(), "path": pa.string()})),
        label=[0],
    )
    with pytest.raises(DataBroken, match="column img holds no image in row 0"):
        load_split("cifar10", "test")


def test_an_image_of_another_size_is_refused(folder):
    write(folder, "cifar10/test.parquet", img=[png((0, 0, 0)), png((0, 0, 0), size=(1, 1))], label=[0, 0])
    with pytest.raises(DataBroken, match="row 1 of the split is 1 x 1 pixels; cifar10 has 32 x 32"):
        load_split("cifar10", "test")
