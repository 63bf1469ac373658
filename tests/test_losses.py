"""Losses: hand-worked values, identities, gradients, and the cost of independent noise."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from helpers import same

from rekd import losses, masks


def ones(*shape: int) -> torch.Tensor:
    return torch.ones(shape, dtype=torch.bool)


def bernoulli_kl(p: float, q: float) -> float:
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


# Task and rate


def test_task_loss_is_cross_entropy_an_example():
    logits = torch.tensor([[math.log(3.0), 0.0], [0.0, 0.0]])
    same(losses.task_loss(logits, torch.tensor([0, 1])), [-math.log(0.75), math.log(2)], atol=1e-6)


def test_selected_rate_counts_real_units_only():
    mask, unit_mask = torch.tensor([[1.0, 0.0, 1.0, 1.0], [1.0, 0.0, 0.0, 0.0]]), ones(2, 4)
    unit_mask[0, 2:] = False
    same(losses.selected_rate(mask, unit_mask), [0.5, 0.25], atol=0.0)
    same(losses.selected_rate(mask, unit_mask & False), [0.0, 0.0], atol=0.0, what="no unit at all")


def test_batch_rate_loss_has_the_value_and_gradient_of_the_objective():
    rates = torch.tensor([0.1, 0.2, 0.6], requires_grad=True)
    loss = losses.batch_rate_loss(rates, rates.mean(), 0.15, 10.0, dual=-0.4).mean()
    error = 0.3 - 0.15
    assert float(loss.detach()) == pytest.approx(10 * error**2 - 0.4 * error)
    loss.backward()
    same(rates.grad, [(2 * 10 * error - 0.4) / 3] * 3, atol=1e-6)


def test_batch_rate_loss_gives_one_gradient_whatever_the_micro_batches():
    torch.manual_seed(0)
    values = torch.rand(8)
    whole = values.clone().requires_grad_()
    losses.batch_rate_loss(whole, whole.mean(), 0.15, 20.0, torch.tensor(0.3)).mean().backward()
    split = values.clone().requires_grad_()
    for part in (split[:4], split[4:]):
        (losses.batch_rate_loss(part, values.mean(), 0.15, 20.0, torch.tensor(0.3)).mean() / 2).backward()
    same(split.grad, whole.grad, atol=1e-7)
    direct = values.clone().requires_grad_()
    error = direct.mean() - 0.15
    (20.0 * error**2 + 0.3 * error).backward()
    same(whole.grad, direct.grad, atol=1e-6, what="of w (R - p)^2 + d (R - p)")


def test_example_rate_loss():
    same(losses.example_rate_loss(torch.tensor([0.1, 0.4]), 0.2), [0.01, 0.04], atol=1e-7)


def test_official_count_loss_worked_by_hand():
    # L = 20, p = .1: 2 wanted. Counts 3 and 7, mean 5: w (5 - 2)^2 = 9 w; d/dcount_i = 2 w (5 - 2) / 2 = 3 w.
    counts = torch.tensor([3.0, 7.0], requires_grad=True)
    loss = losses.count_rate_loss(counts, counts.mean(), 2.0, 0.5).mean()
    assert float(loss.detach()) == pytest.approx(4.5)
    loss.backward()
    same(counts.grad, [1.5, 1.5], atol=1e-6)


# Rationale distillation


def test_rationale_distillation_is_the_sum_of_bernoulli_kls():
    p, q = torch.tensor([[0.2, 0.9]]), torch.tensor([[0.5, 0.7]])
    expected = bernoulli_kl(0.2, 0.5) + bernoulli_kl(0.9, 0.7)
    same(losses.rationale_distillation(p.logit(), q.logit(), ones(1, 2)), [expected], atol=1e-6)
    backward = bernoulli_kl(0.5, 0.2) + bernoulli_kl(0.7, 0.9)
    same(losses.rationale_distillation(q.logit(), p.logit(), ones(1, 2)), [backward], atol=1e-6, what="student first")
    assert abs(expected - backward) > 0.01  # the direction is visible


def test_rationale_distillation_of_equals_is_exactly_0_with_no_gradient():
    logits = 30 * torch.randn(4, 50)
    student = logits.clone().requires_grad_()
    loss = losses.rationale_distillation(logits, student, ones(4, 50))
    same(loss, torch.zeros(4), atol=0.0)
    loss.sum().backward()
    same(student.grad, torch.zeros(4, 50), atol=1e-7)


def test_rationale_distillation_and_its_gradient_are_exact_where_both_are_nearly_decided():
    teacher = 30 * torch.randn(1, 400)
    student = (teacher + torch.randn(1, 400)).requires_grad_()
    loss = losses.rationale_distillation(teacher, student, ones(1, 400))
    loss.sum().backward()
    p, q = teacher.double().sigmoid(), student.detach().double().sigmoid()
    log = torch.nn.functional.logsigmoid
    wide = student.detach().double()
    off = (1 - p) * (log(-teacher.double()) - log(-wide))
    same(loss, (p * (log(teacher.double()) - log(wide)) + off).sum(1).float(), atol=1e-3)
    same(student.grad, (q - p).float(), atol=1e-6)


def test_rationale_distillation_ignores_padding_and_is_0_where_all_is_masked():
    teacher, student = torch.randn(2, 6), torch.randn(2, 6, requires_grad=True)
    unit_mask = ones(2, 6)
    unit_mask[0, 3:], unit_mask[1] = False, False
    loss = losses.rationale_distillation(teacher, student, unit_mask)
    same(loss[0], losses.rationale_distillation(teacher[:1, :3], student[:1, :3], ones(1, 3))[0], atol=1e-6)
    assert float(loss[1].detach()) == 0.0
    loss.sum().backward()
    assert not student.grad[~unit_mask].any() and student.grad.isfinite().all()


@pytest.mark.parametrize("size", [1e3, 1e6, 1e20])
def test_rationale_distillation_stays_finite_for_extreme_logits(size):
    teacher = torch.tensor([[size, -size, size, 0.0]])
    student = torch.tensor([[-size, size, size, -size]], requires_grad=True)
    loss = losses.rationale_distillation(teacher, student, ones(1, 4))
    loss.sum().backward()
    assert loss.isfinite().all() and student.grad.isfinite().all()
    assert float(loss.detach()) == pytest.approx(2 * size + (size / 2 - math.log(2)), rel=1e-4)


def test_rationale_distillation_computes_in_float32():
    teacher, student = torch.randn(1, 200).bfloat16(), torch.randn(1, 200).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        loss = losses.rationale_distillation(teacher, student, ones(1, 200))
    same(loss, losses.rationale_distillation(teacher.float(), student.float(), ones(1, 200)), atol=0.0)


@pytest.mark.parametrize("tau, nats", [(5.0, 6.0), (1.0, 76.8), (0.1, 830.8)])
def test_two_equal_generators_cost_nothing_with_shared_noise_and_these_nats_without(tau, nats):
    examples, units = 4000, 196
    logits = torch.full((examples, units), math.log(0.15 / 0.85))
    mine, other = (masks.logistic_noise(seed, 0, torch.arange(examples), units) for seed in (1, 2))
    args = (logits + mine) / tau, (logits + other) / tau, ones(examples, units)
    assert float(losses.rationale_distillation(*args).mean()) == pytest.approx(nats, rel=0.02)
    assert float(losses.rationale_distillation(args[0], args[0], args[2]).abs().max()) == 0.0


# Prediction distillation


def test_prediction_distillation_is_kl_at_the_temperature_times_its_square():
    teacher, student = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    for tau in (1.0, 5.0, 0.1):
        p, q = 1 / (1 + math.exp(-2 / tau)), 1 / (1 + math.exp(1 / tau))
        assert float(losses.prediction_distillation(teacher, student, tau)) == pytest.approx(
            tau**2 * bernoulli_kl(p, q), rel=1e-4
        )


def test_prediction_distillation_agrees_with_torch_and_is_0_for_equals_up_to_a_constant():
    teacher, student = 3 * torch.randn(5, 7), 3 * torch.randn(5, 7)
    log_probs = [F.log_softmax(logits / 2.0, 1) for logits in (student, teacher)]
    expected = 4.0 * F.kl_div(*log_probs, reduction="none", log_target=True).sum(1)
    same(losses.prediction_distillation(teacher, student, 2.0), expected, atol=1e-5)
    same(losses.prediction_distillation(teacher, teacher, 0.1), torch.zeros(5), atol=0.0)
    same(losses.prediction_distillation(teacher, teacher + 4.0, 1.0), torch.zeros(5), atol=1e-5)


def test_prediction_distillation_stays_finite_at_the_last_temperature():
    student = torch.tensor([[-300.0, 300.0]], requires_grad=True)
    loss = losses.prediction_distillation(torch.tensor([[300.0, -300.0]]), student, 0.1)
    loss.sum().backward()
    assert loss.isfinite().all() and student.grad.isfinite().all()


# Total


def terms(**values: float) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(value) for name, value in values.items()}


FOUR = {"task": 1.0, "rate": 10.0, "rationale": 100.0, "prediction": 1000.0}


@pytest.mark.parametrize(
    "alpha, parts, expected",
    [
        (0.3, "both", 0.3 * 11 + 0.7 * (50 + 1000)),
        (0.3, "rationale", 0.3 * 11 + 0.7 * 50),
        (0.3, "prediction", 0.3 * 11 + 0.7 * 1000),
        (1.0, "both", 11.0),
        (0.0, "both", 1050.0),
    ],
)
def test_total_weighs_its_parts(alpha, parts, expected):
    assert float(losses.total_loss(terms(**FOUR), alpha, 0.5, parts)) == pytest.approx(expected)


def test_total_without_a_teacher_is_task_and_rate_whatever_alpha():
    assert float(losses.total_loss(terms(task=1.0, rate=10.0), 0.3, 0.5, "both")) == 11.0
    assert float(losses.total_loss(terms(task=1.0), 0.0, 0.5, "both")) == 1.0


def test_total_takes_a_single_distillation_term():
    assert float(losses.total_loss(terms(task=1.0, rationale=4.0), 0.5, 0.5, "rationale")) == pytest.approx(
        0.5 + 0.5 * 2
    )
    assert float(losses.total_loss(terms(task=1.0, prediction=4.0), 0.5, 0.5, "both")) == pytest.approx(0.5 + 0.5 * 4)


def test_at_alpha_0_and_1_the_other_side_gets_no_gradient():
    for alpha, silent in ((0.0, ("task", "rate")), (1.0, ("rationale", "prediction"))):
        values = {name: torch.tensor(value, requires_grad=True) for name, value in FOUR.items()}
        losses.total_loss(values, alpha, 0.5, "both").backward()
        assert {name for name, value in values.items() if float(value.grad) == 0.0} == set(silent)
