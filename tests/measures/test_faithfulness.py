from __future__ import annotations

import pytest
import torch
from helpers import same

from rekd.measures.faithfulness import SHARES, Remembering, curves, faithfulness, plan, ranked_masks

WORTH = torch.tensor([0.3, -0.1, 0.2, 0.0, 0.1])


class AdditiveJudge:
    """p(y) = .4 + the worth of the kept units, exactly; counts what it is asked."""

    def __init__(self, worth=WORTH, base=0.4):
        self.worth, self.base, self.asked, self.calls = worth, base, [], 0

    def __call__(self, masks):
        self.calls += 1
        self.asked += [tuple(row) for row in masks.tolist()]
        p = self.base + masks.double() @ self.worth.double()
        return torch.stack([1 - p, p], 1)


def values(scores):
    return {score.name: score.value for score in scores}


def test_hand_worked():
    got = values(faithfulness(AdditiveJudge(), [True, True, False, False, False], [5, 4, 3, 2, 1], 1))
    # p(whole) = .9; kept .4 + .2 = .6; without .4 + .3 = .7.
    same(got["sufficiency"], 0.3, atol=1e-6)
    same(got["comprehensiveness"], 0.2, atol=1e-6)
    # k of 5 units: 1, 1, 1, 1 and 3 (half of five, rounded up): kept .7 four times, then .8; without .6, then .5.
    same(got["AOPC sufficiency"], (4 * 0.2 + 0.1) / 5, atol=1e-6)
    same(got["AOPC comprehensiveness"], (4 * 0.3 + 0.4) / 5, atol=1e-6)
    # Deletion by the scores: .9 .6 .7 .5 .5 .4; insertion: .4 .7 .6 .8 .8 .9; trapezoids of width 1/5.
    same(got["deletion AUC"], (0.65 + 0.6 + 0.7 + 0.5 + 0.5) / 5, atol=1e-6)
    same(got["insertion AUC"], (0.65 + 0.7 + 0.6 + 0.8 + 0.8) / 5, atol=1e-6)


def test_the_other_class_and_a_judge_that_ignores_the_input():
    mask, scores = [True, False, True, False, False], WORTH
    ours, other = (values(faithfulness(AdditiveJudge(), mask, scores, y)) for y in (1, 0))
    same([ours["sufficiency"]], [-other["sufficiency"]], atol=1e-6)
    blind = values(faithfulness(AdditiveJudge(torch.zeros(5)), mask, scores, 1))
    assert all(v == 0 for name, v in blind.items() if "AUC" not in name)
    same([v for name, v in blind.items() if "AUC" in name], [0.4] * 4, atol=1e-6)


def test_the_best_order_beats_the_random_one_and_the_worst_loses():
    worth = torch.rand(40, generator=torch.Generator().manual_seed(1)) / 100
    judge = Remembering(AdditiveJudge(worth))
    best, worst = (values(faithfulness(judge, worth > 0, scores, 1)) for scores in (worth, -worth))
    chance = best["deletion AUC, random order"], best["insertion AUC, random order"]
    assert chance == (worst["deletion AUC, random order"], worst["insertion AUC, random order"])
    assert best["deletion AUC"] < chance[0] < worst["deletion AUC"]
    assert best["insertion AUC"] > chance[1] > worst["insertion AUC"]
    assert best["AOPC sufficiency"] < worst["AOPC sufficiency"]
    assert best["AOPC comprehensiveness"] > worst["AOPC comprehensiveness"]


def test_whole_and_empty_masks():
    got = values(faithfulness(AdditiveJudge(), [True] * 5, WORTH, 1))
    same([got["sufficiency"], got["comprehensiveness"]], [0.0, 0.5], atol=1e-6)
    got = values(faithfulness(AdditiveJudge(), [False] * 5, WORTH, 1))
    same([got["sufficiency"], got["comprehensiveness"]], [0.5, 0.0], atol=1e-6)


def test_no_mask_is_judged_twice_and_the_random_order_is_shared():
    judge = AdditiveJudge(torch.rand(60, generator=torch.Generator().manual_seed(1)) / 60)
    shared, counts = Remembering(judge, chunk=16), []
    for seed in range(3):
        scores = torch.rand(60, generator=torch.Generator().manual_seed(seed))
        faithfulness(shared, scores > 0.9, scores, 1)
        assert len(judge.asked) == len(set(judge.asked))
        counts.append(len(judge.asked))
    first = counts[0]
    assert first <= 2 + 2 + 10 + 4 * 19 and judge.calls <= 20, "three rounds, few batches"
    assert len(judge.asked) < 3 * first - 2 * 38, "the random order's masks are asked once"
    without = AdditiveJudge(judge.worth)
    faithfulness(without, scores > 0.9, scores, 1, with_curves=False)
    assert len(without.asked) <= 3 + 2 * len(SHARES) and without.calls <= 6


def test_after_its_plan_a_row_asks_for_nothing_more():
    judge, rows = AdditiveJudge(), [([True, False, False, True, False], [5, 4, 3, 2, 1]), ([True] * 5, [1, 2, 3, 4, 5])]
    shared = Remembering(judge)
    shared(torch.cat([plan(*each) for each in rows]))
    calls = judge.calls
    for each in rows:
        assert faithfulness(shared, *each, 1, with_curves=False) == faithfulness(judge, *each, 1, with_curves=False)
        judge.calls -= 1  # the second, which asked by itself
    assert judge.calls == calls
    with pytest.raises(ValueError, match="must be"):
        plan([True], [1, 2])


def test_batches_hold_masks_of_similar_size_so_that_little_is_padded():
    sizes, scores = [], torch.rand(300, generator=torch.Generator().manual_seed(3))

    def judge(masks):
        sizes.append(masks.sum(1).tolist())
        return AdditiveJudge(scores / 300)(masks)

    faithfulness(Remembering(judge, chunk=16), scores > 0.9, scores, 1)
    asked, computed = sum(map(sum, sizes)), sum(len(batch) * max(batch) for batch in sizes)
    assert all(len(batch) <= 16 for batch in sizes) and len(sizes) > 5
    assert computed <= 1.2 * asked


def test_chunks_do_not_change_the_scores():
    scores = torch.rand(23, generator=torch.Generator().manual_seed(2))
    judge = AdditiveJudge(scores / 23)
    got = [faithfulness(Remembering(judge, chunk), scores > 0.5, scores, 1) for chunk in (1, 7, 500)]
    assert got[0] == got[1] == got[2]


def test_curves_run_from_the_whole_input_to_none_in_twenty_steps():
    worth = torch.ones(200) / 400
    lines = curves(AdditiveJudge(worth), torch.arange(200), 1)
    same(lines.shares, torch.linspace(0, 1, 21), atol=1e-6)
    same(lines.insertion, torch.linspace(0.4, 0.9, 21), atol=1e-6)
    assert lines.deletion == lines.random_deletion == lines.insertion[::-1]  # every unit is worth the same
    same(lines.area("insertion"), 0.65, atol=1e-6)
    assert len(curves(AdditiveJudge(), WORTH, 1).shares) == 6  # five units: a point at each


def test_a_single_unit():
    got = values(faithfulness(AdditiveJudge(torch.tensor([0.4])), [True], [0.0], 1))
    same([got["sufficiency"], got["comprehensiveness"], got["deletion AUC"]], [0, 0.4, 0.6], atol=1e-6)


def test_the_random_order_follows_the_seed():
    ask = [curves(AdditiveJudge(), WORTH, 1, seed=seed) for seed in (0, 0, 5)]
    assert ask[0] == ask[1] != ask[2] and ask[0].deletion == ask[2].deletion


def test_ties_go_to_the_earlier_unit():
    order = torch.tensor([1.0, 2.0, 1.0]).argsort(descending=True, stable=True)
    assert ranked_masks(order, [2]).tolist() == [[True, True, False]]
    judge = AdditiveJudge(torch.tensor([0.3, 0.0, 0.0]))
    same(values(faithfulness(judge, [True, False, False], [1, 1, 1], 1))["AOPC sufficiency"], 0.0, atol=1e-6)


def test_scores_know_range_and_direction():
    scores = faithfulness(AdditiveJudge(), [True, False, False, False, False], WORTH, 1)
    better = {s.name: s.better for s in scores}
    assert better["sufficiency"] == better["deletion AUC"] == better["AOPC sufficiency"] == "lower"
    assert better["comprehensiveness"] == better["insertion AUC"] == better["AOPC comprehensiveness"] == "higher"
    assert better["deletion AUC, random order"] == better["insertion AUC, random order"] == "neither"
    assert all(s.low <= s.value <= s.high and s.help.endswith(".") for s in scores)


def test_mistakes_are_answered_with_sentences():
    with pytest.raises(ValueError, match="mask has shape \\(2,\\) and scores \\(5,\\)"):
        faithfulness(AdditiveJudge(), [True, False], WORTH, 1)
    with pytest.raises(ValueError, match="at least 1"):
        faithfulness(AdditiveJudge(), [], [], 1)
    with pytest.raises(ValueError, match="target is 2; the judge knows classes 0 to 1"):
        faithfulness(AdditiveJudge(), [True] * 5, WORTH, 2)
    with pytest.raises(ValueError, match="NaN"):
        faithfulness(AdditiveJudge(), [True] * 5, WORTH * float("nan"), 1)
