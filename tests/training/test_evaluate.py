"""Evaluation: rules, rates, control and leaks agree with what they are made of, and are independent of batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import image_config, same

from rekd import masks
from rekd.data import encode, load_split
from rekd.models import backbone, build
from rekd.training import evaluate as evaluating
from rekd.training.evaluate import (
    ROWS,
    TOKENS,
    accuracy,
    at_once,
    evaluate,
    fit_cut,
    label_logits,
    leave_one_out_masks,
    own_logits,
    select_split,
    selection_logits,
)
from rekd.types import MASK_RULES
from rekd.units import ImageReader

DIGITS, GPU = tuple("0123456789"), torch.device("cuda")


@pytest.fixture(scope="module")
def setting():
    torch.manual_seed(3)
    config = image_config(size=(64, 64), patch=(8, 8), classes=DIGITS)
    model = build(config).eval()
    with torch.no_grad():
        model.selector.weight.mul_(30)
    reader = ImageReader(config.reader)
    dev, test = (encode(load_split("digits", name).take(range(60)), reader) for name in ("dev", "test"))
    return model, dev, test


def test_logits_do_not_depend_on_the_batch_size(setting):
    model, _, test = setting
    same(selection_logits(model, test, 7), selection_logits(model, test, 60), atol=1e-5)
    mask = masks.top_k_mask(selection_logits(model, test), test.unit_mask, 0.15)
    same(label_logits(model, test, mask, 7), label_logits(model, test, mask, 60), atol=1e-5)


def test_the_way_of_a_gpu_gives_the_numbers_of_a_processor(setting, monkeypatch):
    model, _, test = setting
    mask = masks.random_mask(test.unit_mask, 0.2, 0, 0, test.ids)
    here, seen = label_logits(model, test, mask), []
    monkeypatch.setattr(evaluating, "at_once", lambda data, device: len(data))
    length = backbone.cut_length
    monkeypatch.setattr(backbone, "cut_length", lambda *given: seen.append(length(*given[:2], GPU)) or seen[-1])
    same(label_logits(model, test, mask), here, atol=1e-4)
    assert seen == [16], "one batch, cut to the 13 patches that are selected and a few more"


def test_a_gpu_meets_few_lengths_and_a_processor_computes_no_token_in_vain():
    assert {backbone.cut_length(fullest, 200, GPU) for fullest in range(201)} == {*range(16, 200, 16), 200}
    assert [backbone.cut_length(fullest, 200, torch.device("cpu")) for fullest in (0, 1, 33, 200)] == [1, 1, 33, 200]


def test_a_gpu_reads_more_at_once(setting):
    _, _, test = setting
    assert at_once(test, "cpu") == ROWS and at_once(test, "cuda") == TOKENS // 64


def test_the_report_holds_every_rule_with_its_realised_rate(setting):
    model, dev, test = setting
    report = evaluate(model, dev, test, draws=3)
    assert set(report["rules"]) == set(MASK_RULES)
    assert report["rules"]["sampled"]["draws"] == 3 and report["rules"]["sampled"]["accuracy_sd"] >= 0
    same(report["rules"]["top-k"]["rate"], masks.budget(64, 0.15) / 64, atol=1e-9)
    logits = selection_logits(model, test)
    threshold = select_split(model, test, logits, "threshold")
    same(report["rules"]["threshold"]["rate"], (logits > 0).float().mean(), atol=1e-6)
    same(report["rules"]["threshold"]["repaired"], threshold.repaired.float().mean(), atol=1e-6)
    assert not (threshold.raw & threshold.repaired[:, None]).any() and threshold.mask.any(1).all()
    assert report["leaks"]["rule"] == "calibrated" and isinstance(report["leaks"]["honest"], bool)


def test_a_fitted_cut_realises_the_rate_on_dev(setting):
    model, dev, _ = setting
    cut = fit_cut(model, dev)
    share = (selection_logits(model, dev) > cut).float().mean()
    assert 0.15 - 1 / 60 <= share <= 0.15


def test_each_kind_is_compared_by_its_own_reading(setting):
    model, dev, _ = setting
    plain = build(replace(model.config, kind="cls")).eval()
    same(own_logits(plain, dev).label, label_logits(plain, dev, None), atol=0)
    control = build(replace(model.config, kind="random")).eval()
    drawn = masks.random_mask(dev.unit_mask, 0.15, 5, 0, dev.ids)
    same(own_logits(control, dev, seed=5).label, label_logits(control, dev, drawn), atol=0)
    share = drawn.sum(1) / dev.unit_mask.sum(1)
    same(evaluate(control, dev, dev)["random"]["rate"], share.double().mean(), atol=1e-9)
    report, whole = evaluate(plain, dev, dev), label_logits(plain, dev, None)
    assert "rules" not in report and report["whole_input"]["accuracy"] == accuracy(whole, dev.labels)
    same(accuracy(whole, dev.labels), (whole.argmax(1) == dev.labels).double().mean(), atol=1e-6)


def test_leave_one_out_masks_mark_the_units_whose_loss_costs_most(setting):
    model, dev, _ = setting
    judge = build(replace(model.config, kind="cls")).eval()
    found = leave_one_out_masks(judge, dev, np.array([4]), size=10)
    batch = dev.batch(np.array([4]))
    with torch.no_grad():
        whole = judge.predict(batch)[0]
        costs = []
        for unit in range(64):
            mask = torch.ones(1, 64, dtype=torch.bool)
            mask[0, unit] = False
            costs.append(float(whole.max() - judge.predict(batch, mask)[0, whole.argmax()]))
    best = set(np.argsort(-np.array(costs), kind="stable")[: masks.budget(64, 0.15)].tolist())
    assert set(found[0].nonzero().flatten().tolist()) == best
