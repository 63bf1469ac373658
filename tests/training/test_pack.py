"""A checkpoint is packed so that the archive alone gives the same numbers elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import zipfile

import pytest
import torch
from helpers import same, tiny_checkpoints

import rekd
from rekd import checkpoints
from rekd.checkpoints import CheckpointError
from rekd.cli import main
from rekd.config import TrainConfig
from rekd.files import write_json
from rekd.training.pack import LOADING, file_name, pack, packed
from rekd.types import Example


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    root = tiny_checkpoints(tmp_path_factory.mktemp("shelf"), roles=("re",), metrics={"accuracy": 0.5})
    return tiny_checkpoints(root, task="digits", roles=("re",))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("REKD_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def run(shelf, tmp_path):
    """A run's folder as it is when it has ended, its word table beside its checkpoint."""
    folder = tmp_path / "runs" / "imdb-re-1"
    shutil.copytree(shelf / "imdb-re", folder / "checkpoint")
    for words in shelf.glob("words-*"):
        shutil.copytree(words, folder / words.name)
    write_json(folder / "config.json", {"training": TrainConfig("imdb", "re").to_dict()})
    write_json(folder / "status.json", {"state": "done"})
    return folder


@torch.no_grad()
def answers(source):
    loaded = checkpoints.load(source)
    batch = loaded.reader.read([Example("own", "a great film"), Example("own", "not a good story, but long")]).batch
    logits = loaded.model.select(batch)
    return logits, loaded.model.predict(batch, logits > 0)


def test_the_archive_of_a_run_gives_the_same_answers_when_the_run_is_gone(run, tmp_path):
    before = answers(run / "checkpoint")
    path = pack(run, tmp_path)
    shutil.rmtree(run)
    assert path == tmp_path / "imdb-re-1.zip"
    for actual, expected in zip(answers(path), before, strict=True):
        same(actual, expected, atol=0)
    info = rekd.load(str(path)).info
    assert info.name == "imdb-re-1" and info.metrics == {"accuracy": 0.5}


def test_unpacked_by_hand_it_stands_alone_too(run, tmp_path):
    before = answers(run / "checkpoint")
    with zipfile.ZipFile(pack(run, tmp_path)) as archive:
        archive.extractall(tmp_path / "elsewhere")
    shutil.rmtree(run)
    same(answers(tmp_path / "elsewhere" / "imdb-re-1")[1], before[1], atol=0)


def test_the_command_line_takes_the_archive(shelf, tmp_path, capsys):
    path = pack(shelf / "digits-re", tmp_path / "mine.zip", name="mine")
    assert main(["evaluate", str(path), "--limit", "8", "--draws", "1", "--device", "cpu"]) == 0
    assert "mine (" in (told := capsys.readouterr().out) and "8 examples of digits test" in told


def test_all_lies_in_one_folder_weights_as_they_are(run, tmp_path):
    path = pack(run, tmp_path)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        assert {name.split("/")[0] for name in names} == {"imdb-re-1"} and names == sorted(names)
        assert {"README.md", "config.json", "metrics.json", "model.safetensors"} <= {n.split("/")[1] for n in names}
        stored = archive.read("imdb-re-1/model.safetensors")
    assert stored == (run / "checkpoint" / "model.safetensors").read_bytes()


def test_the_same_checkpoint_gives_the_same_bytes_whenever_it_is_packed(run, tmp_path):
    first = pack(run, tmp_path / "first.zip").read_bytes()
    for path in run.rglob("*"):
        os.utime(path, (1e9, 1e9))
    os.chmod(run / "checkpoint" / "config.json", 0o600)
    assert packed(run) == first


def test_the_card_says_how_to_load_it_once_however_often_it_travels(run, tmp_path):
    once = pack(run, tmp_path / "once.zip", name="once")
    twice = pack(checkpoints.find(once), tmp_path / "twice.zip", name="twice")
    with zipfile.ZipFile(twice) as archive:
        card = archive.read("twice/README.md").decode()
    assert card.startswith("# twice\n") and card.count(LOADING) == 1
    assert "python -m rekd evaluate twice.zip" in card and 'rekd.load("twice.zip")' in card and "once" not in card
    assert (run / "checkpoint" / "README.md").read_text() == "# Test", "the run's own card is left alone"


def test_words_of_its_own_and_a_lacking_card_travel_too(tmp_path):
    from helpers import text_config, tiny_tokenizer

    from rekd.models import build

    model = build(text_config(), blank_id=tiny_tokenizer().mask_token_id).eval()
    checkpoints.save(tmp_path / "own", model, task="imdb", role="re", tokenizer=tiny_tokenizer())
    before = answers(tmp_path / "own")
    path = pack(tmp_path / "own", tmp_path)
    shutil.rmtree(tmp_path / "own")
    same(answers(path)[1], before[1], atol=0)
    assert (checkpoints.find(path) / "README.md").read_text(encoding="utf-8").startswith("# own\n")


def test_a_run_that_has_not_ended_has_nothing_to_pack(run, tmp_path):
    shutil.rmtree(run / "checkpoint")
    with pytest.raises(CheckpointError, match="has no checkpoint yet: a run writes it when it ends"):
        pack(run, tmp_path)
    assert not list(tmp_path.glob("*.zip"))


def test_a_lacking_word_table_is_said_and_leaves_no_half_archive(run, tmp_path):
    shutil.rmtree(next(run.glob("words-*")))
    with pytest.raises(CheckpointError, match="needs the word table"):
        pack(run, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("someone/imdb-re", "imdb-re"),
        ("../../x", "x"),
        ("a b:c*?", "a-b-c"),
        ("Größe 文字.v2", "Größe-文字.v2"),
        ("..", "model"),
        ("x" * 300, "x" * 100),
    ],
)
def test_any_name_becomes_one_that_every_system_takes(run, tmp_path, name, file):
    assert file_name(name) == file
    path = pack(run, tmp_path, name=name)
    assert path == tmp_path / f"{file}.zip" and checkpoints.load(path).info.name == file
    assert json.loads((checkpoints.find(path) / "config.json").read_text(encoding="utf-8"))["role"] == "re"
