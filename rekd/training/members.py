"""The members of each line-up as values of `TrainConfig`: what small runs need, and what was published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rekd.data.spec import TASKS

SLOTS = ("cls", "teacher", "re", "rekd")
"""In the order of training: a teacher may begin from the CLS, and REKD learns from the teacher."""

# Ours. Narrow towers from random weights learn in a fraction of the steps where their matrices begin at a scale that
# fits their width (timm's "moco") and queries and keys are normed; two heads and a narrower MLP cost a third less time.
_SMALL = {"num_heads": 2, "mlp_ratio": 2, "weight_init": "moco", "qk_norm": True}
_DIGITS = {**_SMALL, "img_size": 64, "patch_size": 8}
_CIFAR = {"img_size": 32, "patch_size": 4, "num_heads": 4, "weight_init": "moco", "qk_norm": True}
_SHORT = {"tau_end": 0.5}
"""Ours: in so few steps a last temperature of .1 costs accuracy, of RE a little and of REKD more."""


def laptop() -> dict[str, dict[str, Any]]:
    """Digits, on two processor cores; few evaluations, since they take time too."""
    shared = {"batch_size": 64, "optimizer": "muon", "weight_decay": 0.05, "augment": False, "dropout": 0.0, **_SHORT}
    larger = {**shared, "backbone_args": {**_DIGITS, "embed_dim": 64, "depth": 2}}
    # Half the MLP's width leaves an RE of this size at chance.
    slim = {**_DIGITS, "embed_dim": 48, "depth": 2, "mlp_ratio": 4}
    smaller = {**shared, "backbone_args": slim, "learning_rate": 3e-3, "steps": 160, "evaluate_every": 54}
    return {
        "cls": {**larger, "kind": "cls", "learning_rate": 3e-3, "steps": 600, "evaluate_every": 200},
        "teacher": {
            **larger,
            "kind": "re",
            "start": "@cls",
            "learning_rate": 1.5e-3,
            "steps": 180,
            "evaluate_every": 60,
        },
        "re": {**smaller, "kind": "re"},
        "rekd": {**smaller, "kind": "rekd", "teacher": "@teacher"},
    }


def gpu() -> dict[str, dict[str, Any]]:
    """CIFAR-10, on one GPU, in the sizes of the shipped models; CLS and teacher have five times a student's weights."""
    shared = {"batch_size": 256, "weight_decay": 0.05, "dropout": 0.0}
    larger = {**shared, "backbone_args": {**_CIFAR, "embed_dim": 128, "depth": 4}}
    smaller = {**shared, **_SHORT, "backbone_args": {**_CIFAR, "embed_dim": 64, "depth": 3}, "learning_rate": 2e-3}
    return {
        "cls": {**larger, "kind": "cls", "learning_rate": 2e-3, "steps": 3000},
        "teacher": {**larger, "kind": "re", "start": "@cls", "learning_rate": 1e-3, "steps": 1000},
        "re": {**smaller, "kind": "re", "steps": 1000},
        "rekd": {**smaller, "kind": "rekd", "teacher": "@teacher", "steps": 1000},
    }


TRAIN_ROWS = {"cifar10": 45_000, "cifar100": 47_500, "imdb": 22_500}
"""Examples that the published tasks train on here, beside their dev split."""
BATCH = 32
EPOCHS = {"cls": 20, "teacher": 35, "re": 35, "rekd": 35}
"""Paper."""
BACKBONES = {
    "image": {"teacher": "vit_base_patch16_224", "student": "vit_tiny_patch16_224"},
    "text": {"teacher": "google-bert/bert-base-uncased", "student": "google/bert_uncased_L-4_H-256_A-4"},
}
COUNT_WEIGHTS = {"image": {"teacher": 5e-3, "student": 5e-2}, "text": {"teacher": 5e-5, "student": 1e-4}}
"""Paper: weights on raw counts, of ViT-Base and ViT-Tiny, BERT-Base and BERT-Mini."""
LENGTHS = {"image": 196, "text": 256}
"""Units of the paper's inputs: a weight on shares is one on counts times the length's square."""


def published(preset: str, task: str) -> dict[str, dict[str, Any]]:
    """A teacher of the paper's largest size, and CLS, RE and REKD of its smallest.

    Args:
        preset: paper or official. task: one of TRAIN_ROWS.
    """
    return {slot: _published(preset, task, slot) for slot in SLOTS}


def _published(preset: str, task: str, slot: str) -> dict[str, Any]:
    modality, size = TASKS[task].modality, "teacher" if slot == "teacher" else "student"
    epoch = TRAIN_ROWS[task] / BATCH
    out = {
        "preset": preset,
        "kind": "re" if slot == "teacher" else slot,
        "backbone": BACKBONES[modality][size],
        "batch_size": BATCH,
        "steps": round(EPOCHS[slot] * epoch),
        "evaluate_every": round(epoch),
        "alpha": 0.5,  # the code's default; the paper swept it
        # Paper: .1 for ViT, .5 for BERT. In its code both lie on the classifier's input alone; here dropout is that of
        # every layer, where BERT's own is .1.
        "dropout": 0.1,
    }
    if modality == "image":  # enlarged to what the weights know, 14 x 14 patches; Paper: weight decay, for ViT alone
        out |= {"backbone_args": {"pretrained": True, "img_size": 224}, "weight_decay": 1e-3}
    if preset == "official":  # the code clips no gradient and keeps its learning rate, which here falls along a cosine
        out |= {"clip": 1e6, "warmup": 0.0}
    if slot != "cls":
        out |= _rate_weight(preset, COUNT_WEIGHTS[modality][size], LENGTHS[modality])
    return out | ({"teacher": "@teacher"} if slot == "rekd" else {})


def _rate_weight(preset: str, weight: float, length: int) -> Mapping[str, float]:
    return {"rate_weight": weight} if preset == "official" else {"example_rate_weight": weight * length**2}
