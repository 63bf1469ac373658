"""How a step computes: the parameters themselves under autocast, or bfloat16 working copies of them."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.func import functional_call

from rekd.training.task import Objective, Teacher

SHARP = ("selector.",)
"""Parts of the names of parameters that stay float32: selection logits meet noise and a threshold."""


class Plain:
    """Forward and backward with the parameters themselves, under accelerate's autocast; any device, any processes."""

    def __init__(self, objective: nn.Module, accelerator: Accelerator):
        self.objective, self.accelerator = objective, accelerator
        self.leaves = [p for p in objective.parameters() if p.requires_grad]

    @contextmanager
    def micro_batch(self, last: bool) -> Iterator[None]:
        """Around forward and backward of a micro-batch; the last one of a step brings the processes together."""
        with self.accelerator.autocast(), nullcontext() if last else self.accelerator.no_sync(self.objective):
            yield

    def terms(self, *arguments) -> dict[str, Tensor]:
        return self.objective(*arguments)

    def backward(self, loss: Tensor) -> None:
        self.accelerator.backward(loss)

    def rates(self, *arguments) -> Tensor:
        return self.accelerator.unwrap_model(self.objective).rates(*arguments)

    def refresh(self) -> None:
        """Before a step's first micro-batch."""

    def hand_over(self) -> None:
        """Leave the gradients of a micro-batch where the optimiser looks for them."""

    def clip(self, most: float) -> Tensor:
        """Shorten a step's gradient to the norm `most` where it is longer, and say its norm."""
        return self.accelerator.clip_grad_norm_(self.objective.parameters(), most)


class Working:
    """Forward and backward with bfloat16 copies of the parameters, which stay float32 for the optimiser.

    Parameters, gradients and copies lie in one piece of memory each, so that one kernel casts them all where autocast
    casts them one by one; hidden states stay bfloat16 throughout. For one process, on a GPU. The teacher's own copy is
    bfloat16 too.
    """

    def __init__(self, objective: Objective):
        self.objective, self.counting = objective, _Rates(objective)
        named = {name: p for name, p in objective.named_parameters() if p.requires_grad}
        sharp = {name: p for name, p in named.items() if any(part in name for part in SHARP)}
        # Sizes that are no multiple of 64 come last: what lies behind them is not aligned, and slow to multiply.
        # Matrices lie side by side, for the optimiser takes them as one.
        shapes = {name: (p.numel() % 64 > 0, p.ndim < 2) for name, p in named.items() if name not in sharp}
        order = sorted(shapes, key=shapes.__getitem__)
        self.masters = [named[name] for name in order]
        self.flat = _in_one_piece(self.masters)
        self.low = self.flat.to(torch.bfloat16)
        self.lows = [part.requires_grad_() for part in _parts(self.low, self.masters)]
        self.copies, self.sharp = dict(zip(order, self.lows, strict=True)) | sharp, list(sharp.values())
        self.leaves = list(self.copies.values())
        self.given = torch.empty(0)
        if (words := objective.model.words) is not None:
            self.copies["model.words.rows"] = words.unpacked(torch.bfloat16).rows
        if objective.teacher is not None:
            objective.teach_by(Teacher(_halved(objective.teacher)))

    def micro_batch(self, last: bool):
        return nullcontext()

    def terms(self, *arguments) -> dict[str, Tensor]:
        for low in self.lows:  # handed over, or of a capture that broke off
            low.grad = None
        return functional_call(self.objective, self.copies, arguments)

    def backward(self, loss: Tensor) -> None:
        loss.backward()  # bfloat16 needs no scale

    def rates(self, *arguments) -> Tensor:
        return functional_call(self.counting, {f"objective.{k}": v for k, v in self.copies.items()}, arguments)

    @torch.no_grad()
    def refresh(self) -> None:
        self.low.copy_(self.flat)

    @torch.no_grad()
    def hand_over(self) -> None:
        given = torch.empty_like(self.flat)
        parts = _parts(given, self.masters)
        torch._foreach_copy_(parts, [torch.zeros_like(low) if low.grad is None else low.grad for low in self.lows])
        if any(master.grad is not None for master in self.masters):
            self.given += given
            return
        self.given = given
        for master, low, part in zip(self.masters, self.lows, parts, strict=True):
            master.grad = None if low.grad is None else part

    @torch.no_grad()
    def clip(self, most: float) -> Tensor:
        gradients = [self.given, *(p.grad for p in self.sharp if p.grad is not None)]
        norm = nn.utils.get_total_norm(gradients)
        torch._foreach_div_(gradients, (norm / most).clamp(min=1.0))
        return norm


def _in_one_piece(parameters: Sequence[Tensor]) -> Tensor:
    """Move parameters into one tensor, of which they then are parts."""
    flat = torch.cat([p.detach().flatten() for p in parameters])
    for parameter, part in zip(parameters, _parts(flat, parameters), strict=True):
        parameter.data = part
    return flat


def _parts(flat: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """A flat tensor as parts of the shapes given."""
    pieces = flat.split([each.numel() for each in like])
    return [piece.view(each.shape) for piece, each in zip(pieces, like, strict=True)]


class _Rates(nn.Module):
    """An objective's `rates` as the forward pass of a module."""

    def __init__(self, objective: Objective):
        super().__init__()
        self.objective = objective

    def forward(self, *arguments) -> Tensor:
        return self.objective.rates(*arguments)


def _halved(model: nn.Module) -> nn.Module:
    """A model with its parameters and its word table in bfloat16."""
    out = copy.deepcopy(model, {} if model.words is None else {id(model.words): model.words.unpacked(torch.bfloat16)})
    for name, parameter in out.named_parameters():
        if not any(part in name for part in SHARP):
            parameter.data = parameter.data.to(torch.bfloat16)
    return out


def compile_parts(objective: Objective) -> None:
    """Compile the blocks of an objective's towers, and what lies before them.

    Parts of one shape share their code, so that a deep tower takes no longer than a low one, nor two than one. What
    lies between and behind the towers is left as it is: two seconds for each tenth of a millisecond of a step. What
    can't be compiled here, for want of a C compiler or of Triton, is left as it is with a warning in the log.
    """
    from torch._inductor import config as inductor

    warnings.filterwarnings("ignore", "(?s).*Online softmax is disabled")  # a matter between the compiler's authors
    torch._dynamo.config.suppress_errors = True
    torch._dynamo.config.recompile_limit = 32  # lengths of batches, by towers, by whether a mask is met
    inductor.triton.autotune_pointwise = False  # no other way was faster, and trying them takes 5 s
    inductor.fallback_random = True  # dropout draws what it draws without compiling, and takes no longer
    inductor.pattern_matcher = False  # looks for what is not there, over a second in all
    torch._functorch.config.donated_buffer = False  # the pull of each term goes through one graph several times
    for model in filter(None, (objective.model, objective.teacher)):
        for tower in filter(None, (model.generator, model.predictor)):
            for part in (*tower.before(), *tower.blocks()):
                part.compile(dynamic=False)
