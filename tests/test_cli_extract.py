"""`python -m rekd extract` as a person uses it: three formats, nothing by halves, sentences for faults."""

from __future__ import annotations

import csv
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from helpers import tiny_checkpoints

from rekd.cli import main


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoints(root, task="digits", roles=("re", "cls"))
    tiny_checkpoints(root, task="imdb", roles=("re",))
    return root


@pytest.fixture(autouse=True)
def surroundings(models, tmp_path, monkeypatch):
    monkeypatch.setattr("rekd.checkpoints.folders.shipped", lambda: tmp_path / "none")
    monkeypatch.setenv("REKD_CHECKPOINTS", str(models))


def extract(path, *options: str, model: str = "digits-re") -> int:
    return main(["extract", model, "--device", "cpu", "--limit", "9", "--out", str(path), *options])


def plain(rows: list[dict]) -> list[dict]:
    """Rows with numbers in Parquet's 32 bits."""
    return json.loads(json.dumps(rows), parse_float=lambda number: float(np.float32(float(number))))


def test_the_three_formats_hold_the_same_rows(tmp_path, capsys):
    (tmp_path / "x.jsonl").write_text("old", encoding="utf-8")
    for end in ("parquet", "jsonl", "csv"):
        assert extract(tmp_path / f"x.{end}", "--all-units", "--rule", "calibrated") == 0
        assert f"x.{end}: 9 examples of digits test, mean rate " in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.csv", "x.jsonl", "x.parquet"]
    lines = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text(encoding="utf-8").splitlines()]
    table = pq.read_table(tmp_path / "x.parquet")
    assert len(lines) == 9 and all(len(row["all_units"]) == 64 and row["selected"] for row in lines)
    assert plain(table.to_pylist()) == plain(lines)
    about = table.schema.metadata
    assert (about[b"rule"], about[b"split"], about[b"picture"]) == (b"calibrated", b"test", b"64 x 64 pixels")
    with (tmp_path / "x.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = list(csv.DictReader(file))
    assert list(cells[0]) == list(lines[0]) and [int(row["row"]) for row in cells] == [row["row"] for row in lines]
    assert [json.loads(row["selected"]) for row in cells] == [row["selected"] for row in lines]


def test_texts_come_with_their_words_and_characters(tmp_path, monkeypatch):
    from rekd.data import load_split

    path = tmp_path / "x.parquet"
    assert extract(path, "--task", "reviews", model="imdb-re") == 0
    split = load_split("reviews", "test")
    rows = pq.read_table(path).to_pylist()
    assert rows and all(row["selected"] for row in rows)
    for row in rows:
        for unit in row["selected"]:
            assert split.texts[row["row"]][unit["start"] : unit["stop"]] == unit["text"] != ""


def test_a_class_that_a_spreadsheet_would_run_is_told_as_text(tmp_path):
    from rekd.explanations.split import split_file

    with split_file(tmp_path / "x.csv", "image", False, {}) as write:
        write([{"label": "=1+1", "predicted": "fine", "selected": [{"text": "=2"}]}])
    written = (tmp_path / "x.csv").read_text(encoding="utf-8-sig")
    assert "'=1+1,fine," in written and '"[{""text"": ""=2""}]"' in written


@pytest.mark.parametrize("end", ["parquet", "jsonl", "csv"])
def test_what_is_stopped_leaves_the_old_file_and_no_half(tmp_path, monkeypatch, capsys, end):
    from rekd.training import extract as extracting

    path, real, calls = tmp_path / f"x.{end}", extracting.label_logits, []

    def interrupted(*given):
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*given)

    path.write_text("old", encoding="utf-8")
    monkeypatch.setattr(extracting, "WINDOW", 2)
    monkeypatch.setattr(extracting, "label_logits", interrupted)
    assert extract(path) == 130
    assert "Stopped." in capsys.readouterr().err and len(calls) == 3
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name] and path.read_text(encoding="utf-8") == "old"


def test_it_says_how_far_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("rekd.training.progress.EVERY", 0.0)
    monkeypatch.setattr("rekd.training.extract.WINDOW", 4)
    assert extract(tmp_path / "x.jsonl") == 0
    told = capsys.readouterr().err.splitlines()
    assert [line.split(" rationales")[0] for line in told] == ["4 of 9", "8 of 9"]
    assert all(" a second, about " in line for line in told)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rule", "best"], "--rule is 'best'; it must be one of"),
        (["--draws", "3"], "masks by top-k are the same each time; leave it out, or take --rule sampled"),
        (["--batch", "0"], "--batch is 0; it must be a number between 1"),
        (["--limit", "0"], "--limit is 0; it must be"),
        (["--seed", "-1"], "--seed is -1; it must be"),
        (["--split", "novel"], "digits has no split 'novel'; it has"),
        (["--task", "imdb"], "digits-re knows the classes 0, 1"),
        (["--device", "abacus"], "no such device is here"),
    ],
)
def test_what_can_not_be_done_is_said(tmp_path, capsys, options, said):
    assert extract(tmp_path / "x.parquet", *options) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_files_and_models_that_can_not_be_are_named(tmp_path, capsys):
    assert extract(tmp_path / "x.xlsx") == 2
    assert "its name must end in .parquet, .jsonl, .csv" in capsys.readouterr().err
    assert extract(tmp_path / "none" / "x.csv") == 2
    assert "does not exist; name a file in a folder that exists" in capsys.readouterr().err
    assert extract(tmp_path / "x.csv", model="digits-cls") == 2
    assert "digits-cls is a 'cls' model, which reads everything and selects nothing" in capsys.readouterr().err
