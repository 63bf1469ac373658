"""Explore's look at chance: draws, temperature and predictions on the page, worked like a person does."""

from __future__ import annotations

import re

import pytest
import torch
from explore import blocks, cards, opened, picked, reopened, said, sound, text_of

from rekd.models.rationale import RationaleModel
from rekd.ui import deeper_chance


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """All predictions are made at once, however slow the machine."""
    monkeypatch.setattr(deeper_chance, "WORK", 60.0)


def looked(**address: str):
    return opened(**{"deeper": "chance", "draws": "20", "methods": "-", "task": "digits"} | address)


def leads(at) -> list[str]:
    return [element.value for element in at.main.markdown if " draws it selects " in element.value]


def tables(at) -> list[str]:
    return [block for block in blocks(at) if "rk-rules" in block and "<table" in block]


def counts(at) -> list[tuple[int, int]]:
    """Selected units and all units of each selecting model, from its card."""
    found = [re.search(r"<b>(\d+)</b> of (\d+) \w+ selected", card) for card in cards(at)]
    return [(int(one[1]), int(one[2])) for one in found if one]


@pytest.mark.parametrize("task", ["imdb", "digits"])
@pytest.mark.parametrize("rule", ["threshold", "calibrated", "top-k", "sampled"])
def test_each_selecting_model_is_summed_up_and_the_chosen_rule_is_marked(task, rule):
    at = looked(task=task, rule=rule)
    assert len(leads(at)) == len(tables(at)) == 3
    for sentence, (selected, n), table in zip(leads(at), counts(at), tables(at), strict=True):
        assert f"selects **{selected}** of {n} " in sentence and re.search(r"in \*\*\d+ of 20\*\*", sentence)
        marked = text_of(re.search(r'<tr aria-current="true">(.*?)</tr>', table)[1]).split()
        assert marked[:2] == ["▸", rule]
        assert rule == "sampled" or (int(marked[2]), marked[marked.index("1.00")]) == (selected, "1.00")
        assert "top-k" in table and "sampled" in table
    assert not at.error and not at.get("progress")


def test_every_bar_adds_up_to_the_draws():
    for block in (block for block in blocks(looked()) if "rk-votes" in block and "<style>" not in block):
        found = [int(count) for count in re.findall(r"(\d+) of 20 draws<", block)]
        assert sum(found) == 20


def test_other_draws_are_another_seed_and_travel_in_the_address():
    at = looked()
    before = leads(at)
    picked(at, "c_others").click()
    sound(at.run())
    assert at.query_params["seed"] == "1" and "seed 1" in said(at)
    assert leads(at) != before
    assert leads(reopened(at)) == leads(at)


def slider(at):
    return next(widget for widget in at.select_slider if widget.key == "w_tau")


def test_the_temperature_softens_the_values_and_nothing_else_and_runs_no_model(monkeypatch):
    at = looked(tau="5")
    warm = [block for block in blocks(at) if "relaxed values at tau" in block.lower()]
    before, kept = leads(at), [re.findall(r"drawn at every tau: (\d+)", text_of(block)) for block in warm]
    monkeypatch.setattr(RationaleModel, "select", _forbidden)
    monkeypatch.setattr(RationaleModel, "predict_from", _forbidden)
    assert slider(at).value == 5.0
    slider(at).set_value(0.1)
    sound(at.run())
    hard = [block for block in blocks(at) if "relaxed values at tau" in block.lower()]
    assert len(warm) == len(hard) == 3 and all(old != new for old, new in zip(warm, hard, strict=True))
    assert [re.findall(r"drawn at every tau: (\d+)", text_of(block)) for block in hard] == kept
    outlined = [[re.search(r"Outlined: ([^\"]*)", block)[1] for block in side] for side in (warm, hard)]
    assert outlined[0] == outlined[1], "the drawn mask stays"
    assert leads(at) == before
    assert at.query_params["tau"] == "0.1"


def _forbidden(*_, **__):
    raise AssertionError("a model was run for a change of temperature")


def test_fewer_soft_values_at_a_lower_temperature():
    def soft(tau: str) -> list[int]:
        return [int(one) for one in re.findall(r"At tau [\d.]+, (\d+) of", "\n".join(blocks(looked(tau=tau))))]

    high, low = soft("5"), soft("0.1")
    assert len(high) == len(low) == 3 and sum(low) < sum(high)


def test_a_temperature_between_two_steps_shows_the_nearest():
    at = looked(tau="0.9")
    assert slider(at).value in (0.8, 1.0)


def test_what_is_not_predicted_yet_is_said_and_gone_on_with(monkeypatch):
    monkeypatch.setattr(deeper_chance, "WORK", -1.0)
    at = looked()
    assert len(at.get("progress")) == 3 and "0 of 20 draws predicted" in str(at.get("progress")[0].proto)
    assert all("being counted below" in sentence for sentence in leads(at))
    assert len(tables(at)) == 3, "rules without noise are there at once"
    monkeypatch.setattr(deeper_chance, "WORK", 60.0)
    sound(at.run())
    assert not at.get("progress") and all(" of 20**" in sentence for sentence in leads(at))


def test_more_draws_go_on_from_fewer(monkeypatch):
    at, asked, predict = looked(), [], RationaleModel.predict_from

    def counted(self, batch, features, mask=None):
        asked.extend([] if mask is None else [tuple(row) for row in mask.int().tolist()])
        return predict(self, batch, features, mask)

    monkeypatch.setattr(RationaleModel, "predict_from", counted)
    picked(at, "w_draws").set_value(100)
    sound(at.run())
    assert "draws" not in at.query_params and all(" of 100**" in sentence for sentence in leads(at))
    assert 0 < len(asked) <= 3 * 80


def test_a_model_that_never_selects_anything_is_repaired_and_said(monkeypatch):
    select = RationaleModel.select
    monkeypatch.setattr(RationaleModel, "select", lambda self, batch: select(self, batch) * 0 - 30 + torch.rand(1))
    at = looked(rule="threshold")
    assert sum("20 of these draws selected nothing" in block for block in blocks(at)) == 3
    assert all("selects **0\\.0" in sentence for sentence in leads(at))
    assert all("(repaired)" in table for table in tables(at))


def test_without_a_model_that_selects_the_way_out_is_said():
    at = looked(teacher="-", re="-", rekd="-")
    assert "Models compared" in said(at) and not leads(at)


def test_a_review_of_hostile_signs_is_shown_as_it_is():
    review = "<script>alert(1)</script> **bold** مرحبا 世界 👩‍🚀 film film"
    at = looked(task="imdb", own="1", text=review)
    drawn = [block for block in blocks(at) if "share of 20 draws" in block]
    assert len(drawn) == 3 and all("<script" not in block and "script" in block for block in drawn)
    assert all("".join(review.split()) in "".join(text_of(block).split()) for block in drawn)
