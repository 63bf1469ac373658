"""Agreement and plausibility, which share their counts and their shuffles: by hand, by scikit-learn, by chance."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import same
from sklearn.metrics import average_precision_score, cohen_kappa_score, f1_score, jaccard_score

from rekd.measures.agreement import agreement, f1, gate_kl, gate_kl_chance, iou, kappa
from rekd.measures.plausibility import average_precision, average_precision_chance, plausibility


def bits(text: str) -> torch.Tensor:
    return torch.tensor([[c == "1" for c in row] for row in text.split()])


def shuffled(values: torch.Tensor, unit_mask: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """One literal shuffle of each row's real units, which come first."""
    out = values.clone()
    for row, real in enumerate(unit_mask.sum(1).tolist()):
        out[row, :real] = values[row, torch.randperm(real, generator=generator)]
    return out


def test_hand_worked():
    a, b = bits("11000 10100"), bits("10100 10100")
    same(iou(a, b), [1 / 3, 1.0], atol=1e-6)
    same(f1(a, b), [1 / 2, 1.0], atol=1e-6)
    # Five units, two marked by each, one in common: agreed 3/5, expected (2*2 + 3*3)/25.
    same(kappa(a, b), [(3 / 5 - 13 / 25) / (1 - 13 / 25), 1.0], atol=1e-6)


def test_the_same_numbers_as_scikit_learn():
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.rand(20, 30, generator=generator) < 0.4 for _ in range(2))
    # Scores of few values, so that ties are met.
    scores = torch.randint(0, 6, (20, 30), generator=generator).double()
    rows = list(zip(a.numpy(), b.numpy(), scores.numpy(), strict=True))
    same(kappa(a, b), [cohen_kappa_score(x, y) for x, y, _ in rows], atol=1e-6)
    same(iou(a, b), [jaccard_score(x, y) for x, y, _ in rows], atol=1e-6)
    same(f1(a, b), [f1_score(x, y) for x, y, _ in rows], atol=1e-6)
    same(average_precision(scores, b), [average_precision_score(y, s) for _, y, s in rows], atol=1e-6)


def test_identical_masks_agree_wholly_and_opposite_ones_not_at_all():
    a = bits("110010 000001 111110")
    assert iou(a, a).tolist() == kappa(a, a).tolist() == f1(a, a).tolist() == [1, 1, 1]
    assert iou(a, ~a).tolist() == f1(a, ~a).tolist() == [0, 0, 0] and (kappa(a, ~a) < 0).all()


def test_empty_and_full_masks_are_guarded():
    none, some, every = bits("0000"), bits("0110"), bits("1111")
    for measure in (iou, kappa, f1):
        assert measure(none, none).tolist() == measure(none, some).tolist() == [0.0]
    assert iou(every, every).tolist() == [1.0] and kappa(every, every).tolist() == [0.0]
    assert iou(every, some).tolist() == [0.5]
    for pair in agreement(none, none) + agreement(every, every) + plausibility(none, [0.0] * 4, some):
        assert np.isfinite([pair.score.value, pair.chance.value]).all()


def test_padding_changes_nothing():
    generator = torch.Generator().manual_seed(0)
    masks = [torch.rand(3, 9, generator=generator) < 0.4 for _ in range(2)]
    logits = [torch.randn(3, 9, generator=generator) for _ in range(2)]
    real = torch.ones(3, 9, dtype=torch.bool)
    # Padding is full of what must not count.
    wide = [torch.cat([m, torch.ones(3, 4, dtype=torch.bool)], 1) for m in masks]
    far = [torch.cat([v, torch.full((3, 4), 1e9 * sign)], 1) for v, sign in zip(logits, (1, -1), strict=True)]
    shown = F.pad(real, (0, 4))
    for got, want in zip(
        agreement(*wide, shown, gates=tuple(far)), agreement(*masks, gates=tuple(logits)), strict=True
    ):
        assert got.score == want.score and got.chance == want.chance
    for got, want in zip(
        plausibility(wide[0], far[0], wide[1], shown), plausibility(masks[0], logits[0], masks[1]), strict=True
    ):
        same([got.score.value, got.chance.value], [want.score.value, want.chance.value], atol=1e-6)


def test_gate_kl_by_hand_and_by_identity():
    p, q = torch.tensor([[0.9, 0.5]]).double(), torch.tensor([[0.6, 0.5]]).double()
    want = (0.9 * np.log(0.9 / 0.6) + 0.1 * np.log(0.1 / 0.4)) / 2
    same(gate_kl(p.logit(), q.logit()), [want], atol=1e-6)
    wild = torch.tensor([[-300.0, 0.0, 40.0, 300.0]])
    assert gate_kl(wild, wild).tolist() == [0.0]
    assert torch.isfinite(gate_kl(wild, -wild)).all() and (gate_kl(wild, -wild) > 100).all()


def test_chance_is_the_mean_of_literal_shuffles():
    generator = torch.Generator().manual_seed(0)
    real = torch.arange(24)[None] < torch.tensor([[24], [9], [5]])
    first, second = ((torch.rand(3, 24, generator=generator) < 0.4) & real for _ in range(2))
    gates = tuple(torch.randn(3, 24, generator=generator) * 2 for _ in range(2))
    scores = torch.randint(0, 5, (3, 24), generator=generator).double()
    sums: dict[str, torch.Tensor] = {}
    for _ in range(1000):
        mixed = shuffled(second, real, generator)
        for name, value in {
            "IoU": iou(first, mixed, real),
            "Cohen's kappa": kappa(first, mixed, real),
            "unit F1": f1(first, mixed, real),
            "gate KL": gate_kl(gates[0], shuffled(gates[1], real, generator), real),
            "AUPRC": average_precision(scores, mixed, real),
        }.items():
            sums[name] = sums.get(name, 0) + value / 1000
    pairs = agreement(first, second, real, gates=gates, draws=4000) + plausibility(
        first, scores, second, real, draws=4000
    )
    for pair in pairs:
        if pair.score.name in sums:
            same(pair.chance.value, float(sums[pair.score.name].mean()), atol=0.015, what=pair.score.name)
    same(gate_kl_chance(*gates, real), sums["gate KL"], atol=0.05)
    same(average_precision_chance(scores, second, real), sums["AUPRC"], atol=0.02)


def test_independent_masks_score_their_chance_level():
    generator = torch.Generator().manual_seed(0)
    masks = [torch.rand(2000, 40, generator=generator) < 0.3 for _ in range(2)]
    for pair in agreement(*masks, gates=tuple(torch.randn(2000, 40, generator=generator) for _ in range(2))):
        same(pair.score.value, pair.chance.value, atol=0.02, what=pair.score.name)
    same(agreement(*masks)[1].chance.value, 0.0, atol=1e-3)


def test_seeds_repeat():
    a, b = bits("1101000011"), bits("1000100110")
    assert agreement(a, b, seed=1) == agreement(a, b, seed=1) != agreement(a, b, seed=2)
    assert [pair.score for pair in agreement(a, b, seed=1)] == [pair.score for pair in agreement(a, b, seed=2)]


def test_the_evidence_itself_is_perfectly_plausible():
    truth = bits("0110000 0000011")
    got = {pair.score.name: pair for pair in plausibility(truth, truth.double(), truth)}
    assert [got[name].score.value for name in ("unit F1", "evidence IoU", "AUPRC")] == [1, 1, 1]
    assert all(pair.chance.value < 0.6 for pair in got.values())
    worst = {p.score.name: p.score.value for p in plausibility(~truth, -truth.double(), truth)}
    assert worst["unit F1"] == 0 and worst["AUPRC"] < got["AUPRC"].chance.value


def test_scores_without_order_have_the_share_of_evidence_as_auprc():
    truth = bits("0100100000")
    same(average_precision(torch.zeros(1, 10), truth), [0.2], atol=1e-6)
    same(average_precision_chance(torch.zeros(1, 10), truth), [0.2], atol=1e-6)
    assert average_precision(torch.zeros(1, 10), truth & False).tolist() == [0.0]


def test_examples_without_evidence_are_left_out():
    truth, mask = bits("0110 0000"), bits("0110 1111")
    assert plausibility(mask, mask.double(), truth)[0].score.value == 1.0
    assert plausibility(mask[1:], mask[1:].double(), truth[1:]) == ()


def test_one_example_as_plain_tuples():
    """As an Explanation holds them."""
    pairs = agreement((True, False, True), (True, True, False))
    same(pairs[0].score.value, 1 / 3, atol=1e-6)
    assert pairs[0].score.spread is None
    assert plausibility((True, False), (0.9, 0.1), (True, False))[2].score.value == 1.0


def test_scores_know_range_direction_and_spread():
    a, b = bits("1100 1010"), bits("1100 0101")
    pairs = agreement(a, b, gates=(a.double(), b.double())) + plausibility(a, a.double(), b)
    for score, chance in pairs:
        assert score.low <= score.value <= score.high and score.help.endswith(".")
        assert score.better == ("lower" if score.name == "gate KL" else "higher")
        assert chance.better == "neither" and chance.name == f"{score.name}, chance"
    assert pairs[0].score.spread == 0.5  # IoU 1 and 0


def test_mistakes_are_answered_with_sentences():
    with pytest.raises(ValueError, match="only over the same units"):
        iou(bits("110"), bits("1100"))
    with pytest.raises(ValueError, match="one or more in each example"):
        iou(bits("11"), bits("11"), bits("00"))
