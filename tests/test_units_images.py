"""Units of images: boxes on the picture as the model sees it, cropped, scaled and normalised the model's own way."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import same

from rekd.config import ReaderConfig
from rekd.types import Example, Units
from rekd.units import ImageReader, mark


def reader(size=(16, 16), patch=(4, 4), **more) -> ImageReader:
    return ImageReader(ReaderConfig("image", "patches", image_size=size, patch_size=patch, **more))


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_boxes_tile_the_picture_row_by_row():
    places = reader((8, 12), (4, 3)).units.places
    assert places[:5] == ((0, 0, 3, 4), (3, 0, 6, 4), (6, 0, 9, 4), (9, 0, 12, 4), (0, 4, 3, 8))
    cover = np.zeros((8, 12), int)
    for left, top, right, bottom in places:
        cover[top:bottom, left:right] += 1
    assert (cover == 1).all()


def test_boxes_hold_the_pixels_of_their_token():
    image = np.zeros((8, 12, 3), np.uint8)
    read = reader((8, 12), (4, 3))
    left, top, right, bottom = read.units.places[5]
    image[top:bottom, left:right] = 255
    pixels = read.read([Example("x", image=image)]).batch.content[0, 0]
    cells = pixels.reshape(2, 4, 4, 3).permute(0, 2, 1, 3).reshape(8, 12)
    assert [float(cell.mean()) for cell in cells] == [1.0 if unit == 5 else -1.0 for unit in range(8)]


def test_an_image_of_the_models_size_is_untouched():
    image = noise(16, 16)
    reading = reader().read([Example("x", image=image)])
    assert np.array_equal(reading.pictures[0], image)
    same(reading.batch.content[0], torch.from_numpy(image).permute(2, 0, 1) / 127.5 - 1, atol=1e-6)


def test_normalisation_is_the_configurations_own():
    grey = np.full((16, 16, 3), 51, np.uint8)
    content = reader(mean=(0.1, 0.2, 0.3), std=(0.5, 0.2, 0.1)).read([Example("x", image=grey)]).batch.content
    same(content[0, :, 0, 0], [0.2, 0.0, -1.0], atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (17, 16), (15, 200), (333, 77), (7, 7)])
@pytest.mark.parametrize("size", [(16, 16), (8, 24), (24, 8)])
def test_images_of_any_shape_fit(shape, size):
    reading = reader(size).read([Example("x", image=noise(*shape))])
    assert reading.pictures.shape == (1, *size, 3) and reading.pictures.dtype == np.uint8
    assert reading.batch.content.isfinite().all() and reading.batch.content.abs().max() <= 1
    assert reading.notes == ("",) and reading.stops == (0,) and reading.batch.unit_mask.all()


def test_the_crop_is_centred_and_keeps_proportions():
    image = np.zeros((40, 100, 3), np.uint8)
    image[:, 30:70] = 255  # the central square
    assert (reader().read([Example("x", image=image)]).pictures == 255).all()
    tall = np.zeros((100, 40, 3), np.uint8)
    tall[45:55] = 255  # the central 4 : 1 strip of a 32 x 8 reader
    assert (reader((8, 32)).read([Example("x", image=tall)]).pictures == 255).all()


def test_scaling_does_not_alias_or_overflow():
    small = reader().read([Example("x", image=noise(256, 256))]).pictures
    assert small.min() >= 110 and small.max() <= 145  # each pixel stands for 256, not for the few around one point
    edge = np.zeros((5, 5, 3), np.uint8)
    edge[2, 2] = 255  # bicubic overshoots; uint8 must not wrap around
    large = reader().read([Example("x", image=edge)]).pictures[0, ..., 0]
    assert large[8, 8] > 200 and large[0, 0] < 40 and (large[:4] < 60).all()


def test_a_batch_reads_each_image_as_alone():
    images = [noise(20, 30, 1), noise(16, 16, 2), noise(64, 16, 3)]
    together = reader().read([Example(f"cifar10/test/{i}", image=image, label=i) for i, image in enumerate(images)])
    for row, image in enumerate(images):
        same(together.batch.content[row], reader().read([Example("x", image=image)]).batch.content[0], atol=0.0)
    assert together.batch.ids.tolist() == together.batch.labels.tolist() == [0, 1, 2]
    assert together.batch.token_units.tolist() == [list(range(16))] * 3 and len(together.units) == 3


def test_reading_does_not_change_the_image():
    image = noise(30, 20)
    before = image.copy()
    image.setflags(write=False)
    reader().read([Example("x", image=image)]).batch.content.zero_()
    assert np.array_equal(image, before)


def test_evidence_marks_patches_that_it_covers_by_half():
    units = Units("patches", ((0, 0, 4, 4), (4, 0, 8, 4), (0, 4, 4, 8), (4, 4, 8, 8)))
    assert mark(units, [(4, 0, 8, 4)]) == (False, True, False, False)
    assert mark(units, [(2, 0, 8, 8)]) == (True, True, True, True)  # exactly half of the left ones
    assert mark(units, [(3, 0, 8, 8)]) == (False, True, False, True)
    assert mark(units, [(0, 0, 4, 1), (20, 20, 40, 40)]) == (False,) * 4
