"""An attribution as a page asks for it: whole, on its budget, beside other threads, and without a trace."""

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
from explained import image_case, text_case
from helpers import same, tiny_tokenizer

from rekd.explanations.attributions import METHODS, attribute
from rekd.types import Example
from rekd.units import TextReader


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


def test_a_rationale_model_is_explained_with_every_unit_visible():
    model, reading = text_case(kind="re")
    got = attribute("InputXGradient", "re", model, reading, rate=0.25, target=1)
    assert got.details["explained"] == f"logit of {model.config.classes[1]}, every unit visible"
    with torch.no_grad():
        same(got.prediction.probs, model.predict(reading.batch)[0].softmax(0), atol=1e-6)


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
