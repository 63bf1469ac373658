"""The bench of a whole run: it trains a teacher and a student of film reviews, and says where the time went."""

from __future__ import annotations

import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rekd.bench import whole
from rekd.bench.cases import bert
from rekd.cli import main

TEXTS = ["a lovely film and a great plot", "the worst of all films, dull and slow"]


@pytest.fixture
def reviews(tmp_path, monkeypatch):
    """A hundred reviews to learn from, and models small enough for a test."""
    monkeypatch.setenv("REKD_DATA", str(tmp_path))
    (tmp_path / "imdb").mkdir()
    rows = {"text": TEXTS * 1_300, "label": [1, 0] * 1_300}
    pq.write_table(pa.table(rows), tmp_path / "imdb" / "train.parquet")
    monkeypatch.setattr(whole, "MODELS", {"student": bert(1, 16, 2), "teacher": bert(2, 16, 2)})
    monkeypatch.setattr(whole, "REVIEWS", 64)


def test_a_whole_run_is_timed_and_written_down(reviews, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("REKD_CACHE", str(tmp_path / "mine"))
    assert main(["bench", "whole", "--epochs", "2", "--json", str(tmp_path / "whole.json")]) == 0
    told = capsys.readouterr().out
    found = json.loads((tmp_path / "whole.json").read_text())["measured"]
    assert (found["steps"], found["evaluations"]) == (4, 2) and 0 < found["stepping"] < found["seconds"]
    assert f"| 4 | 2 | {found['seconds']:.1f} s |" in told and "Measured on: system" in told
    assert os.environ["REKD_CACHE"] == str(tmp_path / "mine") and not (tmp_path / "mine").exists()


def test_how_long_is_said_of_whole_alone(capsys):
    assert main(["bench", "whole", "--epochs", "0"]) == 2
    assert "--epochs is 0" in capsys.readouterr().err
    assert main(["bench", "infer", "--epochs", "3"]) == 2
    assert "--epochs is the length of whole, and infer has none" in capsys.readouterr().err
