"""How hard each term of the loss pulls: the norm of its gradient, taken from a graph that is there anyway."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

TERMS = ("task", "rate", "rationale", "prediction")


def term_norms(terms: Mapping[str, Tensor], parameters: Iterable[Tensor]) -> dict[str, Tensor]:
    """Norm of the gradient of each term as it enters the total, weight included; no gradient is stored.

    Args:
        terms: of `Objective.forward`, before its backward pass, total among them.
    """
    parameters = [each for each in parameters if each.requires_grad]
    named = {name: terms[name] for name in TERMS if name in terms}
    # The total is linear in its terms, so its derivatives are their weights, whatever its formula.
    weights = torch.autograd.grad(terms["total"], list(named.values()), retain_graph=True, allow_unused=True)
    return {
        name: _norm(value, weight, parameters) for (name, value), weight in zip(named.items(), weights, strict=True)
    }


def _norm(value: Tensor, weight: Tensor | None, parameters: list[Tensor]) -> Tensor:
    if weight is None:  # a term that is only logged
        return value.detach().new_zeros(())
    parts = torch.autograd.grad(value, parameters, weight, retain_graph=True, allow_unused=True)
    return torch.stack([part.float().norm() for part in parts if part is not None]).norm()
