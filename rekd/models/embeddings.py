"""Embeddings of text towers: the word table that all of them share, and what stands in an encoder's own place."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rekd.models.backbone import may_look


class WordTable(nn.Module):
    """Frozen word embeddings, one int8 row a word piece with a scale a row: (V, D)."""

    def __init__(self, rows: int, width: int):
        super().__init__()
        self.register_buffer("rows", torch.zeros(rows, width, dtype=torch.int8))
        self.register_buffer("scales", torch.ones(rows, dtype=torch.float32))

    @classmethod
    def quantise(cls, weight: Tensor) -> WordTable:
        """Symmetric rounding of (V, D) floats to int8, each row by its own largest value."""
        table, weight = cls(*weight.shape), weight.float()
        table.scales.copy_(weight.abs().amax(1).clamp(min=1e-12) / 127)
        table.rows.copy_((weight / table.scales[:, None]).round().to(torch.int8))
        return table

    @property
    def width(self) -> int:
        return self.rows.shape[1]

    def forward(self, ids: Tensor) -> Tensor:
        rows = self.rows[ids]
        return rows if rows.is_floating_point() else rows.float() * self.scales[ids][..., None]

    def unpacked(self, kind: torch.dtype) -> WordTable:
        """The same table with its rows as floats: twice or four times the memory, and one kernel a look-up for four."""
        out = WordTable(0, self.width)
        out.rows, out.scales = (self.rows.float() * self.scales[:, None]).to(kind), self.scales
        return out


class NoWords(nn.Module):
    """Stands where the encoder's own word embeddings were: content always arrives embedded."""

    def forward(self, *_):
        raise RuntimeError("this encoder has no word embeddings of its own; pass inputs_embeds")


class FromRows(nn.Module):
    """Mixed into the embeddings of BERT's family: where shapes are fixed, positions and token types, which are all of
    the first type, are rows of their tables and no look-ups.

    The gradient of a look-up sorts what was looked up, by a dozen kernels; that of rows is a sum.
    """

    def forward(self, inputs_embeds: Tensor, position_ids: Tensor | None = None, **others) -> Tensor:
        if position_ids is not None or (not torch.compiler.is_compiling() and may_look()):
            return super().forward(inputs_embeds=inputs_embeds, position_ids=position_ids, **others)
        first = self.position_embeddings.padding_idx  # RoBERTa counts from behind it
        first = 0 if first is None else first + 1
        places = self.position_embeddings.weight[first : first + inputs_embeds.shape[1]]
        return self.dropout(self.LayerNorm(inputs_embeds + self.token_type_embeddings.weight[0] + places))
