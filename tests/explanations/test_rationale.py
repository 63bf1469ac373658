"""A rationale as a person sees it: the mask of each rule, and the prediction made from it alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import image_config, same, text_config, tiny_tokenizer

from rekd import masks
from rekd.explanations.rationale import explain, judge, predict, rationale, whole_input
from rekd.models import build
from rekd.types import MASK_RULES, Example
from rekd.units import ImageReader, TextReader

TOKENIZER = tiny_tokenizer()
TEXT = "this film is great and lovely, not dull at all but slow and weak in one way: it is long"


def lively(model):
    with torch.no_grad():
        if model.selector is not None:
            model.selector.weight.mul_(40)
        head = getattr(model.predictor, "head", None) or model.predictor.vit.head
        head.weight.normal_()
    return model.eval()


def case(modality: str = "text", **options):
    """A model and one reading."""
    if modality == "image":
        model = lively(build(image_config(**options)))
        image = np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)
        return model, ImageReader(model.config.reader).read([Example("x", image=image)])
    model = lively(build(text_config(**options), blank_id=TOKENIZER.mask_token_id))
    return model, TextReader(model.config.reader, TOKENIZER).read([Example("x", text=TEXT)])


both = pytest.mark.parametrize("modality", ["text", "image"])


@both
@pytest.mark.parametrize("rule", MASK_RULES)
def test_each_rule_gives_its_mask_and_the_prediction_from_it_alone(modality, rule):
    model, reading = case(modality, rate=0.3, cut=-0.7)
    found = rationale("mine", model, reading, rule=rule, seed=5)
    units, batch = reading.units[0], reading.batch
    assert (found.method, found.model, found.rule, found.units) == ("rationale", "mine", rule, units)
    with torch.no_grad():
        logits = model.select(batch)
        noise = masks.logistic_noise(5, 0, batch.ids, len(units))
        mask, _ = masks.evaluation_mask(rule, logits, batch.unit_mask, rate=0.3, cut=-0.7, noise=noise)
        probs = model.predict(batch, mask)[0].softmax(0)
    same(found.scores, logits[0].sigmoid(), atol=1e-6, what="P(select)")
    assert found.mask == tuple(mask[0].tolist())
    same(found.prediction.probs, probs, atol=1e-6)
    assert found.target == found.prediction.label == int(probs.argmax())
    assert 1 <= found.count <= len(units) and found.share == pytest.approx(found.count / len(units))
    same(found.details["selection_logits"], logits[0], atol=1e-6)
    assert found.details["rate"] == 0.3 and found.details["masking"] == "drop" and found.details["seconds"] > 0
    assert ("seed" in found.details) == (rule == "sampled")


def test_calibrated_is_the_default_rule_and_uses_the_models_cut():
    model, reading = case(rate=0.3)
    logits = sorted(rationale("m", model, reading).details["selection_logits"])
    model.config = replace(model.config, cut=(logits[-3] + logits[-4]) / 2)
    found = rationale("m", model, reading)
    assert found.rule == "calibrated" and found.count == 3


def test_top_k_spends_exactly_the_budget():
    model, reading = case(rate=0.25)
    assert rationale("m", model, reading, rule="top-k").count == masks.budget(len(reading.units[0]), 0.25)


def test_samples_follow_the_seed():
    model, reading = case(rate=0.5)
    draws = [rationale("m", model, reading, rule="sampled", seed=seed).mask for seed in (1, 1, 2, 3)]
    assert draws[0] == draws[1] and len(set(draws)) == 3


def test_an_empty_mask_is_repaired_and_says_so():
    model, reading = case(cut=1e6)
    found = rationale("m", model, reading)
    assert found.repaired and found.count == 1
    assert found.mask[int(np.argmax(found.scores))]
    assert not rationale("m", model, reading, rule="top-k").repaired


def test_the_prediction_does_not_depend_on_what_was_left_out():
    model, reading = case(rate=0.2)
    found = rationale("m", model, reading, rule="top-k")
    units = torch.tensor(found.mask)
    owners = reading.batch.token_units[0]
    content = torch.where((owners >= 0) & ~units[owners.clamp(min=0)], 30, reading.batch.content)
    other = replace(reading, batch=replace(reading.batch, content=content))
    assert not torch.equal(content, reading.batch.content)
    assert predict(model, other, found.mask).probs == found.prediction.probs


@both
@pytest.mark.parametrize("kind", ["cls", "random"])
def test_a_model_that_reads_everything_marks_everything(modality, kind):
    model, reading = case(modality, kind=kind)
    found = whole_input("mine", model, reading)
    assert all(found.mask) and found.count == len(reading.units[0]) and found.share == 1.0
    assert found.rule == "all" and found.method == "whole input" and not found.repaired
    with torch.no_grad():
        same(found.prediction.probs, model.predict(reading.batch)[0].softmax(0), atol=1e-6)
    with pytest.raises(ValueError, match="no generator"):
        rationale("mine", model, reading)


def test_explain_takes_whichever_fits():
    selecting, reading = case()
    assert explain("m", selecting, reading, rule="top-k").rule == "top-k"
    whole, reading = case(kind="cls")
    assert explain("m", whole, reading, rule="top-k").rule == "all"


def test_an_unknown_rule_is_refused():
    model, reading = case()
    with pytest.raises(ValueError, match="'best'.*'threshold'"):
        rationale("m", model, reading, rule="best")


@both
@pytest.mark.parametrize("kind", ["cls", "re"])
def test_a_judge_says_of_each_mask_what_predicting_from_it_says(modality, kind):
    model, reading = case(modality, kind=kind)
    units = len(reading.units[0])
    unit_masks = torch.rand(7, units, generator=torch.Generator().manual_seed(0)) > 0.5
    unit_masks[0], unit_masks[1] = True, False
    probs = judge(model, reading, chunk=3)(unit_masks)
    assert probs.shape == (7, len(model.config.classes))
    for row, mask in zip(probs, unit_masks, strict=True):
        same(row, predict(model, reading, mask).probs, atol=1e-5)
        same(row, predict(model, reading, mask.tolist()).probs, atol=1e-5)
    same(probs[0], predict(model, reading, None).probs, atol=1e-5, what="everything")


@both
def test_nothing_is_left_behind(modality):
    model, reading = case(modality)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    content = reading.batch.content.clone()
    first = rationale("m", model, reading)
    judge(model, reading)(torch.ones(2, len(reading.units[0]), dtype=torch.bool))
    again = rationale("m", model, reading)
    assert (again.mask, again.scores, again.prediction) == (first.mask, first.scores, first.prediction)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert torch.equal(reading.batch.content, content) and not model.training
    assert all(value.grad is None for value in model.parameters())
