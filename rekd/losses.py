"""The terms of the objective: pure functions, one line of maths each."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def task_loss(label_logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy an example: (B, K), (B,) -> (B,)."""
    return F.cross_entropy(label_logits.float(), labels, reduction="none")


def selected_rate(mask: Tensor, unit_mask: Tensor) -> Tensor:
    """r_i, the share of an example's units that its mask holds: (B, N), (B, N) -> (B,)."""
    return (mask * unit_mask).sum(1) / unit_mask.sum(1).clamp(min=1)


def batch_rate_loss(rates: Tensor, mean_rate: Tensor, target: float, weight: float, dual: Tensor | float) -> Tensor:
    """w (R - p)^2 + d (R - p) with R of the optimiser's whole batch; each r_i gets the gradient (2w(R - p) + d) / B.

    Args:
        rates: (B,) of this micro-batch. mean_rate: R, detached, over all micro-batches and processes. dual: d.

    Returns:
        (B,) terms whose mean has that value and that gradient.
    """
    error = mean_rate.detach() - target
    value = (weight * error + dual) * error
    slope = 2 * weight * error + dual
    return value + slope * (rates - rates.detach())


def example_rate_loss(rates: Tensor, target: float) -> Tensor:
    """(r_i - p)^2: (B,) -> (B,)."""
    return (rates - target) ** 2


def count_rate_loss(counts: Tensor, mean_count: Tensor, target_count: float, weight: float) -> Tensor:
    """Official code: w (mean count - pL)^2 over a fixed length L, the square outside the batch mean: (B,) -> (B,)."""
    error = mean_count.detach() - target_count
    return weight * error**2 + 2 * weight * error * (counts - counts.detach())


def rationale_distillation(teacher: Tensor, student: Tensor, unit_mask: Tensor) -> Tensor:
    """Sum over units of KL(S_teacher || S_student) of two Bernoulli relaxations.

    Args:
        teacher, student: (B, N) gates (l + noise) / tau, so that S = sigmoid of them.

    Returns:
        (B,) nats; exactly 0 where both are equal, padding ignored.
    """
    teacher, student = teacher.float(), student.float()
    # log S(-x) is log S(x) - x, so that both halves of the sum need one logsigmoid a side.
    apart = F.logsigmoid(teacher) - F.logsigmoid(student) + torch.sigmoid(-teacher) * (student - teacher)
    return (apart * unit_mask).sum(1)


def prediction_distillation(teacher_logits: Tensor, student_logits: Tensor, tau: float | Tensor) -> Tensor:
    """tau^2 KL(softmax(y_teacher / tau) || softmax(y_student / tau)): (B, K), (B, K) -> (B,)."""
    log_teacher = F.log_softmax(teacher_logits.float() / tau, dim=1)
    log_student = F.log_softmax(student_logits.float() / tau, dim=1)
    return tau**2 * (log_teacher.exp() * (log_teacher - log_student)).sum(1)


def tempering(tau: float | Tensor) -> float | Tensor:
    """min(1, tau): what keeps the pull of the rationale term, which grows as 1 / tau, from growing below tau 1."""
    return tau.clamp(max=1.0) if isinstance(tau, Tensor) else min(1.0, tau)


def total_loss(terms: dict[str, Tensor], alpha: float, lambda_r: float | Tensor, parts: str) -> Tensor:
    """alpha (task + rate) + (1 - alpha) (lambda_r rationale + prediction); without a teacher task + rate alone.

    Args:
        terms: means over the batch under the names task, rate, rationale, prediction; absent ones count as nothing.
        parts: both, rationale or prediction: which distillation terms take part.
    """
    own = terms["task"] + terms.get("rate", 0.0)
    if not terms.keys() & {"rationale", "prediction"}:
        return own
    rationale = lambda_r * terms.get("rationale", 0.0) if parts != "prediction" else 0.0
    prediction = terms.get("prediction", 0.0) if parts != "rationale" else 0.0
    return alpha * own + (1 - alpha) * (rationale + prediction)
