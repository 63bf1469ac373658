"""A transformer's feedforward layer, whose GELU a product on a GPU takes along where no gradient is wanted."""

from __future__ import annotations

import torch
from timm.layers import Mlp
from torch import Tensor, nn

_OWN = torch.library.Library("rekd", "FRAGMENT")  # an operator of our own, which the compiler leaves in one piece
_OWN.define("linear_gelu(Tensor x, Tensor weight, Tensor bias) -> Tensor")


def linear_gelu(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """GELU(x W' + b), (..., I), (O, I), (O) -> (..., O), without gradients.

    On a GPU the GELU is the one by tanh. It is at most 5e-4 from the exact one, as is a value of .2 in bfloat16.
    """
    return LINEAR_GELU(x, weight, bias)


def _with_gelu(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    flat = torch._addmm_activation(bias, x.flatten(0, -2), weight.t(), use_gelu=True)
    return flat.unflatten(0, x.shape[:-1])


def _shaped(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return x.new_empty(*x.shape[:-1], len(weight))


_OWN.impl("linear_gelu", _with_gelu, "CompositeExplicitAutograd")
torch.library.register_fake("rekd::linear_gelu", _shaped, lib=_OWN)
LINEAR_GELU = torch.ops.rekd.linear_gelu


class Feedforward(Mlp):
    """timm's feedforward layer. A frozen teacher's in a captured step is two kernels, for its GELU, which reads and
    writes the widest tensor of the network, took as long as a product. Where its answers are kept it is timm's own."""

    def forward(self, x: Tensor) -> Tensor:
        return self.joined(x) if takes_along(self, x) else super().forward(x)

    def joined(self, x: Tensor) -> Tensor:
        """What `forward` gives outside training, (..., D) -> (..., D)."""
        return self.fc2(self.norm(linear_gelu(x, self.fc1.weight, self.fc1.bias)))


def takes_along(layer: Mlp, x: Tensor) -> bool:
    """Whether the layer's first product takes its activation along for x: in bfloat16 on a GPU, without gradients."""
    half = x.is_cuda and x.dtype == layer.fc1.weight.dtype == torch.bfloat16
    return half and not layer.training and not torch.is_grad_enabled() and joins(layer)


def joins(layer: Mlp) -> bool:
    """Whether the layer's first product could."""
    return type(layer.act) is nn.GELU and isinstance(layer.fc1, nn.Linear) and layer.fc1.bias is not None
