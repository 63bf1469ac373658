"""One model's draws of the input in view: what the section about chance shows, and what it keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rekd.ui import cache, chance_words, lineup

if TYPE_CHECKING:
    from rekd.checkpoints import Info
    from rekd.explanations.chance import Draws, Predictions, Ruled, Spread, Votes
    from rekd.types import Example, Explanation
    from rekd.ui.cards import Drawing
    from rekd.ui.frame import Desk
    from rekd.units import Reading


@dataclass(frozen=True, eq=False)
class Sample:
    """A model that selects, its rationale as its card shows it, and n draws from the same gate.

    names: what each unit is called, (N,). overlap: IoU of two draws, and of random masks of their sizes. predictions:
    what it says from the draws, as far as that is found.
    """

    slot: str
    info: Info
    item: Explanation
    example: Example
    reading: Reading
    names: Sequence[str]
    drawn: Draws
    overlap: tuple[Spread, Spread]
    predictions: Predictions

    @property
    def tone(self) -> str:
        return lineup.TONES[self.slot]

    @property
    def title(self) -> str:
        return lineup.title(self.slot, self.info)

    @property
    def logits(self) -> tuple[float, ...]:
        return self.item.details["selection_logits"]

    @property
    def target(self) -> int:
        """Units that the rate allows."""
        from rekd.masks import budget

        return budget(len(self.item.mask), self.info.config.rate)

    @property
    def waits(self) -> bool:
        """Whether draws are left that nothing was predicted from."""
        return self.predictions.done < len(self.drawn)

    def votes(self) -> Votes | None:
        """What was predicted so far, against the prediction that the card shows."""
        from rekd.explanations.chance import votes

        return votes(self.predictions.probs(self.drawn), self.item.prediction.label)

    def rules(self) -> list[tuple[Ruled, float]]:
        """The input under each rule that draws nothing, with the IoU of its mask and the one that the card shows."""
        import torch

        from rekd.explanations.chance import iou_with, under_rules

        rows = under_rules(self.logits, self.info.config, self.predictions.ask)
        return [(row, iou_with(torch.tensor([row.mask]), self.item.mask).mean) for row in rows]

    def relaxed(self, tau: float) -> tuple[list[float], list[float]]:
        """l + noise of draw 0, and the relaxed values at a temperature: (N,) each. No model is run."""
        import torch

        from rekd.masks import relax

        logits, noise = torch.tensor(self.logits), self.drawn.noise[0]
        return (logits + noise).tolist(), relax(logits, noise, tau).tolist()


def samples(desk: Desk, drawing: Drawing, found: Mapping[str, Explanation]) -> list[Sample]:
    """The draws of every shown model that selects; nothing is predicted from them yet."""
    example, view = drawing.subject.example, desk.view
    out = []
    for slot, item in found.items():
        info = desk.chosen[slot]
        if item.rule == "all":
            continue
        reading, called = cache.reading(info, example), chance_words.names(item.units, example.text)
        drawn, overlap = _drawn(info, example, item, view.seed, view.draws)
        kept = _predictions(info, example, view.seed)
        out.append(Sample(slot, info, item, example, reading, called, drawn, overlap, kept))
    return out


@cache.kept(60)
def _drawn(info: Info, example: Example, item: Explanation, seed: int, n: int) -> tuple[Draws, tuple[Spread, Spread]]:
    from rekd.explanations.chance import draw, iou_of_two

    drawn = draw(item.details["selection_logits"], cache.reading(info, example).batch.ids, seed, n)
    return drawn, iou_of_two(drawn.raw, seed)


@cache.kept(60)
def _predictions(info: Info, example: Example, seed: int) -> Predictions:
    """Of all draws of a seed, however many are looked at: the first 20 of 100 are the same 20."""
    from rekd.explanations.chance import Predictions
    from rekd.explanations.rationale import judge

    return Predictions(judge(cache.checkpoint(info).model, cache.reading(info, example)))
