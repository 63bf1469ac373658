"""Each of Captum's methods on its own: what its scores add up to, and what they may depend on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from explained import image_case, logit, text_case
from helpers import same

from rekd.explanations.attributions import METHODS, attribute
from rekd.explanations.methods import Subject, _coalitions


@pytest.mark.parametrize("case", [text_case, image_case])
def test_integrated_gradients_add_up_to_the_change_of_the_logit(case):
    model, reading = case()
    got = attribute("IntegratedGradients", "cls", model, reading, rate=0.25, target=1)
    batch = reading.batch
    with torch.no_grad():
        nothing = float(model.predict_from(batch, model.baseline(batch))[0, 1])
    change = logit(model, batch, target=1) - nothing
    assert abs(change) > 0.01
    # Special tokens are the same at both ends, so all of the attribution lies on units.
    same(sum(got.scores), change + got.details["convergence_delta"], atol=1e-5)
    same(sum(got.scores), change, atol=0.02 * abs(change) + 1e-4)


def test_gradient_shap_is_captums_own_when_both_draw_the_same_places(monkeypatch):
    from captum.attr import GradientShap

    model, reading = text_case()
    got = attribute("GradientShap", "cls", model, reading, rate=0.25, target=1, seed=9)
    draws = torch.rand(25, generator=torch.Generator().manual_seed(9))
    monkeypatch.setattr(np.random, "uniform", lambda *_: draws.double().numpy())
    batch = reading.batch
    many = batch.rows(torch.zeros(25, dtype=torch.long))

    def forward(features):
        return model.predict_from(many.rows(slice(0, len(features))), features)

    theirs = GradientShap(forward).attribute(
        model.features(batch).detach(), model.baseline(batch).detach(), n_samples=25, target=1
    )
    same(got.scores, model.unit_scores(batch, theirs)[0], atol=1e-5)


@pytest.mark.parametrize("case", [text_case, image_case])
def test_feature_ablation_is_leave_one_out(case):
    model, reading = case()
    got = attribute("FeatureAblation", "cls", model, reading, rate=0.25, target=1)
    n, whole = len(reading.units[0]), logit(model, reading.batch, target=1)
    by_hand = [whole - logit(model, reading.batch, torch.arange(n)[None] != i, 1) for i in range(n)]
    same(got.scores, by_hand, atol=1e-5)


def test_batches_of_any_size_give_the_same_scores(monkeypatch):
    model, reading = text_case()
    for method in METHODS:
        want = attribute(method, "cls", model, reading, rate=0.25).scores
        for chunk in (3, 100):
            monkeypatch.setattr(Subject, "chunk", chunk)
            same(attribute(method, "cls", model, reading, rate=0.25).scores, want, atol=2e-5, what=f"{method}, {chunk}")
        monkeypatch.undo()


def test_kernel_shap_of_an_additive_model_is_exact():
    """Where each unit adds its own amount to the logit, the Shapley value is that amount."""
    model, reading = text_case()
    worth = torch.linspace(-1, 2, len(reading.units[0]))
    model.predict = lambda batch, mask=None: torch.stack(
        [torch.zeros(len(batch)), (worth if mask is None else mask.float() * worth).sum(-1).expand(len(batch))], 1
    )
    got = attribute("KernelShap", "cls", model, reading, rate=0.25, target=1)
    same(got.scores, worth, atol=1e-4)
    assert got.details["iou_two_seeds"] == 1.0 and got.details["n"] == 200
    assert got.mask == tuple(i >= len(worth) - sum(got.mask) for i in range(len(worth)))


def test_kernel_shap_draws_coalitions_by_the_shapley_kernel():
    stream = _coalitions(6, 1, torch.device("cpu"))
    drawn = torch.cat([next(stream) for _ in range(3002)])
    assert drawn[0].all() and not drawn[1].any()
    sizes = torch.bincount(drawn[2:].sum(1), minlength=7).double() / 3000
    weights = torch.tensor([0, *(1 / (m * (6 - m)) for m in range(1, 6)), 0]).double()
    same(sizes, weights / weights.sum(), atol=0.03)
    same(drawn[2:].double().mean(0), torch.full((6,), 0.5).double(), atol=0.04)


@pytest.mark.parametrize("method", [name for name, spec in METHODS.items() if spec.samples])
def test_a_seed_repeats_and_another_differs(method):
    model, reading = image_case()
    first, again, other = (attribute(method, "cls", model, reading, rate=0.25, seed=seed).scores for seed in (1, 1, 2))
    assert first == again and first != other


def test_the_other_class_turns_a_two_class_explanation_round():
    model, reading = text_case()
    with torch.no_grad():
        model.predictor.head.weight[1] = -model.predictor.head.weight[0]
    pair = [attribute("IntegratedGradients", "cls", model, reading, rate=0.25, target=t).scores for t in (0, 1)]
    same(pair[0], [-s for s in pair[1]], atol=1e-6)


@pytest.mark.parametrize("text", ["film", "film dull", "film, dull"])
def test_inputs_of_one_to_three_units(text):
    model, reading = text_case(text)
    for method in METHODS:
        got = attribute(method, "cls", model, reading, rate=0.25)
        assert got.count == 1 and np.isfinite(got.scores).all(), method
    if text == "film":
        ends = [logit(model, reading.batch, torch.tensor([[shown]])) for shown in (True, False)]
        for method in ("KernelShap", "FeatureAblation"):
            same(attribute(method, "cls", model, reading, rate=1.0, target=0).scores, [ends[0] - ends[1]], atol=1e-6)


@pytest.mark.parametrize("masking", ["zero", "mask-token"])
def test_the_panel_names_how_units_are_removed(masking):
    model, reading = text_case(masking=masking)
    drop, _ = text_case()
    names = {attribute("FeatureAblation", "cls", m, reading, rate=0.25).details["baseline"] for m in (model, drop)}
    assert len(names) == 2


def test_the_default_three_are_the_ones_that_are_promised():
    assert [name for name, spec in METHODS.items() if spec.default] == [
        "IntegratedGradients",
        "GradientShap",
        "FeatureAblation",
    ]
    assert all(spec.name == name and spec.help.endswith(".") and spec.cost for name, spec in METHODS.items())
