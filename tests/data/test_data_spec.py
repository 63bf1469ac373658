from __future__ import annotations

import pytest

from rekd.data import TASKS, task_spec


def test_table_holds_the_tasks_with_their_classes():
    counts = {name: len(spec.classes) for name, spec in TASKS.items()}
    assert counts == {
        "imdb": 2,
        "cifar10": 10,
        "cifar100": 20,
        "cifar100-fine": 100,
        "movies": 2,
        "digits": 10,
        "reviews": 2,
    }


@pytest.mark.parametrize("spec", TASKS.values(), ids=lambda spec: spec.name)
def test_entry_is_complete(spec):
    assert len(set(spec.classes)) == len(spec.classes)
    assert spec.title and spec.citation and spec.licence and spec.backbone
    assert spec.rate == (0.10 if spec.modality == "text" else 0.15)
    assert "test" in spec.splits
    assert (spec.modality == "image") == (min(spec.image_size) > 0)
    if not spec.built_in:
        assert spec.hub_id and spec.folder and {spec.modality, "label"} <= set(spec.columns)
    assert isinstance(hash(spec), int), "caches take entries as keys"


def test_tasks_with_like_labels_name_each_other_and_their_classes_agree():
    for spec in TASKS.values():
        for other in spec.labels_like:
            assert spec.name in TASKS[other].labels_like
            assert TASKS[other].classes == spec.classes
    assert set(TASKS["imdb"].labels_like) == {"movies", "reviews"}


def test_digits_are_never_mirrored_nor_moved():
    assert not TASKS["digits"].flip and TASKS["digits"].crop == 0
    assert TASKS["cifar10"].flip and TASKS["cifar10"].crop * 32 == 4


def test_class_names_read_as_words():
    assert TASKS["imdb"].classes == ("negative", "positive")
    assert "large man-made outdoor things" in TASKS["cifar100"].classes
    assert TASKS["cifar100-fine"].classes[51] == "mushroom" and TASKS["cifar100-fine"].classes[99] == "worm"


def test_unknown_task_and_split_are_answered_with_what_there_is():
    with pytest.raises(ValueError, match="no data set 'sst2'; there are imdb, cifar10"):
        task_spec("sst2")
    with pytest.raises(ValueError, match="reviews has no split 'train'; it has test"):
        task_spec("reviews", "train")
