"""The one training loop, over 🤗 Accelerate: any kind and device, one process or several, exactly resumable."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor

from rekd import masks
from rekd.config import TrainConfig
from rekd.data import batch_indices
from rekd.training.alarms import NOT_FINITE
from rekd.training.board import scalars
from rekd.training.feed import Feed
from rekd.training.gradients import term_norms
from rekd.training.optimizers import make_optimizer
from rekd.training.snapshots import cut_snapshots
from rekd.training.state import Progress, cut_metrics, cut_states, load_state, restore_optimizer, save_state
from rekd.training.stopping import Stopped
from rekd.training.task import Objective

FEWEST_STEPS = 25
"""Steps between evaluations at the least, where a run names no number: dev takes longer than a few steps."""


Tell = Callable[[int, Mapping[str, float]], None]


def silent(step: int, known: Mapping[str, float]) -> None:
    """Say nothing of a run's progress, which stands in its folder."""


class NotFinite(RuntimeError):
    """The loss or its gradient became no number; the run halts and its last good state stands."""


def learning_rate(step: int, config: TrainConfig) -> float:
    """Linear warm-up, then cosine to zero: a pure function of the step."""
    warm = max(1, round(config.warmup * config.steps))
    if step < warm:
        return config.learning_rate * (step + 1) / warm
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, config.steps - warm)))


class Trainer:
    """One run in its folder: metrics.jsonl and state/ are written there.

    Args:
        evaluate: given the step, the model's dev_accuracy under the run's own mask rule and whatever else is measured;
            called every `evaluate_every` steps.
        stop: whether somebody wants the run to stop; asked at every line of metrics.jsonl, of every process.
        at: told the number of steps done. watch: likewise, and whether the run has ended; it must leave no trace in it.
        tell: likewise, and the last values that a person who waits wants to know, by name.
    """

    def __init__(
        self,
        run: Path,
        config: TrainConfig,
        objective: Objective,
        feed: Feed,
        evaluate: Callable[[int], Mapping[str, float]],
        accelerator: Accelerator,
        stop: Callable[[], bool] = lambda: False,
        at: Callable[[int], None] = lambda step: None,
        watch: Callable[[int, bool], None] = lambda step, ended: None,
        tell: Tell = silent,
    ):
        self.run, self.config, self.feed, self.evaluate = run, config, feed, evaluate
        self.stop, self.at, self.watch, self.tell = stop, at, watch, tell
        self.accelerator = accelerator
        self.model = objective.model
        self.optimizer = make_optimizer(objective.to(accelerator.device), config)
        self.objective, self.optimizer = accelerator.prepare(objective, self.optimizer)
        self.progress, self.best = Progress(), self._weights()
        self.pulls: dict[str, Tensor] = {}
        self.dual = torch.zeros((), device=accelerator.device)
        self.every = config.evaluate_every or max(FEWEST_STEPS, config.steps // 20)
        self._resume()

    def _weights(self) -> dict[str, Tensor]:
        return {k: v.detach().cpu().clone() for k, v in self.model.state_dict().items() if not k.startswith("words.")}

    def _resume(self) -> None:
        state = load_state(self.run)
        if state is not None:
            weights, self.best, tensors, groups, self.progress = state
            self.model.load_state_dict(weights, strict=False)  # all but the shared word table, which never changes
            restore_optimizer(self.optimizer, tensors, groups)
            self.dual.fill_(self.progress.dual)
        if self.accelerator.is_main_process:
            cut_metrics(self.run / "metrics.jsonl", self.progress.step)
            cut_snapshots(self.run, self.progress.step)
            cut_states(self.run, self.progress.step)

    def train(self) -> Progress:
        """Run to the last step, or until patience ends; the best weights by dev accuracy are in the model afterwards.

        Raises:
            NotFinite: the loss or its gradient is no number; the last state on disk stands.
            Stopped: somebody wanted it to; the state of this step is on disk, and going on gives the same numbers.
        """
        pending: dict[str, list[Tensor]] = {}
        started, since = time.perf_counter(), self.progress.step
        known = self._best_known()
        self.at(since)
        self.tell(since, known)
        self.watch(since, False)
        while not self.progress.ended(self.config):
            for name, value in self._step(self.progress.step).items():
                pending.setdefault(name, []).append(value)
            self.progress.step += 1
            self.at(self.progress.step)
            self.watch(self.progress.step, False)
            due = self._due(self.progress.step)
            if self.progress.step % self.config.log_every == 0 or due:
                means = {name: float(torch.stack(values).mean()) for name, values in pending.items()}
                self._check(means)
                speed = (self.progress.step - since) * self.config.batch_size / (time.perf_counter() - started)
                self._log({**means, **(self._evaluate() if due else {}), "examples_per_second": speed})
                known = {"loss": means["total"], **self._best_known()}
                self._keep(due)
                pending.clear()
                started, since = time.perf_counter(), self.progress.step
            self.tell(self.progress.step, known)
        self.watch(self.progress.step, True)
        self.model.load_state_dict(self.best, strict=False)
        return self.progress

    def _keep(self, due: bool) -> None:
        """Save the state where it is due, or where somebody wants the run to stop, which it then does."""
        stopped = self._stopped()
        if due or stopped:
            self._save()
        if stopped:
            raise Stopped(f"Stopped at step {self.progress.step:,} of {self.config.steps:,}; its state is saved.")

    def _stopped(self) -> bool:
        """Whether any process was asked to stop while steps are left; never between two lines of metrics.jsonl."""
        wish = torch.tensor(float(self.stop()), device=self.accelerator.device)
        return bool(self.accelerator.reduce(wish, "sum")) and not self.progress.ended(self.config)

    def _due(self, step: int) -> bool:
        return step % self.every == 0 or step == self.config.steps

    def _best_known(self) -> dict[str, float]:
        return {"best dev accuracy": self.progress.best_accuracy} if self.progress.history else {}

    def _step(self, step: int) -> dict[str, Tensor]:
        """One optimiser step; returns the means of its terms over the whole batch, still on the device."""
        config, world = self.config, self.accelerator.num_processes
        self.objective.train()
        rows = batch_indices(self.feed.size, config.batch_size, step, config.seed)[
            self.accelerator.process_index :: world
        ]
        parts = [rows[part :: config.accumulation] for part in range(config.accumulation)]
        batches = [self.feed.batch(part, step, config.seed) for part in parts]
        whole = self._whole_rate(batches, step) if world * config.accumulation > 1 else None
        logged: dict[str, Tensor] = {}
        for number, batch in enumerate(batches):
            self._reseed(step, number)
            sync = number == len(batches) - 1
            with self.accelerator.autocast(), _maybe_no_sync(self.accelerator, self.objective, sync):
                terms = self.objective(batch, step, whole, self.dual)
                if number == 0 and self._due(step + 1):  # of this process's first micro-batch
                    self.pulls = term_norms(terms, self.objective.parameters())
                self.accelerator.backward(terms["total"] / config.accumulation)
            for name, value in terms.items():
                logged[name] = logged.get(name, 0.0) + value.detach() / config.accumulation
        logged["gradient_norm"] = self.accelerator.clip_grad_norm_(self.objective.parameters(), config.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(step, config) * group.get("scale", 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._move_dual(logged.get("r") if whole is None else whole)
        return {name: self.accelerator.reduce(value, "mean") for name, value in logged.items()} if world > 1 else logged

    def _whole_rate(self, batches: list, step: int) -> Tensor | None:
        """R over all micro-batches and processes, from a pass of the generator alone."""
        if self.config.kind not in ("re", "rekd"):
            return None
        objective, rates = self.accelerator.unwrap_model(self.objective), []
        for number, batch in enumerate(batches):
            self._reseed(step, number)
            with torch.no_grad(), self.accelerator.autocast():
                rates.append(objective.rates(batch.student, step))
        return self.accelerator.gather(torch.cat(rates)).mean()

    def _move_dual(self, rate: Tensor | None) -> None:
        if rate is not None and self.config.rate_form == "auto":
            self.dual += self.config.dual_step * (rate - self.config.rate)

    def _reseed(self, step: int, number: int) -> None:
        """Dropout is a function of (seed, step, micro-batch, process), so that a resumed run draws the same."""
        here = torch.tensor([self.accelerator.process_index * self.config.accumulation + number])
        torch.manual_seed(int(masks.uniform(self.config.seed, step, here, 1) * 2**53) & 0x7FFFFFFF)

    def _check(self, means: dict[str, float]) -> None:
        for name, what in (("total", "loss"), ("gradient_norm", "norm of the gradient")):
            if not math.isfinite(means[name]):
                raise NotFinite(
                    f"The {what} {NOT_FINITE} ({means[name]}) at step {self.progress.step}; the run halts, its last "
                    "state stands. Lower the learning rate or raise the last temperature, then start again."
                )

    def _evaluate(self) -> dict[str, float | dict[str, float]]:
        self.objective.eval()
        measured, step = self.evaluate(self.progress.step), self.progress.step
        accuracy = measured["dev_accuracy"]
        better = accuracy > self.progress.best_accuracy
        self.progress.history.append({"step": step, "dev_accuracy": accuracy})
        self.progress.stale = 0 if better else self.progress.stale + 1
        if better:
            self.progress.best_accuracy, self.progress.best_step = accuracy, step
            self.best = self._weights()
        return {**measured, "gradients": {name: float(norm) for name, norm in self.pulls.items()}}

    def _log(self, values: Mapping[str, float | Mapping[str, float]]) -> None:
        if not self.accelerator.is_main_process:
            return
        config, step = self.config, self.progress.step
        line = {"step": step, **values, "learning_rate": learning_rate(step - 1, config), "alpha": config.alpha}
        if config.kind in ("re", "rekd"):
            line["tau"] = masks.temperature(step - 1, config.steps - 1, config.tau_start, config.tau_end)
            line["dual"], line["target_rate"] = float(self.dual), config.rate
        with (self.run / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self.accelerator.log(scalars(line), step=step)

    def _save(self) -> None:
        self.progress.dual = float(self.dual)
        if self.accelerator.is_main_process:
            save_state(self.run, self._weights(), self.best, self.optimizer, self.progress, self.config.keep_states)
        self.accelerator.wait_for_everyone()


def _maybe_no_sync(accelerator: Accelerator, module, sync: bool):
    from contextlib import nullcontext

    return nullcontext() if sync else accelerator.no_sync(module)
