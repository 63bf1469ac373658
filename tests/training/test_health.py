"""What an evaluation measures beside accuracy, on gates made by hand; and that the alarms say of each what it is."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import image_config, same, text_config, tiny_tokenizer

from rekd import masks
from rekd.config import TrainConfig
from rekd.data import encode, load_split
from rekd.models import build
from rekd.training import health
from rekd.training.alarms import alarms
from rekd.training.evaluate import accuracy, own_logits
from rekd.training.health import Health
from rekd.training.setup import resolve
from rekd.training.status import Status
from rekd.types import Split
from rekd.units import ImageReader, TextReader

DIGITS = tuple("0123456789")
CONFIG = resolve(TrainConfig("digits", "re", steps=100, example_rate_weight=0.0))
REAL = torch.ones(400, 64, dtype=torch.bool)
READER = ImageReader(image_config(size=(64, 64), patch=(8, 8), classes=DIGITS).reader)


@pytest.fixture(scope="module")
def data():
    return encode(load_split("digits", "dev").take(range(400)), READER)


def logits(selected, sure=6.0):
    """Selection logits of gates that are sure of the units `selected`, no two of them quite equal."""
    return torch.where(selected, sure, -sure) + torch.rand(selected.shape)


def chance_masks(seed=0):
    return masks.random_mask(REAL, 0.15, seed, 0, torch.arange(400))


def measured(data, selection, predict=lambda batch, mask: torch.rand(len(batch), 10)):
    """All of the measures, of selection logits made by hand, under a predictor made by hand."""
    made = SimpleNamespace(config=replace(image_config(classes=DIGITS), rate=0.15), predict=predict)
    chosen = masks.top_k_mask(selection, REAL, 0.15)
    plain = health.plain_units(load_split("digits", "dev").take(range(400)), READER, 64)
    found = health.gates(selection, REAL) | health.overlap(chosen, REAL)
    cut = masks.calibrate(selection, REAL, 0.15)
    found |= health.shares("border", chosen, REAL, plain) | health.counted(selection, REAL, data.labels, cut, 10)
    found |= health.leaks(made, data, selection, cut, 0.2)
    return {f"dev_{name}": value for name, value in found.items()}


def told(found, config=CONFIG):
    lines = [{"step": step, "dev_accuracy": 0.5, "r": config.rate, **found} for step in (60, 100)]
    return [alarm.name for alarm in alarms(config, lines, Status("running", 100, 100))]


def test_decided_masks_that_follow_no_pattern_are_fit_and_well(data):
    found = measured(data, logits(chance_masks()))
    same([found["dev_rate"], found["dev_mean_probability"]], [10 / 64, 10 / 64], atol=5e-3)
    assert found["dev_decided"] > 0.95 and found["dev_certainty"] > 0.95
    same(found["dev_overlap"], found["dev_overlap_chance"], atol=0.02)
    same(found["dev_border"], found["dev_border_base"], atol=0.05)
    same(found["dev_border_base"], 28 / 64, atol=1e-6)
    assert abs(found["dev_swap"]) < 0.05 and found["dev_mask_rows"] == 400
    assert told(found) == []


def test_gates_that_are_all_open_are_told(data):
    found = measured(data, torch.full((400, 64), 4.0) + torch.rand(400, 64))
    assert found["dev_all"] == 1 and found["dev_rate"] == 1 and "all" in told(found)


def test_gates_that_are_all_shut_are_told(data):
    shut = logits(torch.rand(400, 64) < 0.03) - 7.2 - torch.rand(400, 64)  # an order is there, and nothing above 0
    found = measured(data, shut)
    assert found["dev_empty"] == 1 and told(found) == ["none"]


def test_gates_that_stay_flat_at_the_rate_are_undecided_however_certain_they_look(data):
    flat = torch.full((400, 64), float(torch.logit(torch.tensor(0.15)))) + 0.05 * torch.randn(400, 64)
    found = measured(data, flat)
    assert found["dev_decided"] < 0.01 and found["dev_certainty"] > 0.65 and told(found) == ["undecided"]


def test_one_place_whatever_the_input_is_told(data):
    found = measured(data, logits(chance_masks()[:1].expand(400, -1)))
    same(found["dev_overlap"], 1.0, atol=1e-9)
    assert found["dev_overlap_chance"] < 0.12 and told(found) == ["fixed"]


def test_masks_on_the_border_are_told(data):
    plain = health.plain_units(load_split("digits", "dev").take(range(400)), READER, 64)
    scores = torch.rand(400, 64) + plain
    found = measured(data, logits(masks.top_k_mask(scores, REAL, 0.15)))
    assert found["dev_border"] == 1 and told(found) == ["border"]


def test_a_count_that_carries_the_label_is_told_and_its_reader_is_caught_by_the_swap(data):
    counts = 5 + data.labels
    ranked = torch.rand(400, 64).argsort(1).argsort(1)

    def by_count(batch, mask):
        return torch.nn.functional.one_hot((mask.sum(1) - 5).clamp(0, 9), 10).float()

    found = measured(data, logits(ranked < counts[:, None]), by_count)
    assert found["dev_count"] > 0.5 > found["dev_count_bound"] == pytest.approx(0.15)
    assert found["dev_swap"] > 0.5 and told(found) == ["code"]
    honest = measured(data, logits(ranked < counts[:, None]))
    assert abs(honest["dev_swap"]) < 0.06, "a predictor that does not read the code is not blamed for it"


def test_a_pattern_that_carries_the_label_is_told(data):
    patterns = chance_masks(5)[:10]
    found = measured(data, logits(patterns[data.labels]))
    assert found["dev_mask"] > 0.9 > found["dev_mask_bound"] == pytest.approx(0.3)
    assert "code" in told(found)


def test_leaks_of_few_rows_or_of_one_class_are_not_measured(data):
    made = SimpleNamespace(config=replace(image_config(classes=DIGITS), rate=0.15))
    few = data.take(range(150))
    assert health.leaks(made, few, logits(chance_masks())[:150], 0.0, None) == {}
    one = data.take(np.flatnonzero(data.labels.numpy() == 3).tolist() * 10)
    assert health.leaks(made, one, torch.rand(len(one), 64), 0.5, None) == {}
    assert health.counted(torch.rand(len(one), 64), REAL[:1].expand(len(one), -1), one.labels, 0.5, 10) == {}


def test_units_without_letter_or_digit_are_signs():
    config = text_config()
    reader = TextReader(config.reader, tiny_tokenizer())
    split = Split(
        "own", "dev", ("negative", "positive"), np.array([0, 1]), texts=["good , film !!", "7 \u00e9t\u00e9s"]
    )
    plain = health.plain_units(split, reader, 5)
    assert plain.tolist() == [[False, True, False, True, False], [False] * 5]
    real = torch.tensor([[True] * 4 + [False], [True] * 2 + [False] * 3])
    chosen = torch.tensor([[False, True, False, True, False], [True] + [False] * 4])
    found = health.shares("marks", chosen, real, plain)
    same([found["marks"], found["marks_base"]], [2 / 3, 2 / 6], atol=1e-6)


def test_a_teachers_mistakes_that_a_student_repeats_are_counted_beside_chance():
    labels = torch.tensor([0] * 50 + [1] * 50)
    teacher = labels.clone()
    teacher[:20] = 1
    student = labels.clone()
    student[:15] = 1
    student[20:26] = 1  # of 30 others of this class
    found = health.copied(student, teacher, labels)
    assert found["teacher_mistakes"] == 20
    same([found["copied"], found["copied_chance"]], [0.75, 0.2], atol=1e-6)
    assert health.copied(student, labels, labels) == {"teacher_mistakes": 0}


def setup(kind="re", rows=240, teacher=None):
    torch.manual_seed(1)
    model_config = image_config(size=(64, 64), patch=(8, 8), classes=DIGITS, kind=kind)
    model, split = build(model_config).eval(), load_split("digits", "dev")
    chosen = np.arange(rows)
    config = replace(CONFIG, kind=kind, teacher="one" if kind == "rekd" else "")
    fixed = {"config": config, "model": model, "reader": READER, "teacher": teacher}
    return SimpleNamespace(dev=encode(split.take(chosen), READER), dev_split=split, dev_rows=chosen, **fixed)


def test_an_evaluation_measures_all_of_it_beside_the_accuracy_it_is_there_for():
    found = Health(setup())(25)
    names = (
        "accuracy rate mean_probability all empty certainty decided overlap overlap_chance border border_base count "
    )
    names += "count_bound count_rows mask mask_bound mask_rows swap swap_bound"
    assert set(found) == {f"dev_{name}" for name in names.split()}
    assert all(isinstance(value, float) for value in found.values())
    label = own_logits(setup().model, setup().dev, CONFIG.seed).label
    assert found["dev_accuracy"] == accuracy(label, setup().dev.labels)
    assert found == Health(setup())(25), "a resumed run must come to the same line"


@pytest.mark.parametrize("kind", ["cls", "random"])
def test_models_without_gates_are_measured_by_their_accuracy_alone(kind):
    assert set(Health(setup(kind))(25)) == {"dev_accuracy"}


def test_a_teacher_is_asked_once_from_its_own_calibrated_masks():
    made = setup()
    made.model.config = replace(made.model.config, cut=0.1)
    asked = setup("rekd", teacher=SimpleNamespace(model=made.model, reader=READER))
    measure = Health(asked)
    found = measure(25)
    data = asked.dev.take(measure.order)
    chosen = health.select_split(made.model, data, health.selection_logits(made.model, data), "calibrated").mask
    says = health.label_logits(made.model, data, chosen).argmax(1)
    assert found["dev_teacher_mistakes"] == int((says != data.labels).sum()) > 100
    asked.teacher = SimpleNamespace()  # who is not asked again
    assert measure(25) == found


def test_a_student_that_says_what_its_teacher_says_copies_all_of_its_mistakes():
    asked = setup("rekd", teacher=SimpleNamespace())
    measure = Health(asked)
    own = health.own_logits(asked.model, asked.dev, CONFIG.seed).label.argmax(1)
    measure.taught = own[torch.from_numpy(measure.order)]
    assert measure(25)["dev_copied"] == 1


@pytest.mark.parametrize("units", ["words", "tokens"])
def test_texts_of_any_length_are_measured_by_their_signs(units):
    config = text_config(units=units, max_tokens=16)
    reader = TextReader(config.reader, tiny_tokenizer())
    texts = ["good , film !!", "it was long and slow , not good", "fun", "never ."]
    split, rows = Split("imdb", "dev", config.classes, np.array([1, 0, 1, 0]), texts=texts), np.arange(4)
    made = TrainConfig("imdb", "re", rate=0.25, units=units, noise_at_test=units == "tokens")
    fixed = {"config": made, "model": build(config).eval(), "reader": reader, "teacher": None}
    found = Health(SimpleNamespace(dev=encode(split, reader), dev_split=split, dev_rows=rows, **fixed))(25)
    assert {"dev_marks", "dev_overlap", "dev_decided"} <= set(found) and "dev_swap" not in found
    if units == "words":  # of 4 + 8 + 1 + 2 words
        same(found["dev_marks_base"], 4 / 15, atol=1e-6)
    else:  # special tokens and padding hold no letter either
        assert found["dev_marks_base"] > 0.5
