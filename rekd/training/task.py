"""The objective of one step: a batch in, named loss terms out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rekd import losses, masks
from rekd.config import TrainConfig
from rekd.models import RationaleModel
from rekd.training.feed import Pair
from rekd.types import Batch

OTHER_NOISE = 7919
"""Added to the seed where teacher and student draw independent noise (presets paper and official)."""


@dataclass(frozen=True, eq=False)
class Teacher:
    """A frozen teacher, held outside the trainable module so that train() can't wake it."""

    model: RationaleModel

    def __post_init__(self):
        self.model.eval().requires_grad_(False)


class Objective(nn.Module):
    """The student with its objective; forward gives the mean of each term over the batch.

    Args:
        model: the student. config: the run, with its rate and rate weight filled in. teacher: needed by kind rekd.
        fixed_length: L of the official count penalty; 0 elsewhere.
    """

    def __init__(
        self, model: RationaleModel, config: TrainConfig, teacher: Teacher | None = None, fixed_length: int = 0
    ):
        super().__init__()
        self.model, self.config, self.fixed_length = model, config, fixed_length
        self._teacher = (teacher,)

    @property
    def teacher(self) -> RationaleModel | None:
        return self._teacher[0].model if self._teacher[0] else None

    def forward(self, pair: Pair, step: int, mean_rate: Tensor | None, dual: Tensor | float) -> dict[str, Tensor]:
        """Means over the batch: task, rate, rationale, prediction where they apply, total, and for logs accuracy and r.

        Args:
            mean_rate: R over the optimiser's whole batch; None takes this batch for the whole.
            dual: the signed dual weight d.
        """
        config, batch = self.config, pair.student
        tau = masks.temperature(step, config.steps - 1, config.tau_start, config.tau_end)
        mask, noise, selection_logits = self._mask(batch, step, tau)
        label_logits = self.model.predict(batch, mask)
        terms = {"task": losses.task_loss(label_logits, batch.labels).mean()}
        if config.kind in ("re", "rekd"):
            terms["rate"], terms["r"] = self._rate(batch, mask, mean_rate, dual)
        if config.kind == "rekd":
            terms |= self._distil(pair, step, tau, selection_logits, noise, mask, label_logits)
        terms["total"] = losses.total_loss(terms, config.alpha, config.lambda_r, config.parts)
        terms["accuracy"] = (label_logits.argmax(1) == batch.labels).float().mean()
        return terms

    def rates(self, batch: Batch, step: int) -> Tensor:
        """r_i of the masks that `forward` draws: (B,), for R over micro-batches."""
        tau = masks.temperature(step, self.config.steps - 1, self.config.tau_start, self.config.tau_end)
        return losses.selected_rate(self._mask(batch, step, tau)[0], batch.unit_mask).detach()

    def _mask(self, batch: Batch, step: int, tau: float) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        config = self.config
        if config.kind == "cls":
            return None, None, None
        if config.kind == "random":
            return masks.random_mask(batch.unit_mask, config.rate, config.seed, step, batch.ids), None, None
        selection_logits = self.model.select(batch)
        noise = masks.logistic_noise(config.seed, step, batch.ids, batch.unit_mask.shape[1])
        return masks.straight_through(selection_logits, noise, tau, batch.unit_mask), noise, selection_logits

    def _rate(
        self, batch: Batch, mask: Tensor, mean_rate: Tensor | None, dual: Tensor | float
    ) -> tuple[Tensor, Tensor]:
        config = self.config
        rates = losses.selected_rate(mask, batch.unit_mask)
        whole = rates.mean().detach() if mean_rate is None else mean_rate
        if config.rate_form == "count":
            length = self.fixed_length
            penalty = losses.count_rate_loss(rates * length, whole * length, config.rate * length, config.rate_weight)
        elif config.rate_form == "auto":
            penalty = losses.batch_rate_loss(rates, whole, config.rate, config.rate_weight, dual)
        else:
            penalty = torch.zeros_like(rates)
        penalty = penalty + config.example_rate_weight * losses.example_rate_loss(rates, config.rate)
        return penalty.mean(), rates.detach().mean()

    def _distil(self, pair: Pair, step, tau, selection_logits, noise, mask, label_logits) -> dict[str, Tensor]:
        config, batch = self.config, pair.student
        other = noise
        if not config.shared_noise:
            other = masks.logistic_noise(config.seed + OTHER_NOISE, step, batch.ids, noise.shape[1])
        with torch.no_grad():
            own_logits = self.teacher.select(pair.teacher or batch)
            teacher_logits, found = pair.to_student(own_logits)
            view = self._teacher_mask(pair, own_logits, teacher_logits + other > 0, mask)
            teacher_labels = self.teacher.predict(pair.teacher or batch, view)
        rationale = losses.rationale_distillation(
            (teacher_logits + other) / tau, (selection_logits.float() + noise) / tau, found
        )
        prediction = losses.prediction_distillation(teacher_labels, label_logits, tau)
        return {"rationale": rationale.mean(), "prediction": prediction.mean()}

    def _teacher_mask(self, pair: Pair, own_logits: Tensor, drawn: Tensor, student_mask: Tensor) -> Tensor:
        """What the teacher predicts from, on its own units."""
        view, config = self.config.teacher_view, self.teacher.config
        if view == "student":
            return pair.to_teacher(student_mask.detach())
        if view == "own-sampled":
            return pair.to_teacher(drawn & pair.student.unit_mask)
        unit_mask = (pair.teacher or pair.student).unit_mask
        return masks.evaluation_mask("calibrated", own_logits, unit_mask, rate=config.rate, cut=config.cut)[0]
