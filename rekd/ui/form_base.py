"""Where the full form starts, and the configuration that it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rekd.checkpoints import CheckpointError, read_info
from rekd.config import TrainConfig
from rekd.data import TASKS
from rekd.training import choices
from rekd.training.about import NAME, TEACHER, called, role_of, title_of
from rekd.training.blueprint import parameters_of_config
from rekd.training.choices import Source
from rekd.training.lineups import LINEUPS, LINKS, TITLES, config_of
from rekd.training.runs import find
from rekd.training.suggested import FIRST_KIND, FIRST_TASK, suggested
from rekd.ui import runs
from rekd.ui.form_state import Choice


@dataclass(frozen=True)
class Base:
    """Values of all fields before anything was changed, and where they come from. role: of `about.ROLES`, or "".

    first: data, kind and preset as they are where none was chosen. Where the form starts follows those chosen, so that
    `values` has them already; they are a choice nevertheless, and without it the form would start elsewhere.
    """

    values: Mapping[str, Any]
    title: str
    fault: str = ""
    first: Mapping[str, Any] = field(default_factory=dict, hash=False)
    role: str = ""


_OWN = {"task": FIRST_TASK, "kind": FIRST_KIND, "preset": "default"}


def base_of(choice: Choice, root: Path, found: list[Source]) -> Base:
    """Where the form starts: a run that is duplicated, a line-up's member, or our own settings for data and kind."""
    fault = ""
    if choice.source:
        try:
            run = find(choice.source, root)
            role = role_of(run.folder, run.config)
            return Base(run.config.to_dict(), f"Duplicated from {called(run.folder)}", role=role)
        except (ValueError, OSError) as error:
            fault = f"{error}"
    elif choice.line:
        config = config_of(choice.line, choice.slot, task=_task(choice))
        title = f"{TITLES[choice.slot]} of “{LINEUPS[choice.line].title}”"
        values = _linked(config.to_dict(), choice.values, found)
        return Base(values, title, first=first_of_line(choice.line), role=choice.slot)
    task = choice.values.get("task", FIRST_TASK)
    kind, preset = choice.values.get("kind", FIRST_KIND), choice.values.get("preset", "default")
    task = task if task in TASKS and "train" in TASKS[task].splits else FIRST_TASK
    try:
        values = suggested(task, kind, preset)
    except (KeyError, ValueError):
        values = suggested(task, FIRST_KIND)
    return Base(_linked(values, choice.values, found), "Your own settings", fault, _OWN)


def first_of_line(line: str) -> dict[str, Any]:
    """`Base.first` of a line-up: it is there for some data sets, and one of them is its own."""
    return {"task": LINEUPS[line].task}


def _task(choice: Choice) -> str:
    asked = choice.values.get("task", "")
    return asked if asked in LINEUPS[choice.line].tasks else ""


def _linked(values: dict[str, Any], chosen: Mapping[str, Any], found: list[Source]) -> dict[str, Any]:
    """Another member's checkpoint, which is not trained along here, becomes the best that is at hand and fits.

    chosen: what was changed, with which it must fit.
    """
    out, now = dict(values), {**values, **chosen}
    if out["start"].startswith(choices.STAND_IN):
        out["start"] = _first(choices.starts(now, found))
    if now["kind"] == "rekd" and (not out["teacher"] or out["teacher"].startswith(choices.STAND_IN)):
        out["teacher"] = _first(choices.teachers(now, found))
    return out


def _first(judged: list[tuple[Source, str]]) -> str:
    """The largest that fits, a run of one's own before a checkpoint; "" where none does."""
    fitting = [each for each, why in judged if not why]
    fitting.sort(key=lambda each: (-_size(each), not each.state))
    return fitting[0].value if fitting else ""


def _size(source: Source) -> int:
    try:
        return parameters_of_config(source.config).total
    except (ValueError, OSError):
        return 0


def effective(base: Base, choice: Choice) -> dict[str, Any]:
    """All fields as they stand now, with the first seed; a teacher for REKD alone."""
    values = {**base.values, **choice.values}
    if choice.seeds:
        values["seed"] = choice.seeds[0]
    if values["kind"] != "rekd":
        values["teacher"] = ""
    return values


def seeds_of(base: Base, choice: Choice) -> tuple[int, ...]:
    """The seeds of the runs: those chosen, or the one that the form starts with."""
    return choice.seeds or (base.values["seed"],)


def changed(base: Base, values: Mapping[str, Any]) -> list[str]:
    """A line for each field that is not as it was: `learning_rate 0.002 → 0.001`."""
    return [f"{name} {_said(base.values[name])} → {_said(values[name])}" for name in _differing(base, values)]


def _differing(base: Base, values: Mapping[str, Any]) -> list[str]:
    return [name for name, old in base.values.items() if name != "seed" and _plain(old) != _plain(values[name])]


def teaches(base: Base, values: Mapping[str, Any]) -> bool:
    """Whether the run is made as a teacher, as what it starts from was."""
    return base.role == TEACHER and values["kind"] in ("re", "rekd")


def name_of(base: Base, config: TrainConfig, several: bool) -> str:
    """What a run is called until a person names it: what it is and what was changed, such as "RE · digits · rate 0.25".

    several: runs that differ in their seed alone are started together.
    """
    values = config.to_dict()
    title = title_of(config, TEACHER if teaches(base, values) else "")
    told = {"task", "kind"} if config.kind == "rekd" else {"task", "kind", "teacher"}  # no other kind has a teacher
    said = [_named(name, values[name]) for name in _differing(base, values) if name not in told]
    if not said:
        return title
    what, _, seed = title.rpartition(" · ")
    name = " · ".join([what, ", ".join(said), *([seed] if several else [])])
    return name if len(name) <= NAME else f"{name[: NAME - 1]}…"


def _named(field_name: str, value: Any) -> str:
    if field_name in LINKS and value:  # a folder; a run's checkpoint is called by its run
        path = Path(value)
        value = called(path.parent) if path.name == "checkpoint" else path.name
    return f"{field_name.replace('_', ' ')} {_said(value)}"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (tuple, list)):
        return ", ".join(map(str, value)) or "the usual"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {each}" for key, each in value.items()) or "the task's own"
    return f"{value}" or "the usual"


def found_sources(root: Path, values: Mapping[str, Any] | None = None) -> list[Source]:
    """All models that could teach or be begun from, those typed as a folder too."""
    found = choices.sources(root, ("cls", "re", "rekd"), runs.everything(root)[0])
    known = {each.value for each in found}
    for name in ("teacher", "start"):
        typed = (values or {}).get(name, "")
        if typed and typed not in known:
            try:
                info = read_info(Path(typed).expanduser())
            except (CheckpointError, OSError, RuntimeError):  # the last of a home folder that can't be found
                continue
            found.append(Source(typed, info.name, info.config))
    return found
