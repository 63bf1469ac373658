"""Masks: exact forward, soft backward, noise that its four numbers alone move, and rules that do what they say."""

from __future__ import annotations

import math

import pytest
import torch
from helpers import same

from rekd import masks
from rekd.types import MASK_RULES


def everything(*shape: int) -> torch.Tensor:
    return torch.ones(shape, dtype=torch.bool)


# Noise


def test_noise_is_the_same_in_any_batch_order_and_width():
    ids = torch.tensor([7, 3, 2**60, 0])
    whole = masks.logistic_noise(11, 5, ids, 40)
    alone = torch.cat([masks.logistic_noise(11, 5, one[None], 40) for one in ids])
    same(alone, whole, atol=0.0, what="one by one")
    same(masks.logistic_noise(11, 5, ids.flip(0), 40).flip(0), whole, atol=0.0, what="other order")
    same(masks.logistic_noise(11, 5, ids, 9), whole[:, :9], atol=0.0, what="less padding")


@pytest.mark.parametrize("change", [{"seed": 12}, {"step": 6}, {"ids": torch.tensor([8])}])
def test_noise_changes_with_seed_step_and_example(change):
    base = {"seed": 11, "step": 5, "ids": torch.tensor([7]), "n_units": 2000}
    first, second = masks.logistic_noise(**base), masks.logistic_noise(**{**base, **change})
    assert (first == second).float().mean() < 0.01
    assert abs(torch.corrcoef(torch.cat([first, second]))[0, 1]) < 0.08


def test_noise_of_neighbouring_units_examples_and_steps_is_independent():
    grid = torch.stack([masks.uniform(0, step, torch.arange(300), 50) for step in range(20)])
    for axis in range(3):
        shifted, kept = grid.narrow(axis, 1, grid.shape[axis] - 1), grid.narrow(axis, 0, grid.shape[axis] - 1)
        pair = torch.corrcoef(torch.stack([shifted.flatten(), kept.flatten()]))
        assert abs(pair[0, 1]) < 0.01, f"axis {axis}"
    assert grid.unique().numel() == grid.numel()


def test_the_numbers_of_a_seed_never_change():
    """A resumed run, a kept result and a shared link all rely on them."""
    drawn = masks.uniform(2026, 5, torch.tensor([3, 2**40]), 2)
    known = [[0.9149830638846648, 0.8007622197965303], [0.9948828517878917, 0.7251411821902282]]
    same(drawn, torch.tensor(known, dtype=torch.float64), atol=0.0)


def test_step_may_be_a_tensor_of_one_step_an_example():
    ids, steps = torch.tensor([4, 4]), torch.tensor([0, 9])
    each = torch.cat([masks.uniform(1, int(step), ids[:1], 8) for step in steps])
    same(masks.uniform(1, steps, ids, 8), each, atol=0.0)


def test_where_its_kernel_cannot_be_built_noise_is_mixed_by_plain_operations(monkeypatch):
    def refuses(*_):
        raise RuntimeError("nvrtc: error: invalid value for --gpu-architecture")

    monkeypatch.setattr(torch.cuda.jiterator, "_create_jit_fn", lambda code: refuses)
    monkeypatch.setattr(torch, "zeros", lambda *shape, **_: [0, 0])
    masks._in_one_kernel.cache_clear()
    try:
        assert masks._in_one_kernel("state") is None
    finally:
        masks._in_one_kernel.cache_clear()


@pytest.mark.gpu
def test_the_numbers_are_the_same_on_the_gpu_where_one_kernel_mixes_them():
    ids = torch.tensor([3, -7, 2**40])
    there = masks.uniform(2026, torch.tensor(5, device="cuda"), ids.cuda(), 200)
    same(there.cpu(), masks.uniform(2026, 5, ids, 200), atol=0.0)
    assert masks._in_one_kernel("state") is not None and masks._in_one_kernel.cache_info().currsize == 2


def test_noise_stays_finite_where_the_uniform_draw_is_0_or_1(monkeypatch):
    monkeypatch.setattr(masks, "uniform", lambda *_: torch.tensor([[0.0, 1.0, 0.5]], dtype=torch.float64))
    low, high, middle = masks.logistic_noise(0, 0, torch.tensor([0]), 3)[0].tolist()
    assert math.isfinite(low) and math.isfinite(high) and middle == 0.0
    assert low < -15 and high > 15


def test_logistic_noise_has_the_logistic_distribution():
    noise = masks.logistic_noise(3, 0, torch.arange(2000), 100).flatten().double()
    for quantile in (0.01, 0.1, 0.5, 0.9, 0.99):
        expected = math.log(quantile / (1 - quantile))
        assert abs(float((noise < expected).double().mean()) - quantile) < 4 * math.sqrt(
            quantile * (1 - quantile) / noise.numel()
        )


@pytest.mark.parametrize("tau", [5.0, 0.1])
def test_a_unit_is_drawn_with_probability_sigmoid_of_its_logit_at_any_temperature(tau):
    logits = torch.tensor([-3.0, math.log(0.15 / 0.85), 0.0, 2.0]).expand(40_000, 4)
    noise = masks.logistic_noise(0, 0, torch.arange(40_000), 4)
    drawn = masks.straight_through(masks.perturb(logits, noise, tau), everything(40_000, 4))
    same(drawn.mean(0), logits[0].sigmoid(), atol=0.009)


def test_bernoulli_logistic_is_the_papers_two_logit_gumbel():
    torch.manual_seed(0)
    z = torch.randn(50_000, 2, dtype=torch.float64)
    gumbel = -torch.rand(50_000, 2, dtype=torch.float64).clamp(1e-12).log().neg().log()
    logits, noise = z[:, 1] - z[:, 0], gumbel[:, 1] - gumbel[:, 0]
    for tau in (5.0, 0.1):
        paper = torch.softmax((z + gumbel) / tau, 1)[:, 1]
        same(masks.relax(logits[None], noise[None], tau)[0], paper, atol=2e-6, what=f"tau {tau}")
    # Ours draws the difference of two Gumbels directly; its distribution is that difference's.
    ours = masks.logistic_noise(1, 0, torch.arange(500), 100).flatten().double().sort().values
    same(ours[500::5000], noise.sort().values[500::5000], atol=0.12, what="quantiles")


# Training


def test_straight_through_is_hard_forward_and_soft_backward():
    torch.manual_seed(1)
    logits, noise, unit_mask = torch.randn(3, 50), torch.randn(3, 50), torch.rand(3, 50) > 0.2
    for tau in (5.0, 1.0, 0.1):
        hard, soft = logits.clone().requires_grad_(), logits.clone().requires_grad_()
        out, weight = masks.straight_through(masks.perturb(hard, noise, tau), unit_mask), torch.randn(3, 50)
        assert set(out.unique().tolist()) == {0.0, 1.0}
        same(out, ((logits + noise) / tau).sigmoid().gt(0.5) & unit_mask, atol=0.0, what="forward")
        (out * weight).sum().backward()
        (masks.relax(soft, noise, tau) * unit_mask * weight).sum().backward()
        same(hard.grad, soft.grad, atol=0.0, what="gradient")
        assert not hard.grad[~unit_mask].any()


def test_training_mask_is_float32_and_exact_under_autocast():
    logits = torch.tensor([[1.0, -1.0, 0.0]])
    with torch.autocast("cpu", torch.bfloat16):
        gates = masks.perturb(logits.bfloat16(), torch.tensor([[-0.9999, 1.0001, 0.0]]), 0.1)
        out = masks.straight_through(gates, everything(1, 3))
    assert out.dtype == torch.float32 and out.tolist() == [[1.0, 1.0, 0.0]]


def test_temperature_at_start_middle_and_end():
    assert masks.temperature(0, 100) == 5.0
    assert masks.temperature(50, 100) == pytest.approx(math.sqrt(5.0 * 0.1))
    assert masks.temperature(100, 100) == pytest.approx(0.1)
    assert masks.temperature(0, 0, 3.0, 1.0) == 3.0  # a run of one step
    same(masks.temperature(torch.tensor([0, 100]), 100), [5.0, 0.1], atol=1e-6)


# Evaluation


@pytest.mark.parametrize(
    "n_units, rate, k",
    [(1, 0.1, 1), (4, 0.1, 1), (10, 0.15, 2), (10, 0.25, 3), (196, 0.15, 29), (64, 0.15, 10), (5, 1.0, 5)],
)
def test_budget_rounds_halves_up_and_is_at_least_one(n_units, rate, k):
    assert masks.budget(n_units, rate) == k
    mask = masks.top_k_mask(torch.randn(1, n_units), everything(1, n_units), rate)
    assert int(mask.sum()) == k


def test_top_k_agrees_with_budget_for_every_length_and_rate():
    unit_mask = torch.arange(200)[None] < torch.arange(1, 201)[:, None]
    for rate in (0.05, 0.1, 0.145, 0.15, 0.25, 0.35, 0.5, 0.999):
        counts = masks.top_k_mask(torch.randn(200, 200), unit_mask, rate).sum(1).tolist()
        assert counts == [masks.budget(n, rate) for n in range(1, 201)], f"rate {rate}"


def test_top_k_takes_the_largest_with_ties_to_the_earlier_and_never_padding():
    scores = torch.tensor([[1.0, 3.0, 3.0, 3.0, 9.0], [0.0, 0.0, 0.0, 0.0, 0.0]])
    unit_mask = torch.tensor([[True, True, True, True, False], [True, True, True, True, True]])
    assert masks.top_k_mask(scores, unit_mask, 0.5).tolist() == [
        [False, True, True, False, False],
        [True, True, True, False, False],
    ]
    assert masks.top_k_mask(-1e30 * unit_mask, unit_mask, 0.25).sum(1).tolist() == [1, 1]


def test_rules_select_strictly_above_their_level():
    logits, unit_mask = torch.tensor([[0.5, 0.0, -0.5, 2.0, 3.0]]), torch.tensor([[True, True, True, True, False]])

    def rule(name, **more):
        return masks.rule_mask(name, logits, unit_mask, rate=0.5, **more)[0].tolist()

    assert rule("threshold", cut=1.0) == [True, False, False, True, False]
    assert rule("calibrated", cut=0.5) == [False, False, False, True, False]
    assert rule("top-k") == [True, False, False, True, False]
    noise = torch.tensor([[-0.5, 0.1, 0.6, -3.0, 0.0]])
    assert rule("sampled", noise=noise, cut=9.0) == [False, True, True, False, False]


def test_only_sampled_uses_noise():
    logits, unit_mask, noise = torch.randn(4, 30), everything(4, 30), 10 * torch.randn(4, 30)
    for rule in ("threshold", "calibrated", "top-k"):
        quiet = masks.rule_mask(rule, logits, unit_mask, rate=0.2, cut=0.3)
        assert torch.equal(masks.rule_mask(rule, logits, unit_mask, rate=0.2, cut=0.3, noise=noise), quiet)


@pytest.mark.parametrize("rule", ["threshold", "calibrated"])
def test_an_empty_mask_is_repaired_to_the_largest_logit_and_flagged(rule):
    logits = torch.tensor([[-3.0, -1.0, -2.0, 5.0], [-1.0, 4.0, -1.0, -1.0]])
    unit_mask = torch.tensor([[True, True, True, False], [True, True, True, True]])
    mask, repaired = masks.evaluation_mask(rule, logits, unit_mask, rate=0.9)
    assert mask.tolist() == [[False, True, False, False], [False, True, False, False]]
    assert repaired.tolist() == [True, False]
    raw = masks.rule_mask(rule, logits, unit_mask, rate=0.9)
    assert raw.sum(1).tolist() == [0, 1]  # what rates and leaks are counted from


def test_top_k_is_never_repaired():
    assert not masks.evaluation_mask("top-k", -torch.ones(3, 8), everything(3, 8), rate=0.01)[1].any()


def test_an_unknown_rule_and_sampling_without_noise_say_what_to_do():
    with pytest.raises(ValueError, match="'best'.*'threshold', 'calibrated', 'top-k', 'sampled'"):
        masks.evaluation_mask("best", torch.zeros(1, 2), everything(1, 2), rate=0.5)
    with pytest.raises(ValueError, match="logistic_noise"):
        masks.evaluation_mask("sampled", torch.zeros(1, 2), everything(1, 2), rate=0.5)
    assert set(MASK_RULES) == {"threshold", "calibrated", "top-k", "sampled"}


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.15, 0.5, 1.0])
def test_calibration_meets_the_mean_share_from_below_by_at_most_one_unit(rate):
    for seed in range(30):
        generator = torch.Generator().manual_seed(seed)
        n_units = torch.randint(1, 30, (20, 1), generator=generator)
        unit_mask, logits = torch.arange(30)[None] < n_units, torch.randn(20, 30, generator=generator)
        cut = masks.calibrate(logits, unit_mask, rate)
        mask = masks.rule_mask("calibrated", logits, unit_mask, rate=rate, cut=cut)
        short = rate - float((mask.sum(1) / unit_mask.sum(1)).double().mean())
        assert -1e-7 <= short < 1 / 20 + 1e-7  # one unit of a one-unit text weighs 1 / n


def test_calibration_never_exceeds_the_rate_on_ties_and_on_neighbouring_floats():
    tied = torch.tensor([[1.0, 1.0, 1.0, 0.0]])
    assert not (tied > masks.calibrate(tied, everything(1, 4), 0.5)).any()
    near = (1 + torch.arange(16) * 2.0**-23).reshape(2, 8)
    for rate in (0.1, 0.3, 0.5, 0.9):
        mask = masks.rule_mask(
            "calibrated", near, everything(2, 8), rate=rate, cut=masks.calibrate(near, everything(2, 8), rate)
        )
        assert float(mask.float().mean()) <= rate


def test_at_most_so_many_of_a_mask_stay_and_they_are_its_largest():
    scores = torch.tensor([[5.0, 4.0, 3.0, 2.0], [1.0, 9.0, 2.0, 3.0]])
    mask = torch.tensor([[False, True, True, True], [False, True, False, False]])
    wanted = [[False, True, True, False], [False, True, False, False]]
    assert masks.at_most(mask, scores, 2).tolist() == wanted
    assert torch.equal(masks.at_most(mask, scores, 4), mask)


def test_random_mask_spends_the_budget_evenly():
    unit_mask = torch.arange(20)[None] < torch.full((4000, 1), 20)
    mask = masks.random_mask(unit_mask, 0.15, seed=1, step=0, ids=torch.arange(4000))
    assert mask.sum(1).unique().tolist() == [3]
    same(mask.float().mean(0), torch.full((20,), 0.15), atol=0.025)
