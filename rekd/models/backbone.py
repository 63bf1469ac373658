"""What a backbone must offer, and how sequences are cut to what is visible."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from rekd.models.attention import RETURNING, Returning
from rekd.types import Batch


@dataclass(frozen=True, eq=False)
class Hidden:
    """A backbone's output.

    prefix: (B, P, D), class and register tokens. tokens: (B, S, D), the batch's own, or only those that were visible.
    seen: (B, S) float, 1 where a token is visible.
    """

    prefix: Tensor
    tokens: Tensor
    seen: Tensor


class Tower(Protocol):
    """One backbone, as generator or as predictor."""

    width: int
    """D of hidden states."""
    content_width: int
    """D of content embeddings."""

    def features(self, batch: Batch) -> Tensor:
        """The differentiable input: content embeddings (B, T, D) of a text, pixels (B, 3, H, W) of an image."""

    def content(self, features: Tensor) -> Tensor:
        """Content embeddings (B, T, D), before positions."""

    def encode(self, content: Tensor, batch: Batch, visible: Tensor | None) -> Hidden:
        """Hidden states; `visible` (B, T) float holds 1 for tokens that may be attended, None for every real token."""

    def classify(self, hidden: Hidden) -> Tensor:
        """Label logits (B, K), pooled over visible tokens."""

    def blocks(self) -> Iterable[nn.Module]:
        """The layers, one after the other, all alike."""

    def before(self) -> Iterable[nn.Module]:
        """What lies before the layers, of small kernels that the compiler can join."""

    def pooled(self, batch: Batch) -> Tensor:
        """Share of each token in what `classify` reads of a whole input, prefix first: (B, P + T), rows add up to 1."""


_FIXED: ContextVar[bool] = ContextVar("fixed shapes", default=False)
_MOST: ContextVar[int] = ContextVar("most patches", default=0)


def like(values: Tensor, module: nn.Module) -> Tensor:
    """Values in the precision of a module's parameters: under autocast these are float32, where steps are captured the
    working copies of them are bfloat16."""
    return values.to(next(module.parameters()).dtype)


@contextmanager
def fixed_shapes() -> Iterator[None]:
    """Within, shapes don't depend on what tensors hold, so that a step can be captured and the host never waits."""
    before = _FIXED.set(True)
    try:
        yield
    finally:
        _FIXED.reset(before)


def may_look() -> bool:
    """Whether shapes, and which way is taken, may depend on what tensors hold."""
    return not _FIXED.get()


@contextmanager
def room_for(patches: int) -> Iterator[None]:
    """Within, no mask of an image holds more patches, so that sequences can be cut to them where shapes are fixed."""
    before = _MOST.set(patches)
    try:
        yield
    finally:
        _MOST.reset(before)


def may_cut(visible: Tensor) -> bool:
    """Whether a sequence can be cut to its visible tokens; their visibility then gets no gradient."""
    return (may_look() or _MOST.get() > 0) and not visible.requires_grad


def learn_visible(
    run: Callable[[Tensor, Tensor, Tensor], Tensor], tokens: Tensor, visible: Tensor, allowed: Tensor | None
) -> Tensor:
    """A stack of layers over a sequence, with gradients through its visible tokens alone, which are all there are.

    An invisible token is no key and no part of what is pooled: nothing comes back through it, but for the secant at its
    visibility, which takes what it would say as it is. So all tokens pass the layers without gradients, and the visible
    ones once more with them: at a rate of 15 % half of the work is left.

    Args:
        run: the layers, given tokens (B, S, D), where each stood (B, S) and which are visible (B, S): (B, S, D).
        visible: (B, T), requires a gradient. allowed: keys that are no padding, as of `attend`.

    Returns:
        (B, T, D), those of invisible tokens without gradient.
    """
    place = torch.arange(tokens.shape[1], device=tokens.device).expand(tokens.shape[:2])
    held = Returning(visible, allowed)
    before = RETURNING.set(held)
    try:
        with torch.no_grad():
            whole = run(tokens, place, visible.detach())
        held.complete = True
        order, kept = visible_first(visible.detach())
        cut = run(pick(tokens, order), order, kept)
    finally:
        RETURNING.reset(before)
    return whole.scatter(1, order[..., None].expand_as(cut), cut)


def only_visible_learn(visible: Tensor) -> bool:
    """Whether `learn_visible` is the way: on a CPU; a GPU waits for kernels to start, not for their work."""
    return visible.requires_grad and torch.is_grad_enabled() and may_look() and visible.device.type == "cpu"


GRAIN = 16
"""Tokens by which cut sequences differ on a GPU, which has to plan anew for every length that it meets."""


def cut_length(fullest: int, width: int, device: torch.device) -> int:
    """Tokens that a sequence of `width` is cut to, whose fullest row has so many visible ones."""
    grain = GRAIN if device.type == "cuda" else 1
    return min(max(1, -(-fullest // grain)) * grain, width)


def visible_first(visible: Tensor, prefix: int = 0) -> tuple[Tensor, Tensor]:
    """Where to cut a sequence: visible tokens in order, as many as the fullest row has or may have, or a few more.

    Args:
        visible: (B, T) float, 0 or 1. prefix: tokens that are no patches, and always visible.

    Returns:
        order: (B, S) int64, indices of tokens, invisible ones last. kept: (B, S) float, 0 where a row has no more.
    """
    seen = visible > 0.5
    fullest = int(seen.sum(1).max()) if may_look() else _MOST.get() + prefix
    length = cut_length(fullest, visible.shape[1], visible.device)
    order = (~seen).long().argsort(dim=1, stable=True)[:, :length]
    return order, visible.gather(1, order)


def pick(tokens: Tensor, order: Tensor) -> Tensor:
    """Rows of tokens (B, T, D) at indices (B, S): (B, S, D)."""
    return tokens.gather(1, order[..., None].expand(-1, -1, tokens.shape[-1]))


def masked_mean(tokens: Tensor, visible: Tensor) -> Tensor:
    """Mean of visible tokens: (B, T, D), (B, T) -> (B, D); the gradient for an invisible token is the same secant."""
    if visible.requires_grad and torch.is_grad_enabled():
        return _SecantMean.apply(tokens, visible)
    seen = visible > 0.5
    return _mean(torch.where(seen[..., None], tokens, 0.0), seen)[0]  # 0 times no number is none


def _mean(tokens: Tensor, seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean of the tokens (B, T, D) that are seen (B, T): (B, D), with 1 where they are and how many: (B, T), (B, 1).

    As a product, for which a GPU reads the tokens once.
    """
    ones, count = seen.to(tokens.dtype), seen.sum(1, keepdim=True, dtype=torch.float32).clamp(min=1)
    return ((ones[:, None] @ tokens)[:, 0] / count).to(tokens.dtype), ones, count


class _SecantMean(torch.autograd.Function):
    """`masked_mean` with gradients: (v_j - mean) / count for a visible token, / (count + 1) for one that would return.

    By hand, for which a GPU starts half the kernels.
    """

    @staticmethod
    def forward(ctx, tokens, visible):
        mean, ones, count = _mean(tokens, visible > 0.5)
        ctx.save_for_backward(tokens, mean, ones, count)
        return mean

    @staticmethod
    def backward(ctx, gradient):
        tokens, mean, ones, count = ctx.saved_tensors
        change = (tokens @ gradient[..., None] - mean[:, None] @ gradient[..., None])[..., 0]
        share = (gradient / count).to(tokens.dtype)
        return ones[..., None] * share[:, None], change / (count + 1 - ones)
