"""The objective of one step: a batch in, named loss terms out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rekd import losses, masks
from rekd.config import TrainConfig
from rekd.models import RationaleModel, mean_by_unit, spread_to_tokens
from rekd.models.backbone import Hidden
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
        model: the student. config: the run, with its rate and rate weight filled in. teacher: needed by kind rekd; a
            cls may have one.
        fixed_length: L of the official count penalty; 0 elsewhere.
    """

    def __init__(
        self, model: RationaleModel, config: TrainConfig, teacher: Teacher | None = None, fixed_length: int = 0
    ):
        super().__init__()
        self.model, self.config, self.fixed_length = model, config, fixed_length
        self._teacher = (teacher,)
        self.beside = Beside()
        # Pure functions of tensors, which may be replaced by the same compiled.
        self.choose, self.conclude = choose, conclude

    @property
    def teacher(self) -> RationaleModel | None:
        return self._teacher[0].model if self._teacher[0] else None

    def teach_by(self, teacher: Teacher) -> None:
        """Take another teacher."""
        self._teacher = (teacher,)

    def forward(
        self, pair: Pair, step: int | Tensor, mean_rate: Tensor | None, dual: Tensor | float
    ) -> dict[str, Tensor]:
        """Means over the batch: task, rate, rationale, prediction where they apply, total, and for logs accuracy and r.

        Args:
            mean_rate: R over the optimiser's whole batch; None takes this batch for the whole.
            dual: the signed dual weight d.
        """
        config, batch, given = self.config, pair.student, {}
        taught = None if self.teacher is None else self._ask(pair)
        if config.kind in ("re", "rekd"):
            selector_features, features = self.model.inputs(batch)
            chosen = self._choose(batch, selector_features, step)
            given |= {"rates": chosen.rates, "mean_rate": mean_rate, "dual": dual}
            tau, spread = chosen.tau, chosen.spread
        else:
            features, spread = self.model.features(batch), self._unlearnt(batch, step)
            tau = _temperature(config, step)
        hidden = self.model.read(batch, features, spread)
        if config.kind == "rekd":
            given |= self._taught(pair, taught, chosen)
        elif taught:  # a cls, the control that learns from predictions alone
            self.beside.join()
            given["teacher_labels"] = taught[1]
        return self.conclude(self.model.predictor.classify, hidden, config, self.fixed_length, tau, batch.labels, given)

    def rates(self, batch: Batch, step: int | Tensor) -> Tensor:
        """r_i of the masks that `forward` draws: (B,), for R over micro-batches."""
        return self._choose(batch, self.model.selector_features(batch), step).rates.detach()

    def _choose(self, batch: Batch, features: Tensor, step: int | Tensor) -> Chosen:
        config = self.config
        starts = [masks.start_of(config.seed)]
        if config.kind == "rekd" and not config.shared_noise:
            starts.append(masks.start_of(config.seed + OTHER_NOISE))
        strides = masks.strides(batch.unit_mask.shape[1], batch.ids.device)
        return self.choose(config, starts, strides, self.model.token_logits(batch, features), batch, step)

    def _unlearnt(self, batch: Batch, step: int | Tensor) -> Tensor | None:
        """What a cls sees, None for everything, or a random mask shows, on tokens."""
        config = self.config
        if config.kind == "cls":
            return None
        mask = masks.random_mask(batch.unit_mask, config.rate, config.seed, step, batch.ids)
        return spread_to_tokens(mask, batch)

    @torch.no_grad()
    def _ask(self, pair: Pair) -> tuple[Tensor, Tensor | None]:
        """The teacher's selection logits on its own units, and label logits of its own view; None under other views."""
        batch, own = pair.teacher or pair.student, self.config.teacher_view == "own"
        if pair.kept is not None:
            return pair.kept.selection, pair.kept.label if own else None
        with self.beside(batch.ids.device):
            logits, config = self.teacher.select(batch), self.teacher.config
            if not own:
                return logits, None
            options = {"rate": config.rate, "cut": config.cut}
            mask, _ = masks.evaluation_mask("calibrated", logits, batch.unit_mask, **options)
            return logits, self.teacher.predict(batch, mask)

    def _taught(self, pair: Pair, asked, chosen: Chosen) -> dict[str, Any]:
        """What a student's loss needs of its teacher: its label logits, and both sides' gates before the temperature.

        Args:
            asked: of `_ask`.
        """
        config, batch, other = self.config, pair.student, chosen.other
        self.beside.join()
        own_logits, teacher_labels = asked
        teacher_logits, found = pair.to_student(own_logits)
        if teacher_labels is None:
            drawn = chosen.mask.detach() if config.teacher_view == "student" else teacher_logits + other > 0
            with torch.no_grad():
                teacher_labels = self.teacher.predict(
                    pair.teacher or batch, pair.to_teacher(drawn.bool() & batch.unit_mask)
                )
        gates = ((teacher_logits, other), (chosen.logits, chosen.noise), found)
        return {"teacher_labels": teacher_labels, "gates": gates}


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
    config: TrainConfig, starts: Sequence[int], strides: Tensor, token_logits: Tensor, batch: Batch, step: int | Tensor
) -> Chosen:
    """Masks from the logits of tokens (B, T); a pure function, which can be compiled.

    Args:
        starts: of the student's noise, and of the teacher's where it is another. strides: see `masks.logistic`.
    """
    tau, logits = _temperature(config, step), mean_by_unit(token_logits, batch)
    number = torch.as_tensor(step, dtype=torch.int64, device=batch.ids.device)
    noises = [masks.logistic(start, number, batch.ids, strides) for start in starts]
    mask = masks.straight_through(logits, noises[0], tau, batch.unit_mask)
    rates, spread = losses.selected_rate(mask, batch.unit_mask), spread_to_tokens(mask, batch)
    return Chosen(tau, logits, noises[0], noises[-1], mask, rates, spread)


def _temperature(config: TrainConfig, step: int | Tensor) -> float | Tensor:
    return masks.temperature(step, config.steps - 1, config.tau_start, config.tau_end)


def conclude(
    classify: Callable[[Hidden], Tensor],
    hidden: Hidden,
    config: TrainConfig,
    fixed_length: int,
    tau: float | Tensor,
    labels: Tensor,
    given: Mapping[str, Any],
) -> dict[str, Tensor]:
    """`loss_terms` from the predictor's hidden states and its head; a pure function, which can be compiled."""
    return loss_terms(config, fixed_length, tau, classify(hidden).float(), labels, **given)


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
    """The terms that `Objective` gives, from what its models said; a pure function, which can be compiled.

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
    terms["total"] = losses.total_loss(terms, config.alpha, config.lambda_r, config.parts)
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


class Beside:
    """Work on a stream of its own, beside what comes next: small kernels of the student leave a GPU room for it."""

    def __init__(self):
        self.stream: torch.cuda.Stream | None = None

    @contextmanager
    def __call__(self, device: torch.device) -> Iterator[None]:
        """Start within; on other devices than CUDA's this is plain order."""
        if device.type != "cuda":
            yield
            return
        self.stream = self.stream or torch.cuda.Stream()
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            yield

    def join(self) -> None:
        """What comes next waits for all that was started."""
        if self.stream is not None:
            torch.cuda.current_stream().wait_stream(self.stream)
