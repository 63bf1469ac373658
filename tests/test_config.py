"""Configurations check themselves: every refusal shows the bad value and what would do."""

from __future__ import annotations

import json
import math

import pytest
from helpers import image_config, text_config

from rekd.config import (
    KINDS,
    MASKINGS,
    PARTS,
    PRECISIONS,
    PRESETS,
    RATE_FORMS,
    TEACHER_VIEWS,
    ModelConfig,
    ReaderConfig,
    TrainConfig,
)

TASK = {"task": "imdb", "kind": "re"}


@pytest.mark.parametrize(
    "field, allowed",
    [
        ("kind", KINDS),
        ("preset", tuple(PRESETS)),
        ("masking", MASKINGS),
        ("parts", PARTS),
        ("teacher_view", TEACHER_VIEWS),
        ("rate_form", RATE_FORMS),
        ("precision", PRECISIONS),
        ("pooling", ("mean", "first")),
        ("units", ("words", "pieces", "tokens", "patches")),
    ],
)
def test_a_wrong_word_is_refused_with_the_valid_ones(field, allowed):
    with pytest.raises(ValueError) as refusal:
        TrainConfig(**{**TASK, field: "wrong"})
    said = str(refusal.value)
    assert field in said and "'wrong'" in said and all(repr(value) in said for value in allowed)


@pytest.mark.parametrize(
    "field, bad",
    [
        *((field, value) for field in ("alpha", "rate", "warmup", "dropout") for value in (-0.1, 1.1, math.nan)),
        *((field, -1.0) for field in ("lambda_r", "rate_weight", "example_rate_weight", "dual_step", "weight_decay")),
        *((field, 0) for field in ("steps", "batch_size", "accumulation", "log_every", "keep_states")),
        *((field, 0.0) for field in ("learning_rate", "tau_start", "tau_end", "clip")),
        *((field, -1) for field in ("seed", "evaluate_every", "patience", "dev_limit")),
        ("learning_rate", math.inf),
        ("alpha", "half"),
        ("steps", None),
    ],
)
def test_a_number_out_of_range_is_refused_with_the_range(field, bad):
    with pytest.raises(ValueError) as refusal:
        TrainConfig(**{**TASK, field: bad})
    said = str(refusal.value)
    assert said.startswith(f"{field} is {bad!r}") and "between" in said


def test_values_that_do_not_go_together_are_refused():
    with pytest.raises(ValueError, match="batch_size 32 is no multiple of accumulation 5"):
        TrainConfig(**TASK, accumulation=5)
    with pytest.raises(ValueError, match="name the teacher's checkpoint with --teacher"):
        TrainConfig("imdb", "rekd")
    with pytest.raises(ValueError, match="kind 're' learns without a teacher"):
        TrainConfig(**TASK, teacher="imdb-teacher")
    taught = {"task": "imdb", "kind": "cls", "teacher": "imdb-teacher"}
    for given in ({}, {"parts": "both"}, {"parts": "prediction", "teacher_view": "student"}):
        with pytest.raises(ValueError, match="a teacher's own predictions alone: give parts 'prediction'"):
            TrainConfig(**taught, **given)
    assert TrainConfig(**taught, parts="prediction").teacher == "imdb-teacher"


def test_unknown_keys_are_refused_with_the_known_ones():
    for build in (
        lambda: TrainConfig.from_preset("default", **TASK, learning_rat=1.0),
        lambda: TrainConfig.from_dict({"learning_rat": 1}),
    ):
        with pytest.raises(ValueError, match=r"TrainConfig does not know learning_rat; it knows .*learning_rate"):
            build()
    with pytest.raises(ValueError, match="ModelConfig does not know size"):
        ModelConfig.from_dict({**text_config().to_dict(), "size": 1})
    with pytest.raises(ValueError, match="ReaderConfig does not know unit; .*units"):
        ModelConfig.from_dict({**text_config().to_dict(), "reader": {"modality": "text", "unit": "words"}})


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_build_and_values_go_over_them(preset):
    config = TrainConfig.from_preset(preset, **TASK, steps=7)
    assert config.preset == preset and config.steps == 7
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert TrainConfig.from_preset(preset, **TASK, masking="mask-token").masking == "mask-token"


def test_presets_hold_what_the_method_says():
    default, paper, official = (TrainConfig.from_preset(name, **TASK) for name in ("default", "paper", "official"))
    assert (default.masking, default.shared_noise, default.teacher_view) == ("drop", True, "own")
    assert (default.alpha, default.lambda_r, default.example_rate_weight) == (0.3, 0.5, 50.0)
    assert (default.tau_start, default.tau_end, default.rate_form) == (5.0, 0.1, "auto")
    assert (paper.units, paper.masking, paper.shared_noise, paper.teacher_view) == (
        "pieces",
        "zero",
        False,
        "own-sampled",
    )
    assert paper.rate_form == "example" and paper.final_norm and not paper.noise_at_test
    assert (official.units, official.teacher_view, official.rate_form) == ("tokens", "student", "count")
    assert official.noise_at_test and not official.final_norm and not official.shared_noise


def test_an_unknown_preset_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="'ours'.*'default', 'paper', 'official'"):
        TrainConfig.from_preset("ours", **TASK)


@pytest.mark.parametrize(
    "change, said",
    [
        ({"modality": "sound"}, "modality is 'sound'; it must be one of 'text', 'image'"),
        ({"units": "patches"}, "units is 'patches'; it must be one of 'words', 'pieces', 'tokens'"),
        ({"modality": "image", "units": "words"}, "units is 'words'; it must be one of 'patches'"),
        ({"max_tokens": 3}, "max_tokens is 3; it must be a number between 4 and 8192"),
        ({"image_size": (224, 225)}, r"image_size \(224, 225\) is no multiple of patch_size \(16, 16\)"),
        ({"image_size": (0, 0)}, "image_size is 0; it must be a number between 1"),
        ({"patch_size": (0, 16)}, "patch_size is 0; it must be a number between 1"),
        ({"patch_size": (16,)}, r"patch_size is \(16,\); it must hold 2 numbers"),
        ({"image_size": 224}, "image_size is 224; it must hold 2 numbers"),
        ({"mean": (0.5, 0.5)}, r"mean is \(0.5, 0.5\); it must hold 3 numbers"),
        ({"std": (0.5, 0.0, 0.5)}, "std is 0.0; it must be a number between 0.001"),
    ],
)
def test_a_reader_refuses_what_it_cannot_read(change, said):
    with pytest.raises(ValueError, match=said):
        ReaderConfig(**{"modality": "text", **change})


def test_readers_share_units_by_signature():
    def patches(size, patch):
        return ReaderConfig("image", "patches", image_size=size, patch_size=patch)

    assert patches((224, 224), (16, 16)).grid == (14, 14)
    assert patches((24, 16), (4, 8)).grid == (6, 2)
    assert patches((224, 224), (16, 16)).signature == patches((112, 112), (8, 8)).signature
    assert patches((16, 32), (8, 8)).signature != patches((32, 16), (8, 8)).signature
    assert ReaderConfig("text", max_tokens=64).signature == ReaderConfig("text").signature
    assert ReaderConfig("text", "pieces").signature != ReaderConfig("text").signature


@pytest.mark.parametrize(
    "change, said",
    [
        ({"kind": "teacher"}, "kind is 'teacher'; it must be one of 'cls', 're', 'rekd', 'random'"),
        ({"masking": "pixel"}, "masking is 'pixel'; it must be one of 'drop', 'zero', 'mask-token'"),
        ({"pooling": "max"}, "pooling is 'max'; it must be one of 'mean', 'first'"),
        ({"rate": 0.0}, "rate is 0.0; it must be a number between 0.0001 and 1"),
        ({"classes": ("only",)}, "classes is .*'only'.*at least two"),
        ({"cut": math.nan}, "cut is nan; it must be a number"),
        ({"reader": "text"}, "reader is 'text'; it must be a ReaderConfig"),
        ({"arch": {"name": "vit_tiny_patch16_224"}}, "arch is .*; for text it must give 'model_type'"),
    ],
)
def test_a_model_refuses_what_it_cannot_be(change, said):
    with pytest.raises(ValueError, match=said):
        ModelConfig.from_dict({**text_config().to_dict(), **change})


@pytest.mark.parametrize("config", [text_config(), image_config(size=(24, 16), patch=(8, 4))])
def test_a_model_configuration_survives_json(config):
    assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert hash(config.reader) == hash(ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))).reader)


def test_kinds_that_select():
    assert [kind for kind in KINDS if text_config(kind=kind).selects] == ["re", "rekd"]


def test_configurations_are_frozen():
    with pytest.raises(AttributeError):
        TrainConfig(**TASK).alpha = 1.0
    with pytest.raises(AttributeError):
        text_config().rate = 1.0
