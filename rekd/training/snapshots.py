"""Masks and predictions of the watched examples as a run writes them into snapshots/; read without torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rekd.files import read_json

FRAMES = 40
"""Frames of a run, beside that before its first step: enough for a film, few enough to cost nothing."""
FOLDER = "snapshots"
Place = tuple[int, ...]
"""(start, stop) characters of a text, or (left, top, right, bottom) pixels of an image."""


@dataclass(frozen=True)
class WatchedExample:
    """One input that is watched, as the model reads it.

    row: of dev. label: number of its class. text, image: the whole text, or the picture that the model sees; one is
    None. places: (N,) where a person sees its units, of kind `units`. stop: the character where reading ends, 0 for
    images.
    """

    row: int
    label: int
    text: str | None
    image: Path | None
    places: tuple[Place, ...]
    units: str
    stop: int


@dataclass(frozen=True)
class Shot:
    """What a model does with one input: a mask of p of its units, and what it says from them alone.

    scores: (N,) P(select) of each unit; empty where the model selects nothing (cls) or draws evenly (random).
    selected: numbers of the units that the predictor reads. probs: (K,). places: (N,) of this model's units where they
    are not those of the example, else None.
    """

    scores: tuple[float, ...]
    selected: tuple[int, ...]
    probs: tuple[float, ...]
    places: tuple[Place, ...] | None = None


@dataclass(frozen=True)
class Watched:
    """The inputs that a run watches, in the order of every snapshot. teacher: its shots of them, () without one."""

    rows: tuple[int, ...]
    classes: tuple[str, ...]
    examples: tuple[WatchedExample, ...]
    teacher: tuple[Shot, ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """The model after `step` steps, 0 before the first. tau: the temperature then; None for kinds cls and random."""

    step: int
    tau: float | None
    shots: tuple[Shot, ...]


def moments(total: int, frames: int = FRAMES) -> tuple[int, ...]:
    """The numbers of steps after which a run of `total` steps is looked at, ascending, 0 and the last among them.

    They lie closer at the start, where masks form: the n-th of `frames` is at the share (n / frames) squared.
    """
    return tuple(sorted({round(total * (n / frames) ** 2) for n in range(frames + 1)}))


def path_of(run: Path, step: int) -> Path:
    """The file of a snapshot."""
    return run / FOLDER / f"{step:08d}.json"


def steps(run: Path) -> tuple[int, ...]:
    """The steps of which there is a snapshot, ascending; a file that a run would name otherwise is none."""
    found = [path for path in (run / FOLDER).glob("*.json") if path.stem.isdecimal()]
    return tuple(sorted(step for path in found if path_of(run, step := int(path.stem)).name == path.name))


def read_watched(run: Path) -> Watched | None:
    """What a run watches; None where it has written nothing of it.

    Raises:
        ValueError: the file is damaged.
    """
    path = run / FOLDER / "watched.json"
    try:
        values = read_json(path)
    except FileNotFoundError:
        return None
    return _read(path, lambda: _watched(values, path.parent))


def read_snapshot(run: Path, step: int, seen: Watched | None = None) -> Snapshot:
    """The snapshot of a step that `steps` names.

    Args:
        seen: what the run watches; the snapshot is then made sure to be of that.

    Raises:
        FileNotFoundError: there is none, as after a resumed run went back. ValueError: the file is damaged, or of other
        examples than `seen`.
    """
    path = path_of(run, step)
    values = read_json(path)
    return _read(path, lambda: _snapshot(values, seen))


def cut_snapshots(run: Path, step: int) -> None:
    """Remove the snapshots beyond `step`, where a run goes on from."""
    for later in steps(run):
        if later > step:
            path_of(run, later).unlink(missing_ok=True)


def compact(values: Mapping[str, Any]) -> str:
    """The text of a file of this folder: JSON without spaces."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n"


def _read(path: Path, parse):
    try:
        return parse()
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no snapshot as a run writes it ({error!r}). Remove the file.") from error


def _watched(values: Mapping[str, Any], folder: Path) -> Watched:
    examples = tuple(_example(each, folder) for each in values["examples"])
    rows = tuple(example.row for example in examples)
    seen = Watched(rows, tuple(values["classes"]), examples, tuple(map(_shot, values["teacher"])))
    if seen.teacher:
        _check(seen.teacher, seen)
    return seen


def _snapshot(values: Mapping[str, Any], seen: Watched | None) -> Snapshot:
    snapshot = Snapshot(values["step"], values["tau"], tuple(map(_shot, values["shots"])))
    if seen is not None:
        _check(snapshot.shots, seen)
    return snapshot


def _check(shots: Sequence[Shot], seen: Watched) -> None:
    """Refuse shots that are not one a watched example, each over that example's units and the classes."""
    if len(shots) != len(seen.examples):
        raise ValueError(f"{len(shots)} shots of {len(seen.examples)} watched examples")
    for shot, example in zip(shots, seen.examples, strict=True):
        units = len(shot.places or example.places)
        if len(shot.probs) != len(seen.classes) or not 0 <= example.label < len(seen.classes):
            raise ValueError(f"row {example.row} has other classes")
        if len(shot.scores) not in (0, units):
            raise ValueError(f"{len(shot.scores)} scores for the {units} units of row {example.row}")


def _example(values: Mapping[str, Any], folder: Path) -> WatchedExample:
    image = None if values["image"] is None else folder / Path(values["image"]).name
    known = {name: values[name] for name in ("row", "label", "text", "units", "stop")}
    return WatchedExample(image=image, places=_places(values["places"]), **known)


def _shot(values: Mapping[str, Any]) -> Shot:
    numbers = (tuple(values[name]) for name in ("scores", "selected", "probs"))
    return Shot(*numbers, None if values["places"] is None else _places(values["places"]))


def _places(values) -> tuple[Place, ...]:
    return tuple(map(tuple, values))
