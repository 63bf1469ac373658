"""Where a run stands, on disk: weights, optimiser and counters as safetensors and JSON, replaced atomically."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.optim import Optimizer

from rekd.config import TrainConfig
from rekd.files import replaced_folder, write_json, write_text


class StateBroken(ValueError):
    """A run's state that can't be read, with the file and the ways to go on."""


@dataclass
class Progress:
    """The counters of a run. step: steps done. dual: signed dual weight of the rate."""

    step: int = 0
    dual: float = 0.0
    best_accuracy: float = -1.0
    best_step: int = 0
    stale: int = 0
    """Evaluations since the best one."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """Dev accuracy at each evaluation."""

    def ended(self, config: TrainConfig) -> bool:
        """Whether the run has no step left: its last one is done, its patience is over, or it is as good as wanted."""
        tired = bool(config.patience) and self.stale >= config.patience
        reached = bool(config.stop_at) and self.best_accuracy >= config.stop_at
        return self.step >= config.steps or tired or reached


def save_state(
    run: Path,
    weights: Mapping[str, Tensor],
    best: Mapping[str, Tensor],
    optimizer: Optimizer,
    progress: Progress,
    keep: int,
) -> None:
    """Write state/<step>/, then point `latest` at it, then drop all but it and the newest others, `keep` in all."""
    root = run / "state"
    name = f"{progress.step:08d}"
    with replaced_folder(root / name) as temp:
        save_file(_plain(weights), temp / "weights.safetensors")
        save_file(_plain(best), temp / "best.safetensors")
        tensors, groups = flatten_optimizer(optimizer)
        save_file(tensors, temp / "optimizer.safetensors")
        write_json(temp / "progress.json", {"progress": asdict(progress), "groups": groups})
    write_text(root / "latest", name)
    others = [path for path in _states(root) if path.name != name]
    for old in others[: max(0, len(others) - keep + 1)]:
        shutil.rmtree(old)


def load_state(run: Path) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor], list, Progress] | None:
    """weights, best weights, optimiser tensors and groups, progress of the latest state; None before the first.

    Raises:
        StateBroken: a file of it is missing or damaged.
    """
    if (folder := _latest(run)) is None:
        return None
    progress, groups = _read(folder / "progress.json", _progress)
    weights, best, tensors = (
        _read(folder / f"{name}.safetensors", load_file) for name in ("weights", "best", "optimizer")
    )
    return weights, best, tensors, groups, progress


def load_progress(run: Path) -> Progress | None:
    """The counters of the latest state alone; None before the first. Raises StateBroken as `load_state` does."""
    folder = _latest(run)
    return None if folder is None else _read(folder / "progress.json", _progress)[0]


def _latest(run: Path) -> Path | None:
    pointer = run / "state" / "latest"
    if not pointer.is_file():
        return None
    return pointer.parent / _read(pointer, lambda path: path.read_text(encoding="utf-8").strip())


def _progress(path: Path) -> tuple[Progress, list]:
    values = json.loads(path.read_text(encoding="utf-8"))
    return Progress(**values["progress"]), values["groups"]


def _read(path: Path, read: Callable[[Path], Any]) -> Any:
    try:
        return read(path)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise StateBroken(
            f"{path} can't be read ({error}). Copy it from a backup, or write the name of an older folder in state/ "
            "into state/latest to go on from there, or remove state/ to train from the first step."
        ) from error


OF_DEVICE = ("lr", "fused", "capturable")
"""What an optimiser's groups hold for the device they are on; the learning rate is a function of the step."""


def flatten_optimizer(optimizer: Optimizer) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    """An optimiser's state as one flat dict of tensors "<parameter number>.<name>" and its groups without tensors."""
    state = optimizer.state_dict()
    tensors = {f"{n}.{key}": torch.as_tensor(v) for n, values in state["state"].items() for key, v in values.items()}
    return _plain(tensors), [{**group, "lr": float(group["lr"])} for group in state["param_groups"]]


def restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor], groups: list[dict[str, Any]]) -> None:
    """The inverse of `flatten_optimizer`; how this optimiser works on its device stays its own."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, key = name.split(".", 1)
        state.setdefault(int(number), {})[key] = value
    placed = [
        saved | {name: mine[name] for name in OF_DEVICE if name in mine}
        for saved, mine in zip(groups, optimizer.param_groups, strict=True)
    ]
    optimizer.load_state_dict({"state": state, "param_groups": placed})


def cut_metrics(path: Path, step: int) -> None:
    """Drop the lines of metrics.jsonl beyond `step`, and a last line that a kill left half written."""
    if not path.is_file():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            values = json.loads(line)
        except json.JSONDecodeError:
            continue
        if values["step"] <= step:
            kept.append(line)
    write_text(path, "".join(line + "\n" for line in kept))


def cut_states(run: Path, step: int) -> None:
    """Drop what a kill left in state/: states beyond `step`, which `latest` never named, and half written ones."""
    root = run / "state"
    beyond = [path for path in _states(root) if int(path.name) > step]
    for folder in (*beyond, *root.glob(".*-*")):
        shutil.rmtree(folder, ignore_errors=True)  # what can't be removed takes room, and does no other harm


def _states(root: Path) -> list[Path]:
    """The whole states in a folder, the oldest first; none where there is no folder."""
    return sorted(path for path in root.glob("*") if path.is_dir() and path.name.isdecimal())


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
