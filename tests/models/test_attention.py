"""Attention that keys can leave: the same as cutting the sequence, with a bounded gradient that calls keys back."""

from __future__ import annotations

import pytest
import torch
from helpers import same

from rekd.models import attention
from rekd.models.attention import attend
from rekd.models.backbone import masked_mean

B, H, T, D = 2, 3, 7, 5
SCALE = D**-0.5


@pytest.fixture(autouse=True, params=["as they are", "in eights"])
def keys(request, monkeypatch):
    """Each test once more as a GPU takes the gradient of visibility, with keys behind those that there are."""
    assert T % 8
    if request.param == "in eights":
        monkeypatch.setattr(attention, "_likes_eights", lambda keys: True)


def parts(seed: int = 0, size: float = 1.5) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [size * torch.randn(B, H, T, D, generator=generator) for _ in range(3)]


def visibility(*rows: str) -> torch.Tensor:
    return torch.tensor([[float(char) for char in row] for row in rows])


SEEN = visibility("1011001", "0100110")


def plain(query, key, value) -> torch.Tensor:
    return torch.softmax(query @ key.transpose(-2, -1) * SCALE, -1) @ value


def soft(query, key, value, weight) -> torch.Tensor:
    """Attention whose keys count `weight` times: (B, T), any value from 0 on."""
    scores = (query @ key.transpose(-2, -1) * SCALE).exp() * weight[:, None, None, :]
    return scores @ value / scores.sum(-1, keepdim=True)


@pytest.mark.parametrize("gradient", [False, True])
def test_equals_attention_over_the_sequence_cut_to_what_is_seen(gradient):
    query, key, value = parts()
    out = attend(query, key, value, None, SEEN.clone().requires_grad_(gradient), scale=SCALE).detach()
    for row in range(B):
        kept = SEEN[row].bool()
        same(out[row], plain(query[row], key[row][:, kept], value[row][:, kept]), atol=2e-6, what=f"row {row}")


@pytest.mark.parametrize("gradient", [False, True])
def test_what_is_not_seen_moves_nothing_at_all(gradient):
    query, key, value = parts()
    hidden = (SEEN < 0.5)[:, None, :, None]
    other = [torch.where(hidden, 1e3 * torch.randn_like(part), part) for part in (key, value)]
    seen = SEEN.clone().requires_grad_(gradient)
    first, second = (attend(query, *pair, None, seen, scale=SCALE) for pair in ((key, value), other))
    assert torch.equal(first.detach(), second.detach())


def test_seeing_everything_is_plain_attention():
    query, key, value = parts()
    out = attend(query, key, value, None, None, scale=SCALE)
    same(out, plain(query, key, value), atol=2e-6)
    assert torch.equal(attend(query, key, value, None, torch.ones(B, T), scale=SCALE), out)


def test_padding_stays_out_whatever_is_seen():
    query, key, value = parts()
    allowed = torch.ones(B, 1, 1, T, dtype=torch.bool)
    allowed[0, ..., 3:] = False
    seen = torch.ones(B, T).requires_grad_()
    out = attend(query, key, value, allowed, seen, scale=SCALE)
    same(out[0].detach(), plain(query[0], key[0][:, :3], value[0][:, :3]), atol=2e-6)
    (out * torch.randn_like(out)).sum().backward()
    assert not seen.grad[0, 3:].any() and seen.grad[0, :3].any()


def test_gradient_of_a_seen_key_is_the_exact_derivative():
    query, key, value = parts()
    seen, weight = SEEN.clone().requires_grad_(), SEEN.clone().requires_grad_()
    direction = torch.randn(B, H, T, D)
    (attend(query, key, value, None, seen, scale=SCALE) * direction).sum().backward()
    (soft(query, key, value, weight) * direction).sum().backward()
    kept = SEEN.bool()
    same(seen.grad[kept], weight.grad[kept], atol=1e-4)


def test_gradient_of_an_absent_key_is_the_change_that_its_return_makes():
    query, key, value = parts()
    seen, direction = SEEN.clone().requires_grad_(), torch.randn(B, H, T, D)
    out = attend(query, key, value, None, seen, scale=SCALE)
    (out * direction).sum().backward()
    for row, absent in (SEEN < 0.5).nonzero().tolist():
        back = SEEN.clone()
        back[row, absent] = 1.0
        change = attend(query, key, value, None, back, scale=SCALE) - out.detach()
        same(seen.grad[row, absent], (change * direction).sum(), atol=1e-4, what=f"key {absent} of row {row}")


def test_gradient_of_an_absent_key_is_bounded_where_the_derivative_is_not():
    query, key, value = parts()
    key[:, :, 1] = 20 * query[:, :, 0]  # the query's own favourite is away: e_j / Z is astronomic
    seen, weight = visibility("1011001", "1011001").requires_grad_(), visibility("1011001", "1011001").requires_grad_()
    attend(query, key, value, None, seen, scale=SCALE).sum().backward()
    soft(query.double(), key.double(), value.double(), weight).sum().backward()
    assert weight.grad.abs().max() > 1e6
    assert seen.grad.abs().max() < 2 * value.abs().sum(-1).max() * H * T


def test_gradients_of_query_key_and_value_are_those_of_the_cut_sequence():
    inputs = [part.requires_grad_() for part in parts()]
    direction = torch.randn(B, H, T, D)
    (attend(*inputs, None, SEEN.clone().requires_grad_(), scale=SCALE) * direction).sum().backward()
    ours = [part.grad.clone() for part in inputs]
    for part in inputs:
        part.grad = None
    (soft(*inputs, SEEN) * direction).sum().backward()
    for name, mine, part in zip(("query", "key", "value"), ours, inputs, strict=True):
        same(mine, part.grad, atol=1e-5, what=name)


@pytest.mark.parametrize("allowed", [None, torch.ones(1, 1, 1, T, dtype=torch.bool)])
def test_nothing_seen_gives_0_and_finite_gradients(allowed):
    inputs = [part.requires_grad_() for part in parts()]
    seen = visibility("0000000", "0100000").requires_grad_()
    out = attend(*inputs, allowed, seen, scale=SCALE)
    assert not out[0].any() and out[1].any()
    (out * torch.randn_like(out)).sum().backward()
    assert all(part.grad.isfinite().all() for part in (*inputs, seen))
    with torch.no_grad():
        assert torch.equal(attend(*inputs, allowed, seen.detach(), scale=SCALE), out)


def test_where_a_key_is_always_seen_nothing_is_looked_for_and_nothing_else_changes():
    found = []
    for always in (False, True):
        inputs = [part.requires_grad_() for part in parts()]
        seen = SEEN.clone().requires_grad_()
        out = attend(*inputs, None, seen, scale=SCALE, always=always)
        (out * torch.arange(T)[:, None]).sum().backward()
        found.append((out.detach(), *(part.grad for part in (*inputs, seen))))
    for plainly, always in zip(*found, strict=True):
        assert torch.equal(plainly, always)


def test_a_query_whose_window_holds_no_seen_key_gets_0():
    query, key, value = parts()
    window = (torch.arange(T)[:, None] - torch.arange(T)).abs() <= 1
    seen = visibility("1000000", "1000001").requires_grad_()
    out = attend(query, key, value, window[None, None], seen, scale=SCALE)
    assert not out[0, :, 2:].any() and out[0, :, :2].abs().sum() > 0
    same(out[1, :, 6].detach(), value[1, :, 6], atol=1e-6)
    out.sum().backward()
    assert seen.grad.isfinite().all()
    with torch.no_grad():
        assert torch.equal(attend(query, key, value, window[None, None], seen.detach(), scale=SCALE), out)


@pytest.mark.parametrize("size", [1.0, 30.0])
def test_bf16_autocast_runs_and_stays_finite(size):
    inputs = [part.bfloat16().requires_grad_() for part in parts(size=size)]
    seen = SEEN.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        out = attend(*inputs, None, seen, scale=SCALE)
    assert out.dtype == torch.bfloat16
    out.float().sum().backward()
    assert seen.grad.dtype == torch.float32 and seen.grad.isfinite().all() and seen.grad.any()
    exact = attend(*(part.detach().float() for part in inputs), None, SEEN, scale=SCALE)
    same(out, exact, atol=0.05 * size)


# Pooling


def test_mean_is_over_seen_tokens_only():
    tokens = torch.randn(B, T, D)
    mean = masked_mean(tokens, SEEN)
    for row in range(B):
        same(mean[row], tokens[row][SEEN[row].bool()].mean(0), atol=1e-6)
    other = torch.where(SEEN[..., None] > 0.5, tokens, torch.tensor(float("nan")))
    assert torch.equal(masked_mean(other, SEEN), mean)


def test_mean_of_nothing_is_0():
    seen = torch.zeros(1, T, requires_grad=True)
    mean = masked_mean(torch.randn(1, T, D), seen)
    assert not mean.any()
    mean.sum().backward()
    assert seen.grad.isfinite().all()


def test_gradient_of_the_mean_is_exact_for_seen_tokens_and_the_change_for_absent_ones():
    tokens, seen, weight = torch.randn(B, T, D), SEEN.clone().requires_grad_(), SEEN.clone().requires_grad_()
    direction = torch.randn(B, D)
    mean = masked_mean(tokens, seen)
    (mean * direction).sum().backward()
    ((weight[..., None] * tokens).sum(1) / weight.sum(1, keepdim=True) * direction).sum().backward()
    kept = SEEN.bool()
    same(seen.grad[kept], weight.grad[kept], atol=1e-6, what="seen")
    for row, absent in (~kept).nonzero().tolist():
        back = SEEN.clone()
        back[row, absent] = 1.0
        change = (masked_mean(tokens, back) - mean.detach())[row] @ direction[row]
        same(seen.grad[row, absent], change, atol=1e-5, what=f"absent {absent}")
