"""Select, then predict: a generator chooses units, a predictor reads those alone. One class for teacher and student."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from rekd.config import ModelConfig
from rekd.models.backbone import Hidden, Tower
from rekd.types import Batch


class RationaleModel(nn.Module):
    """A generator tower with a selection layer, and a predictor tower; kinds cls and random have the predictor only.

    Args:
        config: what the towers were built from.
        words: the frozen word table of text towers, None for images and for towers with embeddings of their own.
        blank_id: the word piece that stands for absent content (text).
    """

    def __init__(
        self, config: ModelConfig, generator: Tower | None, predictor: Tower, words: nn.Module | None, blank_id: int = 0
    ):
        super().__init__()
        self.config, self.blank_id = config, blank_id
        self.generator, self.predictor, self.words = generator, predictor, words
        self.selector = None
        if generator is not None:
            self.selector = nn.Linear(generator.width, 1)
            nn.init.normal_(self.selector.weight, std=0.02)
            # Ours: before it has learnt anything the generator selects its target share, not half of everything.
            nn.init.constant_(self.selector.bias, math.log(config.rate) - math.log1p(-min(config.rate, 1 - 1e-6)))
        blank = torch.zeros(predictor.content_width)
        self.mask_embedding = nn.Parameter(blank) if config.masking == "mask-token" else None

    @property
    def baseline_name(self) -> str:
        return "mean colour" if self.config.reader.modality == "image" else "mask token in place of every word piece"

    def select(self, batch: Batch) -> Tensor:
        """Selection logits l, P(select) = sigmoid(l): (B, N) float32, 0 for padding units.

        Raises:
            ValueError: the model has no generator.
        """
        return self.select_from(batch, self.selector_features(batch))

    def selector_features(self, batch: Batch) -> Tensor:
        """The generator's differentiable input: content embeddings (B, T, D), or pixels (B, 3, H, W)."""
        return self._chooser().features(batch)

    def select_from(self, batch: Batch, features: Tensor) -> Tensor:
        """`select` from the generator's differentiable input, for perturbations of it."""
        return mean_by_unit(self.token_logits(batch, features), batch)

    def token_logits(self, batch: Batch, features: Tensor) -> Tensor:
        """Selection logits of tokens from the generator's differentiable input: (B, T) float32."""
        tower = self._chooser()
        hidden = tower.encode(tower.content(features), batch, None)
        with torch.autocast(batch.unit_mask.device.type, enabled=False):  # logits meet noise and a threshold: float32
            return self.selector(hidden.tokens.float()).squeeze(-1)

    def _chooser(self) -> Tower:
        if self.generator is None:
            raise ValueError(
                f"a {self.config.kind!r} model has no generator and selects nothing; use an 're' or 'rekd' model"
            )
        return self.generator

    def predict(self, batch: Batch, mask: Tensor | None = None) -> Tensor:
        """Label logits (B, K) float32 from the units that mask (B, N) keeps; None shows every unit."""
        return self.predict_from(batch, self.predictor.features(batch), mask)

    def predict_from(self, batch: Batch, features: Tensor, mask: Tensor | None = None) -> Tensor:
        """`predict` from the predictor's differentiable input, for gradients with respect to it."""
        spread = None if mask is None else spread_to_tokens(mask, batch)
        return self.predictor.classify(self.read(batch, features, spread)).float()

    def read(self, batch: Batch, features: Tensor, spread: Tensor | None) -> Hidden:
        """The predictor's hidden states from the tokens that `spread_to_tokens` keeps (B, T); None keeps all."""
        content, visible = self.predictor.content(features), None
        if spread is not None and self.config.masking == "drop":
            visible = spread
        elif spread is not None:
            content = self._replace(content, spread, batch)
        return self.predictor.encode(content, batch, visible)

    def _replace(self, content: Tensor, spread: Tensor, batch: Batch) -> Tensor:
        """Content of unselected tokens times 0 (`zero`) or a learned embedding in its place (`mask-token`)."""
        # Padding keeps its content: it is never attended, and spread is 0 there.
        keep = spread[..., None].to(content.dtype)
        kept = content * keep
        return kept if self.mask_embedding is None else kept + (1 - keep) * self.mask_embedding.to(content.dtype)

    def features(self, batch: Batch) -> Tensor:
        """The predictor's differentiable input: content embeddings (B, T, D), or pixels (B, 3, H, W)."""
        return self.predictor.features(batch)

    def inputs(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """`selector_features` and `features`, one tensor where both towers read the same."""
        features = self.features(batch)
        alike = self.words is not None or self.config.reader.modality == "image"
        return features if alike else self.selector_features(batch), features

    def baseline(self, batch: Batch) -> Tensor:
        """An input without content, of the shape of `features`; special tokens stay."""
        if self.config.reader.modality == "image":
            return torch.zeros_like(batch.content)
        absent = (batch.token_units >= 0) & batch.token_mask
        return self.predictor.embed(batch.content.masked_fill(absent, self.blank_id))

    def unit_scores(self, batch: Batch, attributions: Tensor) -> Tensor:
        """Attributions of the shape of `features`, summed over each unit's tokens or pixels: (B, N)."""
        if self.config.reader.modality == "image":
            rows, columns = self.config.reader.grid
            b, _, height, width = attributions.shape
            cells = attributions.reshape(b, -1, rows, height // rows, columns, width // columns)
            return cells.sum((1, 3, 5)).reshape(b, rows * columns)
        return sum_by_unit(attributions.sum(-1), batch)


def spread_to_tokens(mask: Tensor, batch: Batch) -> Tensor:
    """A mask on units (B, N) as float on tokens (B, T): special tokens 1, padding 0; gradients flow."""
    owned = batch.token_units >= 0
    values = mask.float().gather(1, batch.token_units.clamp(min=0))
    return torch.where(owned, values, 1.0) * batch.token_mask


def sum_by_unit(token_values: Tensor, batch: Batch) -> Tensor:
    """Values of tokens (..., B, T), summed over each unit's: (..., B, N); special tokens and padding are left out."""
    owned, owner = batch.token_units >= 0, batch.token_units.clamp(min=0)
    sums = token_values.new_zeros(*token_values.shape[:-2], *batch.unit_mask.shape)
    return sums.scatter_add(-1, owner.expand_as(token_values), token_values * owned)


def mean_by_unit(token_values: Tensor, batch: Batch) -> Tensor:
    """Values of tokens (B, T), the mean over each unit's: (B, N), 0 for a unit without any."""
    sums, counts = sum_by_unit(torch.stack([token_values, torch.ones_like(token_values)]), batch)
    return sums / counts.clamp(min=1)
