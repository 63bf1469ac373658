"""Products that take their GELU along: numbers, gradients where they are wanted, and one operator for the compiler."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from timm.layers import Mlp
from torch import nn

from rekd.models.feedforward import Feedforward, joins, linear_gelu, takes_along


def inputs(*shape: int) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(0)
    return torch.randn(*shape, 8), torch.randn(5, 8), torch.randn(5)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 1, 3)])
def test_a_product_with_its_gelu_is_within_rounding_of_the_two(shape):
    given = inputs(*shape)
    torch.testing.assert_close(linear_gelu(*given), F.gelu(F.linear(*given)), atol=5e-4, rtol=0)


@pytest.mark.parametrize("norm", [None, nn.LayerNorm])
def test_a_feedforward_layer_of_two_products_is_timms(norm):
    torch.manual_seed(0)
    layer, x = Mlp(8, 16, drop=0.5, norm_layer=norm).eval(), torch.randn(2, 3, 8)
    with torch.no_grad():
        plain = layer(x)
        layer.__class__ = Feedforward
        assert torch.equal(layer(x), plain), "on a CPU it is timm's own"
        torch.testing.assert_close(layer.joined(x), plain, atol=5e-4, rtol=0)


@pytest.mark.parametrize("other", [{"act_layer": nn.ReLU}, {"bias": False}, {"use_conv": True}])
def test_a_layer_of_another_kind_is_left_to_timm(other):
    assert joins(Mlp(8, 16)) and not joins(Mlp(8, 16, **other))


def test_it_is_taken_along_in_bfloat16_on_a_gpu_without_gradients_alone():
    layer = Feedforward(8, 16).bfloat16().eval()
    half, single = (SimpleNamespace(is_cuda=True, dtype=dtype) for dtype in (torch.bfloat16, torch.float32))
    assert not takes_along(layer, half), "with gradients"
    with torch.no_grad():
        assert takes_along(layer, half)
        assert not takes_along(layer, single) and not takes_along(layer, torch.zeros(1, dtype=torch.bfloat16))
        assert not takes_along(Feedforward(8, 16).eval(), half), "under autocast weights are float32"
        assert not takes_along(layer.train(), half)


def test_the_compiler_keeps_the_product_in_one_piece():
    graphs, given = [], inputs(2, 3)

    def seen(graph, _):
        graphs.append([str(node.target) for node in graph.graph.nodes if node.op == "call_function"])
        return graph

    with torch.no_grad():
        out = torch.compile(lambda *each: linear_gelu(*each) + 1, backend=seen, fullgraph=True)(*given)
        assert torch.equal(out, linear_gelu(*given) + 1)
    assert "rekd.linear_gelu" in graphs[0][0]


@pytest.mark.gpu
def test_on_a_gpu_too_in_bfloat16():
    given = [each.cuda().bfloat16() for each in inputs(64)]
    exact = F.gelu(F.linear(*(each.double() for each in given)))
    torch.testing.assert_close(linear_gelu(*given).double(), exact, atol=2e-3, rtol=2**-7)
