"""Damaged checkpoints: each missing, foreign or broken part has a sentence that names it and the remedy."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch
from helpers import text_config, tiny_tokenizer
from safetensors.torch import load_file, save_file

from rekd import checkpoints
from rekd.checkpoints import CheckpointError
from rekd.checkpoints.folders import seal
from rekd.models import build


def edit(path: Path, **changes) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def reseal(folder: Path) -> None:
    """Make config.json's hash fit the weights, as a careless hand would, so that the next check is met."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("model*.safetensors")):
        digest.update(path.read_bytes())
    stored = json.loads((folder / "config.json").read_text())["model"]
    edit(folder / "config.json", hash=seal(digest, stored))


def remove(name):
    return lambda folder: (folder / name).unlink()


def weights(change):
    def damage(folder: Path) -> None:
        state = load_file(folder / "model.safetensors")
        change(state)
        save_file(state, folder / "model.safetensors")
        reseal(folder)

    return damage


def truncate(folder: Path) -> None:
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])


def model_config(**changes):
    def damage(folder: Path) -> None:
        values = json.loads((folder / "config.json").read_text())
        edit(folder / "config.json", model={**values["model"], **changes})

    return damage


def words_of(change):
    return lambda folder: change(next(folder.parent.glob("words-*")))


def other_weights(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    save_file({key: value + 1 for key, value in state.items()}, folder / "model.safetensors")


def longer_tokenizer(folder: Path) -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens(["kaleidoscope"])
    tokenizer.save_pretrained(next(folder.parent.glob("words-*")))


@pytest.mark.parametrize(
    "damage, said",
    [
        (remove("config.json"), "config.json is missing. A checkpoint folder holds config.json.*copy the whole folder"),
        (lambda f: (f / "config.json").write_text("{half"), "config.json is no readable JSON.*Restore"),
        (lambda f: (f / "config.json").write_text("[1]"), "config.json holds list, not an object"),
        (lambda f: edit(f / "config.json", format=99), "has format 99; this version reads format 1"),
        (lambda f: (f / "config.json").write_text('{"model_type": "bert"}'), "has format None; .*python -m rekd train"),
        (
            lambda f: (f / "config.json").write_text('{"format": 1, "task": "t"}'),
            "lacks role, hash, parameters, model. Restore",
        ),
        (lambda f: edit(f / "config.json", role="boss"), "role is 'boss'; it must be one of 'teacher'"),
        (model_config(masking="pixel"), "masking is 'pixel'; it must be one of 'drop'"),
        (model_config(size=3), "ModelConfig does not know size"),
        (lambda f: (f / "metrics.json").write_text("half"), "metrics.json is no readable JSON"),
        (remove("model.safetensors"), "holds 0 weight files .* should hold 1. Copy the folder again"),
        (
            lambda f: (f / "model-old.safetensors").write_bytes(b""),
            "holds model-old.safetensors, which no checkpoint has. Move",
        ),
        (lambda f: (f / "pytorch_model.bin").write_bytes(b""), "holds pytorch_model.bin, which no checkpoint has"),
        (truncate, "model.safetensors is damaged or cut short.*Copy it again"),
        (other_weights, "are not those that config.json was written with"),
        (model_config(cut=0.7), "are not those that config.json was written with"),
        (weights(lambda state: state.pop("selector.bias")), r"lack selector.bias \(1 keys differ\)"),
        (weights(lambda state: state.update(extra=torch.ones(2))), "hold extra, which the model has not"),
        (
            weights(lambda state: state.update({"selector.weight": torch.ones(1, 3)})),
            r"selector.weight in .* has shape \(1, 3\); config.json asks for \(1, 16\)",
        ),
        (
            lambda f: shutil.rmtree(next(f.parent.glob("words-*"))),
            "needs the word table words-.*neither in .* nor beside it",
        ),
        (
            words_of(lambda w: (w / "words.safetensors").write_bytes(b"half")),
            "is not the word table that its folder is named after",
        ),
        (words_of(lambda w: (w / "tokenizer.json").unlink()), "tokenizer.json is missing. Copy it"),
        (words_of(lambda w: (w / "tokenizer.json").write_text("{}")), "holds no usable tokeniser"),
        (longer_tokenizer, "word pieces and the weights .*don't belong together"),
    ],
)
def test_damage_is_named_with_its_remedy(own, damage, said):
    damage(own / "imdb-re")
    with pytest.raises(CheckpointError, match=said) as refusal:
        checkpoints.load(own / "imdb-re")
    assert "imdb-re" in str(refusal.value) or "words-" in str(refusal.value)


@pytest.mark.parametrize(
    "arch", [{"model_type": "no-such-type"}, {"model_type": "bert", "hidden_size": 15, "num_attention_heads": 2}]
)
def test_a_configuration_that_builds_nothing_is_named(own, arch):
    model_config(arch=arch)(own / "imdb-re")
    reseal(own / "imdb-re")
    with pytest.raises(CheckpointError, match="imdb-re.*describes a model that can't be built"):
        checkpoints.load(own / "imdb-re")


def test_a_folder_without_metrics_or_card_loads(own):
    remove("metrics.json")(own / "imdb-re")
    remove("README.md")(own / "imdb-re")
    assert checkpoints.load(own / "imdb-re").info.metrics == {}


def test_a_text_model_without_its_tokenizer_says_so_and_asks_no_hub(tmp_path, monkeypatch):
    checkpoints.save(tmp_path / "m", build(text_config()), task="t", role="re")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="tokenizer.json is missing. Copy it"):
        checkpoints.load("m")
