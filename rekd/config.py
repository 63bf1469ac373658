"""Frozen configurations that check themselves; each default says where it comes from.

"Paper" is arXiv 2601.22531, "official" its code; "ours" are this project's decisions, with the reason beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from rekd.checks import between, choose, known, several

KINDS = ("cls", "re", "rekd", "random")
MASKINGS = ("drop", "zero", "mask-token")
UNIT_KINDS = ("words", "pieces", "tokens", "patches")
TEACHER_VIEWS = ("own", "own-sampled", "student")
PARTS = ("both", "rationale", "prediction")
RATE_FORMS = ("auto", "example", "count")
PRECISIONS = ("auto", "fp32", "bf16")
OPTIMIZERS = ("adamw", "muon")
ENGINES = ("auto", "eager", "graph", "compile")
AUGMENTATIONS = ("standard", "strong")
REPORTS = ("", "tensorboard")
MOST_WATCHED = 8
INCIDENTAL = ("seed", "watched", "report_to", "log_every", "keep_states", "engine")
"""Fields of `TrainConfig` in which runs of one setting may differ: chance, what is written down, and how the same steps
are made."""


@dataclass(frozen=True)
class ReaderConfig:
    """How an input becomes tokens and units. Two models share units when their `signature` is the same."""

    modality: str
    units: str = "words"
    max_tokens: int = 256
    """Text: word pieces read, special tokens included (paper: 256 on IMDB)."""
    image_size: tuple[int, int] = (224, 224)
    patch_size: tuple[int, int] = (16, 16)
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    """Image: the backbone's own data configuration."""

    def __post_init__(self):
        choose("modality", self.modality, ("text", "image"))
        choose("units", self.units, ("patches",) if self.modality == "image" else UNIT_KINDS[:3])
        between("max_tokens", self.max_tokens, 4, 8192)
        sizes, colours = (2, 1, 8192), ((3, -9, 9), (3, 1e-3, 9))
        for name, rule in zip(("image_size", "patch_size", "mean", "std"), (sizes, sizes, *colours), strict=True):
            object.__setattr__(self, name, several(name, getattr(self, name), *rule))
        if any(s % p for s, p in zip(self.image_size, self.patch_size, strict=True)):
            raise ValueError(f"image_size {self.image_size} is no multiple of patch_size {self.patch_size}")

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        return tuple(s // p for s, p in zip(self.image_size, self.patch_size, strict=True))

    @property
    def signature(self) -> tuple:
        return ("patches", *self.grid) if self.modality == "image" else (self.units,)


@dataclass(frozen=True)
class ModelConfig:
    """Everything that rebuilds a model before its weights are loaded."""

    kind: str
    reader: ReaderConfig
    classes: tuple[str, ...]
    arch: Mapping[str, Any]
    """Text: a transformers configuration as a dict with model_type; image: {"name": timm name, "args": {...}}."""
    rate: float = 0.15
    """Share p of the units to select (paper: .15 CIFAR, .10 IMDB)."""
    masking: str = "drop"
    """Ours: unselected tokens leave the attention, so nothing of them can leak; paper: zero."""
    final_norm: bool = True
    """The final LayerNorm of a vision predictor stays on (the official code skips it)."""
    pooling: str = "mean"
    """Text head: mean of visible tokens (ours: every selected word reaches it), or first (paper: the class token)."""
    train_words: bool = False
    """Text: word embeddings are trained and stored per tower, or frozen in one table that all text towers share."""
    words: str = ""
    """Name of the shared word table's folder, with its hash; set when train_words is False."""
    cut: float = 0.0
    """Selection logit c of the `calibrated` rule, fitted on dev from the weights as stored."""

    def __post_init__(self):
        choose("kind", self.kind, KINDS)
        choose("masking", self.masking, MASKINGS)
        choose("pooling", self.pooling, ("mean", "first"))
        between("rate", self.rate, 1e-4, 1.0)
        between("cut", self.cut, -1e9, 1e9)
        if isinstance(self.reader, Mapping):
            object.__setattr__(self, "reader", ReaderConfig(**known(ReaderConfig, self.reader)))
        if not isinstance(self.reader, ReaderConfig):
            raise ValueError(f"reader is {self.reader!r}; it must be a ReaderConfig, or its fields by name")
        needed = "name" if self.reader.modality == "image" else "model_type"
        if needed not in self.arch:
            raise ValueError(f"arch is {self.arch!r}; for {self.reader.modality} it must give {needed!r}")
        object.__setattr__(self, "classes", tuple(self.classes))
        if len(self.classes) < 2:
            raise ValueError(f"classes is {self.classes}; a model needs at least two")

    @property
    def selects(self) -> bool:
        """Whether the model has a generator (re, rekd)."""
        return self.kind in ("re", "rekd")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelConfig:
        return cls(**known(cls, values))


@dataclass(frozen=True)
class TrainConfig:
    """One training run: data, kind, objective, schedule. `PRESETS` holds named changes to these defaults."""

    task: str
    kind: str
    preset: str = "default"
    teacher: str = ""
    """Folder or name of the teacher's checkpoint; rekd needs one, cls may learn from its predictions (a control)."""
    backbone: str = ""
    """Hub id, local folder or timm name; empty takes the task's own (rekd.data.spec)."""
    backbone_args: Mapping[str, Any] = field(default_factory=dict)
    """Image: keyword arguments of timm.create_model. Text: {"layers": [0, 5]} keeps these layers only."""
    start: str = ""
    """Checkpoint (kind cls, same backbone) whose predictor both towers begin from; empty: the backbone's own weights.
    Vision models from scratch need it (ours): a generator learns little from a predictor that knows nothing."""
    units: str = ""
    """Empty takes words or patches, the modality's own."""
    masking: str = "drop"
    max_tokens: int = 256
    rate: float = 0.0
    """0 takes the task's own p (rekd.data.spec)."""
    alpha: float = 0.3
    """Weight of task + rate against distillation; paper swept 0, .3, .5, .7, 1; .3 in the feasibility runs."""
    lambda_r: float = 0.5
    """Weight of rationale distillation within the distillation terms (paper)."""
    temper_rationale: bool = False
    """On (ours): the rationale term is times min(1, tau). Its gradient grows as 1 / tau, which at the paper's last tau
    leaves next to nothing of the step's length, once it is clipped, to the task."""
    parts: str = "both"
    teacher_view: str = "own"
    """The paper's figure; official: student."""
    shared_noise: bool = True
    """Ours: two equal generators then cost exactly 0."""
    rate_form: str = "auto"
    rate_weight: float = 0.0
    """Weight w of the squared batch rate error; 0 takes the form's own (rekd.training.setup)."""
    example_rate_weight: float = 50.0
    """Keeps the number of selected units from carrying the label."""
    dual_step: float = 0.02
    tau_start: float = 5.0
    tau_end: float = 0.1
    """Paper: one temperature for mask and distillation, 5 to .1."""
    noise_at_test: bool = False
    """Official code: masks are drawn, not decided, at test time."""
    final_norm: bool = True
    pooling: str = "mean"
    train_words: bool = False
    steps: int = 1000
    batch_size: int = 32
    accumulation: int = 1
    """Micro-batches a step; the optimiser's batch is batch_size whatever this is."""
    learning_rate: float = 1e-4
    """AdamW's. Feasibility runs: 5e-5 for six pretrained layers, 1e-4 for two, 1e-3 to 3e-3 for small vision models."""
    optimizer: str = "adamw"
    """Paper and official code: AdamW. muon (ours) is Muon for the matrices within the blocks, with which small vision
    models from random weights need half the steps; see rekd.training.optimizers."""
    weight_decay: float = 0.01
    warmup: float = 0.06
    """Share of the steps with rising learning rate; cosine decay follows (feasibility runs)."""
    clip: float = 1.0
    dropout: float = 0.1
    augment: bool = True
    """Images: random crop and flip on the training split (digits are never flipped)."""
    augmentation: str = "standard"
    """strong (ours, where `augment`): besides, each image is changed in one way more, by a random amount; larger vision
    models from random weights need it, see rekd.data.augmenting."""
    seed: int = 2026
    """Paper: seeds 2026 to 2035."""
    precision: str = "auto"
    engine: str = "auto"
    """How steps are run: eager; graph, replayed from a CUDA graph; compile, compiled before it is captured. auto takes
    what is fastest for the run's length and device (rekd.training.capture)."""
    evaluate_every: int = 0
    """Steps between evaluations on dev, beside that of the last step; 0 takes a twentieth of the run, at least 25."""
    patience: int = 0
    """Evaluations without a better dev accuracy before stopping early; 0 never stops early."""
    stop_at: float = 0.0
    """Dev accuracy at which training stops early, for a teacher that is weak on purpose; 0 never stops it."""
    dev_limit: int = 0
    """Examples of dev used while training; 0 uses all."""
    log_every: int = 10
    keep_states: int = 2
    watched: tuple[int, ...] = ()
    """Rows of dev whose masks and predictions are kept as they form, at most eight; none: spread over the classes."""
    report_to: str = ""
    """tensorboard: metrics go there too, in a folder of the run; no account, no service."""

    def __post_init__(self):
        choose("kind", self.kind, KINDS)
        choose("preset", self.preset, tuple(PRESETS))
        choose("masking", self.masking, MASKINGS)
        choose("parts", self.parts, PARTS)
        choose("teacher_view", self.teacher_view, TEACHER_VIEWS)
        choose("rate_form", self.rate_form, RATE_FORMS)
        choose("precision", self.precision, PRECISIONS)
        choose("optimizer", self.optimizer, OPTIMIZERS)
        choose("augmentation", self.augmentation, AUGMENTATIONS)
        choose("engine", self.engine, ENGINES)
        choose("pooling", self.pooling, ("mean", "first"))
        if self.units:
            choose("units", self.units, UNIT_KINDS)
        for name in ("alpha", "rate", "warmup", "dropout", "stop_at"):
            between(name, getattr(self, name), 0.0, 1.0)
        for name in ("lambda_r", "rate_weight", "example_rate_weight", "dual_step", "weight_decay"):
            between(name, getattr(self, name), 0.0, 1e6)
        for name in ("steps", "batch_size", "accumulation", "log_every", "keep_states"):
            between(name, getattr(self, name), 1, 10**9)
        for name in ("seed", "evaluate_every", "patience", "dev_limit"):
            between(name, getattr(self, name), 0, 2**62)
        for name in ("learning_rate", "tau_start", "tau_end", "clip"):
            between(name, getattr(self, name), 1e-9, 1e6)
        choose("report_to", self.report_to, REPORTS)
        object.__setattr__(self, "watched", tuple(self.watched))
        if len(self.watched) > MOST_WATCHED or any(not isinstance(row, int) or row < 0 for row in self.watched):
            raise ValueError(f"watched is {self.watched}; it must hold at most {MOST_WATCHED} row numbers, from 0")
        if self.batch_size % self.accumulation:
            raise ValueError(f"batch_size {self.batch_size} is no multiple of accumulation {self.accumulation}")
        if self.kind == "rekd" and not self.teacher:
            raise ValueError("kind is 'rekd' and teacher is empty; name the teacher's checkpoint with --teacher")
        if self.kind not in ("rekd", "cls") and self.teacher:
            raise ValueError(f"kind {self.kind!r} learns without a teacher; leave teacher empty or use kind 'rekd'")
        if self.kind == "cls" and self.teacher and (self.parts, self.teacher_view) != ("prediction", "own"):
            raise ValueError(
                "kind 'cls' selects nothing and can learn from a teacher's own predictions alone: give parts "
                "'prediction' and teacher_view 'own', or leave teacher empty"
            )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainConfig:
        return cls(**known(cls, values))

    @classmethod
    def from_preset(cls, preset: str, **values: Any) -> TrainConfig:
        """The preset's values, then `values` over them."""
        choose("preset", preset, tuple(PRESETS))
        return cls(**known(cls, {"preset": preset, **PRESETS[preset], **values}))


_PAPER = {
    "masking": "zero",
    "pooling": "first",
    "shared_noise": False,
    "train_words": True,
    "learning_rate": 1e-5,
    "weight_decay": 0.0,
    "example_rate_weight": 0.0,
    "augment": False,
}

PRESETS: dict[str, dict[str, Any]] = {
    # Ours.
    "default": {},
    # The equations as printed: word pieces, zeroed content, a count penalty an example, the teacher's own drawn view.
    "paper": {**_PAPER, "units": "pieces", "rate_form": "example", "teacher_view": "own-sampled"},
    # Parity with the official code: every token slot is a unit (padding and specials too), the batch-mean count over a
    # fixed length is squared, the teacher reads the student's mask, masks are drawn at test, no final norm.
    "official": {
        **_PAPER,
        "units": "tokens",
        "rate_form": "count",
        "teacher_view": "student",
        "noise_at_test": True,
        "final_norm": False,
    },
}
