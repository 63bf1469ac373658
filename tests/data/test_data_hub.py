"""Without local files the Hub is asked, in the one way it is meant to be, and a failure names what to do."""

from __future__ import annotations

import sys
from types import ModuleType

import pyarrow as pa
import pytest
from tables import imdb, png

from rekd.data import DataBroken, DataMissing, load_split


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


@pytest.fixture(autouse=True)
def no_folder(monkeypatch):
    monkeypatch.delenv("REKD_DATA", raising=False)


def test_downloads_the_official_split(monkeypatch):
    table = pa.table({"text": ["good<br />film", "bad film"], "label": [1, 0]})
    calls = fake_datasets(monkeypatch, lambda: FakeHub(table))
    test = load_split("imdb", "test")
    assert calls == [("stanfordnlp/imdb", "test")]
    assert test.texts == ["good\nfilm", "bad film"] and test.labels.tolist() == [1, 0]


def test_movies_dev_is_the_hubs_validation(monkeypatch):
    table = pa.table({"review": ["fine film"], "label": [1], "evidences": [["fine"]]})
    calls = fake_datasets(monkeypatch, lambda: FakeHub(table))
    assert load_split("movies", "dev").evidence == [((0, 4),)]
    assert calls == [("eraser-benchmark/movie_rationales", "validation")]


def test_images_come_as_bytes(monkeypatch, small_dev):
    table = pa.table({"img": [png((i, 0, 0)) for i in range(10)], "label": [0] * 10})
    fake_datasets(monkeypatch, lambda: FakeHub(table))
    assert len(load_split("cifar10", "dev")) == 4 and len(load_split("cifar10", "train")) == 6


def test_a_table_without_the_columns_is_named(monkeypatch):
    fake_datasets(monkeypatch, lambda: FakeHub(pa.table({"label": [1]})))
    with pytest.raises(DataBroken, match="stanfordnlp/imdb lacks the column text"):
        load_split("imdb", "test")


def test_without_datasets_the_message_says_the_two_ways(no_datasets):
    with pytest.raises(DataMissing) as caught:
        load_split("imdb", "test")
    message = str(caught.value)
    assert "environment variable REKD_DATA set to a folder that holds imdb/train.parquet, imdb/test.parquet" in message
    assert "online once with the package `datasets`" in message and "stanfordnlp/imdb" in message
    assert "REKD_DATA is not set" in message and "`datasets` is not installed" in message


def test_without_network_the_reason_is_told(monkeypatch, tmp_path):
    def fail():
        raise ConnectionError("no route\nto host")

    fake_datasets(monkeypatch, fail)
    monkeypatch.setenv("REKD_DATA", str(tmp_path))
    with pytest.raises(DataMissing, match="lacks them. The download failed: ConnectionError: no route to host"):
        load_split("cifar10", "test")


def test_local_files_go_before_the_hub(monkeypatch, tmp_path):
    calls = fake_datasets(monkeypatch, lambda: pytest.fail("asked the Hub"))
    monkeypatch.setenv("REKD_DATA", str(tmp_path))
    imdb(tmp_path)
    assert len(load_split("imdb", "test")) == 20 and not calls
