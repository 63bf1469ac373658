from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rekd.data import batch_indices, order


def test_order_is_a_permutation_that_seed_and_epoch_change():
    assert sorted(order(100, 1, 0)) == list(range(100))
    assert not np.array_equal(order(100, 1, 0), order(100, 1, 1))
    assert not np.array_equal(order(100, 1, 0), order(100, 2, 0))


def test_order_is_the_same_on_every_platform_and_does_not_touch_numpys_global_state():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    assert order(10, 2026, 0).tolist() == [7, 0, 9, 4, 3, 2, 1, 8, 5, 6]
    assert np.array_equal(before, np.random.get_state()[1])


def test_order_is_kept_and_so_cannot_be_changed():
    with pytest.raises(ValueError):
        order(10, 0, 0)[0] = 3


@given(n=st.integers(1, 40), batch_size=st.integers(1, 50), seed=st.integers(0, 5))
def test_steps_visit_each_example_once_an_epoch(n, batch_size, seed):
    steps = -(-3 * n // batch_size)
    row = np.concatenate([batch_indices(n, batch_size, step, seed) for step in range(steps)])
    assert len(row) == steps * batch_size
    for epoch in range(3):
        assert sorted(row[epoch * n : (epoch + 1) * n]) == list(range(n))


def test_a_step_does_not_depend_on_the_steps_before_it():
    alone = batch_indices(1000, 32, 777, 5)
    for step in range(777):
        batch_indices(1000, 32, step, 5)
    assert np.array_equal(alone, batch_indices(1000, 32, 777, 5))


@pytest.mark.parametrize("arguments", [(0, 4, 0, 0), (4, 0, 0, 0), (4, 4, -1, 0)])
def test_impossible_batches_are_refused(arguments):
    with pytest.raises(ValueError, match="no batch of"):
        batch_indices(*arguments)
