"""Two parts of a record: a mask painted by hand with what models say from it, and the proof that the rest is unread."""

from __future__ import annotations

from dataclasses import dataclass

from rekd.explanations.proof import Movement
from rekd.types import Prediction


@dataclass(frozen=True)
class Answer:
    """What the model in a slot says when it sees a mask alone.

    count, n: how many of the units that this model reads the mask shows it. breaks: another class than the model says
    from its own mask, or from the whole input where it selects nothing.
    """

    slot: str
    prediction: Prediction
    count: int
    n: int
    breaks: bool


@dataclass(frozen=True)
class OnMask:
    """What each model says from one mask of `count` of `n` units. own: slot of the model whose mask it is, else ""."""

    name: str
    own: str
    count: int
    n: int
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Painted:
    """A mask (N,) painted on the units that the model in `slot` reads. others: every other mask, for comparison."""

    slot: str
    mask: tuple[bool, ...]
    answers: tuple[Answer, ...]
    others: tuple[OnMask, ...]

    @property
    def count(self) -> int:
        return sum(self.mask)

    @property
    def line(self) -> OnMask:
        """The painted mask as a row among the others."""
        return OnMask("painted", "", self.count, len(self.mask), self.answers)


@dataclass(frozen=True)
class Moved:
    """How far the logits of the model in `slot` moved when what it left out held other content."""

    slot: str
    movement: Movement


@dataclass(frozen=True)
class Proof:
    """Whether what the models left out reaches their predictions.

    data: name of the data set whose inputs gave the other content, "" where the picture's own pixels did. content: the
    same in words, as the end of "it was filled with".
    """

    data: str
    content: str
    moved: tuple[Moved, ...]
