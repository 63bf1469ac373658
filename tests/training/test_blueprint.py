"""What a configuration would build is known before it is built: sizes, units, and whether its data are at hand."""

from __future__ import annotations

from contextlib import suppress

import pytest
from helpers import text_arch, tiny_tokenizer

from rekd.config import TrainConfig
from rekd.training import blueprint, rows
from rekd.training.blueprint import NotHere, parameters, parameters_of, units_of
from rekd.training.setup import resolve
from rekd.training.suggested import suggested
from rekd.training.untrained import new_model

TINY = {"img_size": 64, "patch_size": 16, "embed_dim": 16, "depth": 2, "num_heads": 2}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A folder with a tiny pretrained text encoder of three layers."""
    from transformers import AutoConfig, AutoModel

    folder = tmp_path_factory.mktemp("encoder")
    values = text_arch(layers=3)
    AutoModel.from_config(AutoConfig.for_model(values.pop("model_type"), **values)).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return str(folder)


def built(config: TrainConfig):
    from rekd.data import TASKS

    return new_model(resolve(config), TASKS[config.task])[0]


@pytest.mark.parametrize("kind", ["cls", "re"])
@pytest.mark.parametrize("masking", ["drop", "mask-token"])
def test_an_image_model_has_the_parameters_that_were_told(kind, masking):
    config = TrainConfig("digits", kind, backbone_args=TINY, masking=masking)
    assert parameters(config) == parameters_of(built(config))
    assert units_of(config) == 16


@pytest.mark.parametrize("more", [{}, {"backbone_args": {"layers": [0, 2]}}, {"train_words": True}])
def test_a_text_model_has_the_parameters_that_were_told(encoder, more):
    config = TrainConfig("imdb", "re", backbone=encoder, max_tokens=64, **more)
    told = parameters(config)
    assert told == parameters_of(built(config))
    assert (told.words == 0) is bool(more.get("train_words"))


def test_the_description_is_the_built_model_s(encoder):
    for config in (
        TrainConfig("digits", "re", backbone_args=TINY),
        TrainConfig("imdb", "re", backbone=encoder, max_tokens=64, backbone_args={"layers": [0, 2]}),
    ):
        told, real = blueprint.model_config(config), built(config).config
        assert (told.arch, told.reader, told.classes, told.kind) == (real.arch, real.reader, real.classes, real.kind)


def test_layers_that_are_not_there(encoder):
    with pytest.raises(ValueError, match="has layers 0 to 2"):
        parameters(TrainConfig("imdb", "re", backbone=encoder, backbone_args={"layers": [5]}))


@pytest.mark.parametrize("layers", [5, None, "05", [[0]], [0.5]])
def test_layers_that_are_no_numbers(encoder, layers):
    config = TrainConfig("imdb", "re", backbone=encoder, backbone_args={"layers": layers})
    for known in (parameters, units_of, built):
        with pytest.raises(ValueError, match="it must be a list of the layers to keep, such as"):
            known(config)


@pytest.mark.parametrize("name", ["checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"])
@pytest.mark.parametrize("pretrained", [False, True])
def test_a_link_makes_timm_fetch_or_read_nothing(monkeypatch, name, pretrained):
    """The form is looked at with what the address says: its settings come from whoever made the link."""
    monkeypatch.setattr("timm.create_model", lambda *args, **more: pytest.fail("timm was asked"))
    value = "weights.pth" if name in ("checkpoint_path", "cache_dir") else {"url": "http://127.0.0.1:9/x.pth"}
    config = TrainConfig("digits", "re", backbone_args={**TINY, "pretrained": pretrained, name: value})
    for known in (parameters, units_of, blueprint.student, built):
        with pytest.raises(ValueError, match=f"can't be made with {name}"):
            known(config)


@pytest.mark.parametrize("value", [None, "x", -1, [], [4], {"a": 1}, 1.5, float("nan")])
@pytest.mark.parametrize("name", ["img_size", "patch_size", "embed_dim", "num_heads", "depth", "pos_embed"])
def test_whatever_an_argument_is_a_sentence_says_what_is_wrong(name, value):
    config = TrainConfig("digits", "re", backbone_args={**TINY, name: value})
    for known in (parameters, units_of):
        with suppress(ValueError):
            assert known(config), "some of these timm takes"


def test_the_weights_of_a_name_that_timm_does_not_know_are_not_at_hand():
    assert not blueprint.weights_at_hand("vit_tiny_patch16_224.no_such_weights")
    assert not blueprint.weights_at_hand("of_nobody")


def test_a_backbone_that_is_not_here_is_told_and_its_units_are_known(tmp_path, monkeypatch):
    config = TrainConfig("imdb", "re", backbone=str(tmp_path / "nothing"))
    with pytest.raises(NotHere, match="asks the Hugging Face Hub"):
        parameters(config)
    assert blueprint.student(config).reader.units == "words" and units_of(config) == 254


@pytest.mark.parametrize(("split", "count"), [("train", 12_000), ("dev", 1_000), ("test", 2_000)])
def test_rows_are_counted_without_reading_them(split, count):
    assert rows.row_count("digits", split) == count


def test_rows_of_a_local_file_leave_out_what_is_held_back(tmp_path, monkeypatch):
    import pyarrow as pa
    import pyarrow.parquet as pq

    monkeypatch.setenv("REKD_DATA", str(tmp_path))
    assert rows.row_count("imdb", "train") is None
    (tmp_path / "imdb").mkdir()
    pq.write_table(pa.table({"text": ["a"] * 3_000, "label": [0] * 3_000}), tmp_path / "imdb" / "train.parquet")
    assert [rows.row_count("imdb", split) for split in ("train", "dev")] == [500, 2_500]


@pytest.mark.parametrize("kind", ["cls", "re", "rekd", "random"])
@pytest.mark.parametrize("task", ["digits", "imdb", "cifar100", "movies"])
def test_one_s_own_settings_begin_with_our_recipe_for_such_data(task, kind):
    values = suggested(task, kind)
    assert values["task"] == task and values["kind"] == kind and values["teacher"] == values["start"] == ""
    assert values["batch_size"] > 32  # none is left at the defaults, which fit nothing in particular


def test_a_preset_goes_over_the_recipe():
    values = suggested("digits", "re", "official")
    assert values["noise_at_test"] and values["learning_rate"] == 1e-5 and values["batch_size"] == 64
