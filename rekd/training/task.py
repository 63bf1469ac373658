"""The objective of one step: a batch in, named loss terms out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rekd import masks
from rekd.config import TrainConfig
from rekd.models import RationaleModel, spread_to_tokens
from rekd.training.feed import Pair
from rekd.training.kept import own_view
from rekd.training.terms import Chosen, choose, loss_terms, temperature
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
            tau = temperature(config, step)
        hidden = self.model.read(batch, features, spread)
        if config.kind == "rekd":
            given |= self._taught(pair, taught, chosen)
        elif taught:  # a cls, the control that learns from predictions alone
            self.beside.join()
            given["teacher_labels"] = taught[1]
        label_logits = self.model.predictor.classify(hidden).float()
        return loss_terms(config, self.fixed_length, tau, label_logits, batch.labels, **given)

    def rates(self, batch: Batch, step: int | Tensor) -> Tensor:
        """r_i of the masks that `forward` draws: (B,), for R over micro-batches."""
        return self._choose(batch, self.model.selector_features(batch), step).rates.detach()

    def _draw(self, batch: Batch, step: int | Tensor) -> list[Tensor]:
        """The student's noise (B, N), and the teacher's where it is another."""
        config, seeds = self.config, [self.config.seed]
        if config.kind == "rekd" and not config.shared_noise:
            seeds.append(config.seed + OTHER_NOISE)
        return [masks.logistic_noise(seed, step, batch.ids, batch.unit_mask.shape[1]) for seed in seeds]

    def _choose(self, batch: Batch, features: Tensor, step: int | Tensor) -> Chosen:
        noises = self._draw(batch, step)
        return choose(self.config, noises, self.model.token_logits(batch, features), batch, step)

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
            logits = self.teacher.select(batch)
            return logits, own_view(self.teacher, batch, logits) if own else None

    def _taught(self, pair: Pair, asked, chosen: Chosen) -> dict[str, Any]:
        """What a student's loss needs of its teacher: its label logits, and both sides' gates.

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
        gates = masks.perturb(teacher_logits, other, chosen.tau), chosen.gates, found
        return {"teacher_labels": teacher_labels, "gates": gates}


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
