"""Data sets of the Hub, as the package `datasets` gives them: columns found by kind, nothing asked of a network."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import pytest
from PIL import Image as Picture

from rekd.data import own
from rekd.data.own import OwnDataError, read_hub

datasets = pytest.importorskip("datasets")


def png(red: int, size=(20, 16)) -> bytes:
    held = io.BytesIO()
    Picture.new("RGB", size, (red, 0, 0)).save(held, "PNG")
    return held.getvalue()


def rows(n: int, columns: dict, **features):
    """n rows of a table. columns: name -> function of the row."""
    table = {name: [of(i) for i in range(n)] for name, of in columns.items()}
    return datasets.Dataset.from_dict(table, features=datasets.Features(features) if features else None)


@pytest.fixture
def hub(monkeypatch):
    """What load_dataset answers, and what it was asked."""
    asked = []

    def give(answer, size=1_000):
        def load_dataset(name, config):
            asked.append((name, config))
            if isinstance(answer, Exception):
                raise answer
            return datasets.DatasetDict(answer)

        monkeypatch.setattr(datasets, "load_dataset", load_dataset)
        builder = SimpleNamespace(info=SimpleNamespace(download_size=size))
        monkeypatch.setattr(datasets, "load_dataset_builder", lambda name, config: builder)
        return asked

    return give


MOODS = datasets.ClassLabel(names=["sad", "merry", "never"])


def moods(n: int):
    columns = {"idx": lambda i: i, "sentence": lambda i: f"row {i} of {n}", "label": lambda i: i % 2}
    return rows(n, columns, idx=datasets.Value("int32"), sentence=datasets.Value("string"), label=MOODS)


def test_texts_with_class_names_and_splits_of_their_own(hub):
    asked = hub({"train": moods(20), "validation": moods(6), "test": moods(4), "unsupervised": moods(3)})
    draft = read_hub(" owner/moods:small ")
    assert asked == [("owner/moods", "small")]
    assert draft.modality == "text" and draft.classes == ("sad", "merry"), "in the Hub's order; none without rows"
    assert draft.splits == {"train": 20, "dev": 6, "test": 4}
    assert draft.samples[0].number == "train row 0" and draft.samples[0].text == "row 0 of 20"
    assert "Left out: the split unsupervised." in draft.notes
    assert "“sentence” is taken as the text and “label” as the label." in draft.notes


def test_rows_without_text_or_label_are_told_by_split_and_row(hub):
    columns = {"text": lambda i: None if i in (3, 10) else f"t {i}", "label": lambda i: -1 if i == 5 else i % 2}
    hub({"train": rows(20, columns, text=datasets.Value("string"), label=MOODS)})
    draft = read_hub("owner/moods")
    assert [(bad.number, bad.reason) for bad in draft.bad] == [
        ("train row 3", "the text is empty"),
        ("train row 5", "the label is missing"),
        ("train row 10", "the text is empty"),
    ]


def test_labels_may_be_numbers_or_text(hub):
    for of in (lambda i: i % 3, lambda i: "abc"[i % 3], lambda i: i % 2 == 0):
        hub({"train": rows(20, {"note": lambda i: f"t {i}", "verdict": of})})
        draft = read_hub("owner/x", "note", "verdict")
        assert draft.counts == {str(name): draft.counts[str(name)] for name in {of(i) for i in range(3)}}


def test_a_split_that_came_alone_is_the_whole(hub):
    hub({"test": moods(40)})
    assert read_hub("owner/moods").splits == {"train": 32, "dev": 4, "test": 4}


def test_pictures_are_read_and_can_be_kept(hub, monkeypatch, tmp_path):
    monkeypatch.setenv("REKD_OWN", str(tmp_path))

    def image(i: int):
        return {"bytes": b"damaged" if i == 7 else png(10 * i), "path": None}

    columns = {"caption": lambda i: f"c {i}", "image": image, "label": lambda i: i % 2}
    features = {"caption": datasets.Value("string"), "image": datasets.Image(), "label": MOODS}
    hub({"train": rows(20, columns, **features), "test": rows(6, columns, **features)})
    draft = read_hub("owner/pictures")
    assert "“image” is taken as the picture and “label” as the label." in draft.notes
    assert draft.modality == "image" and draft.counts == {"sad": 13, "merry": 12}
    assert [bad.number for bad in draft.bad] == ["train row 7"] and draft.splits["test"] == 6
    own.keep(draft, "pictures", image_size=32)
    kept = own_rows("own-pictures")
    assert kept["test"] == [0, 10, 20, 30, 40, 50]
    assert sorted(kept["train"] + kept["dev"]) == [10 * i for i in range(20) if i != 7]


def own_rows(task: str) -> dict[str, list[int]]:
    from rekd.data import load_split

    return {name: load_split(task, name).images[:, 0, 0, 0].tolist() for name in ("train", "dev", "test")}


@pytest.mark.parametrize(
    ("content", "label", "said"),
    [
        ("none", "", "The column “none” can't be used so; it must be one of sentence"),
        ("idx", "", "The column “idx” can't be used so"),
        ("", "words", "The column “words” can't be used so; it must be one of idx, sentence, label"),
        ("sentence", "sentence", "the same column, “sentence”"),
    ],
)
def test_columns_that_do_not_fit_are_named_with_those_that_do(hub, content, label, said):
    hub({"train": moods(20).add_column("words", [["a"]] * 20)})
    with pytest.raises(OwnDataError, match=said):
        read_hub("owner/moods", content, label)


def test_a_table_without_texts_is_refused(hub):
    hub({"train": rows(20, {"x": lambda i: i, "y": lambda i: i % 2})})
    with pytest.raises(OwnDataError, match="no column of texts or images beside one of labels; there are x, y"):
        read_hub("owner/numbers")


def test_what_the_hub_says_is_passed_on_with_what_to_do(hub):
    hub(ConnectionError("no route to host\nand more"))
    with pytest.raises(
        OwnDataError, match="owner/x could not be had .*: no route to host. Look whether its id is right"
    ):
        read_hub("owner/x")
    with pytest.raises(OwnDataError, match="No data set is named"):
        read_hub("  ")


def test_a_download_far_too_large_is_not_begun(hub):
    asked = hub({"train": moods(20)}, size=150 * 2**30)
    with pytest.raises(OwnDataError, match="a download of 150 GB; at most 10 GB"):
        read_hub("owner/x")
    assert not asked


def test_without_the_package_the_sentence_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(OwnDataError, match="package `datasets`, which is not installed"):
        read_hub("owner/x")
