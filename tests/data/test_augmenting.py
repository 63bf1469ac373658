"""Strong augmentation: an image's change is drawn from seed, step and example, and is what torchvision makes of it."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from helpers import same
from scipy.stats import chisquare
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as reference

from rekd.config import ReaderConfig
from rekd.data import TASKS, encode
from rekd.data.augmenting import DRAWS, ERASED, OPERATIONS, SHIFT, strengthen
from rekd.types import Split
from rekd.units import ImageReader

FILL = (125, 123, 114)
OPTIONS = {"step": 7, "seed": 3, "augment": True}


def encoded(task="cifar10", n=60, size=32, images=None, mean=TASKS["cifar10"].mean):
    """Strongly augmented noise, or `images`, of a task."""
    if images is None:
        images = np.random.default_rng(0).integers(0, 256, (n, size, size, 3), np.uint8)
    split = Split(task, "train", TASKS[task].classes, np.arange(len(images)) % 10, images=images)
    config = ReaderConfig("image", "patches", image_size=(size,) * 2, patch_size=(8, 8), mean=mean, std=(0.25,) * 3)
    return dataclasses.replace(encode(split, ImageReader(config)), strong=True)


@pytest.fixture(scope="module")
def data():
    return encoded()


@pytest.fixture(scope="module")
def pictures():
    """Smooth colours with an edge: (4, 3, 32, 32) uint8, unlike in each channel and direction."""
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    waves = [128 + 90 * torch.sin(x / (4 + k) + k) * torch.cos(y / (5 + k)) for k in range(12)]
    images = torch.stack(waves).view(4, 3, 32, 32)
    images[:, :, 8:20, 10:16] = torch.tensor([250.0, 30.0, 140.0]).view(3, 1, 1)
    return images.to(torch.uint8)


def changed(images, name, strength, *, crop=True, flip=True, fill=FILL):
    """Images with one operation of a strength from -1 to 1; nothing erased."""
    draws = torch.zeros(len(images), DRAWS, dtype=torch.float64)
    draws[:, 0], draws[:, 1], draws[:, 2] = (OPERATIONS.index(name) + 0.5) / len(OPERATIONS), (strength + 1) / 2, 1
    return strengthen(images, draws, fill, crop=crop, flip=flip)


def drawn(count, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).random((count, DRAWS)))


def test_changes_are_a_function_of_seed_step_and_example_alone(data):
    whole = data.batch(range(60), **OPTIONS).content
    assert torch.equal(whole, data.batch(range(60), **OPTIONS).content)
    order = np.random.default_rng(1).permutation(60)
    assert torch.equal(data.batch(order, **OPTIONS).content, whole[order])
    halves = [data.batch(part, **OPTIONS).content for part in (range(30), range(30, 60))]
    assert torch.equal(torch.cat(halves), whole), "as two processes share a batch"
    assert torch.equal(data.take([31]).batch([0], **OPTIONS).content[0], whole[31])
    assert torch.equal(data.batch(range(60), **{**OPTIONS, "step": torch.tensor(7)}).content, whole)


@pytest.mark.parametrize("other", [{"step": 8}, {"seed": 4}])
def test_another_step_or_seed_changes_otherwise(data, other):
    first, second = data.batch(range(60), **OPTIONS), data.batch(range(60), **{**OPTIONS, **other})
    assert (first.content != second.content).flatten(1).any(1).float().mean() > 0.9


def test_the_global_generator_is_left_alone(data):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    data.batch(range(60), **OPTIONS)
    assert torch.equal(torch.rand(3), expected)


def test_crops_and_flips_are_those_of_the_standard_way(data):
    """Some images get the identity and lose no square: bit for bit what they are without `strong`."""
    standard = dataclasses.replace(data, strong=False)
    alike = np.zeros(60)
    for step in range(20):
        strong, plain = (each.batch(range(60), step=step, seed=0, augment=True).content for each in (data, standard))
        alike += (strong == plain).flatten(1).all(1).numpy()
    share = alike.sum() / 1200
    # identity, and now and then a shift of no pixel, eight bits kept or a threshold that nothing reaches
    assert 0.6 * (1 - ERASED) / 14 < share < 2.5 / 14
    assert torch.equal(data.batch(range(60), step=1, seed=1).content, standard.batch(range(60)).content)


def test_labels_units_and_ids_stay(data):
    strong, plain = data.batch([5, 3], **OPTIONS), data.batch([5, 3])
    for name in ("token_mask", "token_units", "unit_mask", "labels", "ids"):
        assert torch.equal(getattr(strong, name), getattr(plain, name)), name
    assert strong.content.dtype == plain.content.dtype and strong.content.shape == plain.content.shape


def test_each_operation_is_drawn_as_often_and_no_draw_leans_on_another(pictures, monkeypatch):
    seen = []
    from rekd.data import vision

    monkeypatch.setattr(vision, "strengthen", lambda images, draws, *_, **__: seen.append(draws) or images)
    data = encoded(images=np.zeros((4000, 8, 8, 3), np.uint8), size=8)
    for step in range(5):
        data.batch(range(4000), step=step, seed=2026, augment=True)
    draws = torch.cat(seen).numpy()
    counts = np.bincount((draws[:, 0] * len(OPERATIONS)).astype(int), minlength=len(OPERATIONS))
    assert draws.shape == (20_000, DRAWS) and chisquare(counts).pvalue > 0.01
    assert np.abs(np.corrcoef(draws.T) - np.eye(DRAWS)).max() < 0.03
    assert abs((draws[:, 2] < ERASED).mean() - ERASED) < 0.01


def test_every_operation_changes_a_picture_but_identity(pictures):
    for name in OPERATIONS:
        assert torch.equal(changed(pictures, name, 0.9), pictures) == (name == "identity"), name


@pytest.mark.parametrize("strength", [-0.8, 0.5])
def test_turns_and_shears_are_torchvisions(pictures, strength):
    bilinear = {"interpolation": InterpolationMode.BILINEAR}
    black = {"fill": (0, 0, 0)}
    turned = reference.rotate(pictures, 30 * strength, **bilinear)
    same(changed(pictures, "rotate", strength, **black), turned, atol=1)
    degrees = math.degrees(math.atan(0.3 * strength))
    for name, shear in (("shear x", [degrees, 0.0]), ("shear y", [0.0, degrees])):
        sheared = reference.affine(pictures, 0.0, [0, 0], 1.0, shear, **bilinear)
        same(changed(pictures, name, strength, **black), sheared, atol=1, what=name)


@pytest.mark.parametrize("strength", [-0.83, 0.5])
def test_shifts_are_whole_pixels_and_what_comes_in_is_the_mean(pictures, strength):
    pixels = round(SHIFT * 32 * strength)
    for name, offset in (("translate x", [-pixels, 0]), ("translate y", [0, -pixels])):
        moved = reference.affine(pictures, 0.0, offset, 1.0, [0.0, 0.0], fill=list(FILL))
        same(changed(pictures, name, strength), moved, atol=0, what=name)


ENHANCED = {
    "brightness": reference.adjust_brightness,
    "colour": reference.adjust_saturation,
    "contrast": reference.adjust_contrast,
    "sharpness": reference.adjust_sharpness,
}


@pytest.mark.parametrize("name", ENHANCED)
@pytest.mark.parametrize("strength", [-1.0, -0.4, 0.0, 0.7])
def test_enhancements_are_torchvisions(pictures, name, strength):
    wanted = ENHANCED[name](pictures, 1 + 0.9 * strength)
    same(changed(pictures, name, strength), wanted, atol=2, what=name)  # it rounds down, and at each step


def test_bits_thresholds_and_histograms_are_torchvisions(pictures):
    for strength, bits in ((0.1, 8), (-0.1, 8), (0.3, 7), (0.5, 6), (0.7, 5), (0.9, 4), (-1.0, 4)):
        same(changed(pictures, "posterize", strength), reference.posterize(pictures, bits), atol=0)
    for strength, threshold in ((0.0, 255.0), (0.25, 192.0), (-0.6, 102.0), (-1.0, 0.0)):
        same(changed(pictures, "solarize", strength), reference.solarize(pictures, threshold), atol=0)
    same(changed(pictures, "equalize", 0.3), reference.equalize(pictures), atol=0)
    same(changed(pictures, "autocontrast", 0.3), reference.autocontrast(pictures), atol=1)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_picture_of_one_colour_is_no_trouble(name):
    plain = torch.full((2, 3, 16, 16), 77, dtype=torch.uint8)
    out = changed(plain, name, 0.6, fill=(77, 77, 77))
    assert (out == out[:, :1, :1, :1]).all() and (name in ("brightness", "posterize") or (out == 77).all())


def test_lower_precision_of_a_run_moves_no_pixel(pictures):
    for name in ("rotate", "translate x", "brightness"):
        wanted = changed(pictures, name, 0.7)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(changed(pictures, name, 0.7), wanted), name


def test_pictures_that_are_not_square_turn_without_being_bent():
    wide = torch.zeros(1, 3, 20, 40, dtype=torch.uint8)
    wide[..., 6:14, 16:24] = 255
    turned = reference.rotate(wide, 27.0, interpolation=InterpolationMode.BILINEAR)
    same(changed(wide, "rotate", 0.9, fill=(0, 0, 0)), turned, atol=1)


def test_where_mirroring_changes_the_label_turns_and_shears_have_half_their_range(pictures):
    for name in ("rotate", "shear x", "shear y"):
        half = changed(pictures, name, 0.8, flip=False)
        assert torch.equal(half, changed(pictures, name, 0.4)) and not torch.equal(half, pictures)
    assert not torch.equal(changed(pictures, "brightness", 0.8, flip=False), changed(pictures, "brightness", 0.4))


def test_where_nothing_may_be_cropped_nothing_is_shifted_or_erased(pictures):
    for name in ("translate x", "translate y"):
        assert torch.equal(changed(pictures, name, 0.9, crop=False), pictures)
    draws = drawn(4)
    draws[:, 0] = draws[:, 2] = 0
    assert torch.equal(strengthen(pictures, draws, FILL, crop=False, flip=False), pictures)


def test_one_image_in_four_loses_a_square_of_at_most_half_the_side():
    white = torch.full((4000, 3, 24, 32), 255, dtype=torch.uint8)
    draws = drawn(4000)
    draws[:, 0] = 0
    out = strengthen(white, draws, FILL, crop=True, flip=True)
    gone = (out != 255).all(1)
    assert (out.permute(0, 2, 3, 1)[gone] == torch.tensor(FILL)).all()
    tall, wide = gone.any(2).sum(1), gone.any(1).sum(1)
    assert torch.equal(tall, wide) and torch.equal(gone.sum((1, 2)), tall * wide), "squares, whole"
    assert abs((tall > 0).float().mean() - ERASED) < 0.02
    assert set(tall.tolist()) == set(range(13))
    assert gone.any(0).any(0).all() and gone.any(0).any(1).all(), "anywhere in the picture"


def test_digits_change_though_they_are_neither_cropped_nor_mirrored():
    data = encoded("digits", size=64)
    strong, plain = data.batch(range(60), **OPTIONS).content, data.batch(range(60)).content
    assert data.can_vary and not dataclasses.replace(data, strong=False).can_vary
    assert (strong != plain).flatten(1).any(1).float().mean() > 0.6


def test_readers_of_different_normalisation_see_the_same_picture():
    """Up to the colour outside, which each has at its own mean."""
    one, other = encoded(), encoded(mean=(0.3, 0.6, 0.5))
    pixels = [
        each.batch(range(60), **OPTIONS).content * 0.25 + torch.tensor(each.reader.config.mean).view(3, 1, 1)
        for each in (one, other)
    ]
    alike = ((pixels[0] - pixels[1]).abs() < 1e-4).all(1).float().mean()
    assert alike > 0.7
    within = [each[:, :, 14:18, 14:18] for each in pixels]
    assert ((within[0] - within[1]).abs() < 1e-4).all(1).flatten(1).all(1).float().mean() > 0.85


@pytest.mark.gpu
def test_changes_are_the_same_on_the_gpu(data):
    on, off = (each.batch(range(60), **OPTIONS).content.cpu() * 64 for each in (data.to("cuda"), data))
    assert (on - off).abs().max() < 1.1, "a byte, where the last digit decides how a pixel is rounded"
    assert (on - off).abs().gt(0.01).float().mean() < 1e-3
