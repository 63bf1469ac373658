"""Planted codes in the masks are found, honest masks pass, and the estimators keep to their splits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import same

from rekd.measures.leakage import MaskSet, count_only, leak_report, mask_only, swap
from rekd.measures.verdict import LeakReport

K, N = 10, 64


def honest(n: int, seed: int, *, classes: int = K, units: int = N, rate: float = 0.15) -> MaskSet:
    """Masks that are drawn without a look at the label, over inputs of different lengths."""
    rng = np.random.default_rng(seed)
    real = np.arange(units)[None] < rng.integers(units // 2, units + 1, n)[:, None]
    masks = (rng.random((n, units)) < rate) & real
    return MaskSet(torch.from_numpy(masks), torch.from_numpy(real), torch.from_numpy(rng.integers(0, classes, n)))


def planted(n: int, seed: int, how: str, *, classes: int = K, units: int = N) -> MaskSet:
    """Masks that code the label: in their number of units, or in their place at one and the same number."""
    rng = np.random.default_rng(seed)
    labels, masks = rng.integers(0, classes, n), np.zeros((n, units), dtype=bool)
    for row, label in enumerate(labels):
        if how == "count":
            masks[row, rng.permutation(units)[: 4 * (label + 1)]] = True
        else:
            masks[row, 6 * label + rng.permutation(6)[:3]] = True
    return MaskSet(torch.from_numpy(masks), torch.ones(n, units, dtype=torch.bool), torch.from_numpy(labels))


def reads_place(rows, masks):
    """A predictor that reads the mask alone: the class whose six places hold most of it."""
    return masks[:, : 6 * K].reshape(len(masks), K, 6).float().sum(2)


def reads_count(rows, masks):
    """A predictor that reads the number of units alone, and has learnt what each class selects."""
    return -(masks.sum(1)[:, None].float() - 4 * torch.arange(1, K + 1)).abs()


def reads_content(split):
    """A predictor that reads the content alone: it knows the right class."""
    return lambda rows, masks: torch.nn.functional.one_hot(torch.from_numpy(split.labels)[rows], K).float()


def report(dev, test, predict, **more) -> LeakReport:
    names = tuple(f"class {i}" for i in range(K))
    return leak_report(dev, test, predict, classes=names, modality="image", rule="calibrated", **more)


def test_honest_masks_pass():
    dev, test = honest(2000, 0), honest(2000, 1)
    got = report(dev, test, reads_content(test), mask_reference=0.15)
    assert got.honest and got.warnings == ()
    same([got.count, got.mask_only, got.swap], [0.1, 0.1, 0.0], atol=0.03)
    same(got.rates, [0.15] * K, atol=0.01)
    assert max(got.empty) < 0.02 and len(got.empty) == K


def test_a_code_in_the_number_of_units_is_caught():
    dev, test = planted(1000, 0, "count"), planted(1000, 1, "count")
    got = report(dev, test, reads_count, mask_reference=0.15)
    assert got.count == 1.0 and not got.honest and "count" in got.warnings
    assert got.swap > 0.85, "the code in the count must not hide behind random masks of the same count"
    assert got.rates[0] < got.rates[-1]


def test_a_code_in_the_places_is_caught_though_every_count_is_the_same():
    dev, test = planted(1000, 0, "place"), planted(1000, 1, "place")
    got = report(dev, test, reads_place, mask_reference=0.15)
    assert got.count < got.count_bound and got.warnings == ("mask",)
    assert got.mask_only == 1.0 and got.swap > 0.85 and not got.honest


def test_a_code_that_the_predictor_does_not_read_is_only_a_warning():
    dev, test = planted(1000, 0, "place"), planted(1000, 1, "place")
    got = report(dev, test, reads_content(test), mask_reference=0.15)
    assert got.swap == 0.0 and got.honest and got.warnings == ("mask",)


def test_mask_only_of_texts_sees_position_whatever_the_length():
    """Class 0 selects in the first half of a text, class 1 in the second, at one rate."""

    def split(n, seed):
        rng = np.random.default_rng(seed)
        lengths, labels = rng.integers(20, 200, n), rng.integers(0, 2, n)
        real, masks = (np.arange(200)[None] < lengths[:, None]), np.zeros((n, 200), dtype=bool)
        for row, (length, label) in enumerate(zip(lengths, labels, strict=True)):
            masks[row, label * (length // 2) + rng.permutation(length // 2)[: length // 10]] = True
        return MaskSet(torch.from_numpy(masks), torch.from_numpy(real), torch.from_numpy(labels))

    dev, test = split(600, 0), split(600, 1)
    assert mask_only(dev, test, "text") > 0.95 and count_only(dev, test, 2) < 0.6
    assert mask_only(honest(600, 0, classes=2), honest(600, 1, classes=2), "text") < 0.6


def test_empty_masks_of_one_class_are_a_code():
    """What repair would hide: half the classes select nothing."""
    test = honest(2000, 1, classes=2)
    masks = torch.from_numpy(test.masks & (test.labels == 1)[:, None])
    coded = MaskSet(masks, torch.from_numpy(test.unit_mask), torch.from_numpy(test.labels))

    def reads_empty(rows, masks):
        return torch.stack([~masks.any(1), masks.any(1)], 1).float()

    got = leak_report(coded, coded, reads_empty, classes=("neg", "pos"), modality="text", rule="threshold", pairs=1000)
    assert got.empty[0] == 1.0 and got.empty[1] < 0.02 and got.count > 0.95
    same(got.swap, 0.5, atol=0.06)  # always the donor's class, where half the random masks are empty too
    assert "neg" in got.sentences()[3] and "100.0%" in got.sentences()[3]


def test_hand_worked_count():
    masks = torch.tensor([[1, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]]).bool()
    dev = MaskSet(masks, torch.ones(4, 4).bool(), torch.tensor([0, 0, 1, 1]))
    # One unit says class 0 and two or three class 1; four were never seen: the commonest of all, the first of the tie.
    test = MaskSet(torch.tensor([[0, 1, 0, 0], [0, 1, 1, 0], [1, 1, 1, 1]]).bool(), torch.ones(3, 4).bool(), [0, 0, 0])
    same(count_only(dev, test, 2), 2 / 3, atol=1e-6)


def test_swap_lays_a_mask_stretched_to_the_length_of_the_content():
    """Contents of 4 and of 8 units; class 0 marks the first half, class 1 the second."""
    real = torch.arange(8)[None] < torch.tensor([[4], [8]])
    test = MaskSet(
        torch.tensor([[1, 1, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1, 1, 1]]).bool(), real, torch.tensor([0, 1])
    )
    seen = {}

    def predict(rows, masks):
        for row, mask in zip(rows.tolist(), masks.tolist(), strict=True):
            seen.setdefault(row, []).append(mask)
        return torch.zeros(len(rows), 2)

    swap(predict, test, pairs=2)
    assert seen[0][0] == [False, False, True, True, False, False, False, False]
    assert seen[1][0] == [True] * 4 + [False] * 4
    assert [sum(seen[0][1]), sum(seen[1][1])] == [2, 4] and not any(seen[0][1][4:])


def test_swap_pairs_only_contents_and_masks_of_different_classes():
    test = planted(40, 3, "place")
    donors = []

    def predict(rows, masks):
        donors.append((reads_place(rows, masks).argmax(1).numpy(), test.labels[rows.numpy()]))
        return torch.zeros(len(rows), K)

    swap(predict, test, pairs=100, chunk=30)
    half = len(donors) // 2  # the second half of the calls are random masks
    assert sum(len(mine) for mine, _ in donors[:half]) == 100
    assert all((mine != own).all() for mine, own in donors[:half])


def test_seeds_repeat():
    test = honest(200, 1)

    def first_unit(rows, masks):
        return masks[:, :K].float()

    assert swap(first_unit, test, seed=4) == swap(first_unit, test, seed=4)
    assert swap(first_unit, test, seed=4) != swap(first_unit, test, seed=5)


def test_one_class_and_absent_classes_are_guarded():
    only = MaskSet(torch.eye(4).bool(), torch.ones(4, 4).bool(), torch.zeros(4))
    assert mask_only(only, only, "image") == count_only(only, only, 3) == 1.0
    with pytest.raises(ValueError, match="two classes or more"):
        swap(reads_place, only)
    dev = honest(200, 0, classes=2)
    got = leak_report(
        dev, dev, lambda r, m: torch.zeros(len(r), 3), classes=("a", "b", "c"), modality="image", rule="top-k"
    )
    assert got.rates[2] is None and got.empty[2] is None and all(got.sentences())


def test_mistakes_are_answered_with_sentences():
    with pytest.raises(ValueError, match="labels \\(3,\\)"):
        MaskSet(torch.ones(2, 4), torch.ones(2, 4), torch.zeros(3))
    with pytest.raises(ValueError, match="one or more real units"):
        MaskSet(torch.ones(1, 4), torch.zeros(1, 4), torch.zeros(1))
