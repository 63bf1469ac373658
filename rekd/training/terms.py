"""What lies between and behind the models of a step: pure functions of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rekd import losses, masks
from rekd.config import TrainConfig
from rekd.models import mean_by_unit, spread_to_tokens
from rekd.types import Batch


@dataclass(frozen=True, eq=False)
class Chosen:
    """What a student's generator chose at a step, and with what.

    tau: the temperature. logits, noise, mask: (B, N). other: (B, N), the teacher's noise. rates: (B,), r_i. spread:
    (B, T), the mask on tokens.
    """

    tau: float | Tensor
    logits: Tensor
    noise: Tensor
    other: Tensor
    mask: Tensor
    rates: Tensor
    spread: Tensor


def choose(
    config: TrainConfig, noises: Sequence[Tensor], token_logits: Tensor, batch: Batch, step: int | Tensor
) -> Chosen:
    """Masks from the logits of tokens (B, T).

    Args:
        noises: the student's noise (B, N), and the teacher's where it is another.
    """
    tau, logits = temperature(config, step), mean_by_unit(token_logits, batch)
    mask = masks.straight_through(logits, noises[0], tau, batch.unit_mask)
    rates, spread = losses.selected_rate(mask, batch.unit_mask), spread_to_tokens(mask, batch)
    return Chosen(tau, logits, noises[0], noises[-1], mask, rates, spread)


def temperature(config: TrainConfig, step: int | Tensor) -> float | Tensor:
    """tau at a step of a run."""
    return masks.temperature(step, config.steps - 1, config.tau_start, config.tau_end)


def loss_terms(
    config: TrainConfig,
    fixed_length: int,
    tau: float | Tensor,
    label_logits: Tensor,
    labels: Tensor,
    *,
    rates: Tensor | None = None,
    mean_rate: Tensor | None = None,
    dual: Tensor | float = 0.0,
    gates: tuple | None = None,
    teacher_labels: Tensor | None = None,
) -> dict[str, Tensor]:
    """The terms that `Objective` gives, from what its models said.

    Args:
        rates: (B,) share of the units selected. gates: teacher's and student's selection logits, each with its noise,
            (B, N), and where both exist (B, N) bool. teacher_labels: (B, K). Others: see `Objective`.
    """
    terms = {"task": losses.task_loss(label_logits, labels).mean()}
    if rates is not None:
        terms["rate"] = _rate_loss(config, fixed_length, rates, mean_rate, dual)
        terms["r"] = rates.detach().mean()
    if gates is not None:
        (theirs, other), (mine, noise), found = gates
        pair = (theirs + other) / tau, (mine.float() + noise) / tau
        terms["rationale"] = losses.rationale_distillation(*pair, found).mean()
    if teacher_labels is not None:
        terms["prediction"] = losses.prediction_distillation(teacher_labels, label_logits, tau).mean()
    lambda_r = config.lambda_r * (losses.tempering(tau) if config.temper_rationale else 1)
    terms["total"] = losses.total_loss(terms, config.alpha, lambda_r, config.parts)
    terms["accuracy"] = (label_logits.argmax(1) == labels).float().mean()
    return terms


def _rate_loss(config: TrainConfig, fixed_length: int, rates: Tensor, mean_rate: Tensor | None, dual) -> Tensor:
    whole = rates.mean().detach() if mean_rate is None else mean_rate
    if config.rate_form == "count":
        target, length = config.rate * fixed_length, fixed_length
        penalty = losses.count_rate_loss(rates * length, whole * length, target, config.rate_weight)
    elif config.rate_form == "auto":
        penalty = losses.batch_rate_loss(rates, whole, config.rate, config.rate_weight, dual)
    else:
        penalty = torch.zeros_like(rates)
    return (penalty + config.example_rate_weight * losses.example_rate_loss(rates, config.rate)).mean()
