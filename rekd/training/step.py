"""One optimiser step on tensors that stay where they are, which can be called as it is or replayed from a graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from rekd import masks
from rekd.config import TrainConfig
from rekd.data import batch_indices
from rekd.models.backbone import fixed_shapes
from rekd.training.capture import BUCKETS, Graphs, plainly, ready_compiler
from rekd.training.feed import Feed, Shape
from rekd.training.gradients import term_norms
from rekd.training.working import Plain, Working, compile_parts

SEEDS = 256
"""Steps whose seeds are drawn at a time."""


def learning_rate(step: int, config: TrainConfig) -> float:
    """Linear warm-up, then cosine to zero: a pure function of the step."""
    warm = max(1, round(config.warmup * config.steps))
    if step < warm:
        return config.learning_rate * (step + 1) / warm
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, config.steps - warm)))


class Step:
    """Forward, backward, clipping, optimiser and dual weight; called with a step's number, it makes that step.

    Args:
        objective, optimizer: as `accelerator` prepared them, but the objective itself where steps are captured.
        engine: eager, graph or compile, see `engine_of`.
    """

    def __init__(
        self,
        objective: nn.Module,
        optimizer: torch.optim.Optimizer,
        feed: Feed,
        config: TrainConfig,
        accelerator: Accelerator,
        engine: str = "eager",
    ):
        self.objective, self.optimizer, self.feed, self.config = objective, optimizer, feed, config
        self.accelerator, self.graphs = accelerator, None if engine == "eager" else Graphs()
        on_copies = self.graphs and accelerator.mixed_precision == "bf16"
        self.way = Working(objective) if on_copies else Plain(objective, accelerator)
        if engine == "compile":
            ready_compiler().join()
            compile_parts(objective)
        world, device = accelerator.num_processes, accelerator.device
        self.alone = world * config.accumulation == 1
        self.number = torch.zeros((), dtype=torch.int64, device=device)
        self.dual = torch.zeros((), device=device)
        selects = config.kind in ("re", "rekd")
        self.whole = torch.zeros((), device=device) if selects and not self.alone else None
        self.seed = _seeding(device)
        self.index: Tensor | None = None
        self.names: tuple[str, ...] = ()
        self.sums, self.norms = (torch.zeros((), device=device) for _ in range(2))
        self.steps = 0
        self.pulls: dict[str, Tensor] = {}

    def __call__(self, step: int, measured: bool = False) -> None:
        """Make step number `step`; where it is `measured`, the pull of each term is kept in `pulls`."""
        run = self.graphs if self.graphs and not measured else plainly
        if not self.objective.training:
            self.objective.train()
        self.number.fill_(step)
        self._set_rate(learning_rate(step, self.config))
        parts = self._parts(step)
        if self.whole is not None:
            self._measure_rate(run, parts, step)
        for number, rows in enumerate(parts):
            shape = self._load(rows, step, number)
            run(self.learn, shape, number == 0, number == len(parts) - 1, measured and number == 0)
        self.steps += 1

    def means(self) -> dict[str, float]:
        """Means of each term over the steps since the last call, and over all processes; waits for the device."""
        total = torch.cat([self.sums, self.norms[None]]) / self.steps
        if self.accelerator.num_processes > 1:
            total = self.accelerator.reduce(total, "mean")
        self.sums.zero_()
        self.norms.zero_()
        self.steps = 0
        return dict(zip((*self.names, "gradient_norm"), total.tolist(), strict=True))

    def learn(self, shape: Shape, first: bool, last: bool, measured: bool) -> None:
        """Forward and backward of the micro-batch in `index`; with the last one of a step, the optimiser's move."""
        config, pair = self.config, self._pair(shape)
        if first:
            self.way.refresh()
            self._forget_gradients()
        with self._shapes(), self.way.micro_batch(last):
            terms = self.way.terms(pair, self.number, self.whole, self.dual)
            if measured:
                self.pulls = term_norms(terms, self.way.leaves)
            self.way.backward(terms["total"] / config.accumulation if config.accumulation > 1 else terms["total"])
        self.way.hand_over()
        self._add(terms)
        if last:
            self._move(terms.get("r") if self.whole is None else self.whole)

    def count(self, shape: Shape, first: bool) -> None:
        """Add what the masks of the micro-batch in `index` select to the rate of the whole batch."""
        if first:
            self.way.refresh()
        with torch.no_grad(), self._shapes(), self.way.micro_batch(True):
            self.whole += self.way.rates(self._pair(shape).student, self.number).mean() / self.config.accumulation

    def _move(self, rate: Tensor | None) -> None:
        self.norms.add_(self.way.clip(self.config.clip))
        self.optimizer.step()
        self._forget_gradients()
        if rate is not None and self.config.rate_form == "auto":
            self.dual.add_(rate.detach() - self.config.rate, alpha=self.config.dual_step)

    def _forget_gradients(self) -> None:
        """Those of several micro-batches meet in one place, which graphs must find again."""
        self.optimizer.zero_grad(set_to_none=self.config.accumulation == 1)

    def _measure_rate(self, run: Callable, parts: list[np.ndarray], step: int) -> None:
        """R over all micro-batches and processes, from a pass of the generator alone."""
        self.whole.zero_()
        for number, rows in enumerate(parts):
            run(self.count, self._load(rows, step, number), number == 0)
        if self.accelerator.num_processes > 1:
            self.whole.copy_(self.accelerator.reduce(self.whole, "mean"))

    def _shapes(self):
        return fixed_shapes() if self.graphs else nullcontext()

    def _pair(self, shape: Shape):
        return self.feed.gather(self.index, shape, self.number, self.config.seed)

    def _parts(self, step: int) -> list[np.ndarray]:
        """The rows of this process's micro-batches."""
        config, world = self.config, self.accelerator.num_processes
        rows = batch_indices(self.feed.size, config.batch_size, step, config.seed)
        mine = rows[self.accelerator.process_index :: world]
        return [mine[part :: config.accumulation] for part in range(config.accumulation)]

    def _load(self, rows: np.ndarray, step: int, number: int) -> Shape:
        """Set what a micro-batch depends on: its rows, and the random state for its dropout."""
        self._reseed(step, number)
        given, device = torch.from_numpy(rows), self.accelerator.device
        if self.index is None:
            self.index = given.to(device, copy=True)
        else:
            pinned = given.pin_memory() if device.type == "cuda" else given
            self.index.copy_(pinned, non_blocking=True)
        return self.feed.shape(rows, BUCKETS if self.graphs else 0)

    def _reseed(self, step: int, number: int) -> None:
        """Dropout is a function of (seed, step, micro-batch, process), so that a resumed run draws the same."""
        here = self.accelerator.process_index * self.config.accumulation + number
        self.seed(_seeds(self.config.seed, step // SEEDS, here)[step % SEEDS])

    def _set_rate(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            value = rate * group.get("scale", 1.0)
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(value)
            else:
                group["lr"] = value

    def _add(self, terms: Mapping[str, Tensor]) -> None:
        if not self.names:
            self.names, self.sums = tuple(terms), self.sums.new_zeros(len(terms))
        values = torch.stack([terms[name].detach() for name in self.names])
        self.sums.add_(values, alpha=1 / self.config.accumulation)


def _seeding(device: torch.device) -> Callable[[int], Any]:
    """What seeds the numbers that dropout draws there, and no others: `torch.manual_seed` looks for all devices."""
    if device.type == "cuda":
        return torch.cuda.default_generators[device.index or 0].manual_seed
    return {"cpu": torch.default_generator.manual_seed}.get(device.type, torch.manual_seed)


@lru_cache(maxsize=64)
def _seeds(seed: int, stretch: int, number: int) -> list[int]:
    """Seeds of the steps of a stretch, 0 to 2^31 - 1."""
    steps = torch.arange(stretch * SEEDS, (stretch + 1) * SEEDS)
    drawn = masks.uniform(seed, steps, torch.full_like(steps, number), 1)[:, 0]
    return [int(value * 2**53) & 0x7FFFFFFF for value in drawn.tolist()]
