"""Masks over units: noise, the straight-through training mask, the evaluation rules, the temperature."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor

from rekd.config import choose
from rekd.types import MASK_RULES

_ODD = (-7046029254386353131, -4658895280553007687, -7723592293110705685)
"""The three 64-bit constants of the splitmix64 generator (Steele, Lea and Flood 2014), as signed integers."""


def _mix(key: Tensor, number: Tensor) -> Tensor:
    """splitmix64 on int64: its finaliser at the state key + number * _ODD[0]."""
    if key.is_cuda and (mix := _in_one_kernel("state")):
        return mix(key, number)
    state = key + number * _ODD[0]
    # Products wrap as they should; right shifts must be made logical.
    state = (state ^ ((state >> 30) & ((1 << 34) - 1))) * _ODD[1]
    state = (state ^ ((state >> 27) & ((1 << 37) - 1))) * _ODD[2]
    return state ^ ((state >> 31) & ((1 << 33) - 1))


def _fraction(key: Tensor, number: Tensor) -> Tensor:
    """`_mix` as numbers in [0, 1), of its upper 53 bits: float64, or float32 on Apple's GPU, which has no float64."""
    if key.is_cuda and (fraction := _in_one_kernel("__double_as_longlong((state >> 11) / 9007199254740992.0)")):
        return fraction(key, number).view(torch.float64)
    wide = torch.float32 if key.device.type == "mps" else torch.float64
    return ((_mix(key, number) >> 11) & ((1 << 53) - 1)).to(wide) * 2.0**-53


@cache
def _in_one_kernel(given: str) -> Callable[[Tensor, Tensor], Tensor] | None:
    """`_mix` on a GPU, where its dozen operations take a dozen times as long as one; None where it can't be built.

    Args:
        given: what is returned, in C++, of the mixed `state`.
    """
    mix = torch.cuda.jiterator._create_jit_fn(f"""
        template <typename T> T mix(T key, T number) {{
            unsigned long long state = key + number * 0x9E3779B97F4A7C15ULL;
            state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9ULL;
            state = (state ^ (state >> 27)) * 0x94D049BB133111EBULL;
            state = state ^ (state >> 31);
            return {given};
        }}
    """)
    try:
        mix(*torch.zeros(2, dtype=torch.int64, device="cuda"))
    except RuntimeError:  # NVIDIA's run-time compiler is not here, or does not know this GPU
        return None
    return mix


def _mixed(state: int) -> int:
    """The finaliser for a plain number."""
    for shift, odd in ((30, _ODD[1]), (27, _ODD[2]), (31, 1)):
        state = ((state ^ (state >> shift)) * odd) % 2**64
    return state - 2**64 * (state >= 2**63)


@cache  # none is ever let go, for a captured graph may read it
def _numbers(n_units: int, device: torch.device) -> Tensor:
    """Of units, from 1: (N,) int64."""
    with torch.inference_mode(False):  # it outlives whoever asks for it first
        return torch.arange(1, n_units + 1, device=device)


def uniform(seed: int, step: int | Tensor, ids: Tensor, n_units: int) -> Tensor:
    """Numbers in [0, 1) that depend on (seed, step, example, unit) alone, on no batch layout, device or process.

    Args:
        ids: (B,) int64, one number an example.

    Returns:
        (B, n_units) float64 on the device of `ids`; float32 on Apple's GPU, which has no float64.
    """
    step = torch.as_tensor(step, dtype=torch.int64, device=ids.device)
    first = torch.full_like(step, _mixed(seed * _ODD[0] % 2**64))
    key = _mix(_mix(first, step), ids)
    return _fraction(key[:, None], _numbers(n_units, ids.device))


def logistic_noise(seed: int, step: int | Tensor, ids: Tensor, n_units: int) -> Tensor:
    """Logistic noise (B, N) float32, the difference of two Gumbel draws; see `uniform` for what it depends on."""
    return uniform(seed, step, ids, n_units).logit(eps=1e-7).float()


def temperature(step: int | Tensor, last: int, start: float = 5.0, end: float = 0.1) -> float | Tensor:
    """Geometric decay from start at step 0 to end at step `last`, a pure function of the step."""
    return start * (end / start) ** (step / max(1, last))


def perturb(selection_logits: Tensor, noise: Tensor, tau: float | Tensor) -> Tensor:
    """The gate (l + noise) / tau in float32, whose sigmoid is the relaxed choice: (B, N)."""
    return (selection_logits + noise.float()) / tau


def relax(selection_logits: Tensor, noise: Tensor, tau: float | Tensor) -> Tensor:
    """s = sigmoid((l + noise) / tau) in float32: (B, N)."""
    return torch.sigmoid(perturb(selection_logits, noise, tau))


def straight_through(gates: Tensor, unit_mask: Tensor) -> Tensor:
    """The training mask: forward 1[s > .5], backward ds; padding units are 0 and get no gradient. (B, N) float32.

    Args:
        gates: of `perturb`, so that s = sigmoid of them.
    """
    soft = torch.sigmoid(gates)
    return ((gates > 0) + (soft - soft.detach())) * unit_mask


def budget(n_units: int, rate: float) -> int:
    """k = max(1, round(rate * N)), halves rounded up: the units that every method may mark of an input of N units."""
    return max(1, math.floor(rate * n_units + 0.5))


def top_k_mask(scores: Tensor, unit_mask: Tensor, rate: float) -> Tensor:
    """The `budget` largest scores of each example, ties to the earlier unit: (B, N) bool."""
    wide = torch.float32 if scores.device.type == "mps" else torch.float64
    k = (unit_mask.sum(1).to(wide) * rate + 0.5).floor().clamp(min=1)
    ranked = scores.float().masked_fill(~unit_mask, -torch.inf).argsort(dim=1, descending=True, stable=True)
    places = torch.arange(scores.shape[1], device=scores.device).expand_as(ranked)
    rank = torch.empty_like(ranked).scatter_(1, ranked, places)
    return (rank < k[:, None]) & unit_mask


def at_most(mask: Tensor, scores: Tensor, count: int) -> Tensor:
    """A mask (B, N) bool without all but its `count` largest scores (B, N), of each example."""
    if count >= mask.shape[1]:
        return mask
    best = scores.masked_fill(~mask, -torch.inf).topk(count, dim=1).indices
    return mask & torch.zeros_like(mask).scatter(1, best, True)


def random_mask(unit_mask: Tensor, rate: float, seed: int, step: int | Tensor, ids: Tensor) -> Tensor:
    """The control: `budget` units of each example, drawn evenly: (B, N) bool."""
    return top_k_mask(uniform(seed, step, ids, unit_mask.shape[1]), unit_mask, rate)


def evaluation_mask(
    rule: str,
    selection_logits: Tensor,
    unit_mask: Tensor,
    *,
    rate: float,
    cut: float = 0.0,
    noise: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Masks under a named rule, empty ones repaired to the largest logit.

    Args:
        selection_logits: (B, N). unit_mask: (B, N) bool. cut: logit c of `calibrated`.
        noise: (B, N), for `sampled` only.

    Returns:
        mask: (B, N) bool, never empty. repaired: (B,) bool, True where the rule itself selected nothing.

    Raises:
        ValueError: an unknown rule, or `sampled` without noise.
    """
    raw = rule_mask(rule, selection_logits, unit_mask, rate=rate, cut=cut, noise=noise)
    empty = ~raw.any(1)
    largest = selection_logits.masked_fill(~unit_mask, -torch.inf).argmax(1, keepdim=True)
    return raw.scatter(1, largest, raw.gather(1, largest) | empty[:, None]), empty


def rule_mask(rule, selection_logits, unit_mask, *, rate, cut=0.0, noise=None) -> Tensor:
    """The mask before any repair, from which counts, rates and leaks are taken: (B, N) bool. See `evaluation_mask`."""
    choose("mask rule", rule, MASK_RULES)
    if rule == "top-k":
        return top_k_mask(selection_logits, unit_mask, rate)
    if rule == "sampled" and noise is None:
        raise ValueError("the mask rule 'sampled' draws noise and none was given; pass noise=logistic_noise(seed, ...)")
    level = {"threshold": 0.0, "calibrated": cut, "sampled": 0.0}[rule]
    shifted = selection_logits.float() + (noise if rule == "sampled" else 0.0)
    return (shifted > level) & unit_mask


def calibrate(selection_logits: Tensor, unit_mask: Tensor, rate: float) -> float:
    """The cut c whose mean share of selected units over the examples is the largest that does not exceed `rate`.

    Args:
        selection_logits: (n, N) of a dev split. unit_mask: (n, N) bool.

    Returns:
        c half-way between the last logit inside and the first outside.
    """
    shares = (1.0 / unit_mask.sum(1, keepdim=True)).expand_as(selection_logits)[unit_mask].double() / len(unit_mask)
    values = selection_logits[unit_mask]
    order = torch.from_numpy(np.argsort(-values.cpu().numpy()))  # a third of the time of PyTorch's sort
    values = values[order].double()
    inside = int((shares[order].cumsum(0) <= rate + 1e-12).sum())
    if inside == 0:
        return float(values[0])
    if inside == len(values):
        return float(values[-1]) - 1.0
    return float((values[inside - 1] + values[inside]) / 2)
