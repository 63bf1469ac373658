"""Gradients through visible tokens alone are the gradients of the whole sequence."""

from __future__ import annotations

import pytest
import torch
from helpers import IMAGE_ARCHS, image_config, same, text_config, tiny_tokenizer

from rekd.models import backbone, build
from rekd.models.backbone import fixed_shapes
from rekd.types import Example
from rekd.units import ImageReader, TextReader

TEXTS = ["a good film, great story", "bad", "the plot is slow and the act dull", "never funny but warm"]


def case(arch):
    if arch in IMAGE_ARCHS:
        config = image_config(arch)
        drawn = torch.randint(0, 255, (4, 3, 16, 16), dtype=torch.uint8)
        batch = ImageReader(config.reader).batch(drawn, torch.arange(4) % 3, torch.arange(4))
    else:
        config = text_config(arch)
        examples = [Example(f"t/{i}", text=text, label=i % 2) for i, text in enumerate(TEXTS)]
        batch = TextReader(config.reader, tiny_tokenizer()).read(examples).batch
    model = build(config, dropout=0.0).train()
    mask = (torch.rand(batch.unit_mask.shape) < 0.3).float() * batch.unit_mask
    return model, batch, mask


def gradients(model, batch, mask):
    model.zero_grad()
    given = mask.clone().requires_grad_()
    logits = model.predict(batch, given)
    torch.nn.functional.cross_entropy(logits * 5, batch.labels).backward()
    return logits.detach(), given.grad, {n: p.grad for n, p in model.predictor.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("arch", [*IMAGE_ARCHS, "bert", "roberta", "distilbert", "electra"])
def test_mask_and_parameters_get_what_the_whole_sequence_gives_them(arch, monkeypatch):
    model, batch, mask = case(arch)
    asked = []
    real = backbone.visible_first
    monkeypatch.setattr(backbone, "visible_first", lambda visible: asked.append(visible) or real(visible))
    logits, to_mask, to_weights = gradients(model, batch, mask)
    assert len(asked) == 1, "the sequence was cut"
    with fixed_shapes():
        plain_logits, plain_to_mask, plain_to_weights = gradients(model, batch, mask)
    assert len(asked) == 1
    same(logits, plain_logits, atol=1e-5)
    assert to_mask[(mask == 0) & batch.unit_mask].abs().sum() > 0, "what is absent is called back"
    same(to_mask, plain_to_mask, atol=1e-5, rtol=1e-3)
    for name, grad in to_weights.items():
        same(grad, plain_to_weights.get(name, torch.zeros_like(grad)), atol=1e-5, rtol=1e-3, what=name)


def test_local_windows_keep_the_whole_sequence():
    model, batch, mask = case("modernbert")
    assert gradients(model, batch, mask)[1].isfinite().all()
