from __future__ import annotations

import math

import pytest
import torch
from helpers import same

from rekd.measures.calibration import brier, calibration, ece, nll, reliability

PROBS = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])
LABELS = torch.tensor([0, 1, 1, 1])


def test_hand_worked():
    # Bins of 1/15: .9 twice (accuracy .5), .6 (right), .8 (right): gaps .4, .4, .4, .2.
    same(ece(PROBS, LABELS), (2 * 0.4 + 0.4 + 0.2) / 4, atol=1e-7)
    same(nll(PROBS, LABELS), -sum(map(math.log, (0.9, 0.1, 0.6, 0.8))) / 4, atol=1e-6)
    same(brier(PROBS, LABELS), 2 * (0.1**2 + 0.9**2 + 0.4**2 + 0.2**2) / 4, atol=1e-6)


def test_certain_and_right_is_perfect_and_certain_and_wrong_is_worst():
    sure = torch.eye(3)
    assert [s.value for s in calibration(sure, torch.arange(3))] == [0, 0, 0]
    wrong = torch.tensor([1, 2, 0])
    assert (ece(sure, wrong), brier(sure, wrong)) == (1, 2) and math.isfinite(nll(sure, wrong))


def test_probabilities_that_keep_their_word_have_no_error():
    """Labels drawn from the probabilities themselves."""
    generator = torch.Generator().manual_seed(0)
    probs = torch.rand(40_000, 1, generator=generator)
    probs = torch.cat([1 - probs, probs], 1)
    labels = (torch.rand(40_000, generator=generator) < probs[:, 1]).long()
    assert ece(probs, labels) < 0.01
    assert ece(probs, 1 - labels) > 0.4


def test_bins_hold_every_example_once_and_edges_belong_below():
    bars = reliability(torch.tensor([[0.5, 0.5], [1.0, 0.0], [0.75, 0.25]]), torch.tensor([0, 0, 1]), bins=4)
    assert [b.count for b in bars] == [0, 1, 1, 1] and [b.accuracy for b in bars] == [0, 1, 0, 1]
    assert (bars[0].low, bars[-1].high) == (0.0, 1.0)


def test_scores_know_range_and_direction():
    for score in calibration(PROBS, LABELS):
        assert score.better == "lower" and score.low <= score.value <= score.high and score.help.endswith(".")


@pytest.mark.parametrize(
    ("probs", "labels", "message"),
    [
        (torch.tensor([[2.0, -1.0]]), torch.tensor([0]), "apply softmax"),
        (torch.zeros(0, 2), torch.zeros(0), "at least 1"),
        (PROBS, LABELS[:2], "labels \\(2,\\)"),
        (PROBS, torch.tensor([0, 1, 2, 0]), "from 0 to 1; found 0 to 2"),
    ],
)
def test_mistakes_are_answered_with_sentences(probs, labels, message):
    with pytest.raises(ValueError, match=message):
        ece(probs, labels)
