"""The difference of two masks on one input: counts and measures by hand, over the units that both models read."""

from __future__ import annotations

import math

import pytest

from rekd.types import Explanation, Units
from rekd.ui.difference import compare, described

TEXT = "a b <i> d e f"
PLACES = ((0, 1), (2, 3), (4, 7), (8, 9), (10, 11), (12, 13))


def explanation(mask: str, logits=None, read: int = 6) -> Explanation:
    on = tuple(sign == "x" for sign in mask)
    details = {} if logits is None else {"selection_logits": tuple(logits)}
    units = Units("words", PLACES[:read])
    return Explanation("rationale", "m", units, tuple(map(float, on)), on, "top-k", 0, details=details)


def values(item, reference) -> dict[str, tuple[float, float]]:
    return {score.name: (score.value, chance.value) for score, chance in compare(item, reference).measures}


def test_counts_and_overlap_by_hand():
    found = compare(explanation("xxx..."), explanation(".xxx.."))
    assert (found.both, found.theirs, found.own) == (2, 1, 1)
    held = values(explanation("xxx..."), explanation(".xxx.."))
    assert held["IoU"][0] == 2 / 4
    # 4 of 6 units agree, and 1 / 2 would by chance.
    assert held["Cohen's kappa"][0] == pytest.approx((4 / 6 - 1 / 2) / (1 / 2))
    assert set(held) == {"IoU", "Cohen's kappa"}, "without logits there is no gate to compare"


def test_chance_is_that_of_masks_of_these_sizes():
    # Three of six against three of six: an overlap of 0, 1, 2, 3 in 1, 9, 9, 1 of 20 cases.
    expected = (9 * 1 / 5 + 9 * 2 / 4 + 1 * 1) / 20
    held = values(explanation("xxx..."), explanation("...xxx"))
    assert held["IoU"] == (0, pytest.approx(expected, abs=0.03))
    assert held["Cohen's kappa"][1] == pytest.approx(0, abs=0.05)


def test_the_gates_divergence_is_from_the_other_to_this_one():
    def kl(p, q):
        return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))

    mine, theirs = [0.0] * 6, [math.log(0.9 / 0.1)] * 6
    held = values(explanation("x.....", mine), explanation("x.....", theirs))
    assert held["gate KL"][0] == pytest.approx(kl(0.9, 0.5))
    assert held["gate KL"][1] == pytest.approx(kl(0.9, 0.5)), "of flat gates a shuffle changes nothing"


def test_only_what_both_read_is_compared():
    longer, shorter = explanation("x...xx"), explanation("x...", read=4)
    assert values(longer, shorter)["IoU"][0] == 1 == values(shorter, longer)["IoU"][0]
    found = compare(longer, shorter)
    assert (found.both, found.theirs, found.own) == (1, 0, 2), "what the other did not read is this one's alone"


def test_words_of_one_side_are_listed_and_escaped():
    item, reference = explanation(".xxx.."), explanation("x...x.")
    block = described(item, compare(item, reference), "RE", TEXT)
    assert "0 agreed, 2 only RE, 3 only this one" in block
    assert "Only RE: a · e" in block and "Only this one: b · &lt;i&gt; · d" in block
    assert "chance" in block and "<i>" not in block


def test_of_an_image_no_words_are_listed():
    item, reference = explanation("x....."), explanation(".x....")
    assert "Only RE" not in described(item, compare(item, reference), "RE", None)
