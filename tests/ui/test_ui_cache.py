"""What is shared between sessions: models under the right name, results under everything that decides them."""

from __future__ import annotations

import shutil

import pytest
from helpers import tiny_checkpoints

from rekd import checkpoints
from rekd.types import Example
from rekd.ui import attributing, cache

LOVELY = Example("own/text", text="a lovely film, warm and funny and never dull")


@pytest.fixture(autouse=True)
def house(tmp_path, monkeypatch):
    monkeypatch.setattr("rekd.checkpoints.folders.shipped", lambda: tmp_path / "none")
    monkeypatch.setenv("REKD_CHECKPOINTS", str(tiny_checkpoints(tmp_path / "house", roles=("re", "cls"))))
    cache.clear()
    yield tmp_path
    cache.clear()


def named(name: str):
    return next(info for info in cache.infos() if info.name == name)


def test_a_loaded_model_with_a_name_that_is_taken_gets_another(house):
    shutil.copytree(house / "house", house / "mine")
    info = cache.add(str(house / "mine" / "imdb-re"))
    assert info.name == "mine/imdb-re"
    assert {info.name for info in cache.infos()} == {"imdb-re", "imdb-cls", "mine/imdb-re"}


def test_loading_what_is_there_already_changes_nothing(house):
    assert cache.add(str(house / "house" / "imdb-re")).name == "imdb-re"
    assert len(cache.infos()) == 2


def test_loading_is_strict(house):
    (house / "house" / "imdb-re" / "model.pkl").write_bytes(b"")
    with pytest.raises(checkpoints.CheckpointError, match=r"model\.pkl"):
        cache.add(str(house / "house" / "imdb-re"))
    assert cache.added() == {}


def test_rule_seed_and_label_are_part_of_the_key():
    info = named("imdb-re")
    drawn = {cache.rationale(info, LOVELY, "sampled", seed).mask for seed in range(6)}
    assert len(drawn) > 1
    assert cache.rationale(info, LOVELY, "top-k", 0).rule == "top-k"
    assert cache.rationale(info, LOVELY, "sampled", 0) is cache.rationale(info, LOVELY, "sampled", 0)


def test_the_same_row_number_of_another_text_is_another_input():
    info = named("imdb-cls")
    first = cache.rationale(info, Example("a/test/0", text="good"), "calibrated", 0)
    other = cache.rationale(info, Example("a/test/0", text="bad film"), "calibrated", 0)
    assert first.units != other.units


def test_a_method_is_computed_once_for_all_budgets_and_where_it_draws_once_a_seed(monkeypatch):
    from rekd.explanations import attributions

    calls, real = [], attributions.attribute
    monkeypatch.setattr(attributions, "attribute", lambda *a, **k: calls.append(a[0]) or real(*a, **k))
    info = named("imdb-cls")
    for k, seed in ((1, 0), (3, 0), (3, 5)):
        assert attributing.attribution(info, LOVELY, "FeatureAblation", k, seed).count == k
    assert calls == ["FeatureAblation"]
    for k, seed in ((3, 0), (3, 5), (2, 0)):
        assert attributing.attribution(info, LOVELY, "KernelShap", k, seed).count == k
    assert calls == ["FeatureAblation", "KernelShap", "KernelShap"]


def test_a_second_seed_is_run_when_asked_for_and_is_the_first_of_the_next(monkeypatch):
    from rekd.explanations import attributions

    calls, real = [], attributions.attribute
    monkeypatch.setattr(attributions, "attribute", lambda *a, **k: calls.append(k["seed"]) or real(*a, **k))
    asked = named("imdb-cls"), LOVELY, "KernelShap", 3
    first = attributing.attribution(*asked, 0)
    assert first.details["iou_two_seeds"] == attributing.WAITS and calls == [0]
    both = attributing.second_seed(*asked, 0)
    assert calls == [0, 1] and both.scores == first.scores
    other = attributing.attribution(*asked, 1, only_known=True)
    shared = sum(a and b for a, b in zip(both.mask, other.mask, strict=True))
    assert both.details["iou_two_seeds"] == pytest.approx(shared / (6 - shared))
    assert attributing.attribution(*asked, 0).details == both.details, "once known it is told at once"
    assert both.details["seconds"] == first.details["seconds"], "the second seed's time is not the panel's"
    assert attributing.attribution(*asked[:3], 2, 0).details["iou_two_seeds"] != attributing.WAITS
    assert calls == [0, 1]


def test_own_data_that_replace_others_of_their_name_are_read_anew(tmp_path, monkeypatch):
    from rekd.data import own

    monkeypatch.setenv("REKD_OWN", str(tmp_path / "own"))
    for word in ("warm", "cold"):
        rows = "".join(f"{word} film {i},{'good' if i % 2 else 'bad'}\n" for i in range(20))
        own.keep(own.read_csv(f"text,label\n{rows}".encode()), "Mine")
        assert all(text.startswith(word) for text in cache.split("own-mine", "train").texts)
        assert cache.split("own-mine", "train") is cache.split("own-mine", "train")
        own.forget("own-mine")
