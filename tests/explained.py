"""A tiny model and one input that it reads, for the tests of what explains the one by the other."""

from __future__ import annotations

import numpy as np
import torch
from helpers import image_config, text_config, tiny_tokenizer
from torch import nn

from rekd.explanations.attributions import attribute
from rekd.models import RationaleModel, build
from rekd.models.backbone import Hidden
from rekd.types import Example
from rekd.units import ImageReader, TextReader

TEXT = "The story is slow and dull, but it has an unbelievable end!"
EXACT = (
    "IntegratedGradients",
    "GradientShap",
    "FeatureAblation",
    "InputXGradient",
    "ShapleyValueSampling",
    "KernelShap",
)
"""Methods that give each unit of a linear model what it adds to the logit."""


def text_case(text: str = TEXT, **config):
    config = text_config(kind=config.pop("kind", "cls"), **config)
    torch.manual_seed(3)
    reader = TextReader(config.reader, tiny_tokenizer())
    return lively(build(config, blank_id=4)), reader.read([Example("own/0", text=text)])


def image_case(arch: str = "vit", **config):
    config = image_config(arch, kind="cls", **config)
    torch.manual_seed(3)
    image = np.random.default_rng(5).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    return lively(build(config)), ImageReader(config.reader).read([Example("own/0", image=image)])


def lively(model):
    """Weights large enough for logits that differ from unit to unit."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, 0.2)
    return model.eval()


def logit(model, batch, mask=None, target=0) -> float:
    with torch.no_grad():
        return float(model.predict(batch, mask)[0, target])


class LinearTower(nn.Module):
    """Each visible token adds weight @ content to the logits; absent content (piece 4, mean colour) adds nothing.

    Args:
        relu: of class 1 only what is above zero counts.
    """

    def __init__(self, classes: int, width: int, patch: tuple[int, int] | None = None, relu: bool = False):
        super().__init__()
        self.width = self.content_width = width
        self.weight = nn.Parameter(torch.randn(classes, width))
        self.bias = nn.Parameter(torch.tensor(-0.5))
        table = torch.randn(200, width)
        table[4] = 0
        self.register_buffer("table", table)
        self.patch, self.relu = patch, nn.ReLU() if relu else None

    def embed(self, ids):
        return self.table[ids]

    def features(self, batch):
        return batch.content if self.patch else self.embed(batch.content)

    def content(self, features):
        if self.patch is None:
            return features
        return nn.functional.unfold(features, self.patch, stride=self.patch).transpose(1, 2)

    def encode(self, content, batch, visible):
        return Hidden(content[:, :0], content, batch.token_mask.float() if visible is None else visible)

    def classify(self, hidden):
        owned = (hidden.tokens * hidden.seen[..., None]).sum(1) @ self.weight.T
        return owned if self.relu is None else self.relu(owned + self.bias)


def linear_case(modality: str, relu: bool = False):
    """A linear model, a reading of it, and what each unit adds to the logits: (N, K)."""
    model, reading = text_case() if modality == "text" else image_case()
    config = model.config
    torch.manual_seed(11)
    width, patch = (8, None) if modality == "text" else (48, config.reader.patch_size)
    tower = LinearTower(len(config.classes), width, patch, relu)
    with torch.no_grad():
        tower.table[[2, 3]] = 0  # the special tokens say nothing, so that all of the logit is the units'
        tokens = tower.content(tower.features(reading.batch))[0] @ tower.weight.T
        owners = reading.batch.token_units[0]
        worth = torch.zeros(len(reading.units[0]), len(config.classes)).index_add(
            0, owners[owners >= 0], tokens[owners >= 0]
        )
        if relu and worth[:, 1].sum() < 1:  # above the bend, so that it is felt on the way from the baseline
            tower.weight.neg_()
            worth = -worth
    return RationaleModel(config, None, tower, None, blank_id=4).eval(), reading, worth


def scores(method: str, model, reading, target: int = 1, **more):
    """Scores of a method on a model, as a tuple."""
    return attribute(method, "cls", model, reading, rate=0.25, target=target, **more).scores
