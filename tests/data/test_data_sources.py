from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from rekd.data import DataBroken, DataMissing, data_at_hand, load_split, sources, split_hash
from rekd.data.spec import TASKS


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("REKD_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def small_dev(monkeypatch):
    for name in ("imdb", "cifar10", "cifar100"):
        monkeypatch.setitem(TASKS, name, replace(TASKS[name], dev_rows=4))


@pytest.fixture
def no_datasets(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)


def write(folder, name, **columns):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def png(colour, size=(32, 32), mode="RGB"):
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, "PNG")
    return {"bytes": file.getvalue(), "path": None}


def imdb(folder, n=20):
    """Sorted by label, as the real one is."""
    for split in ("train", "test"):
        texts = [f"{split} review {i}.<br /><br />Second line" for i in range(n)]
        write(folder, f"imdb/{split}.parquet", text=texts, label=[int(2 * i >= n) for i in range(n)], extra=[0] * n)


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


class TestBrokenTables:
    def test_damaged_file(self, folder):
        path = folder / "imdb" / "test.parquet"
        path.parent.mkdir()
        path.write_bytes(b"PAR1 and then nothing of use")
        with pytest.raises(DataBroken, match=r"test\.parquet can't be read as Parquet; copy or download it again"):
            load_split("imdb", "test")

    def test_wrong_columns_are_named_with_those_expected_and_those_there(self, folder):
        write(folder, "imdb/test.parquet", sentence=["x"], label=[0])
        with pytest.raises(
            DataBroken, match=r"test\.parquet lacks the column text; .*columns text, label.*has sentence, label"
        ):
            load_split("imdb", "test")

    def test_shards_that_disagree(self, folder):
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
    def test_labels(self, folder, labels, message):
        write(folder, "imdb/test.parquet", text=["a", "b"], label=labels)
        with pytest.raises(DataBroken, match=message):
            load_split("imdb", "test")

    def test_text_cell_without_text(self, folder):
        write(folder, "imdb/test.parquet", text=["a", None], label=[0, 1])
        with pytest.raises(DataBroken, match="column text holds no text in row 1"):
            load_split("imdb", "test")

    def test_evidence_that_is_no_list_of_passages(self, folder):
        write(folder, "movies/test.parquet", review=["a b"], label=[0], evidences=["a"])
        with pytest.raises(DataBroken, match="column evidences holds string; lists of passages"):
            load_split("movies", "test")

    def test_reviews_that_nobody_marked_have_no_evidence(self, folder):
        cells = pa.array([None, []], pa.list_(pa.string()))
        write(folder, "movies/test.parquet", review=["a b", "c"], label=[0, 1], evidences=cells)
        assert load_split("movies", "test").evidence == [None, None]

    @pytest.mark.parametrize("cell", [{"bytes": b"no picture", "path": None}, {"bytes": None, "path": "cat.png"}])
    def test_image_cell_without_image(self, folder, cell):
        write(
            folder,
            "cifar10/test.parquet",
            img=pa.array([cell], pa.struct({"bytes": pa.binary(), "path": pa.string()})),
            label=[0],
        )
        with pytest.raises(DataBroken, match="column img holds no image in row 0"):
            load_split("cifar10", "test")

    def test_image_of_another_size(self, folder):
        write(folder, "cifar10/test.parquet", img=[png((0, 0, 0)), png((0, 0, 0), size=(1, 1))], label=[0, 0])
        with pytest.raises(DataBroken, match="row 1 of the split is 1 x 1 pixels; cifar10 has 32 x 32"):
            load_split("cifar10", "test")


class FakeHub:
    """Stands for datasets.Dataset in the two calls that are made of it."""

    def __init__(self, table):
        self.table = table

    def with_format(self, kind):
        assert kind == "arrow"
        return self

    def __getitem__(self, rows):
        assert rows == slice(None)
        return self.table


def fake_datasets(monkeypatch, answer):
    calls, module = [], ModuleType("datasets")

    def load_dataset(hub_id, split):
        calls.append((hub_id, split))
        return answer()

    module.load_dataset = load_dataset
    monkeypatch.setitem(sys.modules, "datasets", module)
    return calls


class TestHub:
    @pytest.fixture(autouse=True)
    def no_folder(self, monkeypatch):
        monkeypatch.delenv("REKD_DATA", raising=False)

    def test_downloads_the_official_split(self, monkeypatch):
        table = pa.table({"text": ["good<br />film", "bad film"], "label": [1, 0]})
        calls = fake_datasets(monkeypatch, lambda: FakeHub(table))
        test = load_split("imdb", "test")
        assert calls == [("stanfordnlp/imdb", "test")]
        assert test.texts == ["good\nfilm", "bad film"] and test.labels.tolist() == [1, 0]

    def test_movies_dev_is_the_hubs_validation(self, monkeypatch):
        table = pa.table({"review": ["fine film"], "label": [1], "evidences": [["fine"]]})
        calls = fake_datasets(monkeypatch, lambda: FakeHub(table))
        assert load_split("movies", "dev").evidence == [((0, 4),)]
        assert calls == [("eraser-benchmark/movie_rationales", "validation")]

    def test_images_come_as_bytes(self, monkeypatch, small_dev):
        table = pa.table({"img": [png((i, 0, 0)) for i in range(10)], "label": [0] * 10})
        fake_datasets(monkeypatch, lambda: FakeHub(table))
        assert len(load_split("cifar10", "dev")) == 4 and len(load_split("cifar10", "train")) == 6

    def test_a_table_without_the_columns_is_named(self, monkeypatch):
        fake_datasets(monkeypatch, lambda: FakeHub(pa.table({"label": [1]})))
        with pytest.raises(DataBroken, match="stanfordnlp/imdb lacks the column text"):
            load_split("imdb", "test")

    def test_without_datasets_the_message_says_the_two_ways(self, no_datasets):
        with pytest.raises(DataMissing) as caught:
            load_split("imdb", "test")
        message = str(caught.value)
        assert (
            "set the environment variable REKD_DATA to a folder that holds imdb/train.parquet, imdb/test.parquet"
            in message
        )
        assert "install the package `datasets`" in message and "stanfordnlp/imdb" in message
        assert "REKD_DATA is not set" in message and "`datasets` is not installed" in message

    def test_without_network_the_reason_is_told(self, monkeypatch, tmp_path):
        def fail():
            raise ConnectionError("no route\nto host")

        fake_datasets(monkeypatch, fail)
        monkeypatch.setenv("REKD_DATA", str(tmp_path))
        with pytest.raises(DataMissing, match="lacks them. The download failed: ConnectionError: no route to host"):
            load_split("cifar10", "test")

    def test_local_files_go_before_the_hub(self, monkeypatch, tmp_path):
        calls = fake_datasets(monkeypatch, lambda: pytest.fail("asked the Hub"))
        monkeypatch.setenv("REKD_DATA", str(tmp_path))
        imdb(tmp_path)
        assert len(load_split("imdb", "test")) == 20 and not calls


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
print(len(load_split("imdb", "test")), len(load_split("reviews", "test")), "sklearn" in sys.modules)
"""
    root = str(next(p for p in sources.Path(sources.__file__).parents if (p / "rekd").is_dir()))
    environment = {**sources.os.environ, "REKD_DATA": str(tmp_path), "PYTHONPATH": root}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.stdout.split() == ["20", "12", "False"], done.stderr + json.dumps(done.args)
