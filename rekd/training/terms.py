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

    tau: the temperature. gates, mask: (B, N). other: (B, N), the teacher's noise. rates: (B,), r_i. spread: (B, T), the
    mask on tokens.
    """

    tau: float | Tensor
    gates: Tensor
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
    tau = temperature(config, step)
    gates = masks.perturb(mean_by_unit(token_logits, batch), noises[0], tau)
    mask = masks.straight_through(gates, batch.unit_mask)
    rates, spread = losses.selected_rate(mask, batch.unit_mask), spread_to_tokens(mask, batch)
    return Chosen(tau, gates, noises[-1], mask, rates, spread)


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
        rates: (B,) share of the units selected. gates: the teacher's and the student's, (B, N), and where both exist
            (B, N) bool. teacher_labels: (B, K). Others: see `Objective`.
    """
    each = {"task": losses.task_loss(label_logits, labels)}
    if rates is not None:
        each |= {"rate": _rate_loss(config, fixed_length, rates, mean_rate, dual), "r": rates.detach()}
    if gates is not None:
        each["rationale"] = losses.rationale_distillation(*gates)
    if teacher_labels is not None:
        each["prediction"] = losses.prediction_distillation(teacher_labels, label_logits, tau)
    each["accuracy"] = (label_logits.argmax(1) == labels).float()
    terms = dict(zip(each, torch.stack(list(each.values())).mean(1).unbind(), strict=True))
    lambda_r = config.lambda_r * (losses.tempering(tau) if config.temper_rationale else 1)
    return terms | {"total": losses.total_loss(terms, config.alpha, lambda_r, config.parts)}


def _rate_loss(config: TrainConfig, fixed_length: int, rates: Tensor, mean_rate: Tensor | None, dual) -> Tensor:
    whole = rates.mean().detach() if mean_rate is None else mean_rate
    if config.rate_form == "count":
        target, length = config.rate * fixed_length, fixed_length
        penalty = losses.count_rate_loss(rates * length, whole * length, target, config.rate_weight)
    elif config.rate_form == "auto":
        penalty = losses.batch_rate_loss(rates, whole, config.rate, config.rate_weight, dual)
    else:
        penalty = torch.zeros_like(rates)
    return penalty + config.example_rate_weight * losses.example_rate_loss(rates, config.rate)
