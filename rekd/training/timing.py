"""A few real steps of a run on a slice of its data, timed; see `rekd.training.estimate`."""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil

from rekd.training.estimate import Estimate
from rekd.training.gauges import Clock, forget, free_memory, peak_memory

TRAIN_ROWS, DEV_ROWS = 2048, 256
"""Examples that are read; batches are as large as they will be."""
WARM_UP, STEPS = 3, 12
"""Warm-up: with CUDA graphs two steps as they are, then one that is captured."""
SECONDS = 12.0
"""After which no further step is timed."""
FEWEST = 16
"""Examples of dev that are evaluated at the least."""


def measure(
    training: Mapping[str, Any],
    device: str = "cpu",
    teacher_config: Mapping[str, Any] | None = None,
    first: bool = True,
) -> Estimate:
    """Time a run's steps, evaluation and start; never raises.

    Args:
        training: fields of `TrainConfig`. teacher_config: those of a teacher that does not exist yet.
        first: of this process, so that the device can still be chosen.
    """
    from rekd.training.causes import cause_of

    try:
        if first:
            from rekd.training.turns import choose_device

            choose_device(device)
        return _measure(dict(training), device, teacher_config)
    except Exception as error:  # whatever a backbone, a data set or a device raises is the answer
        return Estimate(fault=cause_of(error))


def _measure(training: dict[str, Any], device: str, teacher_config: Mapping[str, Any] | None) -> Estimate:
    from rekd.config import TrainConfig
    from rekd.training.setup import resolve

    if teacher_config is not None:
        training["teacher"] = "@teacher"
    if str(training.get("start", "")).startswith("@"):
        training["start"] = ""  # other weights, the same work
    config = resolve(TrainConfig.from_dict({**training, "watched": ()}))
    imports = _imported()
    forget(device)
    free, clock = free_memory(device), Clock(device)
    with tempfile.TemporaryDirectory() as folder, peak_memory(device) as peak:
        parts = _prepare(config, Path(folder), device, teacher_config, clock)
        step, save = _steps(parts, clock), clock.of(parts.trainer._save)
        evaluation, more, frame = _evaluation(parts, clock, step)
        sizes, extra = _sizes(parts), _not_read(parts, device)
    rows = parts.rows
    unread = sum(rows.values()) - len(parts.setup.feed.data) - len(parts.setup.dev)
    start = imports + parts.started + parts.reading * max(0, unread)
    whole = evaluation + more * (_limited(config, rows["dev"]) - len(parts.setup.dev))
    times = math.ceil(config.steps / parts.trainer.every)
    seconds = start + config.steps * step + times * (whole + save) + parts.frames * frame + 2 * save + whole
    return Estimate(
        *sizes,
        step_seconds=step,
        evaluation_seconds=whole + save,
        start_seconds=start,
        minutes=seconds / 60,
        memory=int(peak() + extra),
        free=int(free),
        examples=len(parts.setup.feed.data) + len(parts.setup.dev),
    )


@dataclass(frozen=True, eq=False)
class _Parts:
    """A run that stands before its first step. started: seconds that took; reading: of an example, from file to tensor.

    rows: of train and dev, as they will be. frames: times the watched examples are looked at.
    """

    config: Any
    setup: Any
    trainer: Any
    started: float
    reading: float
    rows: Mapping[str, int]
    frames: int


@lru_cache(maxsize=1)
def _imported() -> float:
    """Seconds from the birth of this process until its libraries stand: what every run's own process pays too."""
    import rekd.training.fit  # noqa: F401

    return time.time() - psutil.Process().create_time()


def _prepare(config, run: Path, device: str, teacher_config, clock: Clock) -> _Parts:
    import torch

    from rekd.training.fit import accelerator_for, assemble
    from rekd.training.rows import row_count
    from rekd.training.setup import prepare
    from rekd.training.snapshots import moments

    begun = time.perf_counter()
    accelerator = accelerator_for(replace(config, report_to=""), run, cpu=device == "cpu")
    torch.set_float32_matmul_precision("high")
    teacher = None if teacher_config is None else _stand_in(teacher_config, accelerator.device)
    read = {"train_rows": max(TRAIN_ROWS, config.batch_size), "dev_rows": DEV_ROWS}
    setup = prepare(config, accelerator.device, teacher=teacher, **read)
    started = time.perf_counter() - begun
    rows = {
        split: row_count(config.task, split) or len(data)
        for split, data in (("train", setup.feed.data), ("dev", setup.dev_split))
    }
    with accelerator.autocast():
        started += _asking(setup, rows["train"], clock)
    trainer = assemble(setup, run, accelerator)
    return _Parts(config, setup, trainer, started, _reading(setup, clock), rows, len(moments(config.steps)))


def _asking(setup, rows: int, clock: Clock) -> float:
    """Seconds in which a teacher reads all that it is asked about beforehand; its answers here are blank."""
    import torch

    from rekd.training.kept import Kept, compute, pays

    taught = setup.feed.taught
    if setup.teacher is None or not pays(setup.config, taught, rows):
        return 0.0
    few = taught.take(range(min(FEWEST, len(taught))))
    compute(setup.teacher.model, few)  # kernels are loaded at their first call
    seconds = clock.of(lambda: compute(setup.teacher.model, few)) / len(few)
    classes = len(setup.model.config.classes)
    setup.feed.kept = Kept(torch.zeros(taught.unit_mask.shape), torch.zeros(len(taught), classes)).to(taught.device)
    return rows * seconds


def _reading(setup, clock: Clock) -> float:
    """Seconds of a further example of the data, beyond those that were read."""
    from rekd.data import encode, load_split

    few, more = 8, len(setup.dev_split)
    encoding = clock.of(lambda: encode(setup.dev_split, setup.reader)) / more
    if setup.feed.teacher_data is not None:
        encoding *= 2
    if setup.spec.built_in or more <= 2 * few:  # drawn whole, whatever is asked for
        return encoding
    seconds = [clock.of(lambda rows=rows: load_split(setup.config.task, "dev", rows)) for rows in (few, more)]
    return encoding + max(0.0, seconds[1] - seconds[0]) / (more - few)


def _stand_in(values: Mapping[str, Any], device):
    """A teacher of the size that a run will have, with weights that know nothing."""
    from rekd.checkpoints import Checkpoint, Info
    from rekd.config import TrainConfig
    from rekd.data import TASKS
    from rekd.training.setup import resolve
    from rekd.training.untrained import new_model

    config = resolve(TrainConfig.from_dict({**values, "start": ""}))
    model, reader = new_model(config, TASKS[config.task])
    info = Info("the teacher", Path(), model.config, config.task, "teacher", "", 0, 0)
    return Checkpoint(info, model.to(device).eval().requires_grad_(False), reader)


def _steps(parts: _Parts, clock: Clock) -> float:
    """Seconds of a step: the median of a few, after those that warm up; of very slow ones the first must do."""
    taken: list[float] = []
    begun = time.perf_counter()
    for number in range(WARM_UP + STEPS):
        taken.append(clock.of(lambda number=number: parts.trainer.step(number)))
        spent = time.perf_counter() - begun
        if spent > SECONDS or (number < WARM_UP and 2 * spent > SECONDS):
            break
    return statistics.median(taken[WARM_UP:] or taken[-1:])


def _evaluation(parts: _Parts, clock: Clock, step: float) -> tuple[float, float, float]:
    """Seconds of an evaluation on what was read of dev, of each further example, and of a look at the watched ones.

    Args:
        step: seconds of a training step, from which is guessed how many examples can be afforded.
    """
    from rekd.config import MOST_WATCHED
    from rekd.training.evaluate import own_logits
    from rekd.training.health import PAIRS

    setup, config, watch = parts.setup, parts.config, parts.trainer.watch
    forward = step / (3 * config.batch_size)
    few = setup.dev.take(range(min(len(setup.dev), max(FEWEST, int(SECONDS / 4 / forward)))))
    own_logits(
        setup.model, few.take(range(min(FEWEST, len(few)))), config.seed
    )  # kernels are loaded at their first call
    own = clock.of(lambda: own_logits(setup.model, few, config.seed)) / len(few)
    if own * len(setup.dev) > SECONDS / 4:  # beyond the accuracy it is a swap of masks that takes long
        swapped = PAIRS if setup.model.config.selects else 0
        return own * (len(setup.dev) + swapped / 2), own, own * MOST_WATCHED
    parts.trainer._evaluate()  # once for what only the first of them does
    whole = clock.of(parts.trainer._evaluate)
    return whole, own, clock.of(lambda: watch(config.steps, True))


def _limited(config, rows: int) -> int:
    return min(config.dev_limit or rows, rows)


def _sizes(parts: _Parts) -> tuple[int, int, int]:
    from rekd.training.blueprint import parameters_of

    sizes = parameters_of(parts.setup.model)
    return sizes.generator, sizes.predictor, sizes.words


def _not_read(parts: _Parts, device: str) -> float:
    """Bytes of the data that were left unread, as the run will hold them."""
    from dataclasses import fields

    setup, out = parts.setup, 0.0
    for data, split in ((setup.feed.data, "train"), (setup.feed.teacher_data, "train"), (setup.dev, "dev")):
        if data is not None:
            held = sum(getattr(getattr(data, each.name), "nbytes", 0) for each in fields(data))
            out += held / len(data) * max(0, parts.rows[split] - len(data))
    return out
