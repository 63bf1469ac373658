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

from rekd.config import TrainConfig
from rekd.training.alarms import NOT_FINITE
from rekd.training.board import scalars
from rekd.training.capture import engine_of, uncompiled
from rekd.training.feed import Feed
from rekd.training.optimizers import make_optimizer
from rekd.training.snapshots import cut_snapshots
from rekd.training.state import Progress, cut_metrics, cut_states, load_state, restore_optimizer, save_state
from rekd.training.step import Step, learning_rate
from rekd.training.stopping import Stopped
from rekd.training.task import Objective
from rekd.training.terms import temperature

FEWEST_STEPS = 25
"""Steps between evaluations at the least, where a run names no number: dev takes longer than a few steps."""


Tell = Callable[[int, Mapping[str, float]], None]


def silent(step: int, known: Mapping[str, float]) -> None:
    """Say nothing of a run's progress, which stands in its folder."""


class NotFinite(RuntimeError):
    """The loss or its gradient became no number; the run halts and its last good state stands."""


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
        engine = engine_of(config, accelerator)
        self.optimizer = make_optimizer(objective.to(accelerator.device), config, engine)
        # What accelerate wraps round a module, autocast and the meeting of processes, is not for captured steps.
        self.objective = accelerator.prepare(objective) if engine == "eager" else objective
        self.optimizer = accelerator.prepare(self.optimizer)
        self.step = Step(self.objective, self.optimizer, feed, config, accelerator, engine)
        self.progress, self.best = Progress(), self._weights()
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
            self.step.dual.fill_(self.progress.dual)
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
        started, since = time.perf_counter(), self.progress.step
        known = self._best_known()
        self.at(since)
        self.tell(since, known)
        self.watch(since, False)
        while not self.progress.ended(self.config):
            self.step(self.progress.step, measured=self._due(self.progress.step + 1))
            self.progress.step += 1
            self.at(self.progress.step)
            self.watch(self.progress.step, False)
            due = self._due(self.progress.step)
            if self.progress.step % self.config.log_every == 0 or due:
                means = self.step.means()
                self._check(means)
                speed = (self.progress.step - since) * self.config.batch_size / (time.perf_counter() - started)
                self._log({**means, **(self._evaluate() if due else {}), "examples_per_second": speed})
                known = {"loss": means["total"], **self._best_known()}
                self._keep(due)
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
        wish = bool(self.stop())
        if self.accelerator.num_processes > 1:
            wish = bool(self.accelerator.reduce(torch.tensor(float(wish), device=self.accelerator.device), "sum"))
        return wish and not self.progress.ended(self.config)

    def _due(self, step: int) -> bool:
        return step % self.every == 0 or step == self.config.steps

    def _best_known(self) -> dict[str, float]:
        return {"best dev accuracy": self.progress.best_accuracy} if self.progress.history else {}

    def _check(self, means: dict[str, float]) -> None:
        for name, what in (("total", "loss"), ("gradient_norm", "norm of the gradient")):
            if not math.isfinite(means[name]):
                raise NotFinite(
                    f"The {what} {NOT_FINITE} ({means[name]}) at step {self.progress.step}; the run halts, its last "
                    "state stands. Lower the learning rate or raise the last temperature, then start again."
                )

    def _evaluate(self) -> dict[str, float | dict[str, float]]:
        self.objective.eval()
        with uncompiled():
            measured, step = self.evaluate(self.progress.step), self.progress.step
        accuracy = measured["dev_accuracy"]
        best = self.progress.best_accuracy
        self.progress.history.append({"step": step, "dev_accuracy": accuracy})
        self.progress.stale = 0 if accuracy > best else self.progress.stale + 1
        if accuracy >= best:  # of equal steps the later: its temperature was lower, its gates are more decided
            self.progress.best_accuracy, self.progress.best_step = accuracy, step
            self.best = self._weights()
        return {**measured, "gradients": {name: float(norm) for name, norm in self.step.pulls.items()}}

    def _log(self, values: Mapping[str, float | Mapping[str, float]]) -> None:
        if not self.accelerator.is_main_process:
            return
        config, step = self.config, self.progress.step
        line = {"step": step, **values, "learning_rate": learning_rate(step - 1, config), "alpha": config.alpha}
        if config.kind in ("re", "rekd") or config.teacher:
            line["tau"] = temperature(config, step - 1)
        if config.kind in ("re", "rekd"):
            line["dual"], line["target_rate"] = float(self.step.dual), config.rate
        with (self.run / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self.accelerator.log(scalars(line), step=step)

    def _save(self) -> None:
        self.progress.dual = float(self.step.dual)
        if self.accelerator.is_main_process:
            save_state(self.run, self._weights(), self.best, self.optimizer, self.progress, self.config.keep_states)
        self.accelerator.wait_for_everyone()
