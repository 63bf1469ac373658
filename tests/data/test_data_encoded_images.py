from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from helpers import same

from rekd.config import ReaderConfig
from rekd.data import EncodedImages, encode
from rekd.data.spec import TASKS
from rekd.data.vision import shift_and_flip
from rekd.types import Split
from rekd.units import ImageReader


def reader(size=32, patch=8):
    spec = TASKS["cifar10"]
    return ImageReader(
        ReaderConfig(
            "image", "patches", image_size=(size, size), patch_size=(patch, patch), mean=spec.mean, std=spec.std
        )
    )


def photos(n=40, task="cifar10", size=32):
    images = np.random.default_rng(0).integers(0, 256, (n, size, size, 3), np.uint8)
    return Split(task, "train", TASKS[task].classes, np.arange(n) % 10, images=images)


@pytest.fixture
def data():
    return encode(photos(), reader())


@pytest.mark.parametrize("size", [32, 64, 24])
def test_every_row_is_what_the_reader_reads_in_explore(size):
    split = photos(6)
    batch = encode(split, reader(size)).batch([4, 1])
    read = reader(size).read([split[4], split[1]]).batch
    for field in dataclasses.fields(batch):
        same(getattr(batch, field.name), getattr(read, field.name), atol=0, what=field.name)


def test_images_stay_bytes_until_a_batch_is_made(data):
    assert (
        isinstance(data, EncodedImages) and data.content.dtype == torch.uint8 and data.content.shape == (40, 3, 32, 32)
    )
    assert data.token_mask.shape == data.unit_mask.shape == (40, 16)
    assert data.ids.tolist() == list(range(40))


def test_augmentation_is_a_function_of_seed_step_and_example_alone(data):
    options = {"step": 7, "seed": 3, "augment": True}
    whole = data.batch(range(40), **options)
    assert torch.equal(whole.content, data.batch(range(40), **options).content)
    shuffled = np.random.default_rng(1).permutation(40)
    assert torch.equal(data.batch(shuffled, **options).content, whole.content[shuffled])
    assert torch.equal(data.batch([31], **options).content[0], whole.content[31]), "batch size does not matter"
    assert torch.equal(data.take([31]).batch([0], **options).content[0], whole.content[31]), "nor what else there is"
    assert torch.equal(data.batch(range(40), **{**options, "step": torch.tensor(7)}).content, whole.content)


def test_steps_and_seeds_augment_differently(data):
    first, *others = (
        data.batch(range(40), step=step, seed=seed, augment=True).content for step, seed in ((0, 0), (1, 0), (0, 1))
    )
    for other in others:
        changed = (first != other).flatten(1).any(1).float().mean()
        assert changed > 0.9


def test_the_global_generator_is_left_alone(data):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    data.batch(range(40), step=1, seed=1, augment=True)
    assert torch.equal(torch.rand(3), expected)


def test_without_augment_nothing_moves(data):
    assert torch.equal(data.batch([3], step=1, seed=1).content, data.batch([3]).content)


def test_augmenting_needs_step_and_seed(data):
    for options in ({}, {"step": 1}, {"seed": 1}):
        with pytest.raises(ValueError, match="pass step and seed"):
            data.batch([0], augment=True, **options)


def test_digits_are_left_as_they_are():
    data = encode(photos(task="digits", size=64), reader(64))
    assert torch.equal(data.batch(range(40), step=1, seed=1, augment=True).content, data.batch(range(40)).content)


def test_shifts_are_exact_and_outside_is_the_fill_colour():
    images = torch.arange(2 * 3 * 4 * 4, dtype=torch.uint8).view(2, 3, 4, 4)
    # draws of 0, .5 and just below 1 are shifts by -1, 0 and +1 source pixels
    draws = torch.tensor([[0.0, 0.5, 0.0], [0.5, 0.99, 0.0]])
    moved = shift_and_flip(images, draws, 1, True, torch.tensor((7, 8, 9), dtype=torch.uint8))
    assert torch.equal(moved[0, :, 1:], images[0, :, :-1])
    assert moved[0, :, 0].tolist() == [[7] * 4, [8] * 4, [9] * 4]
    assert torch.equal(moved[1, :, :, :-1], images[1, :, :, 1:])
    assert moved[1, :, :, -1].tolist() == [[7] * 4, [8] * 4, [9] * 4]


def test_flip_mirrors_left_and_right_and_only_where_allowed():
    images = torch.arange(48, dtype=torch.uint8).view(1, 3, 4, 4)
    draws, black = torch.tensor([[0.5, 0.5, 0.9]]), torch.zeros(3, dtype=torch.uint8)
    assert torch.equal(shift_and_flip(images, draws, 0, True, black), images.flip(3))
    assert torch.equal(shift_and_flip(images, draws, 0, False, black), images)


def test_shifts_and_flips_are_even():
    """An image with one white pixel shows every shift: 9 x 9 of them, half mirrored."""
    image = np.zeros((4000, 32, 32, 3), np.uint8)
    image[:, 16, 10] = 255
    split = Split("cifar10", "train", TASKS["cifar10"].classes, np.zeros(4000, np.int64), images=image)
    batch = encode(split, reader()).batch(range(4000), step=0, seed=0, augment=True)
    white = (batch.content[:, 0] > 1.5).flatten(1)
    assert (white.sum(1) == 1).all()
    row, column = (np.asarray(part) for part in np.divmod(white.float().argmax(1).numpy(), 32))
    assert set(row) == set(range(12, 21))
    assert set(column) == set(range(6, 15)) | set(range(17, 26)), "left at 10 or mirrored at 21, by up to 4"
    assert abs((column < 15.5).mean() - 0.5) < 0.04
    assert np.bincount(row)[12:].min() > 4000 / 9 * 0.8


def test_crop_grows_with_the_image():
    assert encode(photos(4), reader()).crop == 4
    assert encode(photos(4, size=64), reader()).crop == 8


def test_pixels_from_outside_are_the_mean_colour(data):
    white = dataclasses.replace(data, content=torch.full_like(data.content, 255))
    content = white.batch(range(40), step=0, seed=0, augment=True).content
    outside = content < 1.0
    assert outside.any() and content[outside].abs().max() < 0.02, "zero after normalisation, up to a byte's rounding"


def test_ids_follow_a_taken_split():
    rows = [5, 2]
    whole, part = encode(photos(), reader()), encode(photos().take(rows), reader(), ids=rows)
    options = {"step": 1, "seed": 1, "augment": True}
    assert torch.equal(part.batch([0, 1], **options).content, whole.batch(rows, **options).content)
    with pytest.raises(ValueError, match="40 images and 1 ids"):
        encode(photos(), reader(), ids=[3])


def test_moving_to_a_device_keeps_reader_and_augmentation(data):
    moved = data.to("cpu")
    assert (moved.crop, moved.flip, moved.reader) == (data.crop, data.flip, data.reader)


@pytest.mark.gpu
def test_augmented_batches_are_the_same_on_the_gpu(data):
    options = {"step": 2, "seed": 4, "augment": True}
    same(data.to("cuda").batch(range(40), **options).content, data.batch(range(40), **options).content, atol=1e-5)
