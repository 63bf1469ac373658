"""Infidelity and max-sensitivity: closed forms on additive judges and linear maps, Captum's own as a second route."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from helpers import same
from hypothesis import given, settings
from hypothesis import strategies as st

from rekd.measures.robustness import infidelity, max_sensitivity, squares

WORTH = torch.tensor([0.05, 0.2, -0.1, 0.15, 0.0, 0.1, 0.02, -0.04, 0.03, 0.0, 0.11, -0.02])


def additive(masks: torch.Tensor) -> torch.Tensor:
    """Each kept unit adds its worth to the probability of class 1."""
    p = 0.3 + masks.double() @ WORTH.double()
    return torch.stack([1 - p, p], 1)


@pytest.mark.parametrize("shape", [None, (3, 4)])
@pytest.mark.parametrize("scale", [1.0, 40.0, 0.001])
def test_scores_that_say_what_each_unit_adds_are_faithful_at_any_scale(shape, scale):
    same(infidelity(additive, scale * WORTH, 1, shape=shape).value, 0.0, atol=1e-12)
    assert infidelity(additive, scale * WORTH.flip(0), 1, shape=shape).value > 1e-4


def test_scores_of_nothing_and_scores_turned_round_are_as_bad_as_no_promise():
    removed = squares((12,), 100, 0)
    lost = removed.double() @ WORTH.double()
    for scores in (torch.zeros(12), -WORTH):
        same(infidelity(additive, scores, 1).value, float((lost**2).mean()), atol=1e-12)


def test_by_hand_with_two_units():
    """Squares of two units are single ones: half the draws or so lose unit 0, worth .4, the others unit 1, worth .1."""

    def judge(masks):
        p = 0.5 * torch.ones(len(masks), 1).double() + masks.double() @ torch.tensor([[0.4], [0.1]]).double()
        return torch.cat([1 - p, p], 1)

    removed = squares((2,), 100, 3)
    share = float(removed[:, 0].double().mean())
    assert removed.sum(1).eq(1).all() and 0.3 < share < 0.7
    scale = share * 0.4 + (1 - share) * 0.1  # of scores 1 and 1
    want = share * (scale - 0.4) ** 2 + (1 - share) * (scale - 0.1) ** 2
    same(infidelity(judge, [1.0, 1.0], 1, seed=3).value, want, atol=1e-9)


@pytest.mark.parametrize("shape", [None, (3, 4)])
def test_equals_captums_normalised_infidelity_of_the_same_removals(shape):
    from captum.metrics import infidelity as captums

    scores = torch.rand(12, generator=torch.Generator().manual_seed(1)).double()
    removed = squares(shape or (12,), 100, 7)
    theirs = captums(
        lambda masks: additive(masks)[:, 1],
        lambda masks: (removed.double(), masks - removed.double()),
        torch.ones(1, 12).double(),
        scores[None],
        n_perturb_samples=100,
        normalize=True,
    )
    same(infidelity(additive, scores, 1, shape=shape, seed=7).value, theirs[0], atol=1e-9)


def test_random_scores_are_nearly_as_bad_as_no_promise_over_many_draws():
    generator = torch.Generator().manual_seed(0)
    worst = infidelity(additive, torch.zeros(12), 1).value
    values = [infidelity(additive, torch.randn(12, generator=generator), 1).value for _ in range(200)]
    assert 0.6 * worst < np.mean(values) < worst
    assert infidelity(additive, WORTH, 1).value < min(values)


@settings(max_examples=60, deadline=None)
@given(
    scores=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30),
    seed=st.integers(0, 2**31),
    target=st.integers(0, 2),
)
def test_infidelity_keeps_its_range_and_repeats(scores, seed, target):
    weights = torch.randn(len(scores), 3, generator=torch.Generator().manual_seed(seed))
    first, again = (infidelity(lambda m: (m.float() @ weights).softmax(1), scores, target, seed=seed) for _ in range(2))
    assert first.low <= first.value <= first.high and first.better == "lower" and first == again


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(1, 9), columns=st.integers(0, 9), seed=st.integers(0, 999))
def test_squares_are_squares(rows, columns, seed):
    shape = (rows, columns) if columns else (rows,)
    for mask in squares(shape, 20, seed).reshape(20, *shape):
        places = mask.nonzero()
        sides = places.amax(0) - places.amin(0) + 1
        assert sides.prod() == len(places) and (sides == sides[0]).all()
        assert 1 <= sides[0] <= max(1, round(min(shape) / 3))


def test_every_unit_is_removed_now_and_then():
    assert squares((8, 8), 2000, 0).any(0).all() and squares((200,), 2000, 0).any(0).all()


def test_infidelity_refuses_what_promises_nothing():
    with pytest.raises(ValueError, match="NaN"):
        infidelity(additive, [math.nan] * 12, 1)
    with pytest.raises(ValueError, match=r"one for each unit of \(3, 5\)"):
        infidelity(additive, WORTH, 1, shape=(3, 5))
    with pytest.raises(ValueError, match="target is 2; the judge knows classes 0 to 1"):
        infidelity(additive, WORTH, 2)
    with pytest.raises(ValueError, match="draws is 1"):
        infidelity(additive, WORTH, 1, draws=1)


# Max-sensitivity


def test_of_scores_that_are_the_input_it_is_the_longest_move():
    start = torch.linspace(-1, 1, 30)
    score = max_sensitivity(lambda x: x, start, radius=0.2, draws=50, seed=2)
    size = 0.2 * float(start.std())
    most = size * math.sqrt(30) / float(start.norm())
    # The length of a move even in [-size, size] is near size * sqrt(30 / 3); the longest of 50 lies a little above.
    assert most / math.sqrt(3) < score.value < 0.8 * most and 0 < score.spread < score.value


def test_scores_that_stand_still_are_not_sensitive_and_doubling_them_changes_nothing():
    start = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    assert max_sensitivity(lambda x: torch.ones(16), start).value == 0
    one, two = (max_sensitivity(lambda x, f=f: f * x.sum(1).flatten(), start).value for f in (1, 2))
    same(one, two, atol=1e-12)
    assert max_sensitivity(lambda x: x.sum(1).flatten(), start, radius=0.01).value < one / 5
    assert max_sensitivity(lambda x: 0 * x.flatten(), start).value == 0, "scores that are all 0"


def test_equals_captums_for_the_same_moves():
    from captum.metrics import sensitivity_max

    start = torch.randn(1, 20, generator=torch.Generator().manual_seed(1))

    def explain(x):
        return x**2 + x.sum(1, keepdim=True)

    generator, size = torch.Generator().manual_seed(5), 0.1 * float(start.std())
    them = iter([torch.cat([size * (2 * torch.rand(1, 20, generator=generator) - 1) for _ in range(10)])])
    theirs = sensitivity_max(
        lambda x: (explain(x[0] if isinstance(x, tuple) else x),), start, lambda x, _: x[0] + next(them)
    )
    same(max_sensitivity(lambda x: explain(x)[0], start, seed=5).value, theirs[0], atol=1e-6)


def test_max_sensitivity_repeats_and_refuses_no_moves():
    start = torch.randn(8, generator=torch.Generator().manual_seed(1))
    values = [max_sensitivity(torch.sin, start, seed=seed).value for seed in (1, 1, 2)]
    assert values[0] == values[1] != values[2]
    with pytest.raises(ValueError, match="radius is 0"):
        max_sensitivity(torch.sin, start, radius=0)
    with pytest.raises(ValueError, match="draws 1"):
        max_sensitivity(torch.sin, start, draws=1)
