"""Attributions as explanations: a score a unit from a method of Captum's, cut to one budget, and what it took.

The explained function is the logit of one class from the whole input. Methods change nothing on the model and share no
state (see `methods`), so threads may attribute on one model at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import torch
from psutil import Process

from rekd.config import choose
from rekd.explanations.methods import METHODS, Subject, top
from rekd.imports import uncollected
from rekd.masks import budget
from rekd.types import Explanation, Prediction
from rekd.units import Reading

__all__ = ["METHODS", "attribute"]


def attribute(
    method: str,
    name: str,
    model,
    reading: Reading,
    *,
    rate: float,
    target: int | None = None,
    k: int | None = None,
    seed: int = 0,
) -> Explanation:
    """Attribute a model's logit to the units of one input and mark the k largest signed scores.

    Args:
        method: a name in METHODS. name: what the model is called. model: a RationaleModel in eval mode; of a model that
        selects, its predictor with every unit visible is explained. reading: of one example by that model's reader.
        rate: gives k = budget(N, rate) where k is None. target: the class, None for the predicted one.

    Returns:
        Explanation: scores (N,) in logits; details with baseline, n, explained, seconds, peak_memory_mb and memory
        (what that counts), and where the method has them convergence_delta, seed and iou_two_seeds.

    Raises:
        ValueError: an unknown method, a reading of several examples, a class or k out of range, a model in train mode.
    """
    choose("method", method, tuple(METHODS))
    subject, prediction = _subject(model, reading, rate, target, k, seed)
    spec = METHODS[method]
    with uncollected():  # before the clock runs: the first method would pay for all
        import_module("captum.attr")
    with _measured(subject.batch.ids.device) as cost:
        scores, details = spec.run(subject)
        scores = scores.cpu()  # waits for the device, so that the seconds are whole
    details |= {"explained": _explained(model, subject.target), **({"seed": seed} if spec.samples else {}), **cost}
    return Explanation(
        method=method,
        model=name,
        units=reading.units[0],
        scores=tuple(scores.tolist()),
        mask=tuple(top(scores, subject.k).tolist()),
        rule="top-k",
        target=subject.target,
        prediction=prediction,
        details=details,
    )


def _subject(model, reading: Reading, rate, target, k, seed) -> tuple[Subject, Prediction]:
    if len(reading.units) != 1:
        raise ValueError(f"the reading holds {len(reading.units)} examples; attribute one at a time")
    if model.training:
        raise ValueError("the model is in train mode, where dropout makes it random; call model.eval() first")
    batch, n = reading.batch.to(next(model.parameters()).device), len(reading.units[0])
    k = budget(n, rate) if k is None else k
    if not 1 <= k <= n:
        raise ValueError(f"k is {k}; it must be between 1 and the {n} units of this input")
    with torch.no_grad():
        prediction = Prediction(tuple(model.predict(batch)[0].double().softmax(0).tolist()))
    target = prediction.label if target is None else target
    if not 0 <= target < len(prediction.probs):
        raise ValueError(f"target is {target}; the model knows classes 0 to {len(prediction.probs) - 1}")
    return Subject(model, batch, n, target, k, seed), prediction


def _explained(model, target: int) -> str:
    every = ", every unit visible" if model.config.selects else ""
    return f"logit of {model.config.classes[target]}{every}"


@contextmanager
def _measured(device: torch.device) -> Iterator[dict[str, Any]]:
    """A dict that holds seconds, peak_memory_mb and memory once the block is left.

    On a CUDA device: what its allocator held beyond the start. Elsewhere: how far the resident memory of the whole
    process rose, looked at every 20 ms; other work of the process counts too, memory that was free already does not.
    """
    out: dict[str, Any] = {"memory": "rise of the process's resident memory"}
    resident, done, seen = Process().memory_info, threading.Event(), [0]

    def watch() -> None:
        while not done.wait(0.02):
            seen[0] = max(seen[0], resident().rss)

    on_gpu, watcher = device.type == "cuda", threading.Thread(target=watch, daemon=True)
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    base = torch.cuda.memory_allocated(device) if on_gpu else resident().rss
    start = time.perf_counter()
    watcher.start()
    try:
        yield out
    finally:
        out["seconds"] = time.perf_counter() - start
        done.set()
        watcher.join()
    peak = max(seen[0], resident().rss)
    if on_gpu:
        peak, out["memory"] = torch.cuda.max_memory_allocated(device), "GPU memory held at once"
    out["peak_memory_mb"] = max(0, peak - base) / 2**20
