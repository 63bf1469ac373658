"""transformers' attention interface over ours, and BERT's self-attention with one product for all that it projects."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, sdpa_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from rekd.models.attention import attend, in_heads
from rekd.models.linear import linear

ATTENTION = "rekd"


def attention(module, query, key, value, attention_mask, scaling=None, dropout=0.0, visible=None, **kwargs):
    """transformers' attention interface over `attend`; `visible` comes down through the encoder's keyword arguments."""
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    out = attend(query, key, value, attention_mask, visible, scale=scale, dropout=dropout)
    return out.transpose(1, 2).contiguous(), None


ALL_ATTENTION_FUNCTIONS.register(ATTENTION, attention)
ALL_MASK_ATTENTION_FUNCTIONS.register(ATTENTION, sdpa_mask)


class Joined(nn.Module):
    """Mixed into the self-attention of BERT's family: on a GPU queries, keys and values are one product, since three,
    with the sums and the gradients of each, are many small kernels there."""

    def forward(self, hidden_states: Tensor, attention_mask: Tensor | None = None, **others):
        if not hidden_states.is_cuda:
            return super().forward(hidden_states, attention_mask, **others)
        return self.joined(hidden_states, attention_mask, others.get("visible")), None

    def joined(self, hidden: Tensor, allowed: Tensor | None, visible: Tensor | None = None) -> Tensor:
        """What `forward` gives, (B, T, D) -> (B, T, D). allowed: (B, 1, T or 1, T) bool. visible: (B, T)."""
        parts = (self.query, self.key, self.value)
        weight, bias = (torch.cat([getattr(part, name) for part in parts]) for name in ("weight", "bias"))
        three = in_heads(linear(hidden, weight, bias), self.num_attention_heads)
        dropout = self.dropout.p if self.training else 0.0
        return attention(self, *three, allowed, self.scaling, dropout, visible)[0].flatten(2)
