"""Batches for student and teacher: how strongly their images are augmented."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from helpers import image_config, tiny_tokenizer
from stepping import images, texts

from rekd.config import ReaderConfig, TrainConfig
from rekd.data import encode
from rekd.training.feed import Feed
from rekd.training.kept import pays
from rekd.training.setup import prepare, resolve
from rekd.units import ImageReader, TextReader

CPU = torch.device("cpu")
SMALL = {"embed_dim": 16, "depth": 1, "num_heads": 2, "img_size": 64, "patch_size": 8}
ROWS = np.arange(24)


def content(feed: Feed) -> tuple[torch.Tensor, torch.Tensor | None]:
    pair = feed.batch(ROWS, step=3, seed=1)
    return pair.student.content, pair.teacher and pair.teacher.content


def test_teacher_and_student_see_the_same_strongly_augmented_pictures():
    """Readers differ in how they normalise alone: one of half the deviation gives twice the numbers."""
    config = image_config().reader
    readers = (ImageReader(config), ImageReader(replace(config, std=tuple(value / 2 for value in config.std))))
    mine, theirs = (encode(images(), reader) for reader in readers)
    student, teacher = content(Feed(mine, CPU, theirs, augment=True, strong=True))
    assert torch.allclose(2 * student, teacher, atol=1e-5)
    plain, _ = content(Feed(mine, CPU, theirs, augment=True))
    assert (student != plain).flatten(1).any(1).float().mean() > 0.6


def test_strong_says_nothing_of_texts_or_of_images_that_are_not_augmented():
    words = encode(texts(), TextReader(ReaderConfig("text"), tiny_tokenizer()))
    pictures = encode(images(), ImageReader(image_config().reader))
    for data in (words, pictures):
        plain, strong = (content(Feed(data, CPU, strong=strong))[0] for strong in (False, True))
        assert torch.equal(plain, strong)


def test_a_run_is_augmented_as_it_says_and_its_teacher_asked_at_each_step_where_it_is():
    """Digits are neither cropped nor mirrored, so that without strong augmentation they stay as they are."""
    config = TrainConfig("digits", "cls", backbone_args=SMALL, steps=500)
    seen = {}
    for name in ("standard", "strong"):
        setup = prepare(resolve(replace(config, augmentation=name)), CPU, train_rows=24, dev_rows=8)
        seen[name] = content(setup.feed)[0]
        assert pays(setup.config, setup.feed.taught, 24) == (name == "standard")
        assert pays(replace(setup.config, augment=False), setup.feed.taught, 24)
    assert (seen["standard"] != seen["strong"]).flatten(1).any(1).float().mean() > 0.6
