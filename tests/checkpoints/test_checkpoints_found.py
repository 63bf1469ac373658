"""Finding checkpoints: by name, by path and from the Hub; one broken folder hides no other."""

from __future__ import annotations

import fnmatch
import json
import os
import shutil

import pytest
import torch
from helpers import same

from rekd import checkpoints
from rekd.checkpoints import CheckpointError
from rekd.types import Example


def test_available_lists_what_can_be_read_and_problems_the_rest(own):
    (own / "imdb-cls/config.json").write_text("{half")
    assert [info.name for info in checkpoints.available(own)] == ["digits-re", "imdb-re"]
    assert list(checkpoints.problems(own)) == [own / "imdb-cls"]
    assert "no readable JSON" in checkpoints.problems(own)[own / "imdb-cls"]
    assert checkpoints.available(own / "nowhere") == []


@pytest.mark.parametrize(
    "broken",
    [
        {"reader": None},
        {"reader": {"modality": "image", "patch_size": [0, 0]}},
        {"arch": {}},
        {"classes": 3},
        {"rate": "x"},
    ],
)
def test_one_broken_folder_never_hides_the_others(own, broken):
    path = own / "imdb-cls/config.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "model": {**values["model"], **broken}}))
    assert len(checkpoints.available(own)) == 2 and list(checkpoints.problems(own)) == [own / "imdb-cls"]


def test_find_takes_a_path_or_a_name_under_the_roots(own, monkeypatch, tmp_path):
    monkeypatch.setenv("REKD_CHECKPOINTS", os.pathsep.join([str(tmp_path / "none"), str(own)]))
    assert checkpoints.find("imdb-re") == checkpoints.find(own / "imdb-re") == own / "imdb-re"
    assert checkpoints.roots() == [checkpoints.shipped(), tmp_path / "none", own]
    assert {"imdb-re", "imdb-cls", "digits-re"} <= {info.name for info in checkpoints.available()}
    with pytest.raises(CheckpointError, match="no checkpoint 'imdb-rx'.*Names here: .*imdb-re"):
        checkpoints.find("imdb-rx")
    with pytest.raises(CheckpointError, match="no checkpoint ''"):
        checkpoints.find("")
    monkeypatch.chdir(own / "imdb-re")
    assert checkpoints.read_info(checkpoints.find(".")).name == "imdb-re"


@pytest.fixture
def hub(own, monkeypatch) -> list[list[str]]:
    """Repositories someone/imdb-re and someone/else in the layout of the Hub's cache; gives the patterns asked for."""
    shutil.copytree(next(own.glob("words-*")), own / "imdb-re" / next(own.glob("words-*")).name)
    (own / "imdb-re/train.py").write_text("")
    (own / "else").mkdir()
    (own / "else/config.json").write_text('{"model_type": "bert"}')
    asked: list[list[str]] = []

    def snapshot_download(repo_id: str, allow_patterns: list[str]) -> str:
        asked.append(allow_patterns)
        source, home = own / repo_id.split("/")[1], own.parent / "hub" / f"models--{repo_id.replace('/', '--')}"
        for path in source.rglob("*"):
            name = path.relative_to(source)
            if path.is_dir() or not any(fnmatch.fnmatch(name.as_posix(), pattern) for pattern in allow_patterns):
                continue
            blob, link = home / "blobs" / str(abs(hash(name))), home / "snapshots/0123abcd" / name
            blob.parent.mkdir(parents=True, exist_ok=True)
            link.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, blob)
            if not link.exists():
                link.symlink_to(os.path.relpath(blob, link.parent))
        return str(home / "snapshots/0123abcd")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    return asked


@torch.no_grad()
def test_a_hub_id_loads_from_the_hubs_cache_under_its_own_name(shelf, hub):
    loaded = checkpoints.load("someone/imdb-re")
    assert loaded.info.name == "someone/imdb-re" and (loaded.info.folder / "model.safetensors").is_symlink()
    batch = loaded.reader.read([Example("own", "a great film")]).batch
    same(loaded.model.select(batch), checkpoints.load(shelf / "imdb-re").model.select(batch), atol=1e-6)
    assert not (loaded.info.folder / "train.py").exists()


def test_a_repository_of_another_kind_is_refused_before_its_weights_travel(hub):
    with pytest.raises(CheckpointError, match="has format None"):
        checkpoints.load("someone/else")
    assert hub == [["config.json"]]


def test_a_hub_that_cannot_be_reached_is_said_in_a_sentence():
    with pytest.raises(
        CheckpointError, match="'someone/else' is no folder here and could not be had from the Hub; check .*network"
    ):
        checkpoints.load("someone/else")
