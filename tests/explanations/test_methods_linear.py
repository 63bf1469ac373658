"""Each method on a linear model: every unit adds its own amount to the logit, and nothing else is right."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from explained import EXACT, linear_case, scores
from helpers import same

from rekd.explanations.attributions import attribute


@pytest.mark.parametrize("modality", ["text", "image"])
@pytest.mark.parametrize("method", (*EXACT, "DeepLift"))
@pytest.mark.parametrize("target", [0, 1])
def test_of_a_linear_model_each_unit_is_worth_what_it_adds(method, modality, target):
    model, reading, worth = linear_case(modality)
    same(scores(method, model, reading, target), worth[:, target], atol=2e-4)


@pytest.mark.parametrize("modality", ["text", "image"])
def test_of_a_linear_model_saliency_is_the_size_of_the_weights(modality):
    model, reading, _ = linear_case(modality)
    if modality == "text":
        pieces = torch.bincount(reading.batch.token_units[0] + 1)[1:]
        want = pieces * model.predictor.weight[1].abs().sum()
    else:
        want = model.predictor.weight[1].abs().sum().expand(len(reading.units[0]))
    same(scores("Saliency", model, reading), want, atol=1e-4)


def test_of_a_linear_model_occlusion_of_words_is_a_moving_average_of_moving_sums():
    model, reading, worth = linear_case("text")
    w = worth[:, 1].double().numpy()
    sums = np.convolve(w, np.ones(3), "valid")
    want = [np.mean(sums[max(0, i - 2) : i + 1]) for i in range(len(w))]
    same(scores("Occlusion", model, reading), want, atol=1e-4)


def test_of_a_linear_model_occlusion_of_patches_is_the_same_in_two_directions():
    model, reading, worth = linear_case("image")
    w = worth[:, 1].double().numpy().reshape(model.config.reader.grid)
    total, count = np.zeros_like(w), np.zeros_like(w)
    for row in range(w.shape[0] - 1):
        for column in range(w.shape[1] - 1):
            total[row : row + 2, column : column + 2] += w[row : row + 2, column : column + 2].sum()
            count[row : row + 2, column : column + 2] += 1
    same(scores("Occlusion", model, reading), (total / count).ravel(), atol=1e-4)


@pytest.mark.parametrize("modality", ["text", "image"])
def test_of_a_linear_model_lime_is_close_but_for_its_penalty(modality):
    model, reading, worth = linear_case(modality)
    got = np.array(scores("Lime", model, reading))
    w = worth[:, 1].double().numpy()
    assert np.corrcoef(got, w)[0, 1] > 0.99
    assert 0.85 < got @ w / (w @ w) < 1.0, "a ridge draws towards zero, a little"


def test_of_a_linear_model_whole_methods_need_no_luck():
    model, reading, _ = linear_case("text")
    for method in ("KernelShap", "ShapleyValueSampling", "GradientShap"):
        first, other = (attribute(method, "cls", model, reading, rate=0.25, seed=seed) for seed in (0, 1))
        assert first.mask == other.mask, method
