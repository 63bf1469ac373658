"""From runs to a checkpoint that is shipped: the median seed, its numbers, its card."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rekd import checkpoints
from rekd.checkpoints import Checkpoint, Info
from rekd.config import TrainConfig
from rekd.data import encode, load_split
from rekd.files import write_json
from rekd.training.card import model_card
from rekd.training.evaluate import honest_reference, leave_one_out_masks
from rekd.training.fit import publish
from rekd.training.report import best_device, evaluate_checkpoint
from rekd.types import Split
from rekd.units import mark

EVALUATION = "evaluation.json"
REFERENCE_ROWS = 2000


def promote(
    runs: Sequence[Path],
    target: Path,
    role: str,
    *,
    reference: float | None = None,
    notes: Sequence[str] = (),
    device: str | None = None,
) -> Info:
    """Publish the median of several runs by test accuracy (`headline`) at `target`.

    Args:
        runs: run folders that differ in their seed. reference: mask-only accuracy of honest masks (`mask_reference`).

    Returns:
        the published checkpoint's information; its metrics.json holds all seeds.

    Raises:
        ValueError: runs that differ in more than the seed.
    """
    reports = [_report(run, reference, device) for run in runs]
    settings = [checkpoints.read_info(run / "checkpoint").training for run in runs]
    _same_but_for_seed(runs, settings)
    scores = [headline(report) for report in reports]
    chosen = int(np.argsort(scores, kind="stable")[(len(runs) - 1) // 2])
    seeds = [
        {
            "seed": setting["seed"],
            "accuracy": score,
            "swap": report.get("leaks", {}).get("swap"),
            "shipped": n == chosen,
        }
        for n, (setting, score, report) in enumerate(zip(settings, scores, reports, strict=True))
    ]
    reports[chosen]["checkpoint"] = target.name
    metrics = {**reports[chosen], "seeds": seeds, "mask_reference": reference}
    source = runs[chosen] / "checkpoint"
    _bring_words(source, target)
    publish(source, target, role, metrics, "")
    info = checkpoints.read_info(target)
    return publish(target, target, role, metrics, model_card(info, metrics, notes))


def headline(report: dict[str, Any]) -> float:
    """The one accuracy that a kind of model is compared by: top-k, whole input of cls, random masks of random."""
    if "rules" in report:
        return report["rules"]["top-k"]["accuracy"]
    return report["random" if report.get("kind") == "random" else "whole_input"]["accuracy"]


def _report(run: Path, reference: float | None, device: str | None) -> dict[str, Any]:
    """A run's evaluation on its whole test split, measured unless it was."""
    path = run / EVALUATION
    if path.is_file():
        report = json.loads(path.read_text(encoding="utf-8"))
    else:
        options = Namespace(
            task=None, split="test", limit=None, draws=10, seed=0, out=None, rule="top-k", device=device
        )
        report = evaluate_checkpoint(str(run / "checkpoint"), options)
        write_json(path, report)
    if "leaks" in report:
        report["leaks"]["mask_reference"] = reference
    return report


def _same_but_for_seed(runs: Sequence[Path], settings: Sequence[dict[str, Any]]) -> None:
    free = {"seed", "best_step", "steps_done"}
    defaults = {field.name: field.default for field in fields(TrainConfig)}  # a run may be older than a field
    first, *others = ({**defaults, **setting} for setting in settings)
    for run, setting in zip(runs[1:], others, strict=True):
        differing = sorted(k for k in setting if k not in free and setting[k] != first.get(k))
        if differing:
            raise ValueError(
                f"{run} differs from {runs[0]} in {', '.join(differing)}; a median is taken over seeds alone"
            )


def _bring_words(source: Path, target: Path) -> None:
    """Copy the shared word table beside the target unless it is there."""
    import shutil

    name = checkpoints.read_info(source).config.words
    if name and not (target.parent / name / "words.safetensors").is_file():
        shutil.copytree(checkpoints.words_folder(source, name), target.parent / name)


def mask_reference(task: str, judge: Checkpoint | None = None, rows: int = REFERENCE_ROWS) -> float:
    """Mask-only accuracy of honest masks: planted ones where the task has them, else the judge's attributions.

    Args:
        judge: the CLS model whose leave-one-out top-k masks on `rows` examples of dev and of test are taken.

    Raises:
        ValueError: the task has no planted masks and no judge was given.
    """
    splits = {name: _some(load_split(task, name), rows) for name in ("dev", "test")}
    planted = splits["test"].evidence is not None and splits["test"].modality == "image"
    if judge is None:
        raise ValueError(
            f"{task} needs a judge's reader and, without planted masks, its attributions; name its cls checkpoint"
        )
    found = {}
    for name, split in splits.items():
        data = encode(split, judge.reader).to(next(judge.model.parameters()).device)
        order = np.arange(len(split))
        masks = _planted(split, judge) if planted else leave_one_out_masks(judge.model, data, order)
        found[name] = (masks, order, data)
    return honest_reference(found, splits["test"].modality)


def _some(split: Split, rows: int) -> Split:
    return split.take(np.sort(np.random.default_rng(0).permutation(len(split))[:rows]))


def _planted(split: Split, judge: Checkpoint) -> torch.Tensor:
    return torch.tensor([mark(judge.reader.units, split[row].evidence) for row in range(len(split))])


def promote_command(arguments: Namespace) -> int:
    """`python -m rekd promote`."""
    info = checkpoints.read_info(arguments.runs[0] / "checkpoint")
    device, reference = arguments.device or best_device(), arguments.reference
    if arguments.judge and reference is None:
        reference = mask_reference(info.task, checkpoints.load(arguments.judge, device))
    target = (arguments.to or checkpoints.shipped()) / arguments.name
    role = arguments.role or info.role
    published = promote(arguments.runs, target, role, reference=reference, notes=arguments.note, device=device)
    print(f"{published.folder}: {published.bytes / 1e6:.1f} MB, accuracy {headline(published.metrics):.3f}")
    return 0
