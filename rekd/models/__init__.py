"""Backbones as towers, and the select-then-predict model over them."""

from __future__ import annotations

from rekd.config import ModelConfig
from rekd.models.rationale import RationaleModel, mean_by_unit, spread_to_tokens, sum_by_unit

__all__ = ["RationaleModel", "build", "mean_by_unit", "spread_to_tokens", "sum_by_unit"]


def build(config: ModelConfig, words=None, *, blank_id: int = 0, dropout: float = 0.0) -> RationaleModel:
    """A model with random weights; nothing is downloaded.

    Args:
        words: the WordTable that text towers share; None gives each text tower trainable embeddings of its own.
        blank_id: the word piece that stands for absent content (text).
        dropout: used while training only.

    Raises:
        ValueError: the backbone does not fit, with what would.
    """
    if config.reader.modality == "image":
        from rekd.models.vision import VisionTower

        def tower(classes: int, final_norm: bool = True):
            return VisionTower(config.arch, config.reader, classes, dropout, final_norm)

        predictor = tower(len(config.classes), config.final_norm)
    else:
        from rekd.models.text import TextTower, check_length

        def tower(classes: int):
            return TextTower(config.arch, words, classes, config.pooling, dropout)

        predictor = tower(len(config.classes))
        check_length(predictor, config.reader.max_tokens)
    return RationaleModel(config, tower(0) if config.selects else None, predictor, words, blank_id)
