"""What the tests of the loop share: a short run on a small part of the built-in digits."""

from __future__ import annotations

import json
from dataclasses import replace

import torch
from accelerate import Accelerator
from helpers import image_config, same

from rekd.config import TrainConfig
from rekd.data import encode, load_split
from rekd.models import build
from rekd.training.evaluate import accuracy, own_logits
from rekd.training.feed import Feed
from rekd.training.loop import Trainer
from rekd.training.task import Objective
from rekd.units import ImageReader

_SHORT = {"steps": 12, "batch_size": 8, "evaluate_every": 4, "log_every": 2, "learning_rate": 3e-3, "dropout": 0.1}
CONFIG = TrainConfig("digits", "re", rate=0.15, rate_weight=20.0, **_SHORT)
CPU = torch.device("cpu")


def small_digits():
    """The model's configuration, train and dev of the digits, a few of each."""
    config = image_config(size=(64, 64), patch=(8, 8), classes=tuple("0123456789"))
    reader = ImageReader(config.reader)
    train, dev = load_split("digits", "train").take(range(64)), load_split("digits", "dev").take(range(32))
    return config, encode(train, reader), encode(dev, reader)


def trainer(folder, data, config=CONFIG, evaluate=None, **told):
    folder.mkdir(exist_ok=True)
    model_config, train, dev = data
    torch.manual_seed(config.seed)
    model = build(replace(model_config, kind=config.kind), dropout=config.dropout)
    objective = Objective(model, config, fixed_length=64)
    score = evaluate or (lambda step: {"dev_accuracy": accuracy(own_logits(model, dev).label, dev.labels)})
    return Trainer(folder, config, objective, Feed(train, CPU), score, Accelerator(cpu=True), **told)


class Within:
    """A step that is made by another function."""

    def __init__(self, step, call):
        self.step, self.call = step, call

    def __call__(self, number, measured=False):
        self.call(number, measured)

    def __getattr__(self, name):
        return getattr(self.step, name)


def level(step):
    return {"dev_accuracy": 0.5}


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def weights(run):
    return torch.cat([value.flatten() for value in run._weights().values()])


def agree(again, whole):
    """Two runs have come to the same weights by the same lines; their speed alone may differ."""
    same(weights(again), weights(whole), atol=0)
    for mine, theirs in zip(lines(again.run), lines(whole.run), strict=True):
        mine.pop("examples_per_second"), theirs.pop("examples_per_second")
        assert mine == theirs
