"""Linear layers whose bias gets its gradient from a product: half the time of PyTorch's sum over rows on a GPU."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Linear(nn.Linear):
    """A linear layer with the gradients of `linear`."""

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)


def sum_by_products(module: nn.Module) -> None:
    """Have the linear layers of a module be ours; parameters, names and numbers stay."""
    for layer in module.modules():
        if type(layer) is nn.Linear:
            layer.__class__ = Linear


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x W' + b, (..., I), (O, I), (O) -> (..., O)."""
    return Summed.apply(x, weight, bias) if by_product(x, weight, bias) else F.linear(x, weight, bias)


def by_product(x: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Whether its bias gets its gradient so: in bfloat16 on a GPU, and not where it is compiled, for the compiler joins
    that sum with what comes before it."""
    half = x.is_cuda and x.dtype == weight.dtype == torch.bfloat16
    return half and bias is not None and bias.requires_grad and not torch.compiler.is_compiling()


class Summed(torch.autograd.Function):
    """`F.linear` whose backward pass multiplies the gradient by a row of ones, where PyTorch adds up its rows."""

    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        return F.linear(x, weight, bias)

    @staticmethod
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        rows, for_x, for_weight = gradient.flatten(0, -2), None, None
        if ctx.needs_input_grad[0]:
            for_x = (rows @ weight).view(x.shape)
        if ctx.needs_input_grad[1]:
            for_weight = rows.mT @ x.flatten(0, -2)
        return for_x, for_weight, (rows.new_ones(1, len(rows)) @ rows)[0]
