"""Results from run folders: what each run measured, and the protocol's row that it belongs to. No weights are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from rekd import checkpoints
from rekd.checkpoints import Info
from rekd.config import TrainConfig
from rekd.files import read_json
from rekd.results.protocol import rows
from rekd.results.record import Result
from rekd.training.habits import noted
from rekd.training.lines import seconds_of_steps
from rekd.training.runs import EVALUATION, Run, read_run
from rekd.training.status import ACTIVE


def result_of(run: Path, row: str = "") -> Result:
    """What a run measured.

    Args:
        row: the protocol's row that it is a run of, "" of an own run; see `row_of`.

    Raises:
        ValueError: the run is not done, or a file of it can't be read. FileNotFoundError: the folder holds no run.
    """
    read = read_run(run)
    info = _checkpoint(read)
    best = info.training.get("best_step", 0)
    return Result(
        row=row,
        name=run.absolute().name,
        config=json.loads(json.dumps(read.config.to_dict())),
        hash=info.hash,
        teacher_hash=info.training.get("teacher_hash", ""),
        parameters=info.parameters,
        bytes=info.bytes,
        report=_report(run / EVALUATION, read.config),
        curve=_curve(read.metrics),
        best_step=best,
        seconds=seconds_of_steps(read.metrics, read.config.batch_size),
        device=read.status.device,
        versions=read_json(run / "config.json").get("versions", {}),
        habits=noted(read.metrics, best),
    )


def result_in_box(info: Info) -> Result | None:
    """What is known of a checkpoint without its run: the numbers that it was promoted with; None without a recipe."""
    fields = {name: info.training[name] for name in TrainConfig.__dataclass_fields__ if name in info.training}
    if not {"task", "kind"} <= fields.keys():
        return None
    about = {"hash": info.hash, "parameters": info.parameters, "bytes": info.bytes}
    return Result(
        row="",
        name=info.name,
        config=json.loads(json.dumps(TrainConfig.from_dict(fields).to_dict())),
        teacher_hash=info.training.get("teacher_hash", ""),
        report=info.metrics,
        best_step=info.training.get("best_step", 0),
        **about,
    )


def _checkpoint(run: Run) -> Info:
    """The checkpoint of a run that is done.

    Raises:
        ValueError: it is not done, with what to do; or its checkpoint can't be read.
    """
    if run.status.state == "done":
        return checkpoints.read_info(run.folder / "checkpoint")
    again = f"Go on with it: python -m rekd runs resume {run.folder}"
    then = "Wait until it is done." if run.status.state in ACTIVE else again
    raise ValueError(
        f"{run.folder} is {run.status.state}, and a run has a result once it is done, and no sooner. {then}"
    )


def _report(path: Path, config: TrainConfig) -> dict[str, Any]:
    """A run's evaluation, {} without; its leaks are held against what honest masks give away, where that is known."""
    report = read_json(path) if path.is_file() else {}
    leaks = report.get("leaks")
    if leaks is None or leaks.get("mask_reference") is not None:
        return report
    known = _honest_masks(config.task, config.rate, config.units)
    return {**report, "leaks": {**leaks, "mask_reference": known}}


@lru_cache(maxsize=32)
def _honest_masks(task: str, rate: float, units: str) -> float | None:
    """Mask-only accuracy of honest masks, as it was measured for the shipped checkpoints of the task; fewer units, or
    others, would give away something else."""
    held = [info for info in checkpoints.available(checkpoints.shipped()) if info.task == task]
    alike = [info for info in held if (info.training.get("rate"), info.training.get("units")) == (rate, units)]
    known = (info.metrics.get("mask_reference") for info in alike)
    return next((value for value in known if value is not None), None)


def _curve(metrics: Sequence[Mapping[str, Any]]) -> tuple[tuple[int, float, float | None], ...]:
    lines = (line for line in metrics if "dev_accuracy" in line)
    return tuple((line["step"], line["dev_accuracy"], line.get("dev_mean_probability")) for line in lines)


def row_of(run: Path, config: TrainConfig) -> str:
    """The protocol's row that a run belongs to, "" of none.

    Its folder has the row's name and the seed, and its configuration is the row's in all but what it learns from, whose
    places differ, and what is incidental.
    """
    name, _, seed = run.absolute().name.rpartition("-seed-")
    row = next((row for row in rows() if row.name == name), None)
    if row is None or seed != str(config.seed) or config.seed not in row.seeds:
        return ""
    return name if row.made(config) else ""


def _named(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration that tells the runs which it learns from by name: where they lay says nothing elsewhere."""
    places = {field: Path(config.get(field) or "") for field in ("teacher", "start")}
    names = {field: place.parent.name for field, place in places.items() if place.name == "checkpoint"}
    return {**config, **names}


def found(folders: Iterable[Path]) -> Iterator[Path]:
    """The runs that are meant by folders of runs, or by runs.

    Raises:
        ValueError: a folder is none, or holds no run.
    """
    for folder in folders:
        one = (folder / "config.json").is_file()
        runs = [folder] if one else sorted(path.parent for path in folder.glob("*/config.json"))
        if not runs:
            what = "holds no run" if folder.is_dir() else "is no folder"
            raise ValueError(f"{folder} {what}. Name a run's folder, or a folder of runs such as runs/.")
        yield from runs


def collect(
    folders: Iterable[Path],
    say: Callable[[str], None] = lambda sentence: None,
    measure: Callable[[Path, Result], Result] = lambda run, result: result,
) -> list[Result]:
    """The results of every run in these folders that is done, each under its row of the protocol, or as an own run.

    Args:
        folders: of runs, or runs themselves. say: told in a sentence of each run that is passed over. measure: given
            each run and its result, the result with whatever else is to be measured.

    Raises:
        ValueError: as `found`.
    """
    results = []
    for run in dict.fromkeys(path.absolute() for path in found(folders)):
        try:
            result = result_of(run)
            row = row_of(run, result.training())
            result = replace(result, row=row, config=_named(result.config) if row else result.config)
        except (OSError, ValueError) as fault:  # it is at work or damaged, and the others are not
            say(f"Passed over: {fault}")
            continue
        results.append(measure(run, result))
    return results


def merged(old: Iterable[Result], new: Iterable[Result]) -> list[Result]:
    """Old results with new ones in place of those of the same run; nothing else is lost.

    What was measured apart from training, a processor's time and habits, stays where the weights are the same.
    """
    by_run = {_run(result): result for result in old}
    for result in new:
        before = by_run.get(_run(result))
        by_run[_run(result)] = _with_what_was_measured(result, before) if before else result
    return list(by_run.values())


def _run(result: Result) -> tuple[str, int | str]:
    """What a run is told by: its row and seed, or its own name."""
    return result.row, result.seed if result.row else result.name


def _with_what_was_measured(result: Result, before: Result) -> Result:
    if result.hash != before.hash:
        return result
    cpu_ms = before.cpu_ms if result.cpu_ms is None else result.cpu_ms
    return replace(result, cpu_ms=cpu_ms, habits={**before.habits, **result.habits})
