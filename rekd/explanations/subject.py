"""What a method is given: one input of one model, as a function of its differentiable input or of masks on units."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from rekd.measures.faithfulness import Remembering
from rekd.models.rationale import spread_to_tokens
from rekd.types import Batch

UNITS_AT_ONCE = 2048
"""Units in one step on a CPU: in an app's threads OpenMP's workers sleep between steps, so that few large steps are
fastest, as long as what they hold stays in the cache (measured on two cores with 64, 134 and 250 units)."""
CHUNK_GPU = 50
BACKWARD = 2
"""A backward pass costs about two forward passes."""

Heard = Callable[[int], None]
"""Is told how many passes were made since it was last called; what it raises ends the method."""

Answers = dict[bytes, Tensor]
"""Label logits (K,) by mask, as `Remembering` keeps them. Threads may share one: answers are only ever added."""

Result = tuple[Tensor, dict[str, Any]]
"""Scores (N,), and what the panel prints."""


class DoesNotFit(ValueError):
    """A method has no meaning for this model or input; the message says why, for a person."""


def _nobody(_: int) -> None:
    """Listens to nothing."""


def first_chunk(batch: Batch, n_units: int) -> int:
    """Forward passes at once, where memory allows."""
    return CHUNK_GPU if batch.ids.device.type != "cpu" else min(64, max(8, UNITS_AT_ONCE // n_units))


@dataclass(frozen=True, eq=False)
class Subject:
    """A model in eval mode, a batch of one example on its device, and the class to explain.

    features: (1, ...) the predictor's differentiable input, from which everything is computed. chunk: forward passes
    at once. known: answers to masks that were asked before, of these features alone.
    """

    model: Any
    batch: Batch
    n_units: int
    features: Tensor
    target: int = 0
    k: int = 1
    seed: int = 0
    chunk: int = 8
    heard: Heard = _nobody
    known: Answers = field(default_factory=dict)

    @property
    def modality(self) -> str:
        return self.model.config.reader.modality

    @property
    def shape(self) -> tuple[int, ...]:
        """How the units lie: (N,) in a row, or (rows, columns)."""
        return self.model.config.reader.grid if self.modality == "image" else (self.n_units,)

    def rows(self, count: int) -> Batch:
        return self.batch.rows(torch.zeros(count, dtype=torch.long, device=self.batch.ids.device))

    def ends(self) -> tuple[Tensor, Tensor]:
        """The input and the baseline that gradients run between, each (1, ...)."""
        return self.features.detach(), self.model.baseline(self.batch).detach()

    def logits(self, features: Tensor) -> Tensor:
        """Label logits (M, K) from differentiable inputs (M, ...)."""
        out = self.model.predict_from(self.rows(len(features)), features)
        self.heard(len(features) * (1 + BACKWARD * out.requires_grad))
        return out

    def kept(self, masks: Tensor) -> Tensor:
        """Label logits (M, K) from the units that masks (M, N) hold; any number at once, computed chunk by chunk.

        Masks of like size share a batch, since a model that cuts its sequence to what is kept then does less work.
        """
        judge = Remembering(self._kept, self.chunk)
        judge.known = self.known
        return judge(masks.detach() > 0.5).to(masks.device, torch.float32)

    def _kept(self, masks: Tensor) -> Tensor:
        rows = self.rows(len(masks))
        with torch.inference_mode():
            if self._prepared is None:
                features = self.features.expand(len(masks), *self.features.shape[1:])
                out = self.model.predict_from(rows, features, masks)
            else:
                tower = self.model.predictor
                out = tower.classify(tower.encode_prepared(self._prepared, spread_to_tokens(masks, rows))).float()
        self.heard(len(masks))
        return out

    @cached_property
    def _prepared(self) -> Tensor | None:
        """What is the same under every mask; None where a mask replaces content, or the tower prepares nothing."""
        prepare = getattr(self.model.predictor, "prepare", None)
        return prepare(self.features) if prepare and self.model.config.masking == "drop" else None

    def everything(self) -> Tensor:
        return torch.ones(1, self.n_units, device=self.batch.ids.device)

    def to_units(self, attributions: Tensor) -> Tensor:
        return self.model.unit_scores(self.batch, attributions.detach().to(torch.float32))[0]

    def removal(self) -> str:
        """How `kept` takes a unit away, for the panel."""
        named = {"drop": "units leave the attention", "zero": "units set to zero"}
        return named.get(self.model.config.masking, "mask embedding")


def private(model: nn.Module) -> nn.Module:
    """A copy to place hooks on: the predictor is copied, the frozen word table shared, the generator left out."""
    memo: dict[int, Any] = {}
    if model.words is not None:
        memo[id(model.words)] = model.words
    if model.generator is not None:
        memo[id(model.generator)] = nn.Identity()
    return copy.deepcopy(model, memo)


def top(scores: Tensor, k: int) -> Tensor:
    """The k largest signed scores, ties to the earlier unit: (N,) bool."""
    mask = torch.zeros(len(scores), dtype=torch.bool)
    mask[scores.cpu().argsort(descending=True, stable=True)[:k]] = True
    return mask
