"""How long models take to answer one input on one core, in turns: a slower moment of the machine is everybody's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

import torch

from rekd import checkpoints, masks
from rekd.bench.answers import inputs, ours
from rekd.training.gauges import Clock
from rekd.types import Batch

ROUNDS, TURN = 15, 0.05
"""Turns that each model has, and seconds of a turn; it answers once at the least."""


def way_of(folder: Path) -> str:
    """What a checkpoint's time depends on: its model's configuration. RE and REKD answer alike, as do all CLS, and
    where the cut of masks lies changes nothing of what top-k selects."""
    config = checkpoints.read_info(folder).config
    kind = "re" if config.selects else config.kind
    return json.dumps(replace(config, kind=kind, cut=0.0).to_dict(), sort_keys=True)


def latencies(found: Mapping[str, Path]) -> dict[str, float]:
    """Milliseconds of one answer of each checkpoint: the median over rounds of the median of its turn."""
    with _one_core():
        answers = {name: _answering(folder) for name, folder in found.items()}
        taken = {name: [] for name in answers}
        for _ in range(ROUNDS):
            for name, answer in answers.items():
                taken[name].append(_turn(answer))
    return {name: 1e3 * median(seconds) for name, seconds in taken.items()}


def _turn(answer: Callable[[], object]) -> float:
    """The median of the seconds of an answer, of as many as a turn has time for."""
    answer()  # finds what was cached for it gone, since others answered meanwhile
    taken, clock = [], Clock("cpu")
    while not taken or sum(taken) < TURN:
        taken.append(clock.of(answer))
    return median(taken)


def _answering(folder: Path) -> Callable[[], object]:
    """A checkpoint's answer to one input of its own kind."""
    loaded = checkpoints.load(folder)
    answer, batch = _answer(loaded.model), inputs(loaded, 1)
    return lambda: answer(batch)


def _answer(model) -> Callable[[Batch], object]:
    """How a kind of model answers a batch: from its own masks, from random ones, or from the whole input."""

    def without_generator(batch: Batch):
        mask = None
        if model.config.kind == "random":
            rows = torch.zeros(len(batch), dtype=torch.long)
            mask = masks.random_mask(batch.unit_mask, model.config.rate, 0, 0, rows)
        with torch.inference_mode():
            return model.predict(batch, mask)

    return (lambda batch: ours(model, batch)) if model.config.selects else without_generator


@contextmanager
def _one_core() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
