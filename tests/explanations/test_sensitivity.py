"""Max-sensitivity of methods and of gates, with its cost told beforehand."""

from __future__ import annotations

import math

import pytest
import torch
from explained import image_case, linear_case, text_case
from helpers import same

from rekd.explanations.attributions import METHODS, DoesNotFit, attribute
from rekd.explanations.sensitivity import attribution_moves, attribution_sensitivity, gate_moves, gate_sensitivity
from rekd.measures.robustness import max_sensitivity


@pytest.mark.parametrize("modality", ["text", "image"])
@pytest.mark.parametrize("method", ["FeatureAblation", "InputXGradient", "ShapleyValueSampling", "DeepLift"])
def test_of_a_linear_model_the_scores_move_as_its_input_does(modality, method):
    model, reading, _ = linear_case(modality)
    features = model.features(reading.batch)

    def worth(x: torch.Tensor) -> torch.Tensor:
        weight = model.predictor.weight[1].detach()
        tokens = (model.predictor.content(x)[0] @ weight)[None]
        owners = reading.batch.token_units[0]
        return torch.zeros(len(reading.units[0])).index_add(0, owners[owners >= 0], tokens[0, owners >= 0])

    want = max_sensitivity(worth, features, draws=4, seed=3)
    got = attribution_sensitivity(method, model, reading, target=1, draws=4, seed=3)
    same(got.value, want.value, atol=1e-4)
    assert got.value > 0.005, "an input that moves must move them"


def test_of_a_linear_model_saliency_stands_still():
    model, reading, _ = linear_case("text")
    same(attribution_sensitivity("Saliency", model, reading, draws=3).value, 0.0, atol=1e-6)


@pytest.mark.parametrize("method", [name for name in METHODS if name != "DeepLift"])
def test_every_method_has_one_and_the_promised_passes_are_told(method):
    model, reading = image_case()
    told: list[int] = []
    score = attribution_sensitivity(method, model, reading, draws=2, heard=told.append)
    assert sum(told) == attribution_moves(method, model, reading, draws=2)
    assert math.isfinite(score.value) and score.value > 0 and score.better == "lower" and score.spread >= 0


def test_it_leaves_the_model_and_later_scores_as_they_were():
    model, reading = text_case()
    before = attribute("KernelShap", "cls", model, reading, rate=0.25).scores
    attribution_sensitivity("KernelShap", model, reading, draws=2)
    assert attribute("KernelShap", "cls", model, reading, rate=0.25).scores == before
    assert all(p.grad is None for p in model.parameters())


def test_what_the_listener_raises_ends_it():
    model, reading = text_case(kind="re")

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attribution_sensitivity("FeatureAblation", model, reading, heard=stop)
    with pytest.raises(KeyboardInterrupt):
        gate_sensitivity(model, reading, heard=stop)


def test_the_gate_moves_with_the_generators_input_and_repeats():
    model, reading = text_case(kind="re")
    told: list[int] = []
    got = gate_sensitivity(model, reading, draws=5, seed=1, heard=told.append)
    assert sum(told) == gate_moves(5) == 6 and got.value > 0
    assert got == gate_sensitivity(model, reading, draws=5, seed=1) != gate_sensitivity(model, reading, draws=5, seed=2)
    small = gate_sensitivity(model, reading, draws=5, seed=1, radius=0.001)
    assert small.value < got.value / 10

    def gate(features):
        return model.select_from(reading.batch, features)[0].sigmoid()

    want = max_sensitivity(gate, model.selector_features(reading.batch).detach(), draws=5, seed=1)
    same(got.value, want.value, atol=1e-6)


def test_what_does_not_fit_says_so():
    model, reading = text_case()
    with pytest.raises(DoesNotFit, match="LayerGradCam is for image"):
        attribution_sensitivity("LayerGradCam", model, reading)
    with pytest.raises(DoesNotFit, match="DeepLift does not fit"):
        attribution_sensitivity("DeepLift", model, reading)
    with pytest.raises(ValueError, match="has no generator"):
        gate_sensitivity(model, reading)
