"""timm vision transformers with patch tokens, as towers."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import timm
import torch
from timm.layers import Attention, Mlp, PatchEmbed
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from rekd.config import ReaderConfig
from rekd.errors import reason
from rekd.models.attention import attend, in_heads
from rekd.models.backbone import (
    Hidden,
    learn_visible,
    like,
    masked_mean,
    may_cut,
    only_visible_learn,
    pick,
    visible_first,
)
from rekd.models.feedforward import Feedforward
from rekd.models.linear import linear, sum_by_products
from rekd.types import Batch

SHAPING = frozenset(inspect.signature(VisionTransformer).parameters) - {"num_classes", "device", "dtype"}
"""Arguments that a run or a checkpoint may give timm: those of the model itself. Others of `timm.create_model` name a
file to unpickle, an address to fetch or a folder to fill, and both may come from a link or from somebody else."""


MOST = {"depth": 128, "embed_dim": 8192}
"""No vision transformer is larger; what a link asks for beyond would keep the machine building layers."""


class _VisibleAttention(Attention):
    """timm's attention with `attend` inside; its attn_mask is the visibility of keys, (B, T) float.

    always: whether there are class or register tokens before the patches, which are never invisible.
    """

    always = False

    def forward(self, x: Tensor, attn_mask: Tensor | None = None, is_causal: bool = False) -> Tensor:
        query, key, value = in_heads(self.qkv(x), self.num_heads)
        dropout = self.attn_drop.p if self.training else 0.0
        how = {"scale": self.head_dim**-0.5, "dropout": dropout, "always": self.always}
        y = attend(self.q_norm(query), self.k_norm(key), value, None, attn_mask, **how)
        y = self.norm(y.transpose(1, 2).flatten(2))
        if getattr(self, "gate", None) is not None:
            y = y * self.gate(x).sigmoid()
        return self.proj_drop(self.proj(y))


class PatchProduct(PatchEmbed):
    """timm's patch embedding, on a GPU as one product, for its convolution is many kernels there."""

    def forward(self, x: Tensor) -> Tensor:
        x, plain = like(x, self), self.flatten and not self.dynamic_img_pad
        return self.product(x) if plain and x.is_cuda else super().forward(x)

    def product(self, x: Tensor) -> Tensor:
        """What the convolution gives, (B, 3, H, W) -> (B, N, D); pixels beyond the last whole patch are left out."""
        (rows, columns), (height, width), (b, c, _, _) = self.grid_size, self.patch_size, x.shape
        whole = x[:, :, : rows * height, : columns * width].reshape(b, c, rows, height, columns, width)
        patches = whole.permute(0, 2, 4, 1, 3, 5).reshape(b, rows * columns, c * height * width)
        return self.norm(linear(patches, self.proj.weight.flatten(1), self.proj.bias))


class _Placed(nn.Module):
    """Patches with their positions, behind class and register tokens: a part by itself, so that it can be compiled."""

    def forward(self, vit: VisionTransformer, content: Tensor) -> Tensor:
        return vit._pos_embed(content)


class VisionTower(nn.Module):
    """A timm VisionTransformer (plain, distilled, with registers), with timm's own head where `classes` > 0.

    Args:
        arch: {"name": timm model name, "args": its keyword arguments, of those in SHAPING}.
        final_norm: False leaves out the last LayerNorm, as the official predictor does.

    Raises:
        ValueError: the model is no VisionTransformer, its stem, attention or head is of another kind, or its grid of
            patches is not the reader's.
    """

    def __init__(
        self, arch: Mapping[str, Any], reader: ReaderConfig, classes: int, dropout: float, final_norm: bool = True
    ):
        super().__init__()
        self.vit = _create(arch, reader, classes, dropout)
        _check(self.vit, arch["name"], reader)
        for block in self.vit.blocks:
            block.attn.__class__ = _VisibleAttention  # same parameters and names, another forward
            block.attn.always = self.vit.num_prefix_tokens > 0
            if type(block.mlp) is Mlp:
                block.mlp.__class__ = Feedforward
        if type(self.vit.patch_embed) is PatchEmbed:
            self.vit.patch_embed.__class__ = PatchProduct  # likewise
        sum_by_products(self.vit)
        self.placed = _Placed()
        self.width = self.content_width = self.vit.embed_dim
        self.final_norm = final_norm
        self.prefix = self.vit.num_prefix_tokens

    def features(self, batch: Batch) -> Tensor:
        return batch.content

    def content(self, features: Tensor) -> Tensor:
        embed = self.vit.patch_embed
        return embed(features if isinstance(embed, PatchProduct) else like(features, embed))

    def encode(self, content: Tensor, batch: Batch, visible: Tensor | None) -> Hidden:
        seen = batch.unit_mask.float() if visible is None else visible
        x = self.placed(self.vit, content)
        if visible is not None:
            visible = torch.cat([visible.new_ones(len(visible), self.prefix), visible], 1)
            if only_visible_learn(visible):
                x = learn_visible(self._layers, x, visible, None)
                return Hidden(x[:, : self.prefix], x[:, self.prefix :], seen)
            if may_cut(visible):  # invisible patches are not computed
                order, visible = visible_first(visible, self.prefix)
                x, seen = pick(x, order), visible[:, self.prefix :]
        x = self._layers(x, None, visible)
        return Hidden(x[:, : self.prefix], x[:, self.prefix :], seen)

    def _layers(self, x: Tensor, _: Tensor | None, visible: Tensor | None) -> Tensor:
        """All after the positions, which patches carry with them: (B, S, D), (B, S) -> (B, S, D)."""
        x = self.vit.norm_pre(self.vit.patch_drop(x))
        for block in self.vit.blocks:
            x = block(x, attn_mask=visible)
        return self.vit.norm(x) if self.final_norm else x

    def classify(self, hidden: Hidden) -> Tensor:
        if hasattr(self.vit, "head_dist"):  # DeiT: class and distillation token have a head each
            return self.vit.forward_head(hidden.prefix)
        pooled = hidden.prefix[:, 0] if self.vit.global_pool == "token" else self._pool(hidden)
        return self.vit.head(self.vit.head_drop(self.vit.fc_norm(pooled)))

    def blocks(self) -> nn.Module:
        return self.vit.blocks

    def before(self) -> Iterable[nn.Module]:
        return self.vit.patch_embed, self.placed

    def pooled(self, batch: Batch) -> Tensor:
        tokens = batch.token_mask.float()
        prefix = tokens.new_zeros(len(tokens), self.prefix)
        if hasattr(self.vit, "head_dist"):
            prefix[:, :2], tokens = 1, torch.zeros_like(tokens)
        elif self.vit.global_pool == "token":
            prefix[:, 0], tokens = 1, torch.zeros_like(tokens)
        elif self.vit.pool_include_prefix:
            prefix[:] = 1
        weight = torch.cat([prefix, tokens], 1)
        return weight / weight.sum(1, keepdim=True)

    def _pool(self, hidden: Hidden) -> Tensor:
        tokens, seen = hidden.tokens, hidden.seen
        if self.vit.pool_include_prefix:
            tokens = torch.cat([hidden.prefix, tokens], 1)
            seen = torch.cat([seen.new_ones(len(seen), self.prefix), seen], 1)
        return masked_mean(tokens, seen)


def create(name: str, args: Mapping[str, Any], *, classes: int = 0, pretrained: bool = False) -> VisionTransformer:
    """timm.create_model, with sentences, and without its ways to other files and addresses than the model's own.

    Raises:
        ValueError: timm knows no such model, can't make it with these arguments, it is no VisionTransformer, or an
            argument is none of SHAPING.
        OSError: pretrained weights were asked for and could not be had.
    """
    if not timm.is_model(name):
        raise ValueError(
            f"{name!r} is no model that timm knows; choose a VisionTransformer, such as vit_tiny_patch16_224"
        )
    if foreign := sorted(set(args) - SHAPING):
        raise ValueError(
            f"{name} can't be made with {', '.join(foreign)}; give what shapes the model alone, such as embed_dim, "
            "depth or num_heads, and nothing that names a file, an address, a device or the number of classes"
        )
    for key, most in MOST.items():
        if isinstance(value := args.get(key), int) and value > most:
            raise ValueError(f"{key} is {value:,}; a model has at most {most:,}")
    try:
        vit = timm.create_model(name, pretrained=pretrained, num_classes=classes, **args)
    except Exception as error:  # of a wrong argument timm says nothing: any error may come of it, from far below
        if pretrained and isinstance(error, OSError):
            raise
        said = f"timm can't make {name} with {dict(args)}: {reason(error)}. See timm.list_models('vit_*')."
        raise ValueError(said) from error
    if not isinstance(vit, VisionTransformer):
        raise ValueError(
            f"{name} is a {type(vit).__name__}; choose a timm VisionTransformer, such as vit_tiny_patch16_224"
        )
    return vit


def _create(arch: Mapping[str, Any], reader: ReaderConfig, classes: int, dropout: float) -> VisionTransformer:
    args = {"img_size": reader.image_size, "patch_size": reader.patch_size, **arch.get("args", {})}
    args.pop("pretrained", None)  # a tower's weights are the checkpoint's or the run's
    return create(arch["name"], args | {"proj_drop_rate": dropout}, classes=classes)


def _check(vit: VisionTransformer, name: str, reader: ReaderConfig) -> None:
    # Through a convolutional stem (the hybrids) absent patches would show.
    if not isinstance(vit.patch_embed, PatchEmbed):
        stem = type(vit.patch_embed).__name__
        raise ValueError(
            f"{name} begins with {stem}, which looks past a patch's border; choose a plain vit_* or deit_* model"
        )
    if (grid := tuple(vit.patch_embed.grid_size)) != reader.grid:
        raise ValueError(f"{name} has a grid of {grid} patches and the reader {reader.grid}; give both the same sizes")
    if any(type(getattr(block, "attn", None)) is not Attention for block in vit.blocks):
        raise ValueError(
            f"{name} has blocks whose attention can't leave tokens out; choose a plain vit_* or deit_* model"
        )
    if vit.global_pool not in ("token", "avg"):
        raise ValueError(f"{name} pools by {vit.global_pool!r}; choose global_pool 'token' or 'avg'")
