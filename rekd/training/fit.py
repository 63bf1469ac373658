"""One run in its folder, from configuration to checkpoint: config, status and metrics, state/, checkpoint/."""

from __future__ import annotations

import json
import platform
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed

from rekd import checkpoints
from rekd.checkpoints import CheckpointError, Info
from rekd.config import TrainConfig
from rekd.files import replaced_folder, write_json, write_text
from rekd.models import RationaleModel
from rekd.training.about import role_of
from rekd.training.board import check_report, reported
from rekd.training.capture import engine_said, ready_compiler
from rekd.training.card import model_card, words_card
from rekd.training.evaluate import fit_cut
from rekd.training.health import Health
from rekd.training.kept import Kept, keep, pays
from rekd.training.loop import Tell, Trainer, silent
from rekd.training.runs import read_config
from rekd.training.setup import Setup, prepare, resolve
from rekd.training.state import load_progress
from rekd.training.status import Heart
from rekd.training.stopping import Stopped
from rekd.training.task import Objective, Teacher
from rekd.training.turns import alone, canonical
from rekd.training.watch import Watch

PACKAGES = ("torch", "transformers", "timm", "accelerate", "safetensors", "numpy")

MADE_AT_ONCE = {"config.json", "status.json", "about.json", ".lock", "snapshots", "tensorboard"}
"""What a run's folder holds before its first line of metrics."""


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that a result depends on."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in PACKAGES}}


def accelerator_for(config: TrainConfig, run: Path, cpu: bool = False) -> Accelerator:
    """bf16 where the device has it and the run does not ask for fp32; otherwise fp32.

    Raises:
        ValueError: metrics are to go where a package is missing.
    """
    check_report(config.report_to)
    on_gpu = torch.cuda.is_available() and not cpu
    wants = config.precision == "bf16" or (config.precision == "auto" and on_gpu and torch.cuda.is_bf16_supported())
    told = {"log_with": config.report_to, "project_dir": run} if config.report_to else {}
    return Accelerator(mixed_precision="bf16" if wants else "no", cpu=cpu, **told)


def start(config: TrainConfig, run: Path) -> TrainConfig:
    """Write a new run's folder, or check that an old one holds the same configuration.

    Raises:
        FileExistsError: the folder is a file, or holds a run with another configuration.
        ValueError: it holds something else, or metrics are to go where a package is missing.
    """
    config = resolve(config)
    check_report(config.report_to)
    path = run / "config.json"
    if run.exists() and not run.is_dir():
        raise FileExistsError(f"{run} is a file; a run needs a folder of its own. Name another with --out.")
    values = json.loads(json.dumps(config.to_dict()))
    if path.is_file():
        old = read_config(run).to_dict()  # as this version reads it: an earlier one may lack a field
        if changed := sorted(key for key, value in config.to_dict().items() if value != old[key]):
            raise FileExistsError(
                f"{run} holds another run: it differs in {', '.join(changed)}. Name another folder with --out, "
                f"or go on with that run by `python -m rekd train --resume {run}`."
            )
        return config
    run.mkdir(parents=True, exist_ok=True)
    write_json(path, {"training": values, "versions": versions(), "created": time.time()})
    return config


def finished(config: TrainConfig, run: Path) -> Info | None:
    """The checkpoint of a run that has no step left; None where there is still something to do.

    Raises:
        StateBroken: the run's state can't be read.
    """
    progress = load_progress(run)
    if progress is None or not progress.ended(config):
        return None
    if not (run / "checkpoint" / "README.md").is_file():  # the card is written last, see `export`
        return None
    try:
        return checkpoints.read_info(run / "checkpoint")
    except CheckpointError:  # `fit` writes it again
        return None


def fit(
    config: TrainConfig,
    run: Path,
    *,
    cpu: bool = False,
    stop: Callable[[], bool] = lambda: False,
    heart: Heart | None = None,
    tell: Tell = silent,
) -> Info:
    """Train a run, or go on with it from its latest state, and write its checkpoint to run/checkpoint.

    Args:
        config: started by `start`, so that every field is resolved.
        stop: whether somebody wants the run to stop; see `Trainer.train`.
        heart: what keeps the run's status, where its caller holds the folder already. tell: see `Trainer`.

    Returns:
        the checkpoint's information.

    Raises:
        Stopped, NotFinite: as the trainer says. ValueError: another process is at work on the run.
    """
    accelerator = accelerator_for(config, run, cpu)
    if heart or not accelerator.is_main_process:
        return _fit(config, run, accelerator, stop, heart, tell)
    device = "cpu" if accelerator.device.type == "cpu" else canonical(str(accelerator.device))
    with alone(run), Heart(run, config.steps, stop, device) as heart:
        return _fit(config, run, accelerator, stop, heart, tell)


def _fit(config: TrainConfig, run: Path, accelerator: Accelerator, stop, heart: Heart | None, tell: Tell) -> Info:
    set_seed(config.seed)
    torch.set_float32_matmul_precision("high")
    if engine_said(config, accelerator) == "compile":
        ready_compiler()
    setup = prepare(config, accelerator.device)
    if setup.teacher and pays(config, setup.feed.taught, setup.feed.size):
        setup.feed.kept = _kept(setup, accelerator, stop).to(accelerator.device)
    trainer = assemble(setup, run, accelerator, stop, heart, tell)
    with reported(accelerator, run):
        progress = trainer.train()
    info = None
    if accelerator.is_main_process:
        training = {
            **config.to_dict(),
            **_provenance(setup),
            "best_step": progress.best_step,
            "steps_done": progress.step,
        }
        info = export(run / "checkpoint", setup, training)
    accelerator.wait_for_everyone()
    return info or checkpoints.read_info(run / "checkpoint")


def assemble(
    setup: Setup,
    run: Path,
    accelerator: Accelerator,
    stop: Callable[[], bool] = lambda: False,
    heart: Heart | None = None,
    tell: Tell = silent,
) -> Trainer:
    """The trainer of a run, with its objective, what it measures on dev and what it keeps of the watched examples."""
    length = setup.reader.config.max_tokens if setup.spec.modality == "text" else len(setup.reader.units)
    teacher = Teacher(setup.teacher.model) if setup.teacher else None
    objective = Objective(setup.model, setup.config, teacher, fixed_length=length)
    # Each call of the two is made under the run's precision.
    health, watch = accelerator.autocast()(Health(setup)), accelerator.autocast()(Watch(run, setup))
    told = {"stop": stop, **({"at": heart.at} if heart else {})}
    told |= {"watch": watch, "tell": tell} if accelerator.is_main_process else {}
    return Trainer(run, setup.config, objective, setup.feed, health, accelerator, **told)


def _kept(setup: Setup, accelerator: Accelerator, stop: Callable[[], bool]) -> Kept:
    """What the teacher says of the training split; one process computes it, the others read it."""

    def heard(done: int, of: int) -> None:
        if stop():
            raise Stopped(f"Stopped before the first step, while the teacher read example {done:,} of {of:,}.")

    with accelerator.main_process_first(), accelerator.autocast():
        return keep(setup.teacher, setup.feed.taught, accelerator.mixed_precision, heard)


def fit_or_discard(config: TrainConfig, run: Path, *, fresh: bool = False, **how: Any) -> Info:
    """`fit`; where it fails before its first line, the folder of a `fresh` run, made by this command, is removed."""
    try:
        return fit(config, run, **how)
    except (ValueError, RuntimeError, OSError):  # what the command line turns into a sentence
        if fresh and {path.name for path in run.iterdir()} <= MADE_AT_ONCE:
            shutil.rmtree(run)
        raise


def _provenance(setup: Setup) -> dict[str, Any]:
    """What config.json keeps beside the configuration: the teacher's name and hash."""
    return {"teacher_name": setup.teacher.info.name, "teacher_hash": setup.teacher.info.hash} if setup.teacher else {}


def export(folder: Path, setup: Setup, training: dict[str, Any]) -> Info:
    """Save a run's model, reload it as stored, fit its calibrated cut on dev, and save it again with the cut."""
    model, config = setup.model, setup.config
    if model.words is not None:
        name = checkpoints.save_words(folder.parent, model.words, setup.reader.tokenizer, words_card(config.backbone))
        model.config = replace(model.config, words=name)
    fixed = {
        "task": config.task,
        "role": role_of(folder.parent, config),
        "training": training,
        "versions": versions(),
        "tokenizer": getattr(setup.reader, "tokenizer", None),
    }
    info = checkpoints.save(folder, model, **fixed)
    if model.config.selects:
        stored = checkpoints.load(folder, str(_device(model))).model
        stored.config = replace(stored.config, cut=fit_cut(stored, setup.dev))
        info = checkpoints.save(folder, stored, **fixed)
    write_text(folder / "README.md", model_card(info, {}))
    return info


def publish(info: Info, target: Path, metrics: dict[str, Any], card: str, promoted: float = 0.0) -> Info:
    """Copy a checkpoint with its metrics, card and time of promotion; weights stay as they are, byte for byte.

    Args:
        info: of the checkpoint that is copied, with the role and the record of training that the copy is to have.
    """
    values = json.loads((info.folder / "config.json").read_text(encoding="utf-8"))
    values |= {"role": info.role, "promoted": promoted, "training": info.training}
    with replaced_folder(target) as temp:
        for path in info.folder.iterdir():
            if path.is_file() and path.name not in ("config.json", "metrics.json", "README.md"):
                shutil.copy2(path, temp / path.name)
            elif path.is_dir():
                shutil.copytree(path, temp / path.name)
        write_json(temp / "config.json", values)
        if metrics:
            write_json(temp / "metrics.json", metrics)
        (temp / "README.md").write_text(card, encoding="utf-8")
    return checkpoints.read_info(target)


def _device(model: RationaleModel) -> torch.device:
    return next(model.parameters()).device
