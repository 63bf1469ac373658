"""What a person chose of Explore, as one frozen record, and what can be chosen. Pure."""

from __future__ import annotations

from dataclasses import dataclass

RULES = ("calibrated", "top-k", "threshold", "sampled")
SHOWS = ("mask", "select", "difference")
SLOTS = ("teacher", "cls", "re", "rekd")
METHODS = (
    "IntegratedGradients",
    "GradientShap",
    "FeatureAblation",
    "Saliency",
    "InputXGradient",
    "DeepLift",
    "LayerGradCam",
    "AttentionRollout",
    "Occlusion",
    "ShapleyValueSampling",
    "KernelShap",
    "Lime",
)
DEFAULT_METHODS = METHODS[:3]
DEEPER = ("captum", "chance", "proof", "paint", "take")
DRAWS = (20, 100, 500)
TAUS = (5.0, 0.1)
"""The highest and the lowest temperature of training: what the slider runs through."""
SIFTS = ("all", "disagree", "wrong", "rescued")
ORDERS = ("number", "apart")
IN_ADDRESS = 4_000
"""Characters of an own text that travel in the address; longer texts are kept on the server."""
LARGEST = 10**9


@dataclass(frozen=True)
class View:
    """Everything that decides what Explore shows; "" is "not chosen yet, take the default".

    text: the own text, whole. upload: content hash of the own picture. teacher, cls, re, rekd: names of the models
    compared. explain: the slot whose model Captum explains. judge: name of the model that scores, target: of the class
    that methods explain and it scores; aopc, curves, infidelity: what the table has beyond. An empty slot is "-".
    against: the slot that the difference is taken to. deeper: what stands below the cards. draws: masks that are drawn,
    or inputs that are scrambled. tau: temperature of the relaxed mask. painted: a mask of one's own, packed.
    many: with `own`, a batch of inputs instead of one. batch: its content hash. row: the input of it that is opened,
    counted from 1; 0 is the table, of which `page`, from 0, shows what `sift` leaves in `order`.
    """

    task: str = ""
    data: str = ""
    own: bool = False
    example: int = 0
    text: str = ""
    upload: str = ""
    teacher: str = ""
    cls: str = ""
    re: str = ""
    rekd: str = ""
    rule: str = "calibrated"
    seed: int = 0
    show: str = "mask"
    methods: tuple[str, ...] = DEFAULT_METHODS
    explain: str = "cls"
    judge: str = ""
    target: str = ""
    aopc: bool = False
    curves: bool = False
    infidelity: bool = False
    against: str = ""
    deeper: str = DEEPER[0]
    draws: int = 100
    tau: float = 1.0
    painted: str = ""
    many: bool = False
    batch: str = ""
    row: int = 0
    page: int = 0
    sift: str = SIFTS[0]
    order: str = ORDERS[0]

    @property
    def given(self) -> str:
        """What the input is: "example" of a data set, "own" or "many"."""
        return ("many" if self.many else "own") if self.own else "example"

    def model(self, slot: str) -> str:
        return getattr(self, slot)
