"""From runs to a checkpoint that is shipped: the median seed, its numbers, its card."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rekd import checkpoints
from rekd.checkpoints import Checkpoint, Info
from rekd.config import INCIDENTAL, TrainConfig
from rekd.data import DataMissing, encode, load_split
from rekd.files import write_json
from rekd.training.card import model_card
from rekd.training.evaluate import honest_reference, leave_one_out_masks
from rekd.training.fit import publish
from rekd.training.habits import measured_habits, noted
from rekd.training.lines import Lines
from rekd.training.promotion import check, telling
from rekd.training.report import check_device, evaluate_checkpoint
from rekd.training.runs import EVALUATION
from rekd.training.status import ACTIVE, Status, standing
from rekd.types import Split
from rekd.units import mark

REFERENCE_ROWS = 2000


def promote(
    runs: Sequence[Path],
    name: str,
    role: str = "",
    *,
    to: Path | None = None,
    reference: float | None = None,
    judge: str | None = None,
    notes: Sequence[str] = (),
    device: str | None = None,
    shipped: bool = False,
) -> Info:
    """Publish the median of several runs by test accuracy (`headline`) as a checkpoint of this name; see `_median`.

    Meanwhile the first run's folder says so, and afterwards how it ended; see `promotion`.

    Args:
        runs: run folders that differ in their seed. role: "" takes that of the runs. to: the folder to publish in;
            None is that of the shipped checkpoints. reference: mask-only accuracy of honest masks. judge: the CLS
            checkpoint to measure it with, where it is None. shipped: it comes with the project, and may be anybody's
            default; else it stands behind those that do.

    Returns:
        the published checkpoint's information; its metrics.json holds all seeds.

    Raises:
        ValueError: a run without a finished checkpoint, runs that differ in more than the seed, a device that is not
            here, or as `promotion.check` says.
    """
    root = to or checkpoints.shipped()
    with telling(runs[0], name) as tell:
        check(name, role, root)
        infos = [_finished(run) for run in runs]
        _same_but_for_seed(infos)
        device = check_device(device)
        reports = _reports(runs, infos[0].task, reference, judge, device)
        chosen = _median([headline(report) for report in reports], infos)
        metrics = _metrics(infos, reports, chosen) | {"habits": _habits(runs[chosen], infos[chosen], device)}
        check(name, role, root)  # another promotion may have taken the name while this one measured
        info = _publish(infos[chosen], metrics, root / name, role, notes, shipped)
        size, score = info.bytes / 1e6, headline(info.metrics)
        tell(f"{info.name} is among the checkpoints: {size:.1f} MB, accuracy {score:.3f} on the test split.")
    return info


def _finished(run: Path) -> Info:
    """The checkpoint that a run left at its end.

    Raises:
        ValueError: it has left none, with how it stands and what to do. CheckpointError: it can't be read.
    """
    if (run / "checkpoint" / "config.json").is_file():
        return checkpoints.read_info(run / "checkpoint")
    status = standing(run) or Status("not begun")
    ways = dict.fromkeys(ACTIVE, "Wait until it is done, and promote it then.")
    again = f"Go on with it: `python -m rekd runs resume {run}`, and promote it when it is done."
    raise ValueError(
        f"{run} has no checkpoint yet, which a run writes when it ends, and it is {status.state}. "
        f"{ways.get(status.state, again)}"
    )


def _reports(runs: Sequence[Path], task: str, reference: float | None, judge: str | None, device: str | None) -> list:
    """An evaluation a run; the leaks are held against `reference`, which `judge` measures where it is None."""
    if judge and reference is None:
        reference = mask_reference(task, checkpoints.load(judge, device))
    return [_report(run, reference, device) for run in runs]


def _metrics(infos: Sequence[Info], reports: Sequence[dict[str, Any]], chosen: int) -> dict[str, Any]:
    """The report of the run that is chosen, with the accuracy and the swap of every seed."""
    seeds = [
        {
            "seed": info.training["seed"],
            "accuracy": headline(report),
            "swap": report.get("leaks", {}).get("swap"),
            "shipped": number == chosen,
        }
        for number, (info, report) in enumerate(zip(infos, reports, strict=True))
    ]
    reference = reports[chosen].get("leaks", {}).get("mask_reference")
    return {**reports[chosen], "seeds": seeds, "mask_reference": reference}


def _publish(
    found: Info, metrics: dict[str, Any], target: Path, role: str, notes: Sequence[str], shipped: bool
) -> Info:
    training = {**found.training, **_teacher(found, target.parent)}
    info = replace(found, name=target.name, role=role or found.role, training=training)
    metrics = {**metrics, "checkpoint": target.name}
    _bring_words(found, target)
    return publish(info, target, metrics, model_card(info, metrics, notes), 0.0 if shipped else time.time())


def _habits(run: Path, info: Info, device: str | None) -> dict[str, float]:
    """What the run noted of the units selected, and the share of stop words where dev is at hand to count them in."""
    found = noted(Lines(run / "metrics.jsonl").read(), info.training.get("best_step", 0))
    with suppress(DataMissing):
        found |= measured_habits(info.folder, device)
    return found


def _teacher(info: Info, root: Path) -> dict[str, str]:
    """The teacher by the name that it has among the checkpoints, {} where it is not there or there was none."""
    taught = info.training.get("teacher_hash")
    name = next((each.name for each in checkpoints.available(root) if taught and each.hash == taught), "")
    return {"teacher": name, "teacher_name": name} if name else {}


def _median(scores: Sequence[float], infos: Sequence[Info]) -> int:
    """Which run is in the middle; of two the lower, or the higher where only that has its weights."""
    order = np.argsort(scores, kind="stable")
    middle = [int(order[place]) for place in ((len(order) - 1) // 2, len(order) // 2)]
    return next((run for run in middle if any(infos[run].folder.glob("model*.safetensors"))), middle[0])


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
        report = evaluate_checkpoint(str(run / "checkpoint"), device=device)
        write_json(path, report)
    if "leaks" in report:
        report["leaks"]["mask_reference"] = reference
    return report


def _same_but_for_seed(infos: Sequence[Info]) -> None:
    free = {*INCIDENTAL, "best_step", "steps_done"}
    defaults = {field.name: field.default for field in fields(TrainConfig)}  # a run may be older than a field
    first, *others = ({**defaults, **info.training} for info in infos)
    for info, setting in zip(infos[1:], others, strict=True):
        differing = sorted(key for key in setting if key not in free and setting[key] != first.get(key))
        if differing:
            raise ValueError(
                f"{info.name} differs from {infos[0].name} in {', '.join(differing)}; "
                "a median is taken over seeds alone"
            )


def _bring_words(info: Info, target: Path) -> None:
    """Copy the shared word table beside the target unless it is there."""
    name = info.config.words
    if name and not (target.parent / name / "words.safetensors").is_file():
        shutil.copytree(checkpoints.words_folder(info.folder, name), target.parent / name)


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
