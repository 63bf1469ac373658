"""Where a run of one's own starts: the settings of our own runs on that data, or on data like it."""

from __future__ import annotations

from typing import Any

from rekd.config import PRESETS, TrainConfig
from rekd.data import TASKS
from rekd.training.recipes import RECIPES
from rekd.training.rows import row_count

FIRST_TASK, FIRST_KIND = "digits", "re"
MOST_EPOCHS = 30
LIKE = {"cifar100": "cifar10", "cifar100-fine": "cifar10", "movies": "imdb"}
"""Data without a recipe of its own -> data whose recipes fit it."""
OF_DATA = ("backbone", "backbone_args", "start", "teacher", "units", "rate", "max_tokens", "watched")
"""Fields that belong to a data set: another data set begins with its own."""


def suggested(task: str, kind: str, preset: str = "default") -> dict[str, Any]:
    """All fields of `TrainConfig`: the preset's, over those of our recipe for such data and kind, over the defaults.

    `teacher` and `start` are left open.
    """
    spec = TASKS[task]
    like = LIKE.get(task, task if f"{task}-cls" in RECIPES else "imdb" if spec.modality == "text" else "digits")
    recipe = {"kind": kind, **RECIPES[f"{like}-{kind}"]}
    for name in ("teacher", "start", "patience"):
        recipe.pop(name, None)
    if spec.own and spec.modality == "image":  # its size was chosen when it was kept
        recipe.pop("backbone_args", None)
    chosen = {**recipe, "task": task, "preset": preset, **PRESETS[preset]}
    if size := row_count(task, "train"):
        chosen["steps"] = max(1, min(chosen["steps"], round(MOST_EPOCHS * size / chosen["batch_size"])))
        chosen["batch_size"] = min(chosen["batch_size"], size)
    # A REKD without a teacher can't be built; it is one in the making.
    free = TrainConfig(**{**chosen, "kind": "re" if kind == "rekd" else kind})
    return {**free.to_dict(), "kind": kind}
