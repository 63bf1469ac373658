"""What is unusual about a run that can start: against our defaults, the paper, and what is known to fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rekd.config import TrainConfig
from rekd.data import TASKS
from rekd.training import blueprint
from rekd.training.blueprint import NotHere
from rekd.training.choices import Source, built
from rekd.training.rows import row_count
from rekd.training.setup import remarks, resolve

FEW_STEPS = 200
"""Steps below which no run of ours learnt to select."""
FEW_SEEDS = 3
WEIGHTS = tuple(f"{name}{more}" for name in ("model.safetensors", "pytorch_model.bin") for more in ("", ".index.json"))
"""Files of an encoder's repository, in the order in which transformers looks for its weights; or of their parts."""


def unusual(values: Mapping[str, Any], device: str = "cpu", found: Sequence[Source] = (), seeds: int = 0) -> list[str]:
    """A sentence for each thing that a person should know before the run starts; none where it can't.

    Args:
        values: fields of `TrainConfig`. found: models among which teacher and start are. seeds: how many are trained
            for a comparison; 0 says nothing of them.
    """
    config = built(values)
    if isinstance(config, str):
        return []
    try:
        config = resolve(config)
    except ValueError:
        return []
    chosen = {each.value: each for each in found}
    said = [
        *remarks(config),
        *_of_rate(config),
        *_of_masks(config),
        *_of_objective(config, chosen.get(config.teacher)),
        *_of_start(config),
        *_of_schedule(config, device),
    ]
    if config.kind in ("re", "rekd") and 0 < seeds < FEW_SEEDS:
        said.append(
            f"{seeds} seed{'s' if seeds > 1 else ''}: the paper and our headline rows compare means of ten; two runs "
            "can differ by points that a seed alone makes."
        )
    return said


def _of_rate(config: TrainConfig) -> list[str]:
    if config.kind == "cls":
        return []
    said, usual = [], TASKS[config.task].rate
    if config.rate > 0.5:
        said.append(
            f"A rate of {config.rate:.0%} keeps more than half: what it leaves out tells more than what it keeps."
        )
    elif not usual / 3 <= config.rate <= 3 * usual:
        said.append(f"The rate is {config.rate:g}; the task's own is {usual:g}, and published numbers are at that.")
    if config.rate_form == "example" and config.kind in ("re", "rekd") and 0 < config.rate * _units(config) < 1.5:
        said.append("The rate leaves about one unit an input.")
    return said


def _units(config: TrainConfig) -> int:
    """N; 0 where the model can't be built, which `faults` tells."""
    try:
        return blueprint.units_of(config)
    except (ValueError, TypeError, RuntimeError):
        return 0


def _of_masks(config: TrainConfig) -> list[str]:
    said = []
    if config.kind not in ("re", "rekd"):
        return said
    if config.masking == "zero":
        said.append(
            "Masking is zero, as in the paper: zeroed places still take part in attention, so their number, and the "
            "length of a text, can be read. Ours is drop."
        )
    if config.noise_at_test:
        said.append(
            "Masks are drawn at test time, as in the official code: a result is one draw, and another run differs."
        )
    if not config.final_norm:
        said.append("The predictor's last LayerNorm is left out, as in the official code.")
    return said


def _of_objective(config: TrainConfig, teacher: Source | None) -> list[str]:
    if config.kind != "rekd":
        return []
    said = []
    if not config.shared_noise:
        said.append(
            "Teacher and student draw independent noise, as the paper's code does: two equal generators then do not "
            "cost 0, and one sample's gradient is 25 to 60 times noisier early on."
        )
    if config.alpha == 1:
        said.append("alpha is 1: nothing is learnt from the teacher, and this is an RE run that costs more.")
    elif config.lambda_r == 0 and config.parts == "both":
        said.append("lambda_r is 0: the teacher's selections are not learnt, its predictions alone.")
    if teacher and teacher.config:
        said += _of_teacher(config, teacher)
    return said


def _of_teacher(config: TrainConfig, teacher: Source) -> list[str]:
    said, own, theirs = [], _size(config), _size_of(teacher)
    if own and theirs and own > theirs:
        said.append(f"The student is larger than its teacher {teacher.name} ({own:,} against {theirs:,} parameters).")
    if teacher.accuracy is not None and teacher.accuracy < 2 / len(teacher.config.classes) and teacher.accuracy < 0.6:
        said.append(
            f"The teacher {teacher.name} is right in {teacher.accuracy:.0%} of dev alone; a weak teacher misleads."
        )
    if abs(teacher.config.rate - config.rate) > 1e-6:
        said.append(f"The teacher was trained at a rate of {teacher.config.rate:g}, the student at {config.rate:g}.")
    if teacher.state and teacher.state != "done":
        said.append(f"The teacher {teacher.name} is {teacher.state}; this run waits until it has left its checkpoint.")
    return said


def _size(config: TrainConfig) -> int:
    try:
        return blueprint.parameters(config).total
    except (ValueError, TypeError, NotHere):
        return 0


def _size_of(source: Source) -> int:
    try:
        return blueprint.parameters_of_config(source.config).total
    except (ValueError, OSError):
        return 0


def _of_start(config: TrainConfig) -> list[str]:
    text, scratch = TASKS[config.task].modality == "text", not config.backbone_args.get("pretrained")
    said = []
    if not text and scratch and not config.start and config.kind in ("re", "rekd"):
        said.append(
            "Both towers start from random weights: a generator learns little from a predictor that knows nothing yet. "
            "Begin from a CLS model of the same size where accuracy matters."
        )
    if text and config.start and config.kind == "re":
        said.append(
            "A text RE that begins from CLS weights has coded the label in its mask in four of six runs of ours; begin "
            "from the pretrained weights instead, or watch the alarms."
        )
    if weights := to_fetch(config):
        said.append(f"{weights} is not on this machine: the run asks the Hugging Face Hub for it when it starts.")
    return said


def to_fetch(config: TrainConfig) -> str:
    """The weights that a run will download when it starts, by their name; "" for none, and where it can't start.

    Raises:
        ValueError: no such task, or one without a training split.
    """
    config = resolve(config)
    if TASKS[config.task].modality == "text":
        return config.backbone if _encoder_to_fetch(config) else ""
    if not config.backbone_args.get("pretrained"):
        return ""
    return "" if blueprint.weights_at_hand(config.backbone) else f"The pretrained {config.backbone}"


def _encoder_to_fetch(config: TrainConfig) -> bool:
    try:
        blueprint.model_config(config)
    except NotHere:
        return True
    except (ValueError, TypeError):
        return False
    return not Path(config.backbone).is_dir() and not _kept(config.backbone)


def _kept(encoder: str) -> bool:
    """Whether an encoder's weights lie in the Hub's cache: its description may have come without them."""
    from huggingface_hub import try_to_load_from_cache

    return any(isinstance(try_to_load_from_cache(encoder, name), str) for name in WEIGHTS)


def usual_rates(config: TrainConfig) -> tuple[float, float]:
    """The learning rates between which runs of this backbone have learnt well."""
    config = resolve(config)
    if TASKS[config.task].modality == "image":
        return (1e-5, 3e-4) if config.backbone_args.get("pretrained") else (5e-4, 5e-3)
    layers = config.backbone_args.get("layers", ())
    depth = len(layers) if isinstance(layers, (list, tuple)) and layers else 6
    return (1e-5, 1e-4) if depth > 3 else (2e-5, 5e-4)


def _of_schedule(config: TrainConfig, device: str) -> list[str]:
    said, (low, high) = [], usual_rates(config)
    if not low <= config.learning_rate <= high:
        way = "above" if config.learning_rate > high else "below"
        said.append(
            f"The learning rate {config.learning_rate:g} is {way} what such a backbone learns at ({low:g} to {high:g})."
        )
    if config.steps < FEW_STEPS:
        are = "step is" if config.steps == 1 else "steps are"
        said.append(
            f"{config.steps:,} {are} few: with under {FEW_STEPS} a run shows that it works, not what it can learn."
        )
    size = row_count(config.task, "train")
    if size and config.steps * config.batch_size > 200 * size:
        times = config.steps * config.batch_size / size
        said.append(f"The run reads its data {times:.0f} times: expect it to learn them by heart.")
    if config.precision == "bf16" and device == "cpu":
        said.append("Precision is bf16 on a CPU: most CPUs are slower that way; auto takes fp32 there.")
    if config.kind in ("re", "rekd") and config.tau_end > 1:
        said.append(
            f"The last temperature is {config.tau_end:g}: masks stay soft and undecided; ours and the paper's is 0.1."
        )
    return said
