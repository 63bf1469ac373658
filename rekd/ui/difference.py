"""Two masks of one input held against each other: what both selected, what one alone, and how far chance would go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rekd.ui import components, figures, scores

if TYPE_CHECKING:
    from rekd.measures.agreement import WithChance
    from rekd.types import Explanation, Units

WORDS = 12
"""Words of one side that are listed under a text."""
SHUFFLES = 1000
"""Behind the chance of IoU and kappa; of one input they take no time."""


@dataclass(frozen=True)
class Difference:
    """reference: the other's mask on this one's units, (N,). both, theirs, own: units selected by both, by one alone.

    measures: IoU, Cohen's kappa and, where both have selection logits, gate KL, over the units that both models read.
    """

    reference: tuple[bool, ...]
    both: int
    theirs: int
    own: int
    measures: tuple[WithChance, ...]


def compare(item: Explanation, reference: Explanation) -> Difference:
    """An explanation against another of the same input, whose model may have read more of it or less."""
    mask = scores.align(reference.mask, reference.units, item.units, False)
    return Difference(tuple(mask), *figures.tally(item.mask, mask), _measures(item, reference))


def _measures(item: Explanation, reference: Explanation) -> tuple[WithChance, ...]:
    import torch

    from rekd.measures.agreement import agreement

    read = [place is not None for place in scores.align(reference.units.places, reference.units, item.units, None)]
    if not any(read):
        return ()

    def shared(values: Sequence, source: Units) -> torch.Tensor:
        carried = scores.align(values, source, item.units, None)
        return torch.tensor([value for value, both in zip(carried, read, strict=True) if both])

    masks = (shared(one.mask, one.units) for one in (reference, item))
    logits = [one.details.get("selection_logits") for one in (reference, item)]
    gates = None
    if None not in logits:
        gates = tuple(shared(values, one.units) for values, one in zip(logits, (reference, item), strict=True))
    return agreement(*masks, gates=gates, draws=SHUFFLES)


def described(item: Explanation, found: Difference, whose: str, text: str | None) -> str:
    """The counts, the measures beside their chance and, of a text, the words of one side, as HTML.

    Args:
        whose: what the other is called. text: of the input, None for an image.
    """
    counts = f"{found.both} agreed, {found.theirs} only {whose}, {found.own} only this one"
    lines = [counts]
    if text is not None:
        signs = figures.signs(item.mask, found.reference, "difference")
        for sign, side in (("rk-only-theirs", f"Only {whose}"), ("rk-only-own", "Only this one")):
            if words := _words(text, item.units, signs, sign):
                lines.append(f"{side}: {words}")
    return components.note(*lines) + components.facts(_facts(found.measures))


def _words(text: str, units: Units, signs: Sequence[str], sign: str) -> str:
    """The units of one sign in reading order, as they stand in the text."""
    held = [text[slice(*place)] for place, own in zip(units.places, signs, strict=True) if own == sign]
    more = f" and {len(held) - WORDS} more" if len(held) > WORDS else ""
    return " · ".join(held[:WORDS]) + more


def _facts(measures: Sequence[WithChance]) -> dict[str, str]:
    out = {}
    for score, chance in measures:
        unit = "\u00a0nats" if score.name == "gate KL" else ""
        values = (f"{value.value:.2f}".replace("-0.00", "0.00").replace("-", "−") for value in (score, chance))
        out[_NAMES.get(score.name, score.name)] = "{}{unit} (chance\u00a0{})".format(*values, unit=unit)
    return out


_NAMES = {"gate KL": "Gate KL"}
HELP = (
    "IoU: units that both selected, over units that either did. Cohen's kappa: agreement beyond that of two "
    "independent masks of these sizes; 1 the same, 0 chance. Gate KL: how far this model's P(select) is from the "
    "other's, KL(other || this one), a mean over units; 0 the same. Chance: the same with one side's units shuffled."
)
