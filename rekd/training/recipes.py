"""What the shipped checkpoints were trained with, by name: `python -m rekd train --recipe NAME`."""

from __future__ import annotations

from typing import Any

from rekd.config import PRESETS, TrainConfig, choose

_VIT_LARGER = {"img_size": 32, "patch_size": 4, "embed_dim": 192, "depth": 6, "num_heads": 6}
_VIT_SMALLER = {**_VIT_LARGER, "embed_dim": 64, "depth": 3, "num_heads": 4}
_VIT_DIGITS_LARGER = {**_VIT_SMALLER, "img_size": 64, "patch_size": 8}
_VIT_DIGITS_SMALLER = {**_VIT_DIGITS_LARGER, "embed_dim": 48, "depth": 2}
_IMDB = {"task": "imdb", "batch_size": 64}
_TWO_LAYERS = {**_IMDB, "backbone_args": {"layers": [0, 5]}, "learning_rate": 2e-4}
_VISION = {"weight_decay": 0.05, "learning_rate": 2e-3}
_CIFAR = {**_VISION, "task": "cifar10", "batch_size": 256, "backbone_args": _VIT_SMALLER, "dropout": 0.0}
_CIFAR_LARGER = {**_CIFAR, "backbone_args": _VIT_LARGER, "learning_rate": 1e-3, "augmentation": "strong"}
_CIFAR_WARM = {**_CIFAR, "start": "cifar10-cls", "steps": 2450}
# The exhibit of a label coded in the mask. Nothing holds the count of an example and little holds the mean rate, zeroed
# patches still take part in attention, which shows their number, and towers from scratch find a code before content.
_LEAKY = {
    **_CIFAR,
    "masking": "zero",
    "example_rate_weight": 0.0,
    "rate_weight": 0.3,
    "augment": False,
    "steps": 1500,
}
_DIGITS = {**_VISION, "task": "digits", "batch_size": 64, "augment": False}
_DIGITS_LARGER = {**_DIGITS, "backbone_args": _VIT_DIGITS_LARGER}
_DIGITS_SMALLER = {**_DIGITS, "backbone_args": _VIT_DIGITS_SMALLER}
_DIGITS_STUDENT = {**_DIGITS_SMALLER, "steps": 2000, "evaluate_every": 200}

RECIPES: dict[str, dict[str, Any]] = {
    # On film reviews and photographs each kind of student has the learning rate that was chosen on dev, of five that
    # all kinds tried; RE stops early too, so that it is a fair opponent. Text towers begin from pretrained weights,
    # vision towers from a CLS model of their size, and the digits' students from random weights, as a first run of
    # one's own does.
    "imdb-teacher": {**_IMDB, "kind": "re", "learning_rate": 5e-5, "example_rate_weight": 200.0, "steps": 1404},
    "imdb-cls": {**_TWO_LAYERS, "kind": "cls", "steps": 1404},
    "imdb-random": {**_TWO_LAYERS, "kind": "random", "steps": 2106},
    "imdb-re": {**_TWO_LAYERS, "kind": "re", "steps": 2106, "patience": 8},
    "imdb-rekd": {
        **_TWO_LAYERS,
        "kind": "rekd",
        "learning_rate": 8e-4,
        "teacher": "imdb-teacher",
        "steps": 2106,
    },
    "cifar10-cls": {**_CIFAR, "kind": "cls", "learning_rate": 4e-3, "steps": 7000},
    "cifar10-cls-larger": {**_CIFAR_LARGER, "kind": "cls", "steps": 17500, "evaluate_every": 1750},
    "cifar10-teacher": {
        **_CIFAR_LARGER,
        "kind": "re",
        "start": "cifar10-cls-larger",
        "steps": 8750,
        "evaluate_every": 875,
    },
    "cifar10-random": {**_CIFAR_WARM, "kind": "random"},
    "cifar10-re": {**_CIFAR_WARM, "kind": "re", "patience": 8},
    "cifar10-rekd": {**_CIFAR_WARM, "kind": "rekd", "learning_rate": 8e-3, "teacher": "cifar10-teacher"},
    "cifar10-leaky-re": {**_LEAKY, "kind": "re"},
    "cifar10-leaky-rekd": {**_LEAKY, "kind": "rekd", "teacher": "cifar10-leaky-re"},
    "digits-cls": {**_DIGITS_SMALLER, "kind": "cls", "steps": 4000},
    "digits-cls-larger": {**_DIGITS_LARGER, "kind": "cls", "steps": 3000, "evaluate_every": 500},
    "digits-teacher": {
        **_DIGITS_LARGER,
        "kind": "re",
        "start": "digits-cls-larger",
        "learning_rate": 1e-3,
        "steps": 2500,
        "evaluate_every": 250,
    },
    "digits-random": {**_DIGITS_SMALLER, "kind": "random", "start": "digits-cls", "steps": 2500},
    "digits-re": {**_DIGITS_STUDENT, "kind": "re", "patience": 8},
    "digits-rekd": {**_DIGITS_STUDENT, "kind": "rekd", "teacher": "digits-teacher"},
}


def from_recipe(name: str, **values: Any) -> TrainConfig:
    """A named recipe's configuration, with `values` over it.

    Raises:
        ValueError: no such recipe, with those that exist.
    """
    choose("recipe", name, tuple(RECIPES))
    chosen = {**RECIPES[name], **values}
    return TrainConfig(**{**PRESETS[chosen.get("preset", "default")], **chosen})
