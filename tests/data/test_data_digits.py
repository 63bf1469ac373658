from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from rekd.data import TASKS, demo, load_split, split_hash
from rekd.data.demo import (
    CANVAS,
    CANVASES,
    INK,
    PATCH,
    SIDES,
    SOURCES,
    Dice,
    digit_sources,
    digits,
    enlarge,
    patch_boxes,
)


@pytest.fixture(scope="module")
def dev():
    return load_split("digits", "dev")


@pytest.fixture(scope="module")
def alone():
    """The same canvases as `dev` without fragments, which are drawn after the digit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "_add_fragments", lambda ink, *others: ink)
        return digits.__wrapped__("dev")


def brightness(split):
    """(n, 64, 64) 0 to 255: how far each pixel is from paper to pen."""
    paper, pen = demo.PAPER[0], demo.PEN[0]
    return (split.images[..., 0].astype(int) - paper) * 255 // (pen - paper)


def planted(split):
    """(n, 8, 8) bool from the evidence's boxes."""
    grid = np.zeros((len(split), 8, 8), bool)
    for row, boxes in enumerate(split.evidence):
        for left, top, right, bottom in boxes:
            assert right - left == bottom - top == PATCH and left % PATCH == top % PATCH == 0
            grid[row, top // PATCH, left // PATCH] = True
    return grid


@pytest.mark.parametrize("there", [True, False])
def test_the_handwriting_is_that_of_load_digits_wherever_its_table_lies(there, tmp_path, monkeypatch):
    if not there:
        monkeypatch.setattr(demo, "find_spec", lambda name: SimpleNamespace(origin=str(tmp_path / "__init__.py")))
    images, labels = demo._handwriting.__wrapped__()
    known = load_digits()
    assert np.array_equal(images, known.images) and np.array_equal(labels, known.target)
    assert images.dtype == labels.dtype == np.int64


def test_split_looks_as_promised(dev):
    assert dev.images.shape == (1000, 64, 64, 3) and dev.images.dtype == np.uint8
    assert dev.classes == tuple("0123456789") and dev.labels.dtype == np.int64
    assert np.bincount(dev.labels, minlength=10).min() > 60
    assert CANVASES == {"train": 12_000, "dev": 1_000, "test": 2_000}


def test_the_tables_colour_statistics_are_those_of_the_canvases(dev):
    spec = TASKS["digits"]
    assert np.allclose(dev.images.mean((0, 1, 2)) / 255, spec.mean, atol=0.01)
    assert np.allclose(dev.images.std((0, 1, 2)) / 255, spec.std, atol=0.01)
    assert dev.images.shape[1:3] == spec.image_size


def test_source_digits_of_the_splits_are_disjoint_and_together_all():
    rows = {name: demo.source_rows(name) for name in SOURCES}
    assert sorted(np.concatenate(list(rows.values()))) == list(range(1797))
    for name in SOURCES:
        images, labels = digit_sources(name)
        assert len(images) == len(labels) == SOURCES[name]
        assert np.bincount(labels, minlength=10).min() >= 10


def test_every_piece_of_ink_comes_from_the_splits_own_digits(monkeypatch):
    """With all other sources blanked, dev's canvases are the same: neither digits nor fragments come from elsewhere."""
    before = digits.__wrapped__("dev")
    images, labels = demo._handwriting()
    kept = np.zeros_like(images)
    kept[demo.source_rows("dev")] = images[demo.source_rows("dev")]
    monkeypatch.setattr(demo, "_handwriting", lambda: (kept, labels))
    assert split_hash(digits.__wrapped__("dev")) == split_hash(before)


def test_a_seed_gives_the_same_pixels_everywhere(dev):
    assert split_hash(digits.__wrapped__("dev")) == split_hash(dev) == "c33f695a8bfd7e49"
    assert split_hash(digits.__wrapped__("dev", seed=1)) != split_hash(dev)


def test_planted_patches_are_those_with_three_ink_pixels_of_the_digit(dev, alone):
    ink = (brightness(alone) >= INK).reshape(-1, 8, PATCH, 8, PATCH).sum((2, 4))
    assert np.array_equal(planted(dev), ink >= 3)
    assert np.array_equal(dev.labels, alone.labels)


def test_about_a_seventh_of_the_patches_are_planted_and_never_none(dev):
    share = planted(dev).mean((1, 2))
    assert 0.13 < share.mean() < 0.16
    assert share.min() > 0 and share.max() < 0.26


def test_digits_stand_anywhere_on_the_grid(dev):
    where = planted(dev)
    assert where.any(0).all(), "every patch is planted now and then"
    tops = where.any(2).argmax(1)
    assert set(tops) >= set(range(5))


def test_digits_are_24_to_28_pixels_high(alone):
    rows = (brightness(alone) >= INK).any(2)
    height = 64 - rows.argmax(1) - rows[:, ::-1].argmax(1)
    assert height.max() == 28 and np.median(height) >= 23


def test_fragments_leave_the_digit_alone_and_its_surroundings_clear(dev, alone):
    digit, everything = brightness(alone), brightness(dev)
    assert (everything[digit > 0] == digit[digit > 0]).all()
    fragments = np.where(digit > 0, 0, everything) >= INK
    assert not (fragments.reshape(-1, 8, PATCH, 8, PATCH).any((2, 4)) & planted(dev)).any()


def test_a_patch_alone_does_not_say_whether_it_is_of_the_digit(dev):
    """Telling planted patches from fragments by their ink or their brightest pixel; an area of 0.5 is chance."""
    patches = brightness(dev).reshape(-1, 8, PATCH, 8, PATCH)
    ink, brightest = (patches >= INK).sum((2, 4)), patches.max((2, 4))
    fragments = (ink >= 3) & ~planted(dev)
    assert fragments.mean() > planted(dev).mean(), "more patches hold fragments than digit"
    assert (fragments.mean(0) > 0.03).all(), "and they lie everywhere"
    either = fragments | planted(dev)
    for value in (ink, brightest):
        assert 0.5 < roc_auc_score(planted(dev)[either], value[either]) < 0.7


def test_fragments_are_never_of_the_canvass_own_class():
    """In a bank whose class 0 alone has ink, canvases of class 0 find no fragment with ink."""
    labels = np.repeat(np.arange(10), 5)
    bank = np.where(labels == 0, 255, 0)[None, :, None, None] * np.ones((5, 1, 32, 32), int)
    pieces = demo._cut(Dice(0), np.full(400, 7), bank.astype(np.uint8), labels, np.zeros(400, int))
    others = demo._cut(Dice(0), np.full(400, 7), bank.astype(np.uint8), labels, np.ones(400, int))
    assert pieces.max() == 0 and others.max() == 255


def test_a_fragment_is_at_most_half_a_disk():
    bank = np.full((5, 10, 32, 32), 255, np.uint8)
    pieces = demo._cut(Dice(3), np.full(200, 8), bank, np.arange(10), np.zeros(200, int))
    share = (pieces > 0).mean((1, 2))
    assert len(SIDES) == 4 and share.min() > 0.3 and share.max() < 0.62


def test_enlarging_keeps_flat_images_flat_and_mirror_images_mirrored():
    full = enlarge(np.full((1, 8, 8), 16), 26)
    assert (full[0, :26, :26] == 255).all() and full[0, 26:].max() == full[0, :, 26:].max() == 0
    glyph = digit_sources("dev")[0][:1]
    one, other = enlarge(glyph, 24)[0, :24, :24], enlarge(glyph[:, :, ::-1], 24)[0, :24, :24]
    assert np.array_equal(one, other[:, ::-1])


def test_dice_are_even_and_within_their_limits():
    faces = Dice(7).below(6, 60_000)
    assert np.abs(np.bincount(faces) / 60_000 - 1 / 6).max() < 0.006
    limits = np.array([1, 2, 100])
    draws = Dice(7).below(limits, 1000, 3)
    assert draws.min() == 0 and (draws.max(0) < limits).all() and draws[:, 2].max() > 90


def test_patches_are_listed_in_reading_order():
    boxes = patch_boxes()
    assert len(boxes) == (CANVAS // PATCH) ** 2
    assert boxes[:2] == ((0, 0, 8, 8), (8, 0, 16, 8)) and boxes[8] == (0, 8, 8, 16) and boxes[-1] == (56, 56, 64, 64)


def test_a_split_is_drawn_once():
    assert load_split("digits", "dev") is load_split("digits", "dev")
