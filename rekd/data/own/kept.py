"""Own data sets on disk: a folder each, which is a task like the built-in ones; removed ones wait in a trash folder."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rekd.config import between, choose, several
from rekd.data.own.draft import OwnDataError
from rekd.data.own.splits import SPLITS
from rekd.data.spec import BUILT_IN, TaskSpec
from rekd.errors import reason
from rekd.files import read_json

PREFIX = "own-"
FILE = "spec.json"
FORMAT = 1
SIZES = (32, 64, 96, 128, 224)
"""Sides of images that can be kept, in pixels; each is cut into 8 x 8 patches."""
GRID = 8
TRASH = ".trash"
LICENCE = "Your own data; not part of this project."
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_ALIKE = {"text": BUILT_IN["imdb"], "image": BUILT_IN["digits"]}
"""The built-in task whose rate and backbone own data of a kind have."""
_KEYS = {"format", "title", "modality", "classes", "rate", "line_break", "image_size", "mean", "std", "source"}
_KEYS |= {"created", "rows", "left_out"}
_read: dict[Path, tuple[tuple[int, int], TaskSpec | str]] = {}
"""What each spec.json held, or why it can't be used, with the time and size that it was read at."""


def home() -> Path:
    """The folder of own data sets: REKD_OWN, else own/ where the command is given."""
    return Path(os.environ.get("REKD_OWN") or "own").expanduser()


def folder_of(task: str) -> Path:
    """Where the data set of an own task lies."""
    return home() / task.removeprefix(PREFIX)


def stamp(task: str) -> int:
    """A number that changes when other data are kept under the name of an own task; 0 for all other tasks."""
    try:
        return (folder_of(task) / FILE).stat().st_mtime_ns if task.startswith(PREFIX) else 0
    except OSError:
        return 0


def usual_rate(modality: str) -> float:
    """Share of the units to select, where a person gives none."""
    return _ALIKE[modality].rate


def find(task: str) -> TaskSpec | None:
    """The entry of one own task; None where there is none that can be used."""
    name = task.removeprefix(PREFIX)
    entry = _entry(home() / name) if task.startswith(PREFIX) and SLUG.fullmatch(name) else None
    return entry if isinstance(entry, TaskSpec) else None


def names() -> list[str]:
    """The own tasks that can be used, by name."""
    return [PREFIX + folder.name for folder in _folders() if isinstance(_entry(folder), TaskSpec)]


def problems() -> dict[Path, str]:
    """Folders that are no data set or a damaged one, each with what is wrong."""
    entries = {folder: _entry(folder) for folder in _folders()}
    return {folder: entry for folder, entry in entries.items() if isinstance(entry, str)}


def details(task: str) -> Mapping[str, Any]:
    """What spec.json says beside the task's entry: source, created, rows of each split, left_out.

    Raises:
        FileNotFoundError, ValueError: there is no such data set, or its file is damaged.
    """
    values = read_json(folder_of(task) / FILE)
    return {key: values[key] for key in ("source", "created", "rows", "left_out")}


def forget(task: str) -> Path:
    """Move a data set to the trash folder; returns where it lies now, for `restore`.

    Raises:
        OwnDataError: there is no such data set, or it can't be moved.
    """
    folder = folder_of(task)
    if not (task.startswith(PREFIX) and SLUG.fullmatch(task.removeprefix(PREFIX)) and folder.is_dir()):
        there = ", ".join(names()) or "none"
        raise OwnDataError(f"There is no data set {task!r} of your own; there {'are' if names() else 'is'} {there}.")
    stamp, place = time.strftime("%Y%m%d-%H%M%S"), 1
    while (to := home() / TRASH / f"{stamp}-{place}" / folder.name).parent.exists():
        place += 1
    _move(folder, to)
    return to


def restore(path: Path) -> str:
    """Bring a data set back from the trash folder; returns its task.

    Raises:
        OwnDataError: it is not there, or its name is taken by now.
    """
    if path.resolve().parent.parent != (home() / TRASH).resolve() or not path.is_dir():
        raise OwnDataError(f"{path} holds no removed data set.")
    if (home() / path.name).exists():
        raise OwnDataError(f"The name “{path.name}” is taken by now; remove that data set first.")
    _move(path, home() / path.name)
    path.parent.rmdir()
    return PREFIX + path.name


def _move(source: Path, to: Path) -> None:
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        os.replace(source, to)
    except OSError as error:
        raise OwnDataError(
            f"{source} can't be moved to {to} ({error.strerror}). Is a file of it open, or the folder read-only?"
        ) from None


def _folders() -> Iterator[Path]:
    try:
        yield from sorted(path for path in home().iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return


def _entry(folder: Path) -> TaskSpec | str | None:
    """The folder's entry, or why there is none; None where there is no folder. Read again when spec.json changes."""
    try:
        state = (folder / FILE).stat()
    except OSError:
        return f"{FILE} is missing" if folder.is_dir() else None
    stamp = (state.st_mtime_ns, state.st_size)
    if folder not in _read or _read[folder][0] != stamp:
        _read[folder] = (stamp, _parse(folder))
    missing = [f"{name}.parquet" for name in SPLITS if not (folder / f"{name}.parquet").is_file()]
    return f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing" if missing else _read[folder][1]


def _parse(folder: Path) -> TaskSpec | str:
    try:
        if not SLUG.fullmatch(folder.name):
            raise ValueError("the folder's name is no data set's; small letters, digits and hyphens are expected")
        return spec_of(folder.name, read_json(folder / FILE))
    except (ValueError, TypeError, OSError) as error:
        return reason(error)


def spec_of(name: str, values: Mapping[str, Any]) -> TaskSpec:
    """The entry of the data set `name` as its spec.json describes it.

    Raises:
        ValueError, TypeError: a value is missing, unknown or out of range.
    """
    if values.get("format") != FORMAT:
        raise ValueError(f"{FILE} has format {values.get('format')!r}; {FORMAT} is read here")
    if wrong := sorted(_KEYS.symmetric_difference(values)):
        raise ValueError(f"{FILE} must hold {', '.join(sorted(_KEYS))}; {', '.join(wrong)} is too much or missing")
    modality, classes = values["modality"], values["classes"]
    choose("modality", modality, tuple(_ALIKE))
    between("rate", values["rate"], 1e-4, 1.0)
    if not isinstance(classes, list) or len(set(classes)) < 2 or not all(isinstance(c, str) and c for c in classes):
        raise ValueError(f"classes is {classes!r}; at least two names are expected")
    if not all(isinstance(values[key], str) for key in ("title", "line_break", "source", "created")):
        raise ValueError("title, line_break, source and created must be text")
    return TaskSpec(
        name=PREFIX + name,
        title=values["title"],
        modality=modality,
        classes=tuple(classes),
        rate=values["rate"],
        citation="",
        licence=LICENCE,
        splits={split: split for split in SPLITS},
        folder=name,
        columns={modality: modality, "label": "label"},
        line_break=values["line_break"],
        own=True,
        backbone=_ALIKE[modality].backbone,
        **(_image_fields(values) if modality == "image" else {}),
    )


def _image_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    side = values["image_size"]
    choose("image_size", side, SIZES)
    return {
        "image_size": (side, side),
        "mean": several("mean", values["mean"], 3, 0, 1),
        "std": several("std", values["std"], 3, 1e-3, 1),
        "backbone_args": {**_ALIKE["image"].backbone_args, "img_size": side, "patch_size": side // GRID},
        "look": f"Pictures of your own: the middle square of each, {side} x {side} pixels.",
    }
