"""The score table: one budget, one judge, masks carried between readings by place, controls beside them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from helpers import same, tiny_checkpoints

from rekd import checkpoints
from rekd.explanations.rationale import explain, judge
from rekd.measures.faithfulness import Remembering, faithfulness
from rekd.types import Example, Explanation, Units
from rekd.ui import scores
from rekd.ui.scores import align, asked_of, centred_item, cut, random_row, row
from rekd.units import words

TEXT = "The story is slow at first, but the end is warm, funny and never dull: a lovely film."


def explanation(scores_, mask, prediction=None) -> Explanation:
    units = Units("words", tuple((2 * i, 2 * i + 1) for i in range(len(scores_))))
    return Explanation("x", "m", units, tuple(scores_), tuple(mask), "sampled", 0, prediction)


def test_a_mask_of_the_right_size_stays_even_where_it_is_not_the_largest_scores():
    drawn = explanation([0.9, 0.1, 0.5], [False, True, False])
    assert cut(drawn, 1) is drawn


def test_a_mask_of_another_size_is_cut_to_the_largest_scores_with_ties_to_the_earlier():
    assert cut(explanation([0.5, 0.9, 0.5, 0.1], [True] * 4), 2).mask == (True, True, False, False)
    assert cut(explanation([0.5, 0.9], [True, False]), 5).mask == (True, True)


def test_units_of_two_readings_meet_by_place():
    long, short = Units("words", ((0, 1), (2, 3), (4, 5))), Units("words", ((0, 1), (2, 3)))
    assert align([1, 2, 3], long, short, 0) == [1, 2]
    assert align([1, 2], short, long, 0) == [1, 2, 0]
    coarse = Units("patches", ((0, 0, 8, 8),))
    assert align([1], Units("patches", ((0, 0, 2, 2),)), coarse, 0) == [1], "the same grid at another resolution"


def test_the_centred_control_lies_in_the_middle():
    boxes = tuple((x, y, x + 8, y + 8) for y in range(0, 40, 8) for x in range(0, 40, 8))
    mask = scores.largest(scores.centred(Units("patches", boxes)), 1)
    assert mask.index(True) == 12


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    root = tmp_path_factory.mktemp("house")
    for task in ("imdb", "digits"):
        tiny_checkpoints(root, task=task, roles=("teacher", "cls", "re"))
    return {path.name: checkpoints.load(path) for path in root.glob("*-*") if (path / "config.json").is_file()}


FAITHFUL = ("sufficiency", "comprehensiveness", "AOPC sufficiency", "AOPC comprehensiveness")


def scored(house, task: str, example: Example, k: int, target: int = 0, more=("aopc",)):
    """Rows of teacher and re, then random (and centred), as the page asks for them."""
    by = house[f"{task}-cls"]
    read = by.reader.read([example])
    ask = Remembering(judge(by.model, read))
    items = {}
    for role in ("teacher", "re"):
        held = house[f"{task}-{role}"]
        items[role] = cut(explain(role, held.model, held.reader.read([example])), k)
    out = {"teacher": row(ask, read, example, items["teacher"], target, None, more)}
    out["re"] = row(ask, read, example, items["re"], target, items["teacher"], more)
    out["random"] = random_row(ask, read, example, k, target, items["teacher"], more)
    if task == "digits":
        out["centred"] = row(ask, read, example, centred_item(read, k), target, items["teacher"], more)
    return out, items, judge(by.model, read)


def test_a_row_holds_what_the_measures_give(house):
    out, items, ask = scored(house, "imdb", Example("own", text=TEXT), 4)
    given = {s.name: s.value for s in faithfulness(ask, items["re"].mask, items["re"].scores, 0, with_curves=False)}
    assert list(out["re"])[:4] == list(FAITHFUL)
    for name in FAITHFUL:
        same(out["re"][name].value, given[name], atol=1e-6, what=name)


def test_without_aopc_a_row_asks_about_the_mask_and_its_rest_alone(house):
    example, by = Example("own", text=TEXT), house["imdb-cls"]
    read, asked = by.reader.read([example]), []
    seen = judge(by.model, read)

    def counting(masks):
        asked.extend(masks.tolist())
        return seen(masks)

    item = cut(explain("re", house["imdb-re"].model, house["imdb-re"].reader.read([example])), 4)
    got = row(Remembering(counting), read, example, item, 0, None)
    assert list(got) == list(FAITHFUL[:2]) and len(asked) == 3
    full = scored(house, "imdb", example, 4)[0]
    brief = scored(house, "imdb", example, 4, more=())[0]
    for name, numbers in brief.items():
        assert not any("AOPC" in column for column in numbers)
        same(numbers["sufficiency"].value, full[name]["sufficiency"].value, atol=1e-6, what=name)


def test_masks_asked_about_together_are_those_of_the_rows(house):
    example, by = Example("own", text=TEXT), house["imdb-cls"]
    read, calls = by.reader.read([example]), []
    asked = judge(by.model, read)

    def counting(masks):
        calls.append(len(masks))
        return asked(masks)

    ask, held = Remembering(counting), [house[f"imdb-{role}"] for role in ("teacher", "re")]
    items = [cut(explain("x", each.model, each.reader.read([example])), 4) for each in held]
    ask(torch.cat([asked_of(item, read, ("aopc", "curves")) for item in items]))
    before = len(calls)
    got = [row(ask, read, example, item, 0, None, ("aopc", "curves")) for item in items]
    assert len(calls) == before
    alone = [row(Remembering(asked), read, example, item, 0, None, ("aopc", "curves")) for item in items]
    for one, other in zip(got, alone, strict=True):
        same([s.value for s in one.values()], [s.value for s in other.values()], atol=1e-6)


def test_the_teacher_is_not_compared_with_itself(house):
    out, items, _ = scored(house, "imdb", Example("own", text=TEXT), 4)
    assert "IoU with teacher" not in out["teacher"]
    both = sum(a and b for a, b in zip(items["re"].mask, items["teacher"].mask, strict=True))
    same(out["re"]["IoU with teacher"].value, both / (8 - both), atol=1e-9)


def test_the_random_control_is_the_mean_of_its_draws(house):
    out, _, ask = scored(house, "imdb", Example("own", text=TEXT), 4)
    n = len(words(TEXT))
    lost = []
    for seed in range(scores.DRAWS):
        order = torch.rand(n, generator=torch.Generator().manual_seed(seed)).tolist()
        mask = torch.tensor([scores.largest(order, 4)])
        lost.append(float(ask(torch.ones(1, n, dtype=torch.bool))[0, 0] - ask(mask)[0, 0]))
    same(out["random"]["sufficiency"].value, float(np.mean(lost)), atol=1e-6)
    same(out["random"]["sufficiency"].spread, float(np.std(lost, ddof=1)), atol=1e-6)


def test_evidence_gives_unit_f1_and_its_absence_no_column(house):
    start = TEXT.index("warm")
    out, _, _ = scored(house, "imdb", Example("own", text=TEXT, evidence=((start, start + 4),)), 4)
    assert all("unit F1" in row for row in out.values())
    out, _, _ = scored(house, "imdb", Example("own", text=TEXT), 4)
    assert not any("unit F1" in row for row in out.values())


def test_the_two_classes_of_a_table_are_two_sides_of_one_coin(house):
    example = Example("own", text=TEXT)
    first, second = (scored(house, "imdb", example, 4, target=target)[0]["re"] for target in (0, 1))
    for name in FAITHFUL:
        same(first[name].value, -second[name].value, atol=1e-6, what=name)


def test_images_have_a_centred_control_and_planted_evidence(house):
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    out, _, _ = scored(house, "digits", Example("own", image=image, evidence=((0, 0, 8, 8), (8, 0, 16, 8))), 10)
    assert list(out) == ["teacher", "re", "random", "centred"]
    assert all(math.isfinite(score.value) for row in out.values() for score in row.values())
    assert all("unit F1" in row for row in out.values())


def test_evidence_is_scaled_with_the_picture_and_dropped_where_the_picture_was_cropped(house):
    reader = house["digits-cls"].reader
    for shape, found in (((128, 128, 3), 1), ((128, 64, 3), None)):
        example = Example("own", image=np.zeros(shape, np.uint8), evidence=((0, 0, 16, 16),))
        read = reader.read([example])
        marked = scores.evidence(example, read.units[0], read)
        assert (None if marked is None else sum(marked)) == found
