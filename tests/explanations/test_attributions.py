from __future__ import annotations

import pickle
import random
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import image_config, same, text_config, tiny_tokenizer

from rekd.explanations.attributions import METHODS, Subject, attribute
from rekd.models import build
from rekd.types import Example
from rekd.units import ImageReader, TextReader

TEXT = "The story is slow and dull, but it has an unbelievable end!"


def text_case(text: str = TEXT, **config):
    config = text_config(kind=config.pop("kind", "cls"), **config)
    torch.manual_seed(3)
    reader = TextReader(config.reader, tiny_tokenizer())
    return lively(build(config, blank_id=4)), reader.read([Example("own/0", text=text)])


def image_case(arch: str = "vit", **config):
    config = image_config(arch, kind="cls", **config)
    torch.manual_seed(3)
    image = np.random.default_rng(5).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    return lively(build(config)), ImageReader(config.reader).read([Example("own/0", image=image)])


def lively(model):
    """Weights large enough for logits that differ from unit to unit."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, 0.2)
    return model.eval()


def logit(model, batch, mask=None, target=0) -> float:
    with torch.no_grad():
        return float(model.predict(batch, mask)[0, target])


@pytest.mark.parametrize("case", [text_case, image_case])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_scores_every_unit_of_texts_and_images(case, method):
    model, reading = case()
    got = attribute(method, "cls", model, reading, rate=0.25)
    n = len(reading.units[0])
    assert len(got.scores) == len(got.mask) == n and np.isfinite(got.scores).all()
    assert np.std(got.scores) > 1e-4, "scores that do not differ explain nothing"
    assert (got.method, got.model, got.rule, got.units) == (method, "cls", "top-k", reading.units[0])
    assert got.target == got.prediction.label
    assert got.details["explained"] == f"logit of {model.config.classes[got.target]}"
    assert got.details["n"] > 0 and got.details["baseline"]
    assert got.details["seconds"] > 0 and got.details["peak_memory_mb"] >= 0 and got.details["memory"]
    assert ("seed" in got.details) == METHODS[method].samples
    assert ("iou_two_seeds" in got.details) == (method == "KernelShap")
    assert ("convergence_delta" in got.details) == (method in ("IntegratedGradients", "GradientShap"))
    pickle.loads(pickle.dumps(got))  # a page caches it


def test_the_default_three_are_the_ones_that_are_promised():
    assert [name for name, spec in METHODS.items() if spec.default] == [
        "IntegratedGradients",
        "GradientShap",
        "FeatureAblation",
    ]
    assert all(spec.name == name and spec.help.endswith(".") and spec.cost for name, spec in METHODS.items())


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
    from rekd.explanations.attributions import _coalitions

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


@pytest.mark.parametrize("case", [text_case, image_case])
def test_nothing_is_left_behind(case):
    model, reading = case()
    next(model.parameters()).requires_grad_(False)
    weights = {key: value.clone() for key, value in model.state_dict().items()}
    needs = [p.requires_grad for p in model.parameters()]
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    threads = threading.active_count()
    for method in METHODS:
        attribute(method, "cls", model, reading, rate=0.25)
    assert all(torch.equal(weights[key], value) for key, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters()) and [p.requires_grad for p in model.parameters()] == needs
    assert not any(m.training or m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in model.modules())
    assert not reading.batch.content.requires_grad and torch.is_grad_enabled()
    assert torch.equal(states[0], torch.get_rng_state()), "torch's global random state moved"
    assert np.array_equal(states[1], np.random.get_state()[1]), "NumPy's global random state moved"
    assert states[2] == random.getstate() and threading.active_count() == threads


def test_two_threads_on_one_model_get_the_numbers_of_one():
    model, reading = text_case()
    _, other = text_case("A fine film, funny and warm. I love it.")
    jobs = [(method, r, target) for method in METHODS for r, target in ((reading, 0), (other, 1))]
    alone = [attribute(m, "cls", model, r, rate=0.25, target=t).scores for m, r, t in jobs]
    found: dict[int, list] = {}
    gate = threading.Barrier(2)

    def work(me: int):
        gate.wait()
        order = jobs if me == 0 else jobs[::-1]
        found[me] = [attribute(m, "cls", model, r, rate=0.25, target=t).scores for m, r, t in order][:: 1 - 2 * me]

    threads = [threading.Thread(target=work, args=(me,)) for me in (0, 1)]
    [t.start() for t in threads], [t.join() for t in threads]
    assert found == {0: alone, 1: alone}


def test_the_mask_holds_the_k_largest_signed_scores():
    model, reading = text_case()
    n = len(reading.units[0])
    got = attribute("FeatureAblation", "cls", model, reading, rate=0.25, target=1)
    assert got.count == round(0.25 * n) and min(got.scores) < 0, "a unit that speaks against the class must be there"
    marked = [s for s, m in zip(got.scores, got.mask, strict=True) if m]
    assert min(marked) >= max(s for s, m in zip(got.scores, got.mask, strict=True) if not m)
    assert attribute("FeatureAblation", "cls", model, reading, rate=0.25, k=5).count == 5
    assert attribute("FeatureAblation", "cls", model, reading, rate=0.25, k=n).count == n


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


def test_a_rationale_model_is_explained_with_every_unit_visible():
    model, reading = text_case(kind="re")
    got = attribute("InputXGradient", "re", model, reading, rate=0.25, target=1)
    assert got.details["explained"] == f"logit of {model.config.classes[1]}, every unit visible"
    with torch.no_grad():
        same(got.prediction.probs, model.predict(reading.batch)[0].softmax(0), atol=1e-6)


@pytest.mark.parametrize("masking", ["zero", "mask-token"])
def test_the_panel_names_how_units_are_removed(masking):
    model, reading = text_case(masking=masking)
    drop, _ = text_case()
    names = {attribute("FeatureAblation", "cls", m, reading, rate=0.25).details["baseline"] for m in (model, drop)}
    assert len(names) == 2


def test_mistakes_are_answered_with_sentences():
    model, reading = text_case()
    with pytest.raises(ValueError, match="'Saliency'.*'IntegratedGradients'"):
        attribute("Saliency", "cls", model, reading, rate=0.25)
    with pytest.raises(ValueError, match="k is 99; it must be between 1 and the 14 units"):
        attribute("FeatureAblation", "cls", model, reading, rate=0.25, k=99)
    with pytest.raises(ValueError, match="target is 2; the model knows classes 0 to 1"):
        attribute("FeatureAblation", "cls", model, reading, rate=0.25, target=2)
    both = TextReader(model.config.reader, tiny_tokenizer()).read(
        [Example("a/0", text="film"), Example("a/1", text="dull")]
    )
    with pytest.raises(ValueError, match="2 examples"):
        attribute("FeatureAblation", "cls", model, both, rate=0.25)
    with pytest.raises(ValueError, match="train mode"):
        attribute("FeatureAblation", "cls", model.train(), reading, rate=0.25)


def test_captum_is_imported_when_first_used():
    code = (
        "import sys, rekd.explanations.attributions as a; assert a.METHODS;"
        "print([m for m in ('captum', 'sklearn', 'datasets', 'streamlit') if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.gpu
@pytest.mark.parametrize("method", METHODS)
def test_a_gpu_gives_the_numbers_of_the_processor(method):
    model, reading = text_case()
    here = attribute(method, "cls", model, reading, rate=0.25, target=1)
    there = attribute(method, "cls", model.cuda(), reading, rate=0.25, target=1)
    same(there.scores, here.scores, atol=1e-3)
    assert there.details["memory"] == "GPU memory held at once"
