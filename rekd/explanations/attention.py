"""Attention rollout (Abnar and Zuidema 2020): where the predictor's attention comes from, through all its layers."""

from __future__ import annotations

import torch
from torch import Tensor

from rekd.explanations.subject import DoesNotFit, Result, Subject
from rekd.models import sum_by_unit
from rekd.models.attention import watched_attention


def attention_rollout(s: Subject) -> Result:
    """Shares of the attention that reaches what the head reads: from the class token, or the mean of what is pooled.

    Each layer passes on half of its input (the residual) and half by the mean of its heads. A word's share is the sum
    over its pieces, as its pieces are what it is made of; special tokens keep theirs, so the shares add up to less than
    1. The class that is explained plays no part.

    Raises:
        DoesNotFit: the model has no attention that could be seen.
    """
    with torch.inference_mode(), watched_attention() as layers:
        s.logits(s.features)
    if not layers:
        raise DoesNotFit("AttentionRollout does not fit this model: none of its layers is attention.")
    read = s.model.predictor.pooled(s.batch)[0].double()
    reached = roll_out([weights[0].double() for weights in layers], read)
    tokens = reached[len(reached) - s.batch.token_mask.shape[1] :]
    scores = sum_by_unit(tokens[None].float(), s.batch)[0]
    count = int((read > 0).sum())
    source = "the class token" if count == 1 else f"the mean of the {count} tokens that are pooled"
    return scores, {"n": len(layers), "counted": "layers", "baseline": "none", "read_at": source}


def roll_out(layers: list[Tensor], read: Tensor) -> Tensor:
    """Attention of several layers with their residuals, followed back from what is read.

    Args:
        layers: (H, S, S) each, rows add up to 1, the first layer first. read: (S,) share of each token, 1 together.

    Returns:
        (S,) share of each token of the input, 1 together.
    """
    for weights in reversed(layers):
        read = (read + read @ weights.mean(0)) / 2
    return read
