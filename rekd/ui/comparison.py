"""Several runs of one task on one chart: a line a run, runs that differ in their seed alone in one colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from rekd.config import INCIDENTAL, TrainConfig, choose
from rekd.ui.charts import Lines, mask_rule
from rekd.ui.curves import COLOURS, DASHES, Line, Panel, chart, series

WHAT = {
    "dev_accuracy": ("Dev accuracy", "accuracy", ".2~f"),
    "accuracy": ("Accuracy on training batches", "accuracy", ".2~f"),
    "task": ("Task loss", "cross entropy", ""),
    "r": ("Share selected, drawn masks", "share selected", ".0%"),
    "examples_per_second": ("Speed", "examples a second", ""),
}
"""What runs can be compared in: title, axis, ticks. Not the total loss, a different sum for every kind and weight."""
ACROSS = {"step": "step", "examples": "training examples seen"}
LONGEST = 44
"""Characters of a label."""

Series = tuple[str, Lines, TrainConfig]
"""A run: what it is called, the lines of its metrics, its configuration."""


@dataclass(frozen=True)
class Group:
    """Runs of one setting, by their place among those compared."""

    title: str
    members: tuple[int, ...]


def compare(runs: Sequence[Series], what: str = "dev_accuracy", x: str = "step") -> go.Figure:
    """One measure of several runs.

    Args:
        what: of WHAT. x: of ACROSS.

    Raises:
        ValueError: the runs are of several tasks, or such a measure or axis does not exist.
    """
    choose("what", what, tuple(WHAT))
    choose("x", x, tuple(ACROSS))
    if len(tasks := sorted({config.task for _, _, config in runs})) > 1:
        raise ValueError(
            f"The runs are of several tasks ({', '.join(tasks)}), and their numbers don't compare. Choose runs of one."
        )
    (title, axis, ticks), drawn = WHAT[what], []
    for number, group in enumerate(groups(runs)):
        sign = (COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)])
        drawn += _lines(group, [_curve(runs[member], what, x) for member in group.members], runs, sign, ticks)
    caveat = "<br>".join(caveats(runs)) if what == "dev_accuracy" else ""
    name, on = f"compare-{what}-{x}", f" on {tasks[0]}" if tasks else ""
    return chart(
        name,
        title + on,
        [Panel(axis, drawn, ticks=ticks, share=1.6)],
        x_title=ACROSS[x],
        subtitle=caveat,
        empty="No run has such a value yet.",
    )


def _curve(run: Series, what: str, x: str) -> tuple[list[float], list[float | None]]:
    steps, values = series(run[1], what)
    return [step * run[2].batch_size for step in steps] if x == "examples" else steps, values


def _lines(group: Group, curves: list, runs: Sequence[Series], sign: tuple[str, str], ticks: str) -> list[Line]:
    """A run's line; of several seeds a thin line each, and their mean."""
    colour, dash = sign
    number = "%{y:.1%}" if ticks == ".0%" else "%{y:.4~g}"
    several = len(group.members) > 1
    out = []
    for member, (steps, values) in zip(group.members, curves, strict=True):
        label, _, config = runs[member]
        told = f"{number} (seed {config.seed}, {mask_rule(config)})"
        name = f"{shortened(label)}" + ("" if _some(values) or several else ", no value yet")
        look = {"width": 1.0, "opacity": 0.55, "legend": False} if several else {"dash": dash, "width": 2.5}
        out.append(Line(name, steps, values, colour, told=told, group=group.title, **_marked(values), **look))
    if several:
        steps, means = _mean(curves)
        look = {"width": 3.0, "group": group.title, **_marked(means)}
        out.append(Line(_of_seeds(group.title, curves), steps, means, colour, dash, told=number, **look))
    return out


def _some(values: Sequence[float | None]) -> int:
    """How many of them are numbers."""
    return sum(value is not None for value in values)


def _marked(values: Sequence[float | None]) -> dict[str, str]:
    """One value alone makes no line: it is marked."""
    return {"mode": "lines+markers", "symbol": "diamond"} if _some(values) == 1 else {}


def _of_seeds(title: str, curves: Sequence[tuple]) -> str:
    """What the mean is called, and how many of its runs have no value to give to it."""
    there = sum(_some(values) > 0 for _, values in curves)
    lacking = f", {len(curves) - there} without a value yet" if there < len(curves) else ""
    return f"{title}, mean of {there} seeds{lacking}" if there > 1 else f"{title}{lacking}"


def _mean(curves: Sequence[tuple[Sequence[float], Sequence[float | None]]]) -> tuple[list[float], list[float]]:
    """The mean where every run has a value: behind the end of the shortest there is none, for it would jump."""
    held = [{x: y for x, y in zip(*curve, strict=True) if y is not None} for curve in curves if _some(curve[1])]
    shared = sorted(set.intersection(*map(set, held))) if len(held) > 1 else []
    return shared, [sum(each[x] for each in held) / len(held) for x in shared]


def groups(runs: Sequence[Series]) -> list[Group]:
    """The runs by their setting, in the order given; several of one setting are named by what sets them apart."""
    found: dict[tuple, list[int]] = {}
    for number, (_, _, config) in enumerate(runs):
        found.setdefault(_setting(config), []).append(number)
    configs = [runs[members[0]][2].to_dict() for members in found.values()]
    return [
        Group(_named(config, _apart(config, configs)) if len(members) > 1 else runs[members[0]][0], tuple(members))
        for config, members in zip(configs, found.values(), strict=True)
    ]


def _setting(config: TrainConfig) -> tuple:
    return tuple((key, repr(value)) for key, value in config.to_dict().items() if key not in INCIDENTAL)


def _apart(config: Mapping[str, Any], configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The fields in which a setting differs from others of its kind."""
    alike = [other for other in configs if other["kind"] == config["kind"]]
    return [key for key in config if key not in INCIDENTAL and len({repr(other[key]) for other in alike}) > 1]


def _named(config: Mapping[str, Any], apart: Sequence[str]) -> str:
    """The kind and what sets the setting apart, such as "REKD, alpha 0.5"."""
    said = ["random masks" if config["kind"] == "random" else config["kind"].upper()]
    for key in apart:
        value = config[key]
        if key in ("teacher", "start", "backbone"):  # a folder; a run's checkpoint is called by its run
            value = next((part for part in reversed(Path(value).parts) if part != "checkpoint"), "none")
        said.append(f"{key.replace('_', ' ')} {value}")
    return shortened(", ".join(said))


def caveats(runs: Sequence[Series]) -> list[str]:
    """What makes dev accuracies of these runs no like for like, in a few words each."""
    configs, said = [config for _, _, config in runs], []
    if len(rules := dict.fromkeys(map(mask_rule, configs))) > 1:
        said.append(f"measured on: {', '.join(rules)}")
    elif rules:
        said.append(f"measured on {next(iter(rules))}")
    if len(rates := sorted({config.rate for config in configs if config.kind != "cls" and config.rate})) > 1:
        said.append(f"budgets differ: {', '.join(f'{100 * rate:g} %' for rate in rates)}")
    if len(limits := {config.dev_limit for config in configs}) > 1:
        said.append(f"numbers of dev examples differ: {', '.join(str(n or 'all') for n in sorted(limits))}")
    return said


def shortened(label: str) -> str:
    """A label that a narrow legend holds; what tells runs apart stands at either end."""
    return label if len(label) <= LONGEST else f"{label[: LONGEST // 2]}…{label[1 - LONGEST // 2 :]}"
