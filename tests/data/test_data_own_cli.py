"""python -m rekd data: add, list and remove from a terminal, and training on what was added."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from rekd.cli import main
from rekd.data import TASKS

FILMS = "text,label\n" + "".join(f"film {i},{'good' if i % 2 else 'bad'}\n" for i in range(40)) + ",good\n"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("REKD_OWN", str(tmp_path / "own"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "films.csv").write_text(FILMS)
    return tmp_path


def test_a_file_is_described_kept_listed_and_removed(home, capsys):
    assert main(["data", "add", "films.csv", "--name", "Films"]) == 0
    said = capsys.readouterr().out
    assert "films.csv: 40 rows of 2 classes (32 train, 4 dev, 4 test)" in said
    assert "Left out: 1 row.\n  line 42: the text is empty" in said and "python -m rekd train --task own-films" in said
    assert main(["data", "list"]) == 0
    assert capsys.readouterr().out == "own-films  text, 2 classes, 32 train, 4 dev, 4 test: Films\n"
    assert main(["data", "remove", "films"]) == 0
    where = capsys.readouterr().out.split("Moved to ")[1].split(". Delete")[0]
    assert (home / where).is_dir() and "own-films" not in TASKS
    assert main(["data", "list"]) == 0 and "No data set is in" in capsys.readouterr().out


def test_without_a_name_it_only_looks(home, capsys):
    assert main(["data", "add", "films.csv", "--label", "label"]) == 0
    assert "Nothing was kept; give --name to keep it." in capsys.readouterr().out and not (home / "own").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["none.csv", "--name", "x"], "There is no file or folder none.csv"),
        (["no/such/folder", "--name", "x"], "There is no file or folder no/such/folder"),
        (["films.csv", "--name", "?"], "can't be a folder's name"),
        (["films.csv", "--name", "x", "--size", "65"], "--size is 65; it must be one of 32"),
        (["films.csv", "--name", "x", "--text", "words"], "There is no column “words”; there are text, label"),
    ],
)
def test_what_can_t_be_done_is_a_sentence(given, said, capsys):
    assert main(["data", "add", *given]) == 2
    assert said in capsys.readouterr().err


def test_a_damaged_data_set_is_listed_with_its_fault(home, capsys):
    main(["data", "add", "films.csv", "--name", "films"])
    (home / "own" / "films" / "spec.json").write_text("{}")
    capsys.readouterr()
    assert main(["data", "list"]) == 0
    assert "films can't be used: spec.json has format None" in capsys.readouterr().out


def test_a_model_learns_from_pictures_that_were_added(home, capsys):
    for number, name in enumerate(("dark", "light")):
        (home / "shapes" / name).mkdir(parents=True)
        for i in range(10):
            Image.new("RGB", (40, 40), (200 * number + i, 0, 0)).save(home / "shapes" / name / f"{i}.png")
    assert main(["data", "add", "shapes", "--name", "shapes", "--size", "32"]) == 0
    tiny = json.dumps({"img_size": 32, "patch_size": 4, "embed_dim": 16, "depth": 1, "num_heads": 2})
    command = ["train", "--task", "own-shapes", "--kind", "re", "--steps", "2", "--batch-size", "4", "--cpu"]
    assert main([*command, "--backbone-args", tiny, "--out", "run"]) == 0
    card = (home / "run" / "checkpoint" / "README.md").read_text(encoding="utf-8")
    assert "shapes, a person's own data, the training split. Your own data; not part of this project." in card
    assert main(["evaluate", "run/checkpoint", "--device", "cpu", "--draws", "2"]) == 0
