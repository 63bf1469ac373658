"""Explore in every state it can show: cards, panels and scores, models exchanged, damaged, flagged and loaded."""

from __future__ import annotations

import re

import pytest
from explore import APP, LEAKS, blocks, cards, opened, panels, picked, reopened, said, sound, tables, text_of
from helpers import tiny_checkpoints
from streamlit.testing.v1 import AppTest

from rekd import checkpoints
from rekd.ui import cache, components


def test_the_first_view_needs_no_click():
    at = sound(AppTest.from_file(APP, default_timeout=60).run())
    shown = [text_of(card) for card in cards(at)]
    assert [card.split()[0].strip(",") for card in shown] == ["Teacher", "CLS", "RE", "REKD"]
    assert all("right" in card or "wrong" in card for card in shown)
    assert [text_of(panel).split()[0] for panel in panels(at)] == [
        "FeatureAblation",
        "GradientShap",
        "IntegratedGradients",
    ]
    assert len(tables(at)) == 1
    assert "True class" in said(at) and "negative, positive" in said(at)
    assert not at.warning and not at.error


@pytest.mark.parametrize("task", ["imdb", "digits"])
@pytest.mark.parametrize("show", ["mask", "select", "difference"])
def test_every_view_draws_every_card(task, show):
    at = opened(task=task, show=show)
    assert len(cards(at)) == 4 and len(panels(at)) == 1 and len(tables(at)) == 1
    sign = {"mask": "rk-sel", "select": "rk-heat", "difference": "rk-"}[show]
    assert all(("rk-picture" if task == "digits" else sign) in card for card in cards(at)[2:])
    assert ("only this one" in "".join(cards(at))) == (show == "difference")


@pytest.mark.parametrize("task", ["imdb", "digits"])
def test_the_difference_is_to_any_model_that_selects(task):
    at = opened(task=task, show="difference", against="re", methods="-")
    assert picked(at, "w_against").options == ["to the teacher", "to RE", "to REKD"]
    told = [text_of(card) for card in cards(at)]
    assert ["only RE" in card and "IoU" in card and "(chance" in card for card in told] == [True, False, False, True]
    assert any("agreed with RE" in block for block in blocks(at))
    picked(at, "w_against").set_value("rekd")
    told = [text_of(card) for card in cards(sound(at.run()))]
    assert ["only REKD" in card for card in told] == [True, False, True, False]
    assert at.query_params["against"] == "rekd"


@pytest.mark.parametrize("rule", ["threshold", "calibrated", "top-k", "sampled"])
def test_every_mask_rule(rule):
    at = opened(rule=rule, seed="3")
    assert len(cards(at)) == 4
    assert picked(at, "w_seed").value == 3


def test_a_seed_draws_another_mask():
    first, second = (cards(opened(rule="sampled", seed=seed, methods="-"))[2:] for seed in ("1", "2"))
    assert first != second


def test_without_methods_there_are_no_panels_and_still_scores():
    at = opened(methods="-")
    assert not panels(at) and len(tables(at)) == 1
    assert [sub.value for sub in at.subheader] == ["Scores"]


def test_the_scores_arrive_with_what_they_score_and_stars_come_last(monkeypatch):
    drawn, table = [], components.table

    def recorded(rows, caption, stars=True):
        drawn.append(([row.name for row in rows], stars))
        return table(rows, caption, stars)

    monkeypatch.setattr(components, "table", recorded)
    opened(methods="FeatureAblation,InputXGradient")
    first, second, third, last = drawn
    assert first == (["Teacher", "RE", "REKD", "random"], False)
    assert second[0] == [*first[0][:-1], "InputXGradient", "random"], "the cheapest comes first"
    assert third[0] == [*first[0][:-1], "InputXGradient", "FeatureAblation", "random"]
    assert last == (third[0], True)


def test_aopc_is_a_switch_that_the_address_keeps():
    at = opened(methods="-")
    assert "AOPC" not in tables(at)[0] and "aopc" not in at.query_params
    picked(at, "w_aopc").set_value(True)
    sound(at.run())
    assert tables(at)[0].count("AOPC") >= 2
    assert tables(reopened(at)) == tables(at)


def test_a_damaged_judge_is_said_once_and_the_panels_stand(tmp_path, monkeypatch):
    root = tiny_checkpoints(tmp_path / "broken", roles=("cls", "re", "random"))
    weights = next((root / "imdb-random").glob("model*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-10])
    monkeypatch.setenv("REKD_CHECKPOINTS", str(root))
    at = opened(methods="FeatureAblation,InputXGradient", judge="imdb-random")
    assert len(panels(at)) == 2 and not tables(at)
    assert len(at.error) == 1 and "imdb\\-random" in at.error[0].value


def test_everything_below_the_cards_is_on_one_budget():
    at = opened(methods="FeatureAblation,InputXGradient,KernelShap")
    count = re.search(r"<b>(\d+)</b> of (\d+) words selected", cards(at)[3])
    assert all(f"<b>{count[1]}</b> of {count[2]} words marked" in panel for panel in panels(at))
    assert f"the same {count[1]} of {count[2]} words" in tables(at)[0]
    assert "as many as imdb-rekd selected" in said(at)
    assert "IoU of two seeds" in panels(at)[2]


def test_changing_the_task_starts_from_its_own_models():
    at = opened()
    picked(at, "w_task").set_value("digits")
    sound(at.run())
    assert "digits-teacher" in at.query_params["teacher"]
    assert all("rk-picture" in card for card in cards(at))
    assert "centred" in tables(at)[0] and "unit F1" in tables(at)[0]


def test_models_can_be_exchanged_and_left_out():
    at = opened(methods="-")
    picked(at, "w_re").set_value("imdb-rekd")
    picked(at, "w_cls").set_value("-")
    sound(at.run())
    assert [re.search(r'rk-name">([^<]*)', card)[1] for card in cards(at)] == ["imdb-teacher", "imdb-rekd", "imdb-rekd"]


def test_any_model_can_be_the_judge_and_is_named():
    at = opened(methods="-", judge="imdb-random")
    assert "seen by the judge imdb-random" in tables(at)[0]
    at = opened(methods="-", judge="imdb-re")
    assert "every unit is visible to it" in said(at)


def test_leak_measures_are_one_click_away_and_flagged_when_out_of_bounds(tmp_path, monkeypatch):
    at = opened(methods="-")
    assert any("Does the mask leak the label?" in block for block in blocks(at))
    assert not any("outside the bound" in block for block in blocks(at))
    bad = LEAKS | {"swap": 0.3, "count": 0.9, "honest": False}
    monkeypatch.setenv("REKD_CHECKPOINTS", str(tiny_checkpoints(tmp_path / "leaky", metrics={"leaks": bad})))
    cache.clear()
    flagged = "".join(blocks(opened(methods="-")))
    assert flagged.count("outside the bound") == 6, "swap and count of three models"


def test_an_exhibit_is_marked_as_one(tmp_path, monkeypatch):
    tiny_checkpoints(tmp_path, roles=("rekd",))
    held = checkpoints.load(tmp_path / "imdb-rekd")
    checkpoints.save(tmp_path / "imdb-leaky-rekd", held.model, task="imdb", role="exhibit")
    monkeypatch.setenv("REKD_CHECKPOINTS", str(tmp_path))
    assert "exhibit" in text_of(cards(opened(methods="-", rekd="imdb-leaky-rekd"))[0])


def test_a_damaged_model_is_a_sentence_on_its_card_and_the_others_stand(tmp_path, monkeypatch):
    root = tiny_checkpoints(tmp_path / "broken")
    weights = next((root / "imdb-re").glob("model*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-10])
    monkeypatch.setenv("REKD_CHECKPOINTS", str(root))
    at = opened(methods="-")
    assert len(cards(at)) == 3 and len(at.error) == 1 and "imdb\\-re" in at.error[0].value


def test_no_checkpoint_is_a_sentence_and_a_way_out(tmp_path, monkeypatch, house):
    monkeypatch.setenv("REKD_CHECKPOINTS", str(tmp_path))
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "config.json").write_text("{")
    at = opened()
    assert "no model" in at.title[0].value and "REKD_CHECKPOINTS" in said(at)
    assert any("config\\.json" in warning.value for warning in at.warning)
    picked_input = at.text_input[0]
    picked_input.set_value(str(house / "digits-rekd"))
    at.button[0].click()
    sound(at.run())
    assert len(cards(at)) == 1 and "is loaded" in said(at)


@pytest.mark.parametrize("source", ["/nowhere/at/all", "no such name"])
def test_loading_what_is_no_checkpoint_is_a_sentence(source):
    at = opened(methods="-")
    at.text_input[0].set_value(source)
    next(button for button in at.button if button.label == "Load").click()
    sound(at.run())
    assert "There is no checkpoint" in at.error[0].value and len(cards(at)) == 4


def test_nothing_is_computed_twice_for_an_unchanged_input(monkeypatch):
    from rekd.explanations import attributions
    from rekd.explanations import rationale as rationales

    calls = []

    def counting(room, name):
        real = getattr(room, name)

        def wrapper(*args, **kwargs):
            calls.append(name)
            return real(*args, **kwargs)

        monkeypatch.setattr(room, name, wrapper)

    counting(attributions, "attribute")
    counting(rationales, "rationale")
    counting(rationales, "whole_input")
    at = opened()
    first = list(calls)
    assert first.count("attribute") == 1 and first.count("rationale") == 3 and first.count("whole_input") == 1
    picked(at, "w_judge").set_value("imdb-random")
    sound(at.run())
    next(group for group in at.get("button_group") if group.key == "w_show").set_value("select")
    sound(at.run())
    opened()
    assert calls == first, "another judge, another drawing, another session: the explanations are the same"


def test_pictures_have_words():
    at = opened(task="digits")
    for block in [*cards(at), *panels(at)]:
        assert re.search(r'<img class="rk-picture"[^>]* alt="[^"]{10,}"', block)


def test_only_pages_that_exist_are_linked():
    at = opened(task="digits", methods="-")
    assert [link.proto.label for link in at.get("page_link")] == ["Explore", "Train", "Results"]
