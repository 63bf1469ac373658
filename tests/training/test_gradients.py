"""The pull of each term of the loss is the gradient's own norm, and taking it changes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import image_config, same

from rekd.config import TrainConfig
from rekd.data import encode, load_split
from rekd.models import build
from rekd.training.feed import Feed
from rekd.training.gradients import term_norms
from rekd.training.task import Objective, Teacher
from rekd.units import ImageReader

CONFIG = TrainConfig("digits", "rekd", teacher="one", rate=0.15, rate_weight=20.0, steps=12, dropout=0.0)


@pytest.fixture(scope="module")
def data():
    config = image_config(size=(64, 64), patch=(8, 8), classes=tuple("0123456789"))
    feed = Feed(encode(load_split("digits", "train").take(range(8)), ImageReader(config.reader)), torch.device("cpu"))
    return config, feed.batch(np.arange(8), 0, 1)


def student(model_config, config):
    return Objective(build(replace(model_config, kind="rekd")), config, Teacher(build(model_config)))


def test_the_pulls_of_the_terms_are_those_of_the_whole_loss(data):
    model_config, pair = data
    objective = student(model_config, CONFIG)
    parameters = list(objective.parameters())

    def gradient(loss):
        parts = torch.autograd.grad(loss, parameters, allow_unused=True)
        return torch.cat(
            [
                torch.zeros_like(p).flatten() if g is None else g.flatten()
                for g, p in zip(parts, parameters, strict=True)
            ]
        )

    found = term_norms(objective(pair, 3, None, 0.0), parameters)
    assert set(found) == {"task", "rate", "rationale", "prediction"}
    shares = {"task": 0.3, "rate": 0.3, "rationale": 0.7 * 0.5, "prediction": 0.7}
    for name, share in shares.items():
        same(found[name], gradient(share * objective(pair, 3, None, 0.0)[name]).norm(), atol=1e-6, rtol=1e-4, what=name)
    terms = objective(pair, 3, None, 0.0)
    term_norms(terms, parameters)
    same(gradient(terms["total"]), gradient(objective(pair, 3, None, 0.0)["total"]), atol=0)
    assert all(parameter.grad is None for parameter in parameters)


def test_a_term_that_takes_no_part_pulls_with_nothing(data):
    model_config, pair = data
    objective = student(model_config, replace(CONFIG, alpha=0.0, parts="rationale"))
    terms = objective(pair, 3, None, 0.0)
    found = term_norms(terms, objective.parameters())
    assert found["rationale"] > 0 and float(found["task"]) == float(found["rate"]) == float(found["prediction"]) == 0
