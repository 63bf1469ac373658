"""The objective: named terms, distillation identities, views of the teacher, and what batches must not change."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from helpers import image_config, same, text_config, tiny_tokenizer

from rekd import losses, masks
from rekd.config import TrainConfig
from rekd.models import build
from rekd.training.feed import Pair, align
from rekd.training.task import Objective, Teacher
from rekd.types import Example, Units
from rekd.units import ImageReader, TextReader

TEXTS = ["a good film, great story", "bad", "the plot is slow and the act dull", "never funny but warm"]


def text_pair(**reader) -> Pair:
    config = text_config(**reader)
    examples = [Example(f"t/{i}", text=text, label=i % 2) for i, text in enumerate(TEXTS)]
    return Pair(TextReader(config.reader, tiny_tokenizer()).read(examples).batch)


def image_pair(n: int = 6) -> Pair:
    reader = ImageReader(image_config().reader)
    images = torch.randint(0, 255, (n, 3, 16, 16), dtype=torch.uint8)
    return Pair(reader.batch(images, torch.arange(n) % 3, torch.arange(n)))


def run(**values) -> TrainConfig:
    base = {"task": "imdb", "kind": "re", "rate": 0.25, "rate_weight": 10.0, "steps": 11, "dropout": 0.0}
    return TrainConfig(**{**base, **values})


def student(**values):
    return build(text_config(**values)).eval()


def terms(config, model, pair, teacher=None, step=5, mean_rate=None, dual=0.0, length=0):
    return Objective(model, config, Teacher(teacher) if teacher else None, length)(pair, step, mean_rate, dual)


def test_a_model_that_is_its_own_teacher_pays_nothing_for_distillation_under_shared_noise():
    model, pair = student(), text_pair()
    config = run(kind="rekd", teacher="t", teacher_view="student")
    out = terms(config, model, pair, teacher=model)
    same(out["rationale"], 0.0, atol=0)
    same(out["prediction"], 0.0, atol=1e-6)
    other = terms(replace(config, shared_noise=False), model, pair, teacher=model)
    assert other["rationale"] > 1.0


def test_a_cls_with_a_teacher_learns_from_its_own_view_s_predictions_and_nothing_else():
    torch.manual_seed(2)
    teacher, model, pair = student(), build(replace(text_config(), kind="cls")).eval(), text_pair()
    config, batch = run(kind="cls", teacher="t", parts="prediction"), pair.student
    out = terms(config, model, pair, teacher=teacher, step=5)
    mask, _ = masks.evaluation_mask("calibrated", teacher.select(batch), batch.unit_mask, rate=0.25, cut=0.0)
    tau = masks.temperature(5, 10, config.tau_start, config.tau_end)
    theirs, mine = teacher.predict(batch, mask), model.predict(batch, None)
    expected = losses.prediction_distillation(theirs, mine, tau).mean()
    assert out.keys() == {"task", "prediction", "total", "accuracy"} and expected > 0
    same(out["prediction"], expected, atol=1e-6)
    same(out["total"], 0.3 * out["task"] + 0.7 * expected, atol=1e-6)
    out["total"].backward()
    assert all(weight.grad is None for weight in teacher.parameters())


@pytest.mark.parametrize(("step", "tau"), [(0, 5.0), (10, 0.1)])
def test_the_temperature_falls_from_its_first_to_its_last_value_over_the_steps(step, tau):
    torch.manual_seed(2)
    teacher, model, pair = student(), student(), text_pair()
    teacher.selector.weight.data.mul_(20)
    config, batch = run(kind="rekd", teacher="t", steps=11), pair.student
    noise = masks.logistic_noise(config.seed, step, batch.ids, batch.unit_mask.shape[1])
    theirs, mine = ((each.select(batch) + noise) / tau for each in (teacher, model))
    expected = losses.rationale_distillation(theirs, mine, batch.unit_mask).mean()
    same(terms(config, model, pair, teacher=teacher, step=step)["rationale"], expected, atol=1e-6)


def test_the_accuracy_of_a_batch_is_the_share_that_is_right():
    model, pair = build(replace(text_config(), kind="cls")).eval(), text_pair()
    said = model.predict(pair.student).argmax(1)
    labels = said.clone()
    labels[0] = 1 - labels[0]
    pair = Pair(replace(pair.student, labels=labels))
    same(terms(run(kind="cls"), model, pair)["accuracy"], 0.75, atol=0)


def test_distillation_moves_the_student_towards_the_teacher():
    torch.manual_seed(1)
    teacher, model, pair = student(), student().train(), text_pair()
    teacher.selector.weight.data.mul_(20)
    config = run(kind="rekd", teacher="t", alpha=0.0, parts="rationale")
    objective = Objective(model, config, Teacher(teacher))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    before = (model.select(pair.student) - teacher.select(pair.student)).abs().mean()
    for _ in range(40):
        optimizer.zero_grad()
        objective(pair, 5, None, 0.0)["total"].backward()
        optimizer.step()
    assert (model.select(pair.student) - teacher.select(pair.student)).abs().mean() < before / 2


@pytest.mark.parametrize(("step", "weight"), [(0, 1.0), (4, 1.0), (10, 0.1)])
def test_a_tempered_rationale_weighs_less_as_tau_falls_below_1(step, weight):
    config = run(kind="rekd", teacher="t", steps=11, alpha=0.0, parts="rationale", lambda_r=0.5)
    model, teacher, pair = student(), student(), text_pair()
    teacher.selector.weight.data.mul_(20)
    plain, tempered = (
        Objective(model, each, Teacher(teacher))(pair, torch.tensor(step), None, 0.0)
        for each in (config, replace(config, temper_rationale=True))
    )
    assert plain["rationale"] > 0 and torch.equal(plain["rationale"], tempered["rationale"])
    same(tempered["total"], weight * plain["total"], atol=1e-6, rtol=1e-4)
    same(losses.tempering(0.25), 0.25, atol=0)


@pytest.mark.parametrize("view", ["own", "own-sampled", "student"])
def test_each_view_shows_the_teacher_the_mask_it_names(view):
    teacher, model, pair = student(), student(), text_pair()
    teacher.config = replace(teacher.config, cut=-0.9)
    objective = Objective(model, run(kind="rekd", teacher="t", teacher_view=view), Teacher(teacher))
    seen = []
    predict = teacher.predict
    teacher.predict = lambda batch, mask: seen.append(mask) or predict(batch, mask)
    objective(pair, 5, None, 0.0)
    batch = pair.student
    noise = masks.logistic_noise(2026, 5, batch.ids, batch.unit_mask.shape[1])
    drawn = {
        "own": masks.evaluation_mask("calibrated", teacher.select(batch), batch.unit_mask, rate=0.25, cut=-0.9)[0],
        "own-sampled": (teacher.select(batch) + noise > 0) & batch.unit_mask,
        "student": (model.select(batch) + noise > 0) & batch.unit_mask,
    }[view]
    same(seen[0].float(), drawn.float(), atol=0)


def test_the_teacher_is_frozen_outside_the_objective_and_stays_asleep():
    teacher, model = student().train(), student()
    objective = Objective(model, run(kind="rekd", teacher="t"), Teacher(teacher))
    objective.train()
    assert not teacher.training and model.training
    assert {id(p) for p in objective.parameters()} == {id(p) for p in model.parameters()}
    assert not any(key.startswith("_teacher") for key in objective.state_dict())
    objective(text_pair(), 5, None, 0.0)["total"].backward()
    assert all(p.grad is None for p in teacher.parameters())


def test_a_gradient_reaches_the_generator_of_re_through_task_and_rate_alone():
    model = student().train()
    terms(run(), model, text_pair())["total"].backward()
    assert model.selector.weight.grad.abs().sum() > 0
    plain = build(text_config(kind="cls")).train()
    out = terms(run(kind="cls"), plain, text_pair())
    assert set(out) == {"task", "total", "accuracy"}


@pytest.mark.parametrize("kind", ["re", "random", "rekd"])
def test_terms_do_not_depend_on_order_padding_or_the_rest_of_the_batch(kind):
    teacher = student() if kind == "rekd" else None
    model = build(text_config(kind=kind)).eval()
    config = run(kind=kind, teacher="t" if teacher else "")
    whole, rate = text_pair(), torch.tensor(0.3)
    together = terms(config, model, whole, teacher, mean_rate=rate)
    alone = []
    for row in (2, 0, 3, 1):
        batch = whole.student.rows(slice(row, row + 1))
        n_units, n_tokens = int(batch.unit_mask.sum()), int(batch.token_mask.sum())
        cut = replace(
            batch,
            content=batch.content[:, :n_tokens],
            token_mask=batch.token_mask[:, :n_tokens],
            token_units=batch.token_units[:, :n_tokens],
            unit_mask=batch.unit_mask[:, :n_units],
        )
        alone.append(terms(config, model, Pair(cut), teacher, mean_rate=rate))
    for name in together:
        same(torch.stack([one[name] for one in alone]).mean(), together[name], atol=2e-5, what=name)


def test_two_micro_batches_with_the_whole_rate_give_the_whole_gradient():
    config, pair = run(example_rate_weight=0.0), image_pair(8)
    model = build(image_config()).train()
    objective = Objective(model, config)
    objective(pair, 3, None, 0.2)["total"].backward()
    whole = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    halves = [Pair(pair.student.rows(slice(start, start + 4))) for start in (0, 4)]
    rate = torch.cat([objective.rates(half.student, 3) for half in halves]).mean()
    for half in halves:
        (objective(half, 3, rate, 0.2)["total"] / 2).backward()
    for mine, theirs in zip([p.grad for p in model.parameters() if p.grad is not None], whole, strict=True):
        same(mine, theirs, atol=1e-5, rtol=1e-3)


def test_the_official_count_penalty_counts_padding_over_a_fixed_length():
    pair = text_pair(units="tokens", max_tokens=24)
    model = build(text_config(units="tokens", max_tokens=24, masking="zero")).eval()
    config = run(rate_form="count", rate_weight=0.5, example_rate_weight=0.0, rate=0.25, units="tokens")
    out = terms(config, model, pair, length=24)
    noise = masks.logistic_noise(2026, 5, pair.student.ids, 24)
    counts = (model.select(pair.student) + noise > 0).float().sum(1)
    assert pair.student.unit_mask.all()
    same(out["rate"], 0.5 * (counts.mean() - 0.25 * 24) ** 2, atol=1e-4)


def test_units_of_two_tokenisers_are_aligned_by_place():
    mine = Units("words", ((0, 4), (5, 9), (10, 12), (13, 20)))
    theirs = Units("words", ((0, 4), (5, 12)))  # joined the middle two, did not read the last
    table = align([mine, Units("words", ((0, 3),))], [theirs, Units("words", ((4, 9),))])
    assert table.tolist() == [[0, 1, 1, -1], [-1, -1, -1, -1]]
    pair = Pair(text_pair().student, text_pair().student, None)
    assert pair.to_student(torch.zeros(4, 3))[1] is pair.student.unit_mask


def test_a_mask_goes_to_the_teachers_units_and_logits_come_back():
    student_batch = replace(text_pair().student.rows(slice(0, 1)), unit_mask=torch.ones(1, 4, dtype=torch.bool))
    teacher_batch = replace(student_batch, unit_mask=torch.ones(1, 2, dtype=torch.bool))
    pair = Pair(student_batch, teacher_batch, torch.tensor([[0, 1, 1, -1]]))
    assert pair.to_teacher(torch.tensor([[False, False, True, True]])).tolist() == [[False, True]]
    values, found = pair.to_student(torch.tensor([[0.5, -2.0]]))
    assert values.tolist() == [[0.5, -2.0, -2.0, 0.5]] and found.tolist() == [[True, True, True, False]]


def test_a_teacher_with_another_tokeniser_teaches_the_same_words():
    config = text_config()
    examples = [Example(f"t/{i}", text=text, label=i % 2) for i, text in enumerate(TEXTS)]
    readers = [TextReader(replace(config.reader, max_tokens=size), tiny_tokenizer()) for size in (64, 8)]
    readings = [reader.read(examples) for reader in readers]
    units = torch.from_numpy(align(readings[0].units, readings[1].units))
    pair = Pair(readings[0].batch, readings[1].batch, units)
    assert (units < 0).any()
    teacher = student()
    teacher.selector.weight.data.mul_(20)
    out = terms(run(kind="rekd", teacher="t"), student(), pair, teacher=teacher)
    assert torch.isfinite(out["total"]) and out["rationale"] > 0
