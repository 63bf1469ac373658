"""Masks drawn from a gate: hand-worked values, frequencies that tend to P(select), predictions made piece by piece."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from helpers import same, text_config, tiny_tokenizer
from hypothesis import given
from hypothesis import strategies as st

from rekd import masks
from rekd.explanations import chance
from rekd.explanations.rationale import judge, rationale
from rekd.models import build
from rekd.types import Example
from rekd.units import TextReader

ID = torch.tensor([7])
LOGITS = (-3.0, -1.0, 0.0, 0.5, 2.0, 6.0)
logits_of_any_size = st.lists(st.floats(-40, 40, width=32), min_size=1, max_size=12)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_a_gate_of_coins_and_a_gate_of_stone():
    coins, stone = chance.gate([0.5] * 16), chance.gate([1.0, 0.0, 0.0])
    assert coins == chance.Gate(0.0, chance.Spread(8.0, 2.0))
    assert stone == chance.Gate(1.0, chance.Spread(1.0, 0.0))
    mixed = chance.gate([0.9, 0.2])
    same([mixed.certainty, mixed.units.mean, mixed.units.sd], [0.7, 1.1, math.sqrt(0.09 + 0.16)], atol=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_ranges_of_a_gate(probs):
    found = chance.gate(probs)
    assert 0 <= found.certainty <= 1 and 0 <= found.units.mean <= len(probs)
    assert 0 <= found.units.sd <= math.sqrt(len(probs)) / 2 + 1e-9


def test_frequency_tends_to_the_probability_within_the_binomial_spread():
    n = 20_000
    drawn = chance.draw(LOGITS, ID, 3, n)
    for logit, times in zip(LOGITS, drawn.times, strict=True):
        p = sigmoid(logit)
        assert abs(times / n - p) < 4.5 * chance.binomial(p, n), f"logit {logit}: {times} of {n}"
    made = chance.gate([sigmoid(logit) for logit in LOGITS])
    assert drawn.units.mean == pytest.approx(made.units.mean, abs=0.05)
    assert drawn.units.sd == pytest.approx(made.units.sd, abs=0.05)
    assert chance.binomial(0.5, 100) == 0.05 and chance.binomial(1.0, 100) == 0


def test_draws_of_a_seed_are_the_first_of_more_draws_and_other_seeds_draw_others():
    few, many, other = (chance.draw(LOGITS, ID, seed, n) for seed, n in ((1, 20), (1, 100), (2, 20)))
    assert torch.equal(few.raw, many.raw[:20]) and torch.equal(few.noise, many.noise[:20])
    assert not torch.equal(few.raw, other.raw)
    assert not torch.equal(few.noise[0], few.noise[1])


def test_two_gates_of_the_same_units_meet_the_same_noise():
    first, second = chance.draw(LOGITS, ID, 0, 50), chance.draw([x + 1e-6 for x in LOGITS], ID, 0, 50)
    assert torch.equal(first.noise, second.noise) and torch.equal(first.raw, second.raw)


def test_empty_draws_are_counted_before_they_are_repaired():
    drawn = chance.draw([-30.0, -29.0, -31.0], ID, 0, 20)
    assert drawn.times == [0, 0, 0] and drawn.units == chance.Spread(0.0, 0.0)
    assert drawn.repaired.all() and drawn.mask.tolist() == [[False, True, False]] * 20
    some = chance.draw([-1.0, -1.0], ID, 0, 200)
    assert 0 < int(some.repaired.sum()) < 200
    assert torch.equal(some.repaired, ~some.raw.any(1)) and some.mask.any(1).all()
    assert torch.equal(some.mask[~some.repaired], some.raw[~some.repaired])


@given(logits_of_any_size, st.floats(0.1, 5), st.integers(0, 1000))
def test_the_relaxed_value_is_the_formula_and_the_mask_knows_no_temperature(logits, tau, seed):
    drawn = chance.draw(logits, ID, seed, 2)
    values = masks.relax(torch.tensor(logits), drawn.noise, tau)
    pushed = [[(x + float(e)) / tau for x, e in zip(logits, row, strict=True)] for row in drawn.noise]
    same(values, [[sigmoid(max(x, -700)) for x in row] for row in pushed], atol=1e-5)
    hard = torch.tensor(logits) + drawn.noise > 0
    assert torch.equal(hard, drawn.raw), "the hard mask is what lies right of 0, at any temperature"
    assert not ((values < 0.5) & drawn.raw).any() and not ((values > 0.5) & ~drawn.raw).any()


def test_iou_of_two_draws_by_hand():
    drawn = torch.tensor([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]]).bool()
    found, by_chance = chance.iou_of_two(drawn)
    values = [1 / 2, 0, 0, 0, 0, 0]
    assert found.mean == pytest.approx(np.mean(values)) and found.sd == pytest.approx(np.std(values, ddof=1))
    assert 0 < by_chance.mean < 1
    assert chance.iou_of_two(drawn) == (found, by_chance), "chance has a seed"
    with pytest.raises(ValueError, match="two or more"):
        chance.iou_of_two(drawn[:1])


def test_the_chance_of_the_iou_is_that_of_all_masks_of_these_sizes():
    """Two units of five against three of five, every pair of masks counted out."""
    pairs = itertools.product(itertools.combinations(range(5), 2), itertools.combinations(range(5), 3))
    exact = [len({*a} & {*b}) / len({*a} | {*b}) for a, b in pairs]
    drawn = torch.tensor([[1, 1, 0, 0, 0], [1, 1, 1, 0, 0]]).bool()
    found = [chance.iou_of_two(drawn, seed)[1] for seed in range(30)]
    assert np.mean([one.mean for one in found]) == pytest.approx(np.mean(exact), abs=0.01)
    assert np.mean([one.sd for one in found]) == pytest.approx(np.std(exact), abs=0.01)


def test_equal_draws_agree_and_coins_agree_no_better_than_chance():
    certain = chance.draw([30.0, -30.0, 30.0], ID, 0, 20)
    assert chance.iou_of_two(certain.raw)[0] == chance.Spread(1.0, 0.0)
    coins = chance.draw([0.0] * 40, ID, 0, 100)
    found, by_chance = chance.iou_of_two(coins.raw)
    assert found.mean == pytest.approx(by_chance.mean, abs=0.01)


def counting(seen: list[int]):
    """A judge of three units that says the share of its mask that each of two classes owns."""

    def ask(rows):
        seen.append(len(rows))
        first = 0.2 + 0.6 * rows[:, 0].double()
        return torch.stack([first, 1 - first], 1)

    return ask


def test_predictions_come_in_pieces_and_no_draw_is_asked_twice():
    seen, drawn = [], chance.draw([0.0] * 3, ID, 0, 100)
    found = chance.Predictions(counting(seen))
    assert len(found.probs(drawn)) == 0 and chance.votes(found.probs(drawn), 0) is None
    found.step(drawn)
    assert found.done == chance.BLOCK == len(found.probs(drawn))
    for _ in range(100):
        found.step(drawn)
    assert found.done == 100 and sum(seen) <= 2**3, "there are eight different masks of three units"
    same(found.probs(drawn)[:, 0], 0.2 + 0.6 * drawn.mask[:, 0].double(), atol=1e-9)
    few = chance.draw([0.0] * 3, ID, 0, 20)
    found.step(few)
    assert torch.equal(found.probs(few), found.probs(drawn)[:20])


def test_votes_by_hand():
    probs = torch.tensor([[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]])
    found = chance.votes(probs, 0)
    assert (found.counts, found.agree, found.total) == ((2, 1), 2, 3)
    same([found.confidence.mean, found.confidence.sd], [0.5, np.std([0.8, 0.6, 0.1], ddof=1)], atol=1e-6)


def test_the_rules_of_one_input_are_those_of_its_card_and_draw_0_is_the_sampled_one():
    tokenizer = tiny_tokenizer()
    model = build(text_config(rate=0.3, cut=-0.7), blank_id=tokenizer.mask_token_id).eval()
    with torch.no_grad():
        model.selector.weight.mul_(40)
        model.predictor.head.weight.normal_()
    reading = TextReader(model.config.reader, tokenizer).read(
        [Example("x", text="this film is great, not dull at all")]
    )
    cards = {rule: rationale("m", model, reading, rule=rule, seed=5) for rule in ("threshold", "calibrated", "top-k")}
    logits = cards["top-k"].details["selection_logits"]
    for found in chance.under_rules(logits, model.config, judge(model, reading)):
        card = cards.pop(found.rule)
        assert (found.mask, found.repaired) == (card.mask, card.repaired)
        same(found.prediction.probs, card.prediction.probs, atol=1e-5)
    assert not cards
    drawn = chance.draw(logits, reading.batch.ids, 5, 3)
    sampled = rationale("m", model, reading, rule="sampled", seed=5)
    assert tuple(drawn.mask[0].tolist()) == sampled.mask
    overlap = chance.iou_with(drawn.mask, sampled.mask)
    assert overlap.mean < 1 or torch.equal(drawn.mask[0].expand(3, -1), drawn.mask)
    assert chance.iou_with(drawn.mask[:1], sampled.mask) == chance.Spread(1.0, 0.0)
