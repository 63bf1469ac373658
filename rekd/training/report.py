"""`python -m rekd evaluate`: a checkpoint's numbers on a split, as a table and as rows an example."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rekd import checkpoints, masks
from rekd.checkpoints import Checkpoint
from rekd.config import between, choose
from rekd.data import TASKS, Encoded, encode, load_split
from rekd.files import check_writable, replaced_file
from rekd.training.evaluate import DRAWS, evaluate, label_logits, select_split, selection_logits
from rekd.training.extract import chosen_rows
from rekd.types import MASK_RULES

FEW = 500
"""Test examples below which leak measures are mostly noise: of 500, one half has a standard error of 2.2 points."""


def devices() -> list[str]:
    """Names of the devices here, the fastest first."""
    numbered = [f"cuda:{number}" for number in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return [*(["cuda", *numbered] if numbered else []), *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]


def best_device() -> str:
    """cuda, mps or cpu, whichever is fastest here."""
    return devices()[0]


def check_device(device: str | None) -> str:
    """The device itself, or the best one where none is named.

    Raises:
        ValueError: there is no such device here, with those that are.
    """
    if device and device not in devices():
        raise ValueError(f"--device is {device!r}, and no such device is here; choose from {', '.join(devices())}")
    return device or best_device()


def evaluate_checkpoint(
    source: str,
    *,
    task: str | None = None,
    split: str = "test",
    limit: int | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    device: str | None = None,
    out: Path | None = None,
    rule: str = "top-k",
) -> dict[str, Any]:
    """Load a checkpoint and measure it on a split.

    Args:
        task: the data set; None takes the checkpoint's own. limit: examples of a seeded choice; None takes all.
        out: a Parquet file for one row an example, its mask under `rule`. Others: see `evaluate`.

    Raises:
        ValueError: a number out of its range, a device that is not here, or the task's labels are not the checkpoint's.
        OSError: `out` can't be written. CheckpointError, DataMissing: as they say.
    """
    choose("--rule", rule, MASK_RULES)
    if limit is not None:
        between("--limit", limit, 2, 10**9)  # a spread over examples takes two
    between("--draws", draws, 1, 10**4)
    between("--seed", seed, 0, 2**62)
    if out:
        check_writable("--out", out)
    device = check_device(device)
    torch.backends.cudnn.allow_tf32 = False  # convolutions as exact as on a CPU, so that both print the same digits
    checkpoint = checkpoints.load(source, device)
    info, task = checkpoint.info, task or checkpoint.info.task
    check_labels(checkpoint, task)
    test = _encoded(checkpoint, task, split, limit, device)
    dev = _encoded(checkpoint, task, "dev", limit, device) if "dev" in TASKS[task].splits else None
    reference = info.metrics.get("mask_reference")
    measured = evaluate(checkpoint.model, dev, test, draws=draws, reference=reference, seed=seed)
    if out:
        write_rows(out, checkpoint, test, rule, seed)
    head = {"checkpoint": info.name, "hash": info.hash, "kind": info.config.kind, "task": task, "split": split}
    return {**head, **measured}


def check_labels(checkpoint: Checkpoint, task: str) -> None:
    """Refuse a data set whose classes are not the model's.

    Raises:
        ValueError: see above.
    """
    choose("--task", task, tuple(TASKS))
    classes = checkpoint.info.config.classes
    if tuple(TASKS[task].classes) != classes:
        fitting = ", ".join(name for name, spec in TASKS.items() if tuple(spec.classes) == classes)
        raise ValueError(
            f"{checkpoint.info.name} knows the classes {', '.join(classes)}, which {task} has not; it reads {fitting}"
        )


def _encoded(checkpoint: Checkpoint, task: str, split: str, limit: int | None, device: str) -> Encoded:
    whole = load_split(task, split)
    rows = chosen_rows(len(whole), limit)
    return encode(whole.take(rows), checkpoint.reader, rows).to(device)  # each keeps the noise that it has in the whole


def report_lines(report: dict[str, Any]) -> list[str]:
    """The table that a person reads."""
    lines = [
        "",
        f"{report['checkpoint']} ({report['hash']}) on {report['examples']:,} examples of {report['task']} "
        f"{report['split']}, target rate {report['target_rate']:.1%} of an input's units",
        f"  {'masks':<28}{'accuracy':>9}{'sd':>8}{'rate':>9}{'sd':>8}{'empty':>8}",
    ]
    for rule, values in report.get("rules", {}).items():
        name = f"{rule}, mean of {values['draws']}" if "draws" in values else rule
        spread = f"{values['accuracy_sd']:.3f}" if "accuracy_sd" in values else ""
        rates = f"{values['rate']:>9.2%}{values['rate_sd']:>8.2%}{values['repaired']:>8.2%}"
        lines.append(f"  {name:<28}{values['accuracy']:>9.3f}{spread:>8}{rates}")
    lines.append(f"  {'random mask (control)':<28}{report['random']['accuracy']:>9.3f}")
    lines.append(f"  {'whole input':<28}{report['whole_input']['accuracy']:>9.3f}")
    return lines + _leak_lines(report)


def _leak_lines(report: dict[str, Any]) -> list[str]:
    if "leaks" not in report:
        unfitted = f"  leaks: not measured, for {report['task']} has no dev split to fit the measures on"
        return [unfitted] if "rules" in report else []
    from rekd.measures.verdict import LeakReport

    leaks = LeakReport.from_dict({key: value for key, value in report["leaks"].items() if key != "honest"})
    classes = zip(leaks.classes, leaks.rates, leaks.empty, strict=True)
    table = [f"    {name:<26}{rate:>9.2%}{empty:>8.2%}" for name, rate, empty in classes if rate is not None]
    few = [f"    from {leaks.examples} examples: too few to judge a leak"] if leaks.examples < FEW else []
    verdict = "honest by the bound on swap" if leaks.honest else "NOT honest: the mask codes the label"
    return [
        f"  leaks under {leaks.rule} masks: {verdict}",
        *few,
        *(f"    {s}" for s in leaks.sentences()),
        f"    {'class':<26}{'rate':>9}{'empty':>8}",
        *table,
    ]


def write_rows(path: Path, checkpoint: Checkpoint, data: Encoded, rule: str, seed: int) -> None:
    """One Parquet row an example: id, label, predicted class, confidence, count, mask bits under `rule`, atomically."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    mask = _row_masks(checkpoint, data, rule, seed)
    probs = label_logits(checkpoint.model, data, mask).softmax(1)
    shown = data.unit_mask.cpu() if mask is None else mask
    lengths = data.unit_mask.cpu().sum(1).tolist()
    classes = checkpoint.info.config.classes
    table = pa.table(
        {
            "id": data.ids.cpu().numpy(),
            "label": [classes[label] if label >= 0 else None for label in data.labels.tolist()],
            "predicted": [classes[label] for label in probs.argmax(1).tolist()],
            "confidence": probs.amax(1).numpy(),
            "count": shown.sum(1).numpy(),
            "mask": pa.array([row[:n].tolist() for row, n in zip(shown, lengths, strict=True)], pa.list_(pa.bool_())),
        }
    ).replace_schema_metadata(
        {"checkpoint": checkpoint.info.name, "hash": checkpoint.info.hash, "rule": rule, "seed": str(seed)}
    )
    with replaced_file(path) as temp:
        pq.write_table(table, temp)


def _row_masks(checkpoint: Checkpoint, data: Encoded, rule: str, seed: int) -> Tensor | None:
    model = checkpoint.model
    if model.config.selects:
        return select_split(model, data, selection_logits(model, data), rule, seed).mask
    if model.config.kind == "random":
        return masks.random_mask(data.unit_mask.cpu(), model.config.rate, seed, 1, data.ids.cpu())
    return None
