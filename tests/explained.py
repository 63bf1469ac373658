"""A tiny model and one input that it reads, for the tests of what explains the one by the other."""

from __future__ import annotations

import numpy as np
import torch
from helpers import image_config, text_config, tiny_tokenizer

from rekd.models import build
from rekd.types import Example
from rekd.units import ImageReader, TextReader

TEXT = "The story is slow and dull, but it has an unbelievable end!"


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
