"""Rationales of a whole split: in batches what each example gets alone, and what Explore shows of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import same, tiny_checkpoints

from rekd import checkpoints, masks
from rekd.data import load_split
from rekd.explanations.rationale import rationale
from rekd.training import extract as extracting
from rekd.training.extract import SIDES, Tally, Wish, chosen_rows, extract
from rekd.types import MASK_RULES, Split
from rekd.units import NothingToRead

TEXTS = (
    "a warm film",
    "the plot is slow, but the end is great and never dull",
    "worst",
    "An unbelievable story \U0001f469\u200d\U0001f680 well acted, \u0639\u0631\u0628\u064a and \u4e2d\u6587, the end",
    "great story. " * 30,
    "not one of the good films",
)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    for task in ("imdb", "digits"):
        tiny_checkpoints(root, task=task, roles=("re", "cls"))
    return root


def case(models, task: str) -> tuple[checkpoints.Checkpoint, Split]:
    checkpoint = checkpoints.load(models / f"{task}-re")
    if task == "digits":
        return checkpoint, load_split("digits", "test").take(range(7))
    labels = np.array([1, 1, 0, 1, 1, -1])
    return checkpoint, Split("imdb", "test", ("negative", "positive"), labels, texts=TEXTS)


def rows_of(checkpoint, split, wish: Wish, rows=None) -> list[dict]:
    rows = np.arange(len(split)) if rows is None else rows
    return [row for part in extract(checkpoint, split, rows, wish) for row in part]


@pytest.mark.parametrize("task", ["imdb", "digits"])
@pytest.mark.parametrize("rule", MASK_RULES)
def test_a_split_gets_the_masks_that_explore_shows(models, task, rule, monkeypatch):
    monkeypatch.setattr(extracting, "WINDOW", 4)
    checkpoint, split = case(models, task)
    found = rows_of(checkpoint, split, Wish(rule, seed=3, size=3, every=True))
    assert [row["row"] for row in found] == list(range(len(split))), "in the order of the split"
    for row, number in zip(found, range(len(split)), strict=True):
        example = split[number]
        alone = rationale("m", checkpoint.model, checkpoint.reader.read([example]), rule=rule, seed=3)
        kept = [unit for unit, on in enumerate(alone.mask) if on]
        assert [unit["unit"] for unit in row["selected"]] == kept
        assert [unit["selected"] for unit in row["all_units"]] == list(alone.mask)
        assert (row["count"], row["n_units"], row["repaired"]) == (alone.count, len(alone.units), alone.repaired)
        assert row["predicted"] == checkpoint.info.config.classes[alone.prediction.label]
        same(row["probability"], alone.prediction.confidence, atol=1e-5)
        same([unit["p_select"] for unit in row["all_units"]], alone.scores, atol=1e-5)
        for unit in row["all_units"]:
            place = alone.units.places[unit["unit"]]
            names = SIDES if task == "digits" else ("start", "stop")
            assert tuple(unit[name] for name in names) == place
            assert task == "digits" or unit["text"] == example.text[slice(*place)]


@pytest.mark.parametrize("task", ["imdb", "digits"])
def test_logits_do_not_depend_on_what_else_is_in_the_batch(models, task):
    checkpoint, split = case(models, task)
    window = extracting._read(checkpoint, split, np.arange(len(split)))
    for rule in MASK_RULES:
        parts = []
        for size in (1, 4, len(split)):
            wish = Wish(rule, size=size)
            logits = extracting.selection_logits(checkpoint.model, window.data, size)
            answers = extracting._answer(checkpoint, window.data, logits, wish, 0)
            parts.append(
                (logits, answers.mask, extracting.label_logits(checkpoint.model, window.data, answers.mask, size))
            )
        for logits, mask, label in parts[1:]:
            same(logits, parts[0][0], atol=1e-5)
            same(mask, parts[0][1], atol=0)
            same(label, parts[0][2], atol=1e-5)


@pytest.mark.parametrize("task", ["imdb", "digits"])
def test_the_predictor_computes_no_token_that_no_example_selected(models, task):
    checkpoint, split = case(models, task)
    lengths = []

    def note(_, given, named):
        lengths.append((given[0] if given else named["hidden_states"]).shape[1])

    held = checkpoint.model.predictor.blocks()[0].register_forward_pre_hook(note, with_kwargs=True)
    found = rows_of(checkpoint, split, Wish("top-k", size=1))
    held.remove()
    whole = max(row["n_units"] for row in found)
    assert len(lengths) == len(split)
    if task == "digits":
        assert set(lengths) == {1 + masks.budget(64, 0.2)}, "the class token and the patches selected"
    else:
        assert max(lengths) < whole / 2, f"{max(lengths)} tokens of {whole} words, of which a fifth is selected"


def test_sampled_masks_are_a_row_a_draw_and_noise_is_that_of_the_row_in_its_split(models):
    checkpoint, split = case(models, "digits")
    found = rows_of(checkpoint, split, Wish("sampled", draws=3, seed=5))
    assert [(row["draw"], row["row"]) for row in found] == [(d, r) for d in range(3) for r in range(len(split))]
    later = rows_of(checkpoint, split, Wish("sampled", seed=6), np.array([4, 2]))
    assert [row["selected"] for row in later] == [
        next(row["selected"] for row in found if (row["draw"], row["row"]) == (1, n)) for n in (4, 2)
    ]
    assert found[0]["selected"] != found[7]["selected"], "draws differ"


def test_unknown_labels_stay_unknown_and_rows_say_where_reading_stops(models):
    checkpoint, split = case(models, "imdb")
    found = rows_of(checkpoint, split, Wish())
    assert [row["label"] for row in found][-2:] == ["positive", None]
    assert [row["reads_to"] < len(text) for row, text in zip(found, TEXTS, strict=True)] == [False] * 4 + [True, False]


def test_a_text_without_anything_to_read_is_named(models):
    checkpoint, split = case(models, "imdb")
    empty = replace(split, texts=[*TEXTS[:5], " \n "])
    with pytest.raises(NothingToRead, match="imdb/test/5: There is nothing to read"):
        rows_of(checkpoint, empty, Wish())


def test_a_limit_takes_the_same_rows_each_time_from_all_over_the_split():
    few = chosen_rows(1000, 20)
    assert few.tolist() == chosen_rows(1000, 20).tolist() == sorted(set(few.tolist())) and len(few) == 20
    assert few[0] < 250 and few[-1] > 750
    assert chosen_rows(5, None).tolist() == chosen_rows(5, 9).tolist() == [0, 1, 2, 3, 4]


def test_rates_are_those_before_an_empty_mask_was_given_a_unit():
    row = {"draw": 0, "label": "a", "predicted": "a", "rate": 0.2, "repaired": False}
    tally = Tally()
    tally.add([row, {**row, "predicted": "b", "rate": 0.1, "repaired": True}])
    tally.add([{**row, "draw": 1}, {**row, "draw": 1, "label": None}])
    assert tally.lines() == [
        "mean rate 15.00% of an input's units, 25.00% of the masks empty",
        f"accuracy 0.750 (mean of 2 draws, sd {torch.tensor([0.5, 1.0]).std():.3f})",
    ]
