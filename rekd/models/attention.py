"""Attention that keys may leave, and whose gradients may call them back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(eq=False)
class Returning:
    """Keys and values of all tokens, layer by layer, for the gradient of those that a cut sequence has no more.

    visible: (B, T), whose gradient is wanted. allowed: as of `attend`. complete: whether all layers were passed.
    """

    visible: Tensor
    allowed: Tensor | None
    layers: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    complete: bool = False


_WATCHED: ContextVar[list[Tensor] | None] = ContextVar("watched attention", default=None)
RETURNING: ContextVar[Returning | None] = ContextVar("keys that may return", default=None)


@contextmanager
def watched_attention() -> Iterator[list[Tensor]]:
    """A list to which each layer of attention that this thread runs within the block adds its weights (B, H, T, T)."""
    weights: list[Tensor] = []
    before = _WATCHED.set(weights)
    try:
        yield weights
    finally:
        _WATCHED.reset(before)


def in_heads(joined: Tensor, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values that one product gave, (B, T, 3 H d) -> three of (B, H, T, d).

    Cut along the last axis, so that their gradients are joined by one kernel which copies whole rows.
    """
    query, key, value = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in joined.chunk(3, -1))
    return query, key, value


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    allowed: Tensor | None,
    visible: Tensor | None,
    *,
    scale: float,
    dropout: float = 0.0,
    always: bool = False,
) -> Tensor:
    """Scaled dot-product attention from which invisible keys are absent.

    The forward pass uses a boolean key mask alone, so content that is not visible can't move it. The gradient for the
    visibility of key j is the bounded secant e_j / (Z + (1 - m_j) e_j) * (v_j - out): the change that its return would
    make, where the derivative e_j / Z of an absent key has no bound.

    Args:
        query, key, value: (B, H, T, d). allowed: (B or 1, 1, T or 1, T) bool. visible: (B, T) float, 0 or 1.
        always: whether a key is visible to all queries, such as a class token, so that none sees nothing.

    Returns:
        (B, H, T, d).
    """
    returning = None
    if not torch.compiler.is_compiling():
        if (watched := _WATCHED.get()) is not None:
            watched.append(_weights(query, key, allowed, visible, scale))
        if (returning := RETURNING.get()) is not None and not returning.complete:
            returning.layers.append((key, value))
    if visible is None:
        out = F.scaled_dot_product_attention(query, key, value, attn_mask=allowed, dropout_p=dropout, scale=scale)
    else:
        out = _seen_alone(query, key, value, allowed, visible, scale, dropout, always)
    if returning is not None and returning.complete:
        out = _Secant.apply(out, returning.visible, query, *returning.layers.pop(0), returning.allowed, scale)
    elif visible is not None and visible.requires_grad and torch.is_grad_enabled():
        out = _Secant.apply(out, visible, query, key, value, allowed, scale)
    return out


def _seen_alone(query, key, value, allowed, visible, scale, dropout, always) -> Tensor:
    """Attention to visible keys. A query that sees nothing at all (a local window may leave none) gets 0."""
    seen = (visible > 0.5)[:, None, None, :]
    kept = seen if allowed is None else seen & allowed
    if always:
        return F.scaled_dot_product_attention(query, key, value, kept, dropout, scale=scale)
    some = kept.any(-1, keepdim=True)  # a softmax over no key would be no number
    return F.scaled_dot_product_attention(query, key, value, kept | ~some, dropout, scale=scale) * some


def _weights(query, key, allowed, visible, scale) -> Tensor:
    """What `attend` gives each key, 0 throughout for a query that sees none: (B, H, T, T)."""
    scores = (query @ key.transpose(-2, -1)).float() * scale
    if visible is not None:
        seen = (visible > 0.5)[:, None, None, :]
        allowed = seen if allowed is None else seen & allowed
    if allowed is None:
        return scores.softmax(-1)
    return scores.masked_fill(~allowed, -torch.inf).softmax(-1).nan_to_num(0.0)


class _Secant(torch.autograd.Function):
    """`out` as it is, with the secant of `attend` as its gradient with respect to `visible`; others pass it by."""

    @staticmethod
    def forward(ctx, out, visible, query, key, value, allowed, scale):
        ctx.save_for_backward(out, visible, query, key, value, allowed)
        ctx.scale = scale
        return out.view_as(out)

    @staticmethod
    def backward(ctx, gradient):
        out, visible, query, key, value, allowed = ctx.saved_tensors
        gradient = gradient.to(value.dtype)
        called = called_back(gradient, out, visible, query, key, value, allowed, ctx.scale)
        return gradient, called.to(visible.dtype), None, None, None, None, None


def called_back(gradient, out, visible, query, key, value, allowed, scale) -> Tensor:
    """The gradient for visibility, (B, T) float32, from that for `out` (B, H, T, d)."""
    tokens = visible.shape[1]
    if _likes_eights(key):
        key, value, allowed, visible = _in_eights(key, value, allowed, visible)
    # Sums over queries q of weight_qj * g_q (v_j - out_q), as products: no tensor of all q and j but the weights.
    along = (gradient * out).sum(-1, keepdim=True).expand(*out.shape[:-1], 8)  # eight alike, for _likes_eights
    pulled = _returning(query, key, allowed, visible, scale).mT @ torch.cat([gradient, along], -1)
    called = (pulled[..., :-8] * value).sum(-1, dtype=torch.float32) - pulled[..., -1]
    return called.sum(1)[:, :tokens]


def _likes_eights(keys: Tensor) -> bool:
    """Whether products with so many keys are slow here: a GPU's, unless they are a multiple of 8, take several times as
    long, and of patches with a class token they never are."""
    return keys.is_cuda and keys.shape[-2] % 8 > 0


def _in_eights(key, value, allowed, visible) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
    """Arguments of `attend` with keys that are never visible behind theirs, to a multiple of 8."""
    more = -key.shape[-2] % 8
    key, value = (F.pad(each, (0, 0, 0, more)) for each in (key, value))
    allowed, visible = (None if each is None else F.pad(each, (0, more)) for each in (allowed, visible))
    return key, value, allowed, visible


def _returning(query, key, allowed, visible, scale) -> Tensor:
    """The weight e_j / (Z + (1 - m_j) e_j) that key j has, or would have if visible: (B, H, T, T).

    By a softmax over all keys, visible or not: seen ones vanish before an absent one that is e^87 times as strong.
    """
    scores = (query * scale) @ key.transpose(-2, -1)
    if allowed is not None:
        scores = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min)
    # Any multiple of e gives the same weights. Compiled, one that is no softmax saves a pass; not so elsewhere.
    e = (scores - scores.amax(-1, keepdim=True)).exp() if torch.compiler.is_compiling() else scores.softmax(-1)
    seen = visible[:, None, None, :].to(scores.dtype)
    z = (e * seen).sum(-1, keepdim=True) + torch.finfo(e.dtype).tiny
    return e / torch.addcmul(z, e, 1 - seen)
