"""Random weights large enough that every part of a tiny model matters to its output."""

from __future__ import annotations

import pytest


def _sharpen(model):
    import torch  # not above: tests/conftest.py settles the number of threads before torch is loaded

    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.ndim > 1 and "embed" not in name:
                value.mul_(8.0)
            elif name == "mask_embedding":
                value.normal_()
        head = getattr(model.predictor, "head", None) or model.predictor.vit.head
        head.weight.normal_()
    return model.eval()


@pytest.fixture
def sharpen():
    return _sharpen
