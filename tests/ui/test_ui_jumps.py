"""The search for the next example worth a look: bounded, in blocks, the same as looking one by one."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import tiny_checkpoints

from rekd import checkpoints
from rekd.explanations.rationale import explain
from rekd.types import Example
from rekd.ui import jumps
from rekd.ui.jumps import BLOCK, Outcome, search

SLOTS = ("teacher", "cls", "re", "rekd")


class World:
    """A data set of `n` examples of class 0; `said` holds other predictions, `masks` other masks, by (slot, index)."""

    def __init__(self, n: int, said=None, masks=None):
        self.labels, self.said, self.masks, self.asked = [0] * n, said or {}, masks or {}, []

    def outcomes(self, slot: str, first: int, last: int) -> list[Outcome]:
        self.asked.append((slot, first, last))
        mask = (True, False, False)
        return [Outcome(self.said.get((slot, i), 0), self.masks.get((slot, i), mask)) for i in range(first, last)]

    def find(self, kind: str, start: int, **options) -> jumps.Find:
        return search(kind, start, self.labels, SLOTS, self.outcomes, **options)


def test_the_next_wrong_one_is_found_and_counted():
    world = World(1000, {("re", 17): 1, ("re", 19): 1})
    assert world.find("wrong", 5) == jumps.Find(17, 13, 18)
    assert world.find("wrong", 18).index == 19


def test_only_the_blocks_up_to_the_find_are_computed():
    world = World(1000, {("re", 3): 1})
    world.find("wrong", 0)
    assert world.asked == [(slot, 0, BLOCK) for slot in SLOTS]


def test_the_search_ends_after_its_reach_and_says_where_to_go_on():
    world = World(1000)
    assert world.find("wrong", 7) == jumps.Find(None, jumps.REACH, 7 + jumps.REACH)


def test_the_search_goes_round_the_end_and_looks_at_each_example_once():
    world = World(23, {("cls", 2): 1})
    assert world.find("wrong", 20) == jumps.Find(2, 6, 3)
    assert World(23).find("wrong", 20) == jumps.Find(None, 23, 20)


def test_blocks_are_aligned_so_that_they_are_cached_once():
    world = World(100)
    world.find("wrong", 13)
    assert {(first % BLOCK, last - first) for _, first, last in world.asked} == {(0, BLOCK)}


@pytest.mark.parametrize(
    ("kind", "said", "expected"),
    [
        ("disagree", {("re", 4): 1}, 4),
        ("disagree", dict.fromkeys([(slot, 4) for slot in SLOTS], 1), None),
        ("rescued", {("re", 4): 1}, 4),
        ("rescued", {("re", 4): 1, ("rekd", 4): 1}, None),
        ("rescued", {("rekd", 4): 1}, None),
        ("wrong", dict.fromkeys([(slot, 4) for slot in SLOTS], 1), 4),
    ],
)
def test_each_search_stops_at_its_own_kind(kind, said, expected):
    assert World(60, said).find(kind, 0).index == expected


def test_masks_that_differ_most_are_the_least_overlap_of_all_looked_at():
    masks = {
        ("teacher", 8): (True, True, False),
        ("teacher", 31): (False, True, True),
        ("teacher", 55): (False, True, True),
    }
    world = World(200, masks=masks)
    assert world.find("apart", 0) == jumps.Find(31, jumps.REACH, jumps.REACH)


def test_only_searches_that_make_sense_are_offered():
    assert jumps.offered(["teacher", "cls", "re", "rekd"]) == list(jumps.KINDS)
    assert jumps.offered(["cls"]) == ["wrong"]
    assert "rescued" not in jumps.offered(["teacher", "cls", "rekd"])
    assert jumps.pair(["cls", "re", "rekd"]) == ("rekd", "re")


@pytest.mark.parametrize("rule", ["calibrated", "top-k", "threshold", "sampled"])
@pytest.mark.parametrize("task", ["imdb", "digits"])
def test_looking_at_many_gives_what_the_cards_give_one_by_one(tmp_path, task, rule):
    tiny_checkpoints(tmp_path, task=task, roles=("teacher", "cls"))
    if task == "imdb":
        texts = ["a warm film", "long and slow and never good, not at all", "funny"]
        examples = [Example(f"imdb/test/{i}", text=text) for i, text in enumerate(texts)]
    else:
        images = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
        examples = [Example(f"digits/test/{i}", image=image) for i, image in enumerate(images)]
    for role in ("teacher", "cls"):
        held = checkpoints.load(tmp_path / f"{task}-{role}")
        seen = jumps.look(held, examples, rule, seed=3)
        for example, outcome in zip(examples, seen, strict=True):
            card = explain("m", held.model, held.reader.read([example]), rule=rule, seed=3)
            assert outcome.label == card.prediction.label
            assert outcome.mask == card.mask
