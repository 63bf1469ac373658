"""What `bench train` and `bench infer` measure: models of known sizes with random weights, on random inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from rekd.config import ModelConfig, ReaderConfig, TrainConfig
from rekd.data import Encoded, encode_images, task_spec
from rekd.models import RationaleModel, build
from rekd.types import Split
from rekd.units import ImageReader

ROWS = 512
"""Examples, of which each step draws its batch."""
WORDS = 30_522
"""Size of BERT's vocabulary."""
PIECES = 256
"""Word pieces of a text, special ones included, as on IMDB."""


def bert(layers: int, width: int, heads: int) -> dict[str, Any]:
    """A BERT's configuration."""
    size = {"hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": heads}
    return {"model_type": "bert", "vocab_size": WORDS, "pad_token_id": 0, "intermediate_size": 4 * width, **size}


def vit(layers: int, width: int, heads: int) -> dict[str, Any]:
    """A vision transformer's, by timm."""
    return {"name": "vit_tiny_patch16_224", "args": {"depth": layers, "embed_dim": width, "num_heads": heads}}


@dataclass(frozen=True)
class Case:
    """A student, its teacher where it has one, and what differs from the default preset.

    side, patch: of images. aim: what its step is to reach.
    """

    name: str
    student: Mapping[str, Any]
    teacher: Mapping[str, Any] | None = None
    batch: int = 32
    side: int = 224
    patch: int = 16
    task: str = "cifar10"
    compiled: bool = False
    aim: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> bool:
        return "model_type" in self.student


_MINI, _BASE = bert(4, 256, 4), bert(12, 768, 12)
_OF_BASE = "REKD, BERT-Mini from BERT-base, 256 pieces, teacher"
_TINY, _VIT_BASE = vit(12, 192, 3), vit(12, 768, 12)
_SMALL, _LARGER = vit(4, 128, 4), vit(8, 256, 4)
_DIGITS = {"side": 64, "patch": 8, "task": "digits", "batch": 64, "aim": "2 times"}

CASES: dict[str, tuple[Case, ...]] = {
    "cuda": (
        Case("RE, ViT-Tiny, 224 px", _TINY),
        Case("RE, ViT-Tiny, 224 px, compiled", _TINY, compiled=True, aim="8 ms"),
        Case("REKD, ViT-Tiny from ViT-Base, 224 px", _TINY, _VIT_BASE, aim="14 ms"),
        Case("REKD, ViT-Tiny from ViT-Base, 224 px, compiled", _TINY, _VIT_BASE, compiled=True, aim="11 ms"),
        Case("RE, BERT-Mini, 256 pieces", _MINI, task="imdb"),
        Case(f"{_OF_BASE} kept", _MINI, _BASE, task="imdb"),
        Case(f"{_OF_BASE} kept, compiled", _MINI, _BASE, task="imdb", compiled=True, aim="3.5 ms"),
        Case(
            f"{_OF_BASE} in the step (student view)",
            _MINI,
            _BASE,
            task="imdb",
            aim="14 ms",
            values={"teacher_view": "student"},
        ),
        Case("REKD, ViT 4 x 128 from ViT 8 x 256, 32 px", _SMALL, _LARGER, 256, 32, 4),
        Case(
            "REKD, ViT 4 x 128 from ViT 8 x 256, 32 px, compiled",
            _SMALL,
            _LARGER,
            256,
            32,
            4,
            compiled=True,
            aim="40,000 a second",
        ),
    ),
    "cpu": (
        Case("RE, digits, ViT 2 x 48", vit(2, 48, 4), **_DIGITS),
        Case("REKD, digits, ViT 2 x 48 from ViT 3 x 64, teacher kept", vit(2, 48, 4), vit(3, 64, 4), **_DIGITS),
    ),
}


def training(case: Case, preset: str) -> TrainConfig:
    """The run that a case stands for, under a preset."""
    kind = "re" if case.teacher is None else "rekd"
    values = {"rate": 0.1 if case.text else 0.15, "rate_weight": 10.0, "batch_size": case.batch, "steps": 100_000}
    values |= {"teacher": "teacher"} if kind == "rekd" else {}
    values |= {} if case.text else {"dropout": 0.0}  # as the recipes of the shipped vision models
    values |= {"engine": "compile" if case.compiled else "graph", **case.values} if preset == "default" else {}
    return TrainConfig.from_preset(preset, task=case.task, kind=kind, **values)


def model(case: Case, arch: Mapping[str, Any], kind: str, config: TrainConfig) -> RationaleModel:
    """A model of random weights as `config` would have it."""
    spec = task_spec(case.task)
    reader = ReaderConfig("text", units=config.units or "words", max_tokens=PIECES)
    if not case.text:
        reader = ReaderConfig("image", "patches", image_size=(case.side,) * 2, patch_size=(case.patch,) * 2)
        arch = replace_args(arch, img_size=case.side, patch_size=case.patch)
    shared = {name: getattr(config, name) for name in ("rate", "masking", "final_norm", "pooling", "train_words")}
    described = ModelConfig(kind=kind, reader=reader, classes=spec.classes, arch=arch, **shared)
    return build(described, _table(arch) if case.text and not config.train_words else None, dropout=config.dropout)


def replace_args(arch: Mapping[str, Any], **args: Any) -> dict[str, Any]:
    """A timm description with further arguments."""
    return {**arch, "args": {**arch["args"], **args}}


def _table(arch: Mapping[str, Any]):
    from rekd.models.embeddings import WordTable

    return WordTable.quantise(torch.randn(arch["vocab_size"], arch["hidden_size"]))


def data(case: Case, reader: ReaderConfig, seed: int = 0) -> Encoded:
    """Random inputs of full length."""
    draw = np.random.default_rng(seed)
    classes = task_spec(case.task).classes
    labels = draw.integers(0, len(classes), ROWS)
    if case.text:
        return _texts(reader, torch.from_numpy(labels), torch.from_numpy(draw.integers(1000, WORDS, (ROWS, PIECES))))
    side = min(case.side, 64 if case.task == "digits" else 32)
    images = draw.integers(0, 256, (ROWS, side, side, 3), dtype=np.uint8)
    return encode_images(Split(case.task, "train", classes, labels, images=images), ImageReader(reader))


def _texts(reader: ReaderConfig, labels: torch.Tensor, ids: torch.Tensor) -> Encoded:
    """Texts whose every third word has two pieces; as tokens, every slot is a unit."""
    place = torch.arange(PIECES - 2)
    owner = place if reader.units == "pieces" else place - (place + 1) // 4
    units = torch.cat([torch.tensor([-1]), owner, torch.tensor([-1])])
    if reader.units == "tokens":
        units = torch.arange(PIECES)
    real = torch.ones(ROWS, PIECES, dtype=torch.bool)
    n_units = torch.ones(ROWS, int(units.max()) + 1, dtype=torch.bool)
    return Encoded(ids.int(), real, units.short().expand(ROWS, -1), n_units, labels, torch.arange(ROWS))
