"""`python -m rekd bench whole`: how long the paper's whole run on film reviews takes, from data to checkpoint."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rekd.bench.cases import bert
from rekd.bench.page import machine
from rekd.checkpoints import shipped
from rekd.config import TrainConfig
from rekd.data import load_split
from rekd.files import write_json

EPOCHS, REVIEWS, BATCH = 35, 20_000, 32
"""Of the paper's run: passes, reviews of a pass, after each of which dev is read, and reviews of a step."""
MODELS = {"student": bert(4, 256, 4), "teacher": bert(12, 768, 12)}
"""BERT-Mini and BERT-base. Their weights are random: they take as long as trained ones."""


def bench_whole(
    _: str | None, out: Path | None, say: Callable[[str], None] = print, epochs: float | None = None
) -> int:
    """Measure, print the table, and write it as JSON where `out` is given. epochs: None is the paper's.

    Raises:
        DataMissing: the reviews are not here. ValueError: there are too few epochs for a step.
    """
    epochs = EPOCHS if epochs is None else epochs
    steps, every = round(epochs * REVIEWS / BATCH), REVIEWS // BATCH
    if steps < 1:
        raise ValueError(f"--epochs is {epochs:g}, which is no whole step of {BATCH} reviews; give 0.01 or more")
    load_split("imdb", "dev")  # or says how to get it
    say(f"Trains for {steps:,} steps, which takes a large GPU two minutes for 35 epochs, and a processor days.")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, _cache(Path(home) / "cache"):
        measured = _measure(Path(home), steps, min(every, steps))
    import torch

    on = machine(torch.cuda.is_available())
    for line in lines(measured, on):
        say(line)
    if out is not None:
        write_json(out, {"measured": measured, "machine": on})
    return 0


def _measure(home: Path, steps: int, every: int) -> dict[str, float]:
    """Steps, evaluations, seconds of the run and of its steps alone; texts are split into pieces before."""
    from rekd.training.lines import Lines, seconds_of_steps

    _backbones(home)
    about = {"task": "imdb", "batch_size": BATCH}
    _train(home / "taught", kind="re", backbone=str(home / "teacher"), steps=2, dev_limit=2 * BATCH, **about)
    taught = str(home / "taught" / "checkpoint")
    since = time.perf_counter()
    student = {"kind": "rekd", "backbone": str(home / "student"), "teacher": taught}
    _train(home / "run", steps=steps, evaluate_every=every, **student, **about)
    whole = time.perf_counter() - since
    found = Lines(home / "run" / "metrics.jsonl").read()
    read, stepping = sum("dev_accuracy" in line for line in found), seconds_of_steps(found, BATCH)
    return {"steps": steps, "evaluations": read, "seconds": whole, "stepping": stepping}


def _train(run: Path, **values: Any) -> None:
    from rekd.training.fit import fit, start

    fit(start(TrainConfig(**values), run), run)


def _backbones(home: Path) -> None:
    """Folders in the Hub's layout, with the word pieces of the models in the box."""
    import torch
    from transformers import AutoConfig, AutoModel
    from transformers.utils import logging

    from rekd.models.text import tokenizer_from

    logging.disable_progress_bar()
    pieces = tokenizer_from(next(shipped().glob("words-*")))
    for name, arch in MODELS.items():
        torch.manual_seed(0)
        values = arch | {"vocab_size": len(pieces)}
        AutoModel.from_config(AutoConfig.for_model(values.pop("model_type"), **values)).save_pretrained(home / name)
        pieces.save_pretrained(home / name)


@contextmanager
def _cache(folder: Path) -> Iterator[None]:
    """Caches of its own, so that neither a teacher's answers nor compiled kernels are there already."""
    own = {"REKD_CACHE": str(folder), "TORCHINDUCTOR_CACHE_DIR": str(folder / "compiled")}
    before = {name: os.environ[name] for name in own if name in os.environ}
    os.environ |= own
    try:
        yield
    finally:
        for name in own:
            os.environ.pop(name, None)
        os.environ |= before


def lines(measured: dict[str, float], on: dict[str, Any]) -> list[str]:
    """The table as Markdown."""
    whole, stepping = measured["seconds"], measured["stepping"]
    return [
        "| run | steps | evaluations | whole | its steps | all else |",
        "| --- | --- | --- | --- | --- | --- |",
        f"| REKD, IMDB, BERT-Mini from BERT-base, batch {BATCH} | {measured['steps']:,} | {measured['evaluations']} "
        f"| {whole:.1f} s | {stepping:.1f} s | {whole - stepping:.1f} s |",
        "",
        "Its steps: with compiling and capturing. All else: reading texts that were split into pieces before, the "
        "teacher's answers, evaluations, saving.",
        "Measured on: " + ", ".join(f"{key} {value}" for key, value in on.items()) + ".",
    ]
