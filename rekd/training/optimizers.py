"""The optimisers of a run: AdamW for everything, or Muon for the matrices within the blocks and AdamW for the rest."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Muon, Optimizer
from torch.optim.adamw import adamw

from rekd.config import TrainConfig

MUON_RATE = 3.0
"""Ours: Muon's learning rate as a multiple of AdamW's, after its updates are matched to AdamW's in size.

On digits, a ViT of depth 2 comes to .92 on dev in 600 steps at 3, to .88 at 1, and with AdamW to .91 in 1,150."""
MOMENTS = ("exp_avg", "exp_avg_sq")
"""Running means of a gradient and of its square, as AdamW names them."""
TAKEN = ("lr", "weight_decay", "eps", "amsgrad", "maximize", "fused", "capturable")
"""What AdamW's function takes of a group."""
_WITHIN_BLOCK = re.compile(r"\.(blocks|layers?)\.\d+\.")


def make_optimizer(objective: nn.Module, config: TrainConfig, engine: str = "eager") -> Optimizer:
    """The optimiser that a run asks for; biases, norms and single vectors are not decayed.

    A group's learning rate is the run's times its "scale", 1 where it has none.

    Args:
        engine: of `engine_of`; where steps are captured, parameters will lie in one piece of memory.
    """
    named = {name: p for name, p in objective.named_parameters() if p.requires_grad}
    inner = [name for name in named if config.optimizer == "muon" and _is_inner(name, named[name])]
    rest = [named[name] for name in named if name not in set(inner)]
    outer = _adamw(rest, config, AdamW if engine == "eager" else JoinedAdamW)
    if not inner:
        return outer
    # Update sizes as AdamW's, so that one learning rate and one weight decay suit both: Liu et al., 2025 (Moonlight).
    groups = [{"params": [named[name] for name in inner], "scale": MUON_RATE}]
    values = {"lr": config.learning_rate, "weight_decay": config.weight_decay, "adjust_lr_fn": "match_rms_adamw"}
    if (device := rest[0].device).type == "cuda":
        values["lr"] = torch.tensor(config.learning_rate, device=device)
    return Several([outer, OwnMuon(groups, **values)])


def _is_inner(name: str, parameter: Tensor) -> bool:
    return parameter.ndim == 2 and bool(_WITHIN_BLOCK.search(name))


def _adamw(parameters: Sequence[Tensor], config: TrainConfig, kind: type[AdamW]) -> AdamW:
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    device = parameters[0].device
    if device.type != "cuda":
        return kind(groups, lr=config.learning_rate, fused=device.type == "cpu")
    # Learning rate and count of steps lie on the device: a captured step reads what they are when it is replayed.
    rate = torch.tensor(config.learning_rate, device=device)
    return kind([{**group, "lr": rate.clone()} for group in groups], lr=rate, fused=True, capturable=True)


class JoinedAdamW(AdamW):
    """PyTorch's fused AdamW, which takes matrices that lie side by side for one.

    Its kernel gives each 65,536 numbers of a tensor a block of threads, and each few dozen tensors a launch of their
    own, which leaves a GPU idle between them. The vectors of a network together are less than a block, and stay apart.
    What is kept of a parameter is what AdamW keeps. Those side by side are taken to have moved at the same steps.
    """

    @torch.no_grad()
    def step(self, closure=None) -> None:
        for group in self.param_groups:
            if moved := [p for p in group["params"] if p.grad is not None]:
                self._move(_runs(moved, [p.grad for p in moved]), group)

    def _move(self, runs: list[list[Tensor]], group: Mapping[str, Any]) -> None:
        kept = [self._kept(run) for run in runs]
        columns = [runs, [[p.grad for p in run] for run in runs]]
        columns += [[[state[name] for state in states] for states in kept] for name in MOMENTS]
        joined = [list(map(_as_one, column)) for column in columns]
        beta1, beta2 = group["betas"]
        taken = {name: group[name] for name in TAKEN}
        adamw(*joined, [], [states[0]["step"] for states in kept], beta1=beta1, beta2=beta2, **taken)
        if others := [state["step"] for states in kept for state in states[1:]]:
            torch._foreach_add_(others, 1)

    def _kept(self, run: Sequence[Tensor]) -> list[dict[str, Any]]:
        """What is kept of parameters side by side, moments that lie so too."""
        states = [self.state[p] for p in run]
        for p, state in zip(run, states, strict=True):
            if not state:
                state["step"] = torch.zeros((), device=p.device)
                state |= {name: torch.zeros_like(p) for name in MOMENTS}
        for name in MOMENTS:
            held = [state[name] for state in states]
            if len(_runs(held)) > 1:  # new, or read from a file
                pieces = torch.cat([each.flatten() for each in held]).split([each.numel() for each in held])
                for state, piece, each in zip(states, pieces, held, strict=True):
                    state[name] = piece.view_as(each)
        return states


def _runs(*columns: Sequence[Tensor]) -> list[list[Tensor]]:
    """The first column in stretches of matrices that begin in memory where the one before ends, in all columns."""
    runs: list[list[Tensor]] = []
    for number, each in enumerate(columns[0]):
        if number and all(_touch(*column[number - 1 : number + 1]) for column in columns):
            runs[-1].append(each)
        else:
            runs.append([each])
    return runs


def _touch(first: Tensor, second: Tensor) -> bool:
    one = first.untyped_storage().data_ptr() == second.untyped_storage().data_ptr()
    return one and min(first.ndim, second.ndim) > 1 and first.data_ptr() + first.nbytes == second.data_ptr()


def _as_one(run: Sequence[Tensor]) -> Tensor:
    """Contiguous tensors side by side as one of one axis."""
    return run[0].as_strided((sum(each.numel() for each in run),), (1,))


class OwnMuon(Muon):
    """PyTorch's Muon with its iteration in what the device multiplies fast, and a learning rate that may lie on it.

    bfloat16 on a GPU; float32 on processors, most of which take ten times as long in bfloat16. Always with Nesterov
    momentum and updates matched to AdamW's in size.
    """

    @torch.no_grad()
    def step(self, closure=None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._move(p, p.grad, group)

    def _move(self, p: Tensor, grad: Tensor, group: Mapping[str, Any]) -> None:
        state, momentum = self.state[p], group["momentum"]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(grad)
        buffer = state["momentum_buffer"].lerp_(grad, 1 - momentum)
        kind = torch.bfloat16 if p.device.type == "cuda" else p.dtype
        given = grad.lerp(buffer, momentum).to(kind)
        update = orthogonal(given, group["ns_coefficients"], group["ns_steps"], group["eps"])
        p.mul_(1 - group["lr"] * group["weight_decay"])
        p.sub_(update.to(p.dtype) * (group["lr"] * 0.2 * math.sqrt(max(p.shape))))


def orthogonal(matrix: Tensor, coefficients: Sequence[float], steps: int, eps: float) -> Tensor:
    """Of a matrix's singular values each moved near 1, between .5 and 1.5: the iteration of Jordan et al., 2024 (Muon).

    Args:
        matrix: (m, n), float. coefficients: a, b, c of one step, a X + (b A + c A A) X with A = X X^T.
    """
    a, b, c = coefficients
    x = matrix.T if len(matrix) > matrix.shape[1] else matrix  # the smaller Gram matrix
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if len(matrix) > matrix.shape[1] else x


class Several(Optimizer):
    """Several optimisers, each of parameters of its own, as one."""

    def __init__(self, parts: Iterable[Optimizer]):
        self.parts = tuple(parts)
        super().__init__([p for part in self.parts for group in part.param_groups for p in group["params"]], {})
        self._gather()

    def _gather(self) -> None:
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def step(self, closure=None) -> None:
        for part in self.parts:
            part.step(closure)

    def state_dict(self) -> dict[str, Any]:
        """As if the parameters of all parts were numbered through, the first part's first."""
        state, groups = {}, []
        for part, start in zip(self.parts, self._starts(), strict=True):
            held = part.state_dict()
            state |= {start + number: values for number, values in held["state"].items()}
            groups += [group | {"params": [start + n for n in group["params"]]} for group in held["param_groups"]]
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """The inverse of `state_dict`."""
        groups = list(state_dict["param_groups"])
        for part, start in zip(self.parts, self._starts(), strict=True):
            mine, groups = groups[: len(part.param_groups)], groups[len(part.param_groups) :]
            numbers = {number for group in mine for number in group["params"]}
            state = {n - start: values for n, values in state_dict["state"].items() if n in numbers}
            mine = [group | {"params": [n - start for n in group["params"]]} for group in mine]
            part.load_state_dict({"state": state, "param_groups": mine})
        self._gather()

    def _starts(self) -> list[int]:
        sizes = [sum(len(group["params"]) for group in part.param_groups) for part in self.parts]
        return [0, *accumulate(sizes)][: len(sizes)]
