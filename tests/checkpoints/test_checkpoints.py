"""Checkpoints: what is saved is what is loaded, and nothing half-written is ever seen."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers import image_config, same, text_config, tiny_checkpoints, tiny_tokenizer
from safetensors.torch import load_file

from rekd import checkpoints, masks
from rekd.checkpoints import CheckpointError, writing
from rekd.models import build
from rekd.models.embeddings import WordTable
from rekd.types import Example
from rekd.units import TextReader

TOKENIZER = tiny_tokenizer()
TEXTS = [
    Example(f"t/{i}", text) for i, text in enumerate(("a great film, not dull at all", "worst plot and slow acting"))
]


def read(reader, seed: int = 0):
    if isinstance(reader, TextReader):
        return reader.read(TEXTS)
    images = torch.randint(
        0, 256, (2, *reader.config.image_size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
    )
    return reader.read([Example(f"i/{i}", image=image) for i, image in enumerate(images.numpy())])


def rounded(model):
    """The model with float16's precision, as it is stored."""
    other = copy.deepcopy(model)
    with torch.no_grad():
        for value in other.parameters():
            value.copy_(value.half().float())
    return other.eval()


# Save and load


@torch.no_grad()
@pytest.mark.parametrize("kind", ["shared words", "own words", "image"])
def test_what_is_loaded_selects_and_predicts_as_what_was_saved(tmp_path, kind):
    words = WordTable.quantise(torch.randn(len(TOKENIZER), 16)) if kind == "shared words" else None
    config = (
        image_config(masking="mask-token", cut=0.25)
        if kind == "image"
        else text_config(train_words=words is None, cut=-0.5)
    )
    if words is not None:
        config = replace(config, words=checkpoints.save_words(tmp_path, words, TOKENIZER, "# Words"))
    model = build(config, words, blank_id=TOKENIZER.mask_token_id)
    training = {"seed": 2026}
    tokenizer = None if kind == "image" else TOKENIZER
    info = checkpoints.save(
        tmp_path / "m", model, task="t", role="re", training=training, card="# Card", tokenizer=tokenizer
    )
    loaded = checkpoints.load(tmp_path / "m")
    batch, expected = read(loaded.reader).batch, rounded(model)
    logits = loaded.model.select(batch)
    same(logits, expected.select(batch), atol=1e-6)  # kernels may sum in another order where memory lies otherwise
    mask = masks.top_k_mask(logits, batch.unit_mask, 0.3)
    assert torch.equal(mask, masks.top_k_mask(expected.select(batch), batch.unit_mask, 0.3))
    for chosen in (None, mask):
        same(loaded.model.predict(batch, chosen), expected.predict(batch, chosen), atol=1e-6)
    same(loaded.model.baseline(batch), expected.baseline(batch), atol=0.0)
    assert loaded.info == info and info.config == config and info.training == training and info.metrics == {}
    assert not loaded.model.training and not any(value.requires_grad for value in loaded.model.parameters())
    assert (tmp_path / "m/README.md").read_text() == "# Card"
    assert (tmp_path / "m/tokenizer").is_dir() == (kind == "own words")
    assert info.bytes == sum(path.stat().st_size for path in (tmp_path / "m").glob("*.safetensors"))
    assert info.parameters == sum(value.numel() for value in model.parameters())


def test_saving_what_was_loaded_gives_the_same_files(own):
    first = checkpoints.load(own / "imdb-re")
    second = checkpoints.save(own / "again", first.model, task="imdb", role="re", metrics={"accuracy": 0.5})
    assert second.hash == first.info.hash
    name = "model.safetensors"
    assert (own / "again" / name).read_bytes() == (own / "imdb-re" / name).read_bytes()


@torch.no_grad()
def test_the_word_table_is_stored_once_and_found_beside_or_inside(own):
    tables = list(own.glob("words-*"))
    assert len(tables) == 1 and not any("words" in key for key in load_file(own / "imdb-re/model.safetensors"))
    beside = checkpoints.load(own / "imdb-re")
    alone = own.parent / "alone"
    shutil.copytree(own / "imdb-re", alone)
    shutil.copytree(tables[0], alone / tables[0].name)
    inside = checkpoints.load(alone)
    batch = read(beside.reader).batch
    same(inside.model.select(batch), beside.model.select(batch), atol=1e-6)


def test_saving_words_twice_writes_once(tmp_path):
    words = WordTable.quantise(torch.randn(len(TOKENIZER), 16))
    name = checkpoints.save_words(tmp_path, words, TOKENIZER, "first")
    assert checkpoints.save_words(tmp_path, words, TOKENIZER, "second") == name
    assert (tmp_path / name / "README.md").read_text() == "first"
    other = WordTable.quantise(torch.randn(len(TOKENIZER), 16))
    assert checkpoints.save_words(tmp_path, other, TOKENIZER, "other") != name


def test_loads_share_the_word_table_and_nothing_else(own):
    first, second, other = (checkpoints.load(own / name) for name in ("imdb-re", "imdb-re", "imdb-cls"))
    assert first.model.words is second.model.words is other.model.words
    storages = [
        {v.data_ptr() for k, v in c.model.state_dict().items() if not k.startswith("words.")} for c in (first, second)
    ]
    assert not storages[0] & storages[1]
    assert first.reader is not second.reader and first.reader.tokenizer is not second.reader.tokenizer
    with torch.no_grad():
        first.model.selector.weight.zero_()
    first.model.train()
    assert second.model.selector.weight.any() and not second.model.training


def test_a_load_on_another_device_leaves_the_first_where_it_is(own):
    here, batch = checkpoints.load(own / "imdb-re"), None
    there = checkpoints.load(own / "imdb-re", device="meta")
    assert there.model.words.rows.device.type == "meta" and here.model.words.rows.device.type == "cpu"
    batch = read(here.reader).batch
    assert here.model.select(batch).isfinite().all()


@torch.no_grad()
def test_large_models_are_cut_into_shards_that_load_as_one(tmp_path, monkeypatch):
    model = build(image_config())
    whole = checkpoints.save(tmp_path / "whole", model, task="t", role="re")
    monkeypatch.setattr(writing, "SHARD_SIZE", "6KB")
    checkpoints.save(tmp_path / "cut", model, task="t", role="re")
    shards = sorted(path.name for path in (tmp_path / "cut").glob("*.safetensors"))
    assert len(shards) > 3 and shards[0] == f"model-00001-of-{len(shards):05}.safetensors"
    assert all(path.stat().st_size < 9000 for path in (tmp_path / "cut").glob("*.safetensors"))
    first, second = checkpoints.load(tmp_path / "whole"), checkpoints.load(tmp_path / "cut")
    batch = read(first.reader).batch
    same(first.model.predict(batch), second.model.predict(batch), atol=1e-6)
    assert checkpoints.read_info(tmp_path / "whole").hash == whole.hash
    (tmp_path / "cut" / shards[1]).unlink()
    with pytest.raises(
        CheckpointError, match=f"holds {len(shards) - 1} weight files .* should hold {len(shards)}. Copy"
    ):
        checkpoints.load(tmp_path / "cut")


def test_the_hash_changes_with_weights_and_with_the_cut(tmp_path):
    model = build(image_config())

    def saved(model) -> str:
        return checkpoints.save(tmp_path / "m", model, task="t", role="re").hash

    first = saved(model)
    assert saved(model) == first
    model.config = replace(model.config, cut=0.1)
    second = saved(model)
    with torch.no_grad():
        model.selector.bias.add_(1.0)
    assert len({first, second, saved(model)}) == 3


# Writing


@pytest.mark.parametrize("moment", ["weights", "swap"])
def test_an_interrupted_save_leaves_the_old_folder(own, monkeypatch, moment):
    before = {path.name: path.read_bytes() for path in (own / "digits-re").iterdir()}
    model, replaced = build(image_config()), os.replace

    def interrupted(source, target):
        if Path(target) == own / "digits-re":
            raise KeyboardInterrupt
        replaced(source, target)

    def interrupted_once(source, target):  # the swap fails, putting the old folder back must not
        monkeypatch.setattr(os, "replace", replaced)
        if Path(target) == own / "digits-re":
            raise KeyboardInterrupt
        replaced(source, target)
        monkeypatch.setattr(os, "replace", interrupted_once)

    if moment == "weights":
        monkeypatch.setattr(writing, "write_json", lambda *_: interrupted("", own / "digits-re"))
    else:
        monkeypatch.setattr(os, "replace", interrupted_once)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save(own / "digits-re", model, task="digits", role="re")
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in (own / "digits-re").iterdir()} == before
    assert not [path for path in own.iterdir() if path.name.startswith(".")]
    assert checkpoints.load(own / "digits-re").info.task == "digits"


def test_a_save_replaces_all_of_the_old_folder(own):
    assert (own / "imdb-re/metrics.json").is_file()
    checkpoints.save(own / "imdb-re", build(image_config()), task="t", role="cls")
    assert sorted(path.name for path in (own / "imdb-re").iterdir()) == ["config.json", "model.safetensors"]
    assert not [path for path in own.iterdir() if path.name.startswith(".")]


def test_save_refuses_an_unknown_role_and_an_unsaved_word_table(tmp_path):
    with pytest.raises(ValueError, match="role is 'boss'; it must be one of teacher, cls"):
        checkpoints.save(tmp_path / "m", build(image_config()), task="t", role="boss")
    shared = build(text_config(train_words=False), WordTable.quantise(torch.randn(len(TOKENIZER), 16)))
    with pytest.raises(ValueError, match="save_words first"):
        checkpoints.save(tmp_path / "m", shared, task="t", role="re")
    assert not list(tmp_path.iterdir())


def test_a_field_that_a_later_version_adds_leaves_stored_checkpoints_readable(tmp_path):
    folder = tiny_checkpoints(tmp_path, task="digits", roles=("re",)) / "digits-re"
    path = folder / "config.json"
    values = json.loads(path.read_text())
    before = values["hash"]
    # An older version wrote no `pooling`: the same weights, hashed with the description that it knew.
    del values["model"]["pooling"]
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes())
    digest.update(json.dumps(values["model"], sort_keys=True).encode())
    values["hash"] = digest.hexdigest()[:16]
    assert values["hash"] != before
    path.write_text(json.dumps(values))
    assert checkpoints.load(folder).model.config.pooling == "mean"
