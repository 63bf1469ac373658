"""Each method on its own: a second route where there is one, what it may depend on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from explained import EXACT, image_case, linear_case, logit, scores, text_case
from helpers import same

from rekd.explanations import gradients, removal
from rekd.explanations.attributions import METHODS, DoesNotFit, attribute, two_seeds

# Gradients


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
    got = scores("GradientShap", model, reading, seed=9)
    n = gradients.DRAWS
    draws = (torch.arange(n) + torch.rand(n, generator=torch.Generator().manual_seed(9))) / n  # one a stratum
    monkeypatch.setattr(np.random, "uniform", lambda *_: draws.double().numpy())
    batch = reading.batch
    many = batch.rows(torch.zeros(n, dtype=torch.long))

    def forward(features):
        return model.predict_from(many.rows(slice(0, len(features))), features)

    theirs = GradientShap(forward).attribute(
        model.features(batch).detach(), model.baseline(batch).detach(), n_samples=n, target=1
    )
    same(got, model.unit_scores(batch, theirs)[0], atol=1e-5)


@pytest.mark.parametrize("case", [text_case, image_case])
def test_saliency_and_input_x_gradient_are_what_autograd_says(case):
    model, reading = case()
    features = model.features(reading.batch).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(model.predict_from(reading.batch, features)[0, 1], features)
    for method, want in (("Saliency", gradient.abs()), ("InputXGradient", gradient * features.detach())):
        same(scores(method, model, reading), model.unit_scores(reading.batch, want)[0], atol=1e-5, what=method)


@pytest.mark.parametrize("case", [text_case, image_case])
def test_deep_lift_says_by_how_much_it_does_not_fit_a_transformer(case):
    model, reading = case()
    with pytest.raises(
        DoesNotFit,
        match=r"DeepLift does not fit this model: .* add up to [+−][\d.]+ logits.* up to [+−][\d.]+, [\d.]+ off.*5%",
    ):
        attribute("DeepLift", "cls", model, reading, rate=0.25, target=1)


def test_deep_lift_follows_what_captum_has_a_rule_for():
    """By the rescale rule, hand-worked: a ReLU passes (out - out0) / (in - in0) of what flows back."""
    model, reading, worth = linear_case("text", relu=True)
    got = attribute("DeepLift", "cls", model, reading, rate=0.25, target=1)
    summed, bias = worth[:, 1].sum(), model.predictor.bias.detach()
    out, out0 = (max(0.0, float(v)) for v in (summed + bias, bias))
    assert out0 < out, "the rule must act"
    same(got.scores, worth[:, 1] * (out - out0) / summed, atol=1e-4)
    same(got.details["change"], out - out0, atol=1e-4)
    same(got.details["convergence_delta"], 0.0, atol=1e-4)


def test_whatever_captum_raises_of_deep_lift_becomes_its_reason(monkeypatch):
    def fails(_):
        raise AttributeError("module has no attribute 'input'\nand more")

    monkeypatch.setattr(gradients, "_lifted", fails)
    model, reading = text_case()
    with pytest.raises(DoesNotFit, match=r"can't follow it \(module has no attribute 'input'\)"):
        scores("DeepLift", model, reading)


@pytest.mark.parametrize("arch", ["vit", "distilled", "registers", "avg-pool"])
def test_grad_cam_is_the_mean_gradient_of_each_channel_times_what_the_last_block_reads(arch):
    model, reading = image_case(arch)
    got = scores("LayerGradCam", model, reading)
    tower, held = model.predictor, []
    block = tower.vit.blocks[-1]
    norm = block.norm1.register_forward_hook(lambda _, __, out: held.append(out))
    value = model.predict(reading.batch)[0, 1]
    norm.remove()
    (gradient,) = torch.autograd.grad(value, held[0])
    patches, slopes = held[0][0, tower.prefix :], gradient[0, tower.prefix :]
    same(got, (patches * slopes.mean(0)).sum(1).detach(), atol=1e-5)
    assert np.std(got) > 1e-4


def test_a_method_for_images_says_so_of_a_text():
    model, reading = text_case()
    with pytest.raises(DoesNotFit, match="LayerGradCam is for image inputs, and this model reads text"):
        scores("LayerGradCam", model, reading)
    assert METHODS["LayerGradCam"].modalities == ("image",)


# Removal


@pytest.mark.parametrize("case", [text_case, image_case])
def test_feature_ablation_is_leave_one_out(case):
    model, reading = case()
    n, whole = len(reading.units[0]), logit(model, reading.batch, target=1)
    by_hand = [whole - logit(model, reading.batch, torch.arange(n)[None] != i, 1) for i in range(n)]
    same(scores("FeatureAblation", model, reading), by_hand, atol=1e-5)


def test_occlusion_removes_whole_windows():
    model, reading = text_case()
    n, whole = len(reading.units[0]), logit(model, reading.batch, target=1)
    lost = []
    for start in range(n - 2):
        mask = torch.ones(1, n, dtype=torch.bool)
        mask[0, start : start + 3] = False
        lost.append(whole - logit(model, reading.batch, mask, 1))
    want = [np.mean(lost[max(0, i - 2) : i + 1]) for i in range(n)]
    same(scores("Occlusion", model, reading), want, atol=1e-5)


@pytest.mark.parametrize("method", ["KernelShap", "ShapleyValueSampling"])
def test_shapley_values_add_up_to_what_all_units_change(method):
    model, reading = text_case()
    n = len(reading.units[0])
    ends = [logit(model, reading.batch, torch.full((1, n), shown), 1) for shown in (True, False)]
    same(sum(scores(method, model, reading)), ends[0] - ends[1], atol=1e-3)


def test_both_ways_to_shapley_values_come_near_the_sum_over_all_coalitions():
    model, reading = text_case("great film, but slow")
    n = len(reading.units[0])
    every = torch.cartesian_prod(*[torch.tensor([False, True])] * n)
    with torch.no_grad():
        rows = reading.batch.rows(torch.zeros(len(every), dtype=torch.long))
        value = dict(zip(map(tuple, every.tolist()), model.predict(rows, every)[:, 1].double().tolist(), strict=True))
    want = []
    for i in range(n):
        total = 0.0
        for held, out in value.items():
            if held[i]:
                size = sum(held)
                weight = torch.lgamma(torch.tensor([size, n - size + 1.0, n + 1.0]).double()).exp()
                total += float(weight[0] * weight[1] / weight[2]) * (out - value[(*held[:i], False, *held[i + 1 :])])
        want.append(total)
    spread = max(want) - min(want)
    same(scores("KernelShap", model, reading), want, atol=0.1 * spread)
    same(scores("ShapleyValueSampling", model, reading), want, atol=0.2 * spread)


def test_kernel_shap_draws_coalitions_by_the_shapley_kernel():
    stream = removal.shapley_coalitions(6, 1, torch.device("cpu"))
    drawn = torch.cat([next(stream) for _ in range(3002)])
    assert drawn[0].all() and not drawn[1].any()
    sizes = torch.bincount(drawn[2:].sum(1), minlength=7).double() / 3000
    weights = torch.tensor([0, *(1 / (m * (6 - m)) for m in range(1, 6)), 0]).double()
    same(sizes, weights / weights.sum(), atol=0.03)
    same(drawn[2:].double().mean(0), torch.full((6,), 0.5).double(), atol=0.04)


def test_lime_is_captums_own_with_the_same_ridge_and_draws(monkeypatch):
    from captum._utils.models.linear_model import SkLearnRidge
    from captum.attr import Lime
    from captum.attr._core.lime import get_exp_kernel_similarity_function

    model, reading = image_case()
    got = scores("Lime", model, reading, seed=4)
    n, generator = len(reading.units[0]), torch.Generator().manual_seed(4)

    def forward(masks):
        with torch.no_grad():
            return model.predict(reading.batch.rows(torch.zeros(len(masks), dtype=torch.long)), masks > 0.5)

    theirs = Lime(
        forward,
        SkLearnRidge(alpha=1.0),
        get_exp_kernel_similarity_function("cosine", 0.25),
        lambda *_, **__: (torch.rand(1, n, generator=generator) < 0.5).long(),
    )
    with torch.random.fork_rng():
        want = theirs.attribute(torch.ones(1, n), target=1, n_samples=200)
    same(got, want[0], atol=1e-4)


@pytest.mark.parametrize("text", ["film", "film dull", "film, dull"])
def test_inputs_of_one_to_three_units(text):
    model, reading = text_case(text)
    for method, spec in METHODS.items():
        if "text" in spec.modalities and method != "DeepLift":
            got = attribute(method, "cls", model, reading, rate=0.25)
            assert got.count == 1 and np.isfinite(got.scores).all(), method
    if text == "film":
        ends = [logit(model, reading.batch, torch.tensor([[shown]])) for shown in (True, False)]
        for method in ("KernelShap", "FeatureAblation", "Occlusion", "ShapleyValueSampling"):
            same(attribute(method, "cls", model, reading, rate=1.0, target=0).scores, [ends[0] - ends[1]], atol=1e-6)


# What scores may depend on


@pytest.mark.parametrize("method", [name for name, spec in METHODS.items() if spec.samples])
def test_a_seed_repeats_and_another_differs_as_much_as_is_said(method):
    model, reading = image_case()
    first, again, other = (attribute(method, "cls", model, reading, rate=0.25, seed=seed) for seed in (1, 1, 2))
    assert first.scores == again.scores and first.scores != other.scores
    both = sum(a and b for a, b in zip(first.mask, other.mask, strict=True))
    agreed = two_seeds(first, other)
    same(agreed.details["iou_two_seeds"], both / (2 * first.count - both), atol=1e-9)
    assert (agreed.scores, agreed.mask, agreed.details["seed"]) == (first.scores, first.mask, 1)


@pytest.mark.parametrize("method", [name for name in METHODS if name != "DeepLift"])
def test_the_class_that_is_asked_about_decides_unless_the_list_says_otherwise(method):
    model, reading = image_case()
    one, two = (scores(method, model, reading, target) for target in (0, 2))
    assert (one != two) == METHODS[method].by_class


def test_the_other_class_turns_a_two_class_explanation_round():
    model, reading = text_case()
    with torch.no_grad():
        model.predictor.head.weight[1] = -model.predictor.head.weight[0]
    for method in (*EXACT, "Occlusion", "Lime"):
        pair = [scores(method, model, reading, target) for target in (0, 1)]
        same(pair[0], [-s for s in pair[1]], atol=2e-5, what=method)


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
