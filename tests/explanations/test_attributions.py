"""An attribution as a page asks for it: whole, on its budget, beside other threads, and without a trace."""

from __future__ import annotations

import pickle
import random
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from explained import image_case, linear_case, text_case
from helpers import same, tiny_tokenizer
from hypothesis import given, settings
from hypothesis import strategies as st

from rekd.explanations import attributions
from rekd.explanations.attributions import METHODS, DoesNotFit, attribute, passes, two_seeds
from rekd.types import Example
from rekd.units import TextReader


class Stop(BaseException):
    """What a page raises when a person stops or leaves."""


def stop(_: int) -> None:
    raise Stop


def linear_text():
    return linear_case("text")[:2]


def linear_image():
    return linear_case("image")[:2]


CASES = [(case, name) for case in (text_case, image_case) for name in METHODS if name != "DeepLift"]
CASES = [(case, name) for case, name in CASES if case is image_case or "text" in METHODS[name].modalities]
"""Every method with an input that it fits; DeepLift fits no transformer, and is tried on a linear model."""
DELTA = ("IntegratedGradients", "GradientShap", "DeepLift")
CASES += [(linear_text, "DeepLift"), (linear_image, "DeepLift")]


@pytest.mark.parametrize(("case", "method"), CASES)
def test_every_method_scores_every_unit_of_texts_and_images(case, method):
    model, reading = case()
    got = attribute(method, "cls", model, reading, rate=0.25)
    n, spec = len(reading.units[0]), METHODS[method]
    assert len(got.scores) == len(got.mask) == n and np.isfinite(got.scores).all()
    assert np.std(got.scores) > 1e-4, "scores that do not differ explain nothing"
    assert (got.method, got.model, got.rule, got.units) == (method, "cls", "top-k", reading.units[0])
    assert got.target == got.prediction.label
    if spec.by_class:
        assert got.details["explained"] == f"logit of {model.config.classes[got.target]}"
    assert got.details["n"] > 0 and got.details["counted"] and got.details["baseline"]
    assert got.details["seconds"] > 0 and got.details["peak_memory_mb"] >= 0 and got.details["memory"]
    assert got.details["chunk"] >= 8 and got.details["halved"] == 0
    assert ("seed" in got.details) == spec.samples
    assert "removal" in spec.run.__module__ or "passes" not in got.details, "each gradient has to be taken"
    assert ("convergence_delta" in got.details) == (method in DELTA)
    pickle.loads(pickle.dumps(got))  # a page caches it


@pytest.mark.parametrize(("case", "method"), CASES)
def test_the_passes_that_are_told_are_those_that_were_promised(case, method, monkeypatch):
    model, reading = case()
    monkeypatch.setattr(attributions, "first_chunk", lambda *_: 8)
    told, here = [], threading.get_ident()

    def heard(count: int) -> None:
        assert threading.get_ident() == here
        told.append(count)

    attribute(method, "cls", model, reading, rate=0.25, heard=heard)
    assert sum(told) == passes(method, model, reading) and min(told) >= 0
    if sum(told) > 100:
        assert max(told) <= sum(told) / 2, "so long a time without a word"


@pytest.mark.parametrize("case", [text_case, image_case])
def test_nothing_is_left_behind(case):
    model, reading = case()
    attribute("Lime", "cls", model, reading, rate=0.25)  # scikit-learn, when first imported, draws random numbers
    next(model.parameters()).requires_grad_(False)
    weights = {key: value.clone() for key, value in model.state_dict().items()}
    needs = [p.requires_grad for p in model.parameters()]
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    threads = set(threading.enumerate())  # one of an earlier test may end meanwhile
    for method in METHODS:
        with suppress(DoesNotFit):
            attribute(method, "cls", model, reading, rate=0.25)
        with suppress(DoesNotFit, Stop):
            attribute(method, "cls", model, reading, rate=0.25, heard=stop)
    assert all(torch.equal(weights[key], value) for key, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters()) and [p.requires_grad for p in model.parameters()] == needs
    assert not any(m.training or m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in model.modules())
    assert not reading.batch.content.requires_grad and torch.is_grad_enabled()
    assert torch.equal(states[0], torch.get_rng_state()), "torch's global random state moved"
    assert np.array_equal(states[1], np.random.get_state()[1]), "NumPy's global random state moved"
    assert states[2] == random.getstate() and set(threading.enumerate()) <= threads


def test_what_the_listener_raises_ends_the_method_at_once():
    model, reading = image_case()
    for method in METHODS:
        if method == "DeepLift":
            continue
        calls = []

        def heard(count: int, calls=calls) -> None:
            calls.append(count)
            raise Stop

        with pytest.raises(Stop):
            attribute(method, "cls", model, reading, rate=0.25, heard=heard)
        assert len(calls) == 1, method
    model, reading = linear_text()
    with pytest.raises(Stop):
        attribute("DeepLift", "cls", model, reading, rate=0.25, heard=stop)


@pytest.mark.parametrize("case", [text_case, image_case])
def test_two_threads_on_one_model_get_the_numbers_of_one(case):
    """Two threads at once on the shared model, each method beside another one and another class."""
    model, reading = case()
    jobs = [(method, target) for method in METHODS for target in (0, 1)]
    alone = [outcome(model, reading, *job) for job in jobs]
    found: dict[int, list] = {}
    gate = threading.Barrier(2)

    def work(me: int):
        gate.wait()
        found[me] = [outcome(model, reading, *job) for job in (jobs if me == 0 else jobs[::-1])][:: 1 - 2 * me]

    threads = [threading.Thread(target=work, args=(me,)) for me in (0, 1)]
    [t.start() for t in threads], [t.join() for t in threads]
    assert found == {0: alone, 1: alone}
    if case is image_case:
        assert isinstance(alone[jobs.index(("LayerGradCam", 0))], tuple)


def test_two_threads_with_deep_lift_on_a_model_that_it_fits():
    model, reading, _ = linear_case("text", relu=True)
    alone = outcome(model, reading, "DeepLift", 1)
    found = []
    threads = [threading.Thread(target=lambda: found.append(outcome(model, reading, "DeepLift", 1))) for _ in range(4)]
    [t.start() for t in threads], [t.join() for t in threads]
    assert found == [alone] * 4 and isinstance(alone, tuple)


def outcome(model, reading, method: str, target: int):
    """Scores, or the sentence that says why there are none."""
    try:
        return attribute(method, "cls", model, reading, rate=0.25, target=target).scores
    except DoesNotFit as error:
        return str(error)


@settings(max_examples=15, deadline=None)
@given(k=st.integers(1, 16), seed=st.integers(0, 99), method=st.sampled_from(["ShapleyValueSampling", "LayerGradCam"]))
def test_agreement_of_two_seeds_and_counts_keep_their_ranges(k, seed, method):
    got, other = (attribute(method, "cls", *image_case(), rate=0.25, k=k, seed=each) for each in (seed, seed + 1))
    assert got.count == k
    agreed = two_seeds(got, other).details["iou_two_seeds"]
    assert 0 <= agreed <= 1 and (agreed == 1 or (k < 16 and METHODS[method].samples))


@pytest.mark.parametrize("case", [text_case, image_case])
def test_what_one_method_asked_the_model_another_does_not_ask_again(case):
    model, reading = case()
    known: dict = {}
    for method, saved in (("FeatureAblation", False), ("KernelShap", True), ("ShapleyValueSampling", True)):
        alone, told = attribute(method, "cls", model, reading, rate=0.25), []
        got = attribute(method, "cls", model, reading, rate=0.25, heard=told.append, known=known)
        same(got.scores, alone.scores, atol=2e-5, what=method)
        assert sum(told) == passes(method, model, reading), "the bar is full at the end all the same"
        made = [int(item.details["passes"].split()[0]) if "passes" in item.details else None for item in (alone, got)]
        assert (made[0] != made[1]) == saved
        assert not saved or made[1] < (made[0] or passes(method, model, reading))
    again = attribute("KernelShap", "cls", model, reading, rate=0.25, target=0, known=known)
    assert again.details["passes"].startswith("0 of "), "an answer holds the logits of every class"


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
    with pytest.raises(ValueError, match="'GradCam'.*'IntegratedGradients'"):
        attribute("GradCam", "cls", model, reading, rate=0.25)
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
@pytest.mark.parametrize(("case", "method"), CASES)
def test_a_gpu_gives_the_numbers_of_the_processor(case, method):
    model, reading = case()
    here = attribute(method, "cls", model, reading, rate=0.25, target=1)
    there = attribute(method, "cls", model.cuda(), reading, rate=0.25, target=1)
    same(there.scores, here.scores, atol=1e-3 * max(1, np.abs(here.scores).max()))
    assert there.details["memory"] == "GPU memory held at once"
