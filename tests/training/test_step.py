"""One step in every way it can be made: what they share, and what none of them may do."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from helpers import same
from stepping import drawn, made, told, weights

from rekd.config import TrainConfig
from rekd.models.backbone import fixed_shapes
from rekd.training.capture import BUCKETS, REPAID, engine_of, engine_said, plainly
from rekd.training.feed import Feed
from rekd.training.optimizers import make_optimizer
from rekd.training.state import flatten_optimizer, restore_optimizer
from rekd.training.step import _seeds, learning_rate
from rekd.training.working import Working, compile_parts

MODALITIES = ("text", "image")
TERMS = ("task", "rate", "r", "total", "accuracy", "gradient_norm")
REKD = {"kind": "rekd", "teacher": "t"}


def agree(mine, theirs, atol, names=TERMS):
    for number, (one, other) in enumerate(zip(mine, theirs, strict=True)):
        for name in names:
            same(one[name], other[name], atol=atol, what=f"{name} at step {number}")


def on_copies(step):
    """A step made as captured ones are, though called as it is."""
    objective = step.accelerator.unwrap_model(step.objective)
    step.way, step.optimizer = Working(objective), make_optimizer(objective, step.config, "graph")
    return step


@pytest.mark.parametrize("modality", MODALITIES)
def test_working_copies_learn_what_the_parameters_themselves_do(modality):
    """What is captured on a GPU, made as it is on the CPU: bfloat16 has three digits."""
    plain, copies = made(modality, dropout=0.0, **REKD), on_copies(made(modality, dropout=0.0, **REKD))
    agree(told(copies), told(plain), 0.05, ("task", "r"))
    moved = weights(copies) - weights(made(modality, **REKD))
    wanted = weights(plain) - weights(made(modality, **REKD))
    assert torch.cosine_similarity(moved, wanted, dim=0) > 0.9
    assert {p.dtype for p in copies.objective.parameters()} == {torch.float32}


def test_working_copies_draw_the_masks_that_the_parameters_themselves_draw():
    plain, copies, other = (made("image", dropout=0.0, **REKD, **more) for more in ({}, {}, {"seed": 7}))
    mine, theirs = drawn(on_copies(copies)), drawn(plain)
    assert 0.05 < theirs.mean() < 0.6 and (mine == theirs).float().mean() > 0.97
    assert (drawn(other) == theirs).float().mean() < 0.9


def test_working_copies_leave_the_selector_sharp_and_the_teacher_they_were_given_as_it_is():
    step = made("text", **REKD)
    given = step.objective.teacher
    copies = on_copies(step).way
    kinds = {name: value.dtype for name, value in copies.copies.items()}
    assert kinds["model.selector.weight"] == torch.float32
    assert kinds["model.predictor.head.weight"] == torch.bfloat16
    assert next(given.parameters()).dtype == torch.float32
    assert step.objective.teacher is not given and step.objective.teacher.selector.weight.dtype == torch.float32


@pytest.mark.parametrize("way", ["plain", "copies"])
def test_micro_batches_make_the_step_of_the_whole_batch(way):
    whole, parts = (made("image", dropout=0.0, accumulation=count) for count in (1, 4))
    if way == "copies":
        whole, parts = on_copies(whole), on_copies(parts)
    atol = 2e-3 if way == "plain" else 0.05
    agree(told(parts, 6), told(whole, 6), atol, ("task", "rate", "r", "total"))


def test_batches_in_buckets_give_what_batches_of_their_own_length_give():
    own, buckets = made("text", dropout=0.0, **REKD), made("text", dropout=0.0, **REKD)
    for step in (own, buckets):  # of like length, one length after the other
        step._parts = lambda number: [np.arange(8) + 8 * (number % 3)]
    shape = buckets.feed.shape
    seen = set()

    def bucket(rows, _):
        seen.add(out := shape(rows, BUCKETS))
        return out

    buckets.feed.shape = bucket
    agree(told(buckets), told(own), 2e-4)
    widths = [tokens for (tokens, _), _ in seen]
    assert 1 < len(widths) <= BUCKETS and all(units <= tokens for (tokens, units), _ in seen)


@pytest.mark.parametrize("view", ["own", "own-sampled", "student"])
def test_a_teacher_that_was_asked_beforehand_says_what_it_says_in_the_step(view):
    live, kept = (made("text", kept=kept, dropout=0.0, teacher_view=view, **REKD) for kept in (False, True))
    asked = []
    select = kept.objective.teacher.select
    kept.objective.teacher.select = lambda batch: asked.append(batch) or select(batch)
    agree(told(kept), told(live), 2e-4, (*TERMS, "rationale", "prediction"))
    assert not asked


@pytest.mark.parametrize("modality, values", [("text", {}), ("image", {"augment": True, "augmentation": "strong"})])
def test_no_step_waits_for_what_a_tensor_holds(monkeypatch, modality, values):
    """Each wait would let a GPU run dry."""
    step = made(modality, **REKD, **values)
    step.graphs = plainly  # no CUDA here: what would be captured is called as it is
    told(step, 2)
    waits = []

    def counted(name):
        real = getattr(torch.Tensor, name)

        def call(self, *given, **named):
            waits.append(name)
            return real(self, *given, **named)

        return call

    for name in ("item", "tolist", "__float__", "__int__", "__bool__", "__index__", "numpy", "nonzero"):
        monkeypatch.setattr(torch.Tensor, name, counted(name))
    for number in range(2, 6):
        step(number)
    assert not waits
    step.means()
    assert waits == ["tolist"], "one for all terms"


def test_means_are_over_the_steps_since_the_last_time_and_over_their_micro_batches():
    steps = [made("image", dropout=0.0, accumulation=2) for _ in range(2)]
    each, (_, together) = told(steps[0], 4), steps
    for number in range(4):
        together(number)
    means = together.means()
    assert set(TERMS) == means.keys() == each[0].keys()
    for name, value in means.items():
        same(value, np.mean([one[name] for one in each]), atol=1e-5, what=name)


def test_a_step_is_a_function_of_its_number_and_draws_anew_at_each():
    first, again = made("image", dropout=0.5), made("image", dropout=0.5)
    told(first, 3)
    for step in (first, again):
        step.objective.load_state_dict(made("image").objective.state_dict())
        for group in step.optimizer.param_groups:
            group["lr"] = 0.0
    drawn = [[], []]
    for step, out in zip((first, again), drawn, strict=True):
        step.feed.kept = None
        for number in (4, 5):
            step._load(step._parts(number)[0], number, 0)
            out.append(torch.rand(3).tolist())
    assert drawn[0] == drawn[1] and drawn[0][0] != drawn[0][1]


def test_seeds_of_dropout_differ_between_steps_micro_batches_and_runs():
    seeds = [seed for run in (1, 2) for part in (0, 1) for stretch in (0, 1) for seed in _seeds(run, stretch, part)]
    assert len(set(seeds)) == len(seeds) == 2048 and min(seeds) >= 0 and max(seeds) < 2**31


def test_a_cpu_makes_its_steps_eagerly_and_says_so_where_something_else_was_asked_for(caplog):
    step = made("image", engine="eager")
    for asked, said in (("auto", 0), ("eager", 0), ("graph", 1), ("compile", 2)):
        config = step.config.__class__(**{**step.config.to_dict(), "engine": asked, "steps": REPAID})
        assert engine_of(config, step.accelerator) == engine_said(config, step.accelerator) == "eager"
        assert len(caplog.messages) == said, "once, where it is said"
    assert "engine compile is for one process on an NVIDIA GPU" in caplog.text


def test_the_pull_of_each_term_is_measured_where_it_is_asked_for():
    step = on_copies(made("image", dropout=0.0))
    step(0)
    assert not step.pulls
    step(1, measured=True)
    plain = made("image", dropout=0.0)
    plain(0)
    plain(1, measured=True)
    assert step.pulls.keys() == plain.pulls.keys() == {"task", "rate"}
    for name, norm in plain.pulls.items():
        same(step.pulls[name], norm, atol=0.05, rtol=0.1, what=name)


def test_working_copies_clip_as_the_parameters_themselves_are_clipped():
    step = on_copies(made("image", dropout=0.0))
    step.optimizer.step = step._forget_gradients = lambda: None
    step.learn(step._load(step._parts(0)[0], 0, 0), True, False, False)
    held = [p.grad.clone() for p in step.objective.parameters()]
    norm = step.way.clip(0.01)
    clipped = [p.grad.clone() for p in step.objective.parameters()]
    for p, gradient in zip(step.objective.parameters(), held, strict=True):
        p.grad = gradient
    same(norm, torch.nn.utils.clip_grad_norm_(step.objective.parameters(), 0.01), atol=1e-5, rtol=1e-4)
    for one, p in zip(clipped, step.objective.parameters(), strict=True):
        same(one, p.grad, atol=1e-8, rtol=1e-4)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_working_copies_go_on_from_a_state_to_the_numbers_of_an_unbroken_run(optimizer):
    whole, first, again = (on_copies(made("text", optimizer=optimizer, dropout=0.0, **REKD)) for _ in range(3))
    wanted = told(whole, 8)[4:]
    told(first, 4)
    again.objective.load_state_dict(first.objective.state_dict())
    restore_optimizer(again.optimizer, *flatten_optimizer(first.optimizer))
    again.dual.copy_(first.dual)
    for number, theirs in zip(range(4, 8), wanted, strict=True):
        again(number)
        agree([again.means()], [theirs], 1e-6)
    assert torch.equal(weights(again), weights(whole))


def test_what_no_term_reaches_is_left_alone_by_working_copies_too():
    """Its gradient is none and not zero, by which weight decay would shrink it."""
    step = on_copies(made("image", dropout=0.0, weight_decay=0.5))
    unused = torch.nn.Parameter(torch.ones(64))
    step.objective.register_parameter("unused", unused)
    step.way = Working(step.objective)
    step.optimizer.add_param_group({"params": [unused], "weight_decay": 0.5})
    told(step, 3)
    assert torch.equal(unused, torch.ones(64)) and unused.grad is None


def test_a_state_says_nothing_of_the_device_it_was_made_on():
    step, again = made("image", optimizer="muon"), made("image", optimizer="muon")
    told(step, 3)
    for group in step.optimizer.param_groups:  # as it is on a GPU
        group["lr"] = torch.tensor(group["lr"])
        group |= {"capturable": True} if "capturable" in group else {}
    tensors, groups = flatten_optimizer(step.optimizer)
    assert all(isinstance(group["lr"], float) for group in groups)
    restore_optimizer(again.optimizer, tensors, groups)
    assert not any(group.get("capturable") for group in again.optimizer.param_groups)
    again(3)
    assert again.means()["total"] > 0


def test_the_learning_rate_rises_then_falls_to_nothing():
    config = TrainConfig("digits", "re", steps=100, warmup=0.1, learning_rate=1.0)
    assert learning_rate(0, config) == pytest.approx(0.1)
    assert learning_rate(10, config) == pytest.approx(1.0)
    assert learning_rate(55, config) == pytest.approx(0.5)
    assert learning_rate(99, config) < 0.001


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # dynamo looks at all it meets
@pytest.mark.parametrize(
    "modality, values",
    [("text", {"shared_noise": False, **REKD}), ("image", {"augment": True, "accumulation": 2})],
    ids=["noises", "parts"],
)
def test_what_is_compiled_makes_the_steps_that_it_makes_as_it_is(monkeypatch, modality, values):
    """Traced and differentiated as for a GPU, then run by plain kernels, since building new ones takes a minute."""
    import torch._dynamo

    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    steps = [made(modality, **values) for _ in range(2)]
    shape = Feed.shape  # one length of batches, since each is compiled by itself
    monkeypatch.setattr(Feed, "shape", lambda feed, rows, _: shape(feed, rows, 1))
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager", fullgraph=True))
    kept = torch._dynamo.config.patch(suppress_errors=False), torch._functorch.config.patch(donated_buffer=True)
    with kept[0], kept[1], fixed_shapes():  # shapes as of captured steps
        compile_parts(steps[1].objective)
        for step in steps:
            for number in range(3):
                step(number, measured=number == 1)
    plain, compiled = (step.means() for step in steps)
    assert compiled == plain and ("rationale" in plain) == ("teacher" in values)
    for one, other in zip(*(step.objective.parameters() for step in steps), strict=True):
        same(one, other, atol=1e-7)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] >= 4, "parts before and layers, of two towers"
