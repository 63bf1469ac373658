"""Results made by hand, with every part that a measured one has: what tests of statistics, tables and pages read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from rekd.config import TrainConfig
from rekd.data import TASKS
from rekd.results.protocol import find_rows
from rekd.results.record import Result, write_results
from rekd.results.row import FIRST, Row
from rekd.training.setup import resolve

PARAMETERS = {"imdb": 7_495_299, "cifar10": 310_410, "cifar100": 311_700}
OWN = TrainConfig("imdb", "re", backbone_args={"layers": [0]}, steps=500, learning_rate=1e-4)
"""The configuration of an own run, one of no row of the protocol."""


def made(
    row: str = "imdb-2-layers-re",
    seed: int = 2026,
    accuracy: float = 0.88,
    rate: float = 0.1,
    honest: bool = True,
    **more: Any,
) -> Result:
    """One measured run.

    Args:
        row: of the protocol; "" makes an own run. accuracy: on test, under top-k of kinds that select. rate: realised
            under top-k. honest: whether its masks keep the bound of the swap; of re and rekd alone. more: fields of
            `Result` in place of those made here; `config` may be a `TrainConfig`.
    """
    config = resolve(more.pop("config", None) or (_config(row, seed) if row else replace(OWN, seed=seed)))
    kind = "kd" if config.kind == "cls" and config.teacher else config.kind
    fields: dict[str, Any] = {
        "row": row,
        "name": f"{row or 'own'}-seed-{seed}",
        "config": json.loads(json.dumps(config.to_dict())),
        "hash": hash_of(row, seed),
        "teacher_hash": _teacher_hash(row, seed) if config.teacher else "",
        "parameters": PARAMETERS.get(config.task, 100_000),
        "bytes": 2 * PARAMETERS.get(config.task, 100_000),
        "report": report(config, kind, accuracy, rate, honest),
        "curve": curve(config, accuracy, rate),
        "best_step": config.steps * 3 // 4,
        "seconds": 120.0,
        "device": "cuda:0",
        "versions": {"python": "3.12.3", "torch": "2.11.0"},
        "cpu_ms": 4.2,
        "habits": habits(config) if config.kind in ("re", "rekd") else {},
    }
    return Result(**fields | more)


def hash_of(row: str, seed: int) -> str:
    """The hash of the weights of a row's run."""
    return hashlib.sha256(f"{row}/{seed}".encode()).hexdigest()[:16]


def _row(name: str) -> Row:
    return next(row for row in find_rows([name]) if row.name == name)


def _source(row: Row, field: str, seed: int) -> tuple[str, int]:
    """The row and seed of the run that another learns from."""
    name, which = row.learns[field]
    return name, _row(name).seeds[0] if which == FIRST else seed


def _config(name: str, seed: int) -> TrainConfig:
    row = _row(name)
    sources = {field: "runs/{}-seed-{}/checkpoint".format(*_source(row, field, seed)) for field in row.learns}
    return row.config(seed, sources, stop_at=0.75 if row.half_way else 0.0)


def _teacher_hash(name: str, seed: int) -> str:
    return hash_of(*_source(_row(name), "teacher", seed)) if name else "0123456789abcdef"


def report(config: TrainConfig, kind: str, accuracy: float, rate: float, honest: bool) -> Mapping[str, Any]:
    """What `rekd.training.evaluate.evaluate` says of a model, with the head that `evaluate_checkpoint` adds."""
    classes = TASKS[config.task].classes
    chance = 1 / len(classes)
    out: dict[str, Any] = {"kind": config.kind, "task": config.task, "split": "test", "examples": 10_000, "seed": 0}
    out |= {"target_rate": config.rate, "whole_input": {"accuracy": min(accuracy + 0.01, 1.0)}}
    out["random"] = {"accuracy": (accuracy + chance) / 2, "seed": 0}
    if kind in ("cls", "kd"):
        return out | {"whole_input": {"accuracy": accuracy}}
    if kind == "random":
        return out | {"random": {"accuracy": accuracy, "seed": 0, "rate": rate}}
    given = {"threshold": (-0.004, 0.9), "calibrated": (-0.001, 1.01), "top-k": (0.0, 1.0), "sampled": (-0.006, 0.97)}
    out["rules"] = {
        rule: {"accuracy": accuracy + less, "rate": rate * times, "rate_sd": 0.02, "repaired": 0.001}
        for rule, (less, times) in given.items()
    }
    out["rules"]["sampled"] |= {"accuracy_sd": 0.001, "draws": 10}
    out["leaks"] = {
        "rule": "calibrated",
        "classes": list(classes),
        "examples": 10_000,
        "count": chance + (0.01 if honest else 0.4),
        "mask_only": chance + (0.02 if honest else 0.5),
        "swap": 0.004 if honest else 0.41,
        "rates": (rate * np.linspace(0.95, 1.05, len(classes))).tolist(),
        "empty": [0.0] * len(classes),
        "mask_reference": None,
        "honest": honest,
    }
    return out


def curve(config: TrainConfig, accuracy: float, rate: float) -> tuple[tuple[int, float, float | None], ...]:
    """Eight evaluations that rise to about the accuracy."""
    selects = config.kind in ("re", "rekd")
    steps = [config.steps * part // 8 for part in range(1, 9)]
    return tuple(
        (step, accuracy * (1 - 0.4 / part), rate * (1 + 1 / part) if selects else None)
        for part, step in enumerate(steps, 1)
    )


def habits(config: TrainConfig) -> dict[str, float]:
    """What share of the selected and of all units is of which sort, and how certain the gates are.

    Other seeds' differ a little.
    """
    sorts = {"punctuation": (0.03, 0.13), "stop words": (0.11, 0.42)} if TASKS[config.task].modality == "text" else {}
    more = (config.seed - 2026) % 3 / 500
    out = {"certainty": 0.93 + more}
    for sort, (selected, every) in (sorts or {"border": (0.31, 0.44)}).items():
        out |= {f"selected_{sort}": selected + more, f"all_{sort}": every}
    return out


LEVELS = {
    "imdb-teacher-cls": (0.902, 5),
    "imdb-teacher": (0.893, 5),
    "imdb-2-layers-cls": (0.872, 10),
    "imdb-2-layers-kd": (0.880, 7),
    "imdb-2-layers-random": (0.689, 10),
    "imdb-2-layers-re": (0.867, 10),
    "imdb-2-layers-rekd": (0.893, 10),
    "imdb-2-layers-rekd-alpha-0": (0.884, 5),
    "imdb-2-layers-rekd-prediction-only": (0.886, 4),
    "imdb-2-layers-re-rate-5": (0.842, 5),
    "imdb-2-layers-rekd-rate-5": (0.871, 5),
    "cifar10-teacher-cls": (0.861, 5),
    "cifar10-teacher": (0.812, 5),
    "cifar10-teacher-leaky": (0.93, 1),
    "cifar10-64x3-cls": (0.732, 10),
    "cifar10-64x3-kd": (0.747, 10),
    "cifar10-64x3-random": (0.512, 10),
    "cifar10-64x3-re": (0.588, 10),
    "cifar10-64x3-rekd": (0.654, 10),
    "cifar10-64x3-rekd-leaky-teacher": (0.77, 5),
}
"""Row -> mean accuracy and how many of its seeds are done."""
LEAKY = {("imdb-2-layers-re", 2029), ("cifar10-teacher-leaky", 2026)} | {
    ("cifar10-64x3-rekd-leaky-teacher", seed) for seed in range(2026, 2030)
}


def some() -> list[Result]:
    """The headline rows of IMDB and CIFAR-10 with ten seeds each (one with seven), teachers, ablations, a rate of 5 %,
    leaky runs of a teacher, of its students and of one RE, and two own runs."""
    found = [_one(name, seed, level) for name, (level, done) in LEVELS.items() for seed in _row(name).seeds[:done]]
    return [*found, made("", 1, 0.84), made("", 2, 0.846)]


@cache
def written() -> bytes:
    """A file of them; to press it takes half a second, so it is done once."""
    with TemporaryDirectory() as folder:
        write_results(path := Path(folder) / "results.parquet", some())
        return path.read_bytes()


def _one(name: str, seed: int, level: float) -> Result:
    drawn = np.random.default_rng(int(hash_of(name, seed), 16)).normal(0, 0.006, 2).tolist()
    rate = _config(name, seed).rate or TASKS[_row(name).task].rate
    honest = (name, seed) not in LEAKY
    return made(name, seed, round(level + drawn[0], 4), round(rate * (1 + drawn[1]), 4), honest)
