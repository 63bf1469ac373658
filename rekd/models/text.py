"""Hugging Face encoders that take inputs_embeds, as towers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers.utils import logging as hf_logging

from rekd.models.backbone import (
    Hidden,
    learn_visible,
    like,
    masked_mean,
    may_cut,
    may_look,
    only_visible_learn,
    pick,
    visible_first,
)
from rekd.models.bert import ATTENTION, Joined, attention
from rekd.models.embeddings import FromRows, NoWords, WordTable
from rekd.models.linear import sum_by_products
from rekd.types import Batch

FIRST_POSITIONS = {"bert": 0, "distilbert": 0, "electra": 0, "roberta": 1}
"""Position of the first token beyond the padding index (RoBERTa) or alone, for types whose sequence can be cut because
attention knows no distance but that of these positions. Others, with local windows, always mask keys."""
LAYERS_OF_BERT = ("bert", "electra", "roberta")
"""Types whose layers have the parts, by the names, of BERT's."""


def _first_position(config) -> int | None:
    first = FIRST_POSITIONS.get(config.model_type)
    return first if config.model_type != "roberta" else config.pad_token_id + first


class TextTower(nn.Module):
    """An encoder whose content embeddings come from `words`; a linear head on pooled hidden states where `classes` > 0.

    Args:
        arch: a transformers configuration as a dict with model_type.
        words: (V, D) table shared by all towers, or None for trainable embeddings of its own.
        pooling: "mean" over visible tokens (ours), or "first" (BERT's class token; paper and official presets).
    """

    def __init__(self, arch: Mapping[str, Any], words: WordTable | None, classes: int, pooling: str, dropout: float):
        super().__init__()
        self.encoder = _encoder(arch, dropout, shared=words is not None)
        own = self.encoder.get_input_embeddings()
        self.encoder.set_input_embeddings(NoWords())
        self.words = own if words is None else None
        self._shared = (words,)  # in a tuple, so that the table is no submodule: it is stored once for all towers
        self.width, self.content_width = self.encoder.config.hidden_size, own.embedding_dim
        self.pooling = pooling
        self._first_position = _first_position(self.encoder.config)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(self.width, classes) if classes else None

    def embed(self, ids: Tensor) -> Tensor:
        """Content embeddings of word-piece ids: (B, T) -> (B, T, D)."""
        return (self._shared[0] if self.words is None else self.words)(ids)

    def features(self, batch: Batch) -> Tensor:
        return self.embed(batch.content)

    def content(self, features: Tensor) -> Tensor:
        return features

    def encode(self, content: Tensor, batch: Batch, visible: Tensor | None) -> Hidden:
        content = like(content, self.encoder)
        if visible is not None and self._first_position is not None and may_cut(visible):
            return self._encode_visible(content, visible)
        if visible is not None and self._first_position is not None and only_visible_learn(visible):
            tokens = learn_visible(self._layers, content, visible, batch.token_mask[:, None, None, :])
            return Hidden(tokens[:, :0], tokens, visible)
        extra = {} if visible is None else {"visible": visible}
        tokens = self.encoder(inputs_embeds=content, attention_mask=self._allowed(batch), **extra).last_hidden_state
        return Hidden(tokens[:, :0], tokens, batch.token_mask.float() if visible is None else visible)

    def _allowed(self, batch: Batch) -> Tensor:
        """The mask of padding: of tokens, which transformers drops where it hides nothing, or where shapes are fixed of
        keys, which it passes on unseen."""
        if may_look() or self._first_position is None:
            return batch.token_mask.long()
        return batch.token_mask[:, None, None, :]

    def _encode_visible(self, content: Tensor, visible: Tensor) -> Hidden:
        """The same by a cut of the sequence: invisible tokens are not computed, the others keep their positions."""
        order, kept = visible_first(visible)
        tokens = self._layers(pick(content, order), order, kept)
        return Hidden(tokens[:, :0], tokens, kept)

    def _layers(self, content: Tensor, places: Tensor, visible: Tensor) -> Tensor:
        """All layers over tokens that stood at `places`, attending to the visible ones: (B, S, D), (B, S), (B, S)."""
        inputs = {"inputs_embeds": content, "position_ids": places + self._first_position}
        return self.encoder(**inputs, attention_mask=visible.long()).last_hidden_state

    def prepare(self, content: Tensor) -> Tensor | None:
        """What the first layer reads, whatever is visible: hidden states, queries, keys and values, each (T, D).

        Whoever asks about many masks of one input computes them once, and then calls `encode_prepared`.

        Args:
            content: (1, T, D).

        Returns:
            (4, T, D); None for an encoder whose layers are not those of BERT.
        """
        if self.encoder.config.model_type not in LAYERS_OF_BERT:
            return None
        positions = self._first_position + torch.arange(content.shape[1], device=content.device)[None]
        hidden = self.encoder.embeddings(inputs_embeds=like(content, self.encoder), position_ids=positions)
        if hasattr(self.encoder, "embeddings_project"):
            hidden = self.encoder.embeddings_project(hidden)
        first = self.encoder.encoder.layer[0].attention.self
        return torch.cat([hidden, first.query(hidden), first.key(hidden), first.value(hidden)])

    def encode_prepared(self, prepared: Tensor, visible: Tensor) -> Hidden:
        """`encode` of one input under many masks, without gradients: (4, T, D), (B, T)."""
        order, kept = visible_first(visible)
        allowed = None if bool(kept.all()) else (kept > 0.5)[:, None, None, :]
        first, *others = self.encoder.encoder.layer
        hidden, *projected = prepared[:, order]
        heads = (x.unflatten(-1, (self.encoder.config.num_attention_heads, -1)).transpose(1, 2) for x in projected)
        attended, _ = attention(first, *heads, allowed)
        hidden = first.feed_forward_chunk(first.attention.output(attended.flatten(2), hidden))
        for layer in others:
            hidden = layer(hidden, attention_mask=allowed)
        return Hidden(hidden[:, :0], hidden, kept)

    def classify(self, hidden: Hidden) -> Tensor:
        pooled = masked_mean(hidden.tokens, hidden.seen) if self.pooling == "mean" else hidden.tokens[:, 0]
        return self.head(self.dropout(pooled))

    def blocks(self) -> Iterable[nn.Module]:
        return _layers(self.encoder)

    def before(self) -> Iterable[nn.Module]:
        return (self.encoder.embeddings,) if isinstance(self.encoder.embeddings, FromRows) else ()

    def pooled(self, batch: Batch) -> Tensor:
        weight = batch.token_mask.float()
        if self.pooling != "mean":
            weight = torch.zeros_like(weight)
            weight[:, 0] = 1
        return weight / weight.sum(1, keepdim=True)


def check_length(tower: TextTower, max_tokens: int) -> None:
    """Refuse a reader that reads further than the encoder has positions.

    Raises:
        ValueError: see above.
    """
    config = tower.encoder.config
    positions = getattr(config, "max_position_embeddings", None)
    room = None if positions is None else positions - (_first_position(config) or 0)
    if room is not None and max_tokens > room:
        raise ValueError(
            f"max_tokens is {max_tokens}; this {config.model_type} encoder has positions for {room}. Lower it."
        )


def _encoder(arch: Mapping[str, Any], dropout: float, shared: bool) -> nn.Module:
    values = dict(arch)
    config = AutoConfig.for_model(values.pop("model_type"), **values)
    if shared:  # the encoder's own word embeddings are thrown away: don't make a large one
        config.vocab_size = (config.pad_token_id or 0) + 1
    for name in ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout", "mlp_dropout"):
        if hasattr(config, name):
            setattr(config, name, dropout)
    encoder = AutoModel.from_config(config, attn_implementation=ATTENTION)
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None
    if config.model_type in LAYERS_OF_BERT:
        encoder.embeddings.__class__ = _mixed(FromRows, type(encoder.embeddings))
        for layer in encoder.encoder.layer:
            layer.attention.self.__class__ = _mixed(Joined, type(layer.attention.self))
    sum_by_products(encoder)
    return encoder


@cache  # compiled code is shared by what is of one class
def _mixed(ours: type[nn.Module], kind: type[nn.Module]) -> type[nn.Module]:
    """A class of transformers' with one of ours before it."""
    return type(f"{ours.__name__}{kind.__name__}", (ours, kind), {})


def pretrained(source: str, layers: Sequence[int] = ()) -> tuple[dict[str, Any], dict[str, Tensor], Tensor]:
    """An encoder from a Hub id or a local folder, cut to the named layers.

    Returns:
        arch: its configuration. weights: the encoder's state without word embeddings. words: those, (V, D).

    Raises:
        ValueError: a layer that it does not have.
        OSError: transformers' own message, where the source can't be found.
    """
    encoder = _quietly(AutoModel.from_pretrained, source)
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None
    words = encoder.get_input_embeddings().weight.detach().clone()
    if layers:
        _keep_layers(encoder, list(layers))
    encoder.set_input_embeddings(NoWords())
    return arch_of(encoder.config), encoder.state_dict(), words


def _quietly(load: Callable, source: str):
    """Load without transformers' report on heads that are not used here."""
    level = hf_logging.get_verbosity()
    hf_logging.set_verbosity_error()
    try:
        return load(source)
    finally:
        hf_logging.set_verbosity(level)


def _layers(encoder: nn.Module) -> nn.ModuleList:
    depth = encoder.config.num_hidden_layers
    return next(m for m in encoder.modules() if isinstance(m, nn.ModuleList) and len(m) == depth)


def _keep_layers(encoder: nn.Module, layers: list[int]) -> None:
    depth = encoder.config.num_hidden_layers
    if not all(-depth <= layer < depth for layer in layers) or len(layers) > depth:
        raise ValueError(f"layers is {layers}; the encoder has layers 0 to {depth - 1}")
    stack = _layers(encoder)
    kept = [stack[layer] for layer in layers]
    for place, (layer, old) in enumerate(zip(kept, stack, strict=False)):  # ModernBERT's first layer has a norm less
        if layer.state_dict().keys() != old.state_dict().keys():
            raise ValueError(
                f"layers is {layers}; layer {layers[place]} is built unlike layer {place}, whose place it would take"
            )
    del stack[:]
    stack.extend(kept)
    encoder.config.num_hidden_layers = len(kept)
    if getattr(encoder.config, "layer_types", None):
        encoder.config.layer_types = [encoder.config.layer_types[layer] for layer in layers]


def arch_of(config) -> dict[str, Any]:
    """The fields of a transformers configuration that differ from its type's defaults, with model_type."""
    arch = {
        k: v for k, v in config.to_diff_dict().items() if k not in ("transformers_version", "architectures", "dtype")
    }
    return {**arch, "model_type": config.model_type}


def tokenizer_from(source: str | Path):
    """The tokeniser of a Hub id or a local folder."""
    return AutoTokenizer.from_pretrained(source)
