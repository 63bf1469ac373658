"""What can be chosen for a run, and why not: teachers and starts that fit, and each impossible combination."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rekd import checkpoints
from rekd.checkpoints import CheckpointError, Info
from rekd.config import ModelConfig, TrainConfig
from rekd.data import TASKS
from rekd.data.sources import two_ways
from rekd.errors import reason
from rekd.training import blueprint
from rekd.training.about import named, role_of
from rekd.training.blueprint import NotHere
from rekd.training.report import devices
from rekd.training.rows import at_hand, row_count
from rekd.training.runs import Run, all_runs
from rekd.training.setup import batch_fault, check_teacher
from rekd.training.status import ACTIVE
from rekd.training.untrained import NotAMatch, missing_folder

MOST_SIDE = 2048
"""Pixels a side: beyond, a picture has more patches than a transformer of ours can look at."""
STAND_IN = "@"
"""How a teacher or start begins that another run of the same line-up will leave (rekd.training.lineups)."""


@dataclass(frozen=True, eq=False)
class Source:
    """A model that a run can learn from or begin from: a checkpoint, or a run that has left or will leave one.

    value: what `teacher` or `start` of a configuration says. name: a run's has its folder's beside it, since runs may
    share one. config: the model's own; None where it can't be known. state: of its run; "" for a checkpoint. role: of
    `about.ROLES`, or another that a checkpoint has.
    """

    value: str
    name: str
    config: ModelConfig | None
    accuracy: float | None = None
    state: str = ""
    role: str = ""


def sources(root: Path, kinds: Iterable[str], runs: Sequence[Run] | None = None) -> list[Source]:
    """Every checkpoint and run of these kinds, checkpoints first, then runs, the newest first."""
    wanted = tuple(kinds)
    found = [_of_info(info, info.name) for info in checkpoints.available() if info.config.kind in wanted]
    own = all_runs(root)[0] if runs is None else runs
    return found + [_of_run(run) for run in own if run.config.kind in wanted]


def _of_info(info: Info, value: str) -> Source:
    rules = info.metrics.get("rules", {})
    measured = rules.get("top-k") or info.metrics.get("whole_input") or {}
    return Source(value, info.name, info.config, measured.get("accuracy"), role=info.role)


def _of_run(run: Run) -> Source:
    folder = run.folder / "checkpoint"
    accuracy, state = run.best["dev_accuracy"] if run.best else None, run.status.state
    known = Source(str(folder), named(run.folder), None, accuracy, state, role_of(run.folder, run.config))
    try:
        if (folder / "config.json").is_file():
            return replace(known, config=checkpoints.read_info(folder).config, state="done")
        if state in ACTIVE:
            return replace(known, config=blueprint.student(run.config))
    except (CheckpointError, ValueError):
        pass
    return known


def teachers(values: Mapping[str, Any], found: Sequence[Source]) -> list[tuple[Source, str]]:
    """Each of `found` with the reason why it can't teach this run; "" where it can. Those that can come first."""
    mine = _student(values)
    return _sorted([(each, _why_not_teach(each, mine)) for each in found])


def starts(values: Mapping[str, Any], found: Sequence[Source]) -> list[tuple[Source, str]]:
    """The same for `start`: a model of kind cls with the same backbone, reader and classes."""
    mine = _student(values)
    return _sorted([(each, _why_not_begin(each, mine)) for each in found])


def _sorted(judged: list[tuple[Source, str]]) -> list[tuple[Source, str]]:
    return sorted(judged, key=lambda pair: bool(pair[1]))


def _student(values: Mapping[str, Any]) -> ModelConfig | None:
    """The run's model; None where it can't be built, which `faults` tells."""
    free = {**values, "kind": "re" if values.get("kind") == "rekd" else values.get("kind"), "teacher": ""}
    try:
        return blueprint.student(TrainConfig.from_dict(free))
    except (ValueError, TypeError):
        return None


def _why_not_teach(source: Source, student: ModelConfig | None) -> str:
    if lacking := _lacks(source):
        return lacking
    if student is None:
        return "this run's own model can't be built; see what is wrong with it"
    try:
        check_teacher(SimpleNamespace(info=source), student)
    except NotAMatch as fault:
        return str(fault)
    return ""


def _why_not_begin(source: Source, student: ModelConfig | None) -> str:
    if lacking := _lacks(source):
        return lacking
    theirs = source.config
    if student is None:
        return "this run's own model can't be built; see what is wrong with it"
    if theirs.kind != "cls":
        return (
            f"{source.name} is of kind {theirs.kind!r}; both towers begin from a model that read everything, kind cls"
        )
    if theirs.classes != student.classes:
        return f"{source.name} knows other classes: {', '.join(theirs.classes[:6])}"
    if theirs.reader != student.reader:
        return f"{source.name} reads its inputs in another way (size, patches, units or normalisation)"
    if theirs.arch != student.arch:
        return f"{source.name} has another backbone or size"
    return ""


def _lacks(source: Source) -> str:
    if source.config is not None:
        return ""
    return f"{source.name} has no checkpoint: that run is {source.state or 'damaged'}; resume it, or take another"


def built(values: Mapping[str, Any]) -> TrainConfig | str:
    """The configuration of these values, or the sentence that says why there is none."""
    try:
        return TrainConfig.from_dict(values)
    except (ValueError, TypeError) as error:
        if values.get("kind") == "rekd" and not values.get("teacher"):
            return "REKD learns from a teacher, and none is chosen; choose one, or train kind RE."
        return _ended(f"{_CAN_NOT_BE}{reason(error)}")


def fault_of(name: str, values: Mapping[str, Any]) -> str:
    """What is wrong with one field, where it is the first of which something is; "" for nothing."""
    said = built(values)
    found = said.partition(_CAN_NOT_BE)[2] if isinstance(said, str) else ""
    return found if found.startswith(f"{name} ") else ""


_CAN_NOT_BE = "These settings can't be: "


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."


def faults(values: Mapping[str, Any], device: str = "", found: Sequence[Source] | None = None) -> list[str]:
    """Each thing that makes this run impossible, a sentence each; none where it can start.

    Args:
        values: fields of `TrainConfig`. device: "" is not judged.
        found: models that can teach or be begun from (`sources`); None leaves teacher and start unjudged.
    """
    task = str(values.get("task", ""))
    if task not in TASKS or "train" not in TASKS[task].splits:
        names = ", ".join(name for name, spec in TASKS.items() if "train" in spec.splits)
        why = "has no examples to train on" if task in TASKS else "is not here (any more)"
        return [f"The data set {task or '(none)'} {why}; choose one of {names}."]
    said = _of_data(task) + ([_of_device(device)] if device and device not in devices() else [])
    config = built(values)
    if isinstance(config, str):
        return [*said, config]
    judged = [] if found is None else _of_sources(values, found)
    return [*said, *_of_model(config), *_of_schedule(config), *judged]


def _of_device(device: str) -> str:
    return f"The device {device} is not here; choose from {', '.join(devices())}."


def _of_data(task: str) -> list[str]:
    if lacking := [split for split in ("train", "dev") if split not in TASKS[task].splits]:
        return [f"{task} has no {' and no '.join(lacking)} split; give it one, since a run needs both."]
    return [] if at_hand(task) else [two_ways(TASKS[task])]


def _of_model(config: TrainConfig) -> list[str]:
    text, backbone = TASKS[config.task].modality == "text", config.backbone
    if text and config.units == "patches":
        return [f"Units are patches, and {config.task} holds texts; choose words, pieces or tokens."]
    if text and backbone.startswith(("vit_", "deit_")):
        return [f"{backbone} reads images, and {config.task} holds texts; name a text encoder of the Hub or a folder."]
    if not text and ("/" in backbone or "layers" in config.backbone_args):
        return [
            f"{backbone or 'The backbone'} reads texts, and {config.task} holds images; name a vit_* or deit_* model."
        ]
    if fault := missing_folder(backbone) if text else fault_of_patches(config.to_dict()):
        return [fault]
    try:
        blueprint.parameters(config)
        units = blueprint.units_of(config)
    except NotHere:
        return []
    except (ValueError, TypeError, RuntimeError, ZeroDivisionError) as error:
        return [_ended(f"The model can't be built: {reason(error)}")]
    rate = config.rate or TASKS[config.task].rate
    if config.kind != "cls" and not text and rate * units < 1:
        return [
            f"A rate of {rate:g} of {units} patches is less than one; raise it to {1 / units:.3g} or more, or take "
            "smaller patches."
        ]
    return []


def fault_of_patches(values: Mapping[str, Any]) -> str:
    """Why pictures of a size can't be cut into patches of another; "" where they can, or where that is not known."""
    spec = TASKS[values["task"]]
    args = values["backbone_args"] or ({} if values["backbone"] else spec.backbone_args)
    side, patch = args.get("img_size", spec.image_size[0]), args.get("patch_size")
    if not isinstance(side, int) or not 1 <= side <= MOST_SIDE:
        return f"Pictures have from 1 to {MOST_SIDE:,} pixels a side, not {side}." if isinstance(side, int) else ""
    if not isinstance(patch, int) or (0 < patch <= side and side % patch == 0):
        return ""
    fitting = ", ".join(str(each) for each in range(2, side) if side % each == 0)
    return f"Pictures of {side} pixels a side can't be cut into patches of {patch}; take one of {fitting or side}."


def _of_schedule(config: TrainConfig) -> list[str]:
    said, size = [], row_count(config.task, "train")
    if size and (fault := batch_fault(config.batch_size, size)):
        said.append(fault)
    if config.kind in ("re", "rekd") and config.tau_end > config.tau_start:
        said.append(
            f"The temperature would rise from {config.tau_start:g} to {config.tau_end:g}; it must fall, so that masks "
            "become decided."
        )
    if config.kind == "rekd" and config.alpha == 0 and config.parts == "prediction":
        said.append("alpha is 0 and only the teacher's prediction is learnt: nothing would say how much to select.")
    if config.kind == "rekd" and config.alpha == 0 and config.parts == "rationale" and config.lambda_r == 0:
        said.append("alpha and lambda_r are 0 and only the rationale is learnt: nothing would be learnt at all.")
    if config.report_to and not find_spec(config.report_to):
        said.append(f"The package {config.report_to} is not installed; install it, or let metrics go nowhere else.")
    rows = row_count(config.task, "dev")
    if rows and (beyond := [row for row in config.watched if row >= rows]):
        said.append(f"dev has rows 0 to {rows - 1:,}; {', '.join(map(str, beyond))} can't be watched.")
    return said


def _of_sources(values: Mapping[str, Any], found: Sequence[Source]) -> list[str]:
    said = []
    for what, judge in (("teacher", teachers), ("start", starts)):
        chosen = values.get(what) or ""
        if not chosen or chosen.startswith(STAND_IN):
            continue
        judged = {each.value: why for each, why in judge(values, [each for each in found if each.value == chosen])}
        if chosen not in judged:
            said.append(f"The {what} {chosen} is not here (any more); choose another.")
        elif judged[chosen]:
            said.append(_ended(f"As {what}: {judged[chosen]}"))
    return said
