"""Linear layers whose bias gets its gradient from a product: the numbers of PyTorch's own, and where they are taken."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from rekd.models.linear import Linear, Summed, by_product, linear, sum_by_products


def gradients(way, *given: torch.Tensor) -> list[torch.Tensor | None]:
    """What comes out, and the gradients of what wants one."""
    given = [each.detach().requires_grad_(each.requires_grad) for each in given]
    out = way(*given)
    (out * torch.linspace(-1, 2, out.numel(), dtype=out.dtype, device=out.device).view_as(out)).sum().backward()
    return [out, *(each.grad for each in given)]


def inputs(*shape: int, wanted=(True, True, True)) -> list[torch.Tensor]:
    torch.manual_seed(0)
    given = torch.randn(*shape, 8), torch.randn(5, 8), torch.randn(5)
    return [each.requires_grad_(want) for each, want in zip(given, wanted, strict=True)]


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 1, 3)])
@pytest.mark.parametrize("wanted", [(True, True, True), (False, True, True), (True, False, True)])
def test_numbers_and_gradients_are_pytorchs(shape, wanted):
    given = inputs(*shape, wanted=wanted)
    for ours, plain in zip(gradients(Summed.apply, *given), gradients(F.linear, *given), strict=True):
        assert (ours is None) == (plain is None)
        if ours is not None:
            torch.testing.assert_close(ours, plain, atol=1e-5, rtol=1e-5)


def test_gradients_of_what_lies_in_another_order_are_too():
    given = inputs(2, 3)
    ours, plain = (
        gradients(lambda x, *others, way=way: way(x.mT.contiguous().mT, *others).mT, *given)
        for way in (Summed.apply, F.linear)
    )
    for mine, other in zip(ours, plain, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-5)


def test_the_product_is_taken_in_bfloat16_on_a_gpu_for_a_bias_that_learns():
    half, single = (SimpleNamespace(is_cuda=True, dtype=dtype) for dtype in (torch.bfloat16, torch.float32))
    layer = nn.Linear(8, 5).bfloat16()
    assert by_product(half, layer.weight, layer.bias)
    assert not by_product(single, layer.weight, layer.bias), "under autocast x may be float32"
    assert not by_product(half, layer.weight.float(), layer.bias), "under autocast weights are float32"
    assert not by_product(half, layer.weight, None)
    assert not by_product(half, layer.weight, layer.bias.detach()), "a frozen teacher's"
    assert not by_product(torch.zeros(1, 8, dtype=torch.bfloat16), layer.weight, layer.bias), "on a CPU"


def test_layers_keep_their_names_and_numbers():
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(8, 5), nn.GELU(), nn.Sequential(nn.Linear(5, 2))), torch.randn(3, 8)
    plain, names = model(x), list(model.state_dict())
    sum_by_products(model)
    assert [type(layer) for layer in model.modules()].count(Linear) == 2
    assert list(model.state_dict()) == names and torch.equal(model(x), plain)


@pytest.mark.gpu
def test_on_a_gpu_too_in_bfloat16():
    given = [each.detach().cuda().bfloat16().requires_grad_() for each in inputs(64)]
    exact = gradients(F.linear, *(each.detach().double().requires_grad_() for each in given))
    assert by_product(*given)
    for ours, plain in zip(gradients(linear, *given), exact, strict=True):
        torch.testing.assert_close(ours.double(), plain, atol=2e-2, rtol=2**-6)
