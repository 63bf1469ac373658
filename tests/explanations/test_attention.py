"""Attention rollout: hand-worked, by a second route, and what may move it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from explained import image_case, linear_case, text_case
from helpers import IMAGE_ARCHS, TEXT_ARCHS, same

from rekd.explanations.attention import roll_out
from rekd.explanations.attributions import DoesNotFit, attribute
from rekd.models.attention import attend, watched_attention


def test_two_layers_by_hand():
    first = torch.tensor([[[1.0, 0.0], [0.5, 0.5]]])
    second = torch.tensor([[[0.0, 1.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]])  # two heads: (0, 1) and (.5, .5)
    # From token 0: half stays, half goes to 1; there 3/4 stays and 1/4 goes to 0.
    same(roll_out([first, second], torch.tensor([1.0, 0.0])), [0.5 + 0.5 * 0.25, 0.5 * 0.75], atol=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_words_share_what_reaches_their_pieces(pooling):
    model, reading = text_case(pooling=pooling)
    got = attribute("AttentionRollout", "cls", model, reading, rate=0.25)
    with torch.no_grad(), watched_attention() as layers:
        model.predict(reading.batch)
    t = reading.batch.token_mask.shape[1]
    whole = torch.eye(t)
    for weights in layers:  # the product of whole matrices, where ours follows one row
        whole = (weights[0].mean(0) + torch.eye(t)) / 2 @ whole
    row = whole[0] if pooling == "first" else whole.mean(0)
    owners = reading.batch.token_units[0]
    want = [float(row[owners == i].sum()) for i in range(len(reading.units[0]))]
    same(got.scores, want, atol=1e-5)
    assert ("class token" in got.details["read_at"]) == (pooling == "first")
    assert 0.5 < sum(got.scores) < 1, "special tokens keep their share"


@pytest.mark.parametrize("arch", TEXT_ARCHS)
def test_every_text_tower_shows_its_attention(arch):
    model, reading = text_case(arch=arch)
    got = attribute("AttentionRollout", "cls", model, reading, rate=0.25)
    assert got.details["n"] == 2 and min(got.scores) > 0 and sum(got.scores) < 1


@pytest.mark.parametrize("arch", IMAGE_ARCHS)
def test_every_image_tower_shows_its_attention(arch):
    model, reading = image_case(arch)
    got = attribute("AttentionRollout", "cls", model, reading, rate=0.25)
    assert got.details["n"] == 2 and len(got.scores) == 16 and min(got.scores) > 0
    total = sum(got.scores)
    assert abs(total - 1) < 1e-5 if arch == "avg-pool" else total < 1, "what the prefix keeps is no patch's"
    assert np.std(got.scores) > 1e-5


def test_what_is_pooled_is_what_moves_the_logits():
    """The rows that `pooled` names are those whose hidden state the head reads, no more and no less."""
    for model, reading in (text_case(), text_case(pooling="first"), *(image_case(arch) for arch in IMAGE_ARCHS)):
        tower, batch = model.predictor, reading.batch
        hidden = tower.encode(tower.content(tower.features(batch)), batch, None)
        states = torch.cat([hidden.prefix, hidden.tokens], 1).detach().requires_grad_()
        count = hidden.prefix.shape[1]
        parts = type(hidden)(states[:, :count], states[:, count:], hidden.seen)
        (gradient,) = torch.autograd.grad(tower.classify(parts)[0, 0], states)
        pooled = tower.pooled(batch)
        assert torch.equal(gradient.abs().sum(-1) > 0, pooled > 0)
        same(pooled.sum(1), [1.0], atol=1e-6)


def test_a_model_without_attention_says_so():
    model, reading, _ = linear_case("text")
    with pytest.raises(DoesNotFit, match="none of its layers is attention"):
        attribute("AttentionRollout", "cls", model, reading, rate=0.25)


def test_watched_weights_are_those_that_attend_uses():
    query, key, value = torch.randn(3, 1, 2, 5, 4).unbind(0)
    allowed = torch.ones(5, 5, dtype=torch.bool).tril()[None, None]
    seen = torch.tensor([[0.0, 1, 1, 0, 1]])
    with watched_attention() as layers:
        out = attend(query, key, value, allowed, seen, scale=0.5)
    same(layers[0] @ value, out, atol=1e-6)
    assert not layers[0][..., 0, :].any(), "the first query sees nothing"
    attend(query, key, value, allowed, seen, scale=0.5)
    assert len(layers) == 1, "outside the block nobody watches"
