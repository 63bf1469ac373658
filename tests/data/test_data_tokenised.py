"""A long split of texts, tokenised once: what comes back is what was read; another reading is read anew."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from helpers import text_config, tiny_tokenizer
from stepping import texts

from rekd.data import encode, tokenised
from rekd.data.text import collate
from rekd.units import TextReader


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("REKD_CACHE", str(tmp_path))
    monkeypatch.setattr(tokenised, "FEWEST", 20)
    return tmp_path / "texts"


def reader(**changes) -> TextReader:
    return TextReader(replace(text_config().reader, **changes), tiny_tokenizer())


def equal(one, other) -> bool:
    return all(torch.equal(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))


def read(split, by, heard, ids=None):
    return encode(split, by, ids, lambda done, of: heard.append((done, of)))


def test_what_was_kept_is_what_is_read_in_every_tensor(folder):
    heard, split = [], texts()
    first, second = read(split, reader(), heard), read(split, reader(), heard)
    assert heard == [(24, 24)], "the second time nothing is read"
    assert equal(first, second) and equal(first, collate(split, reader()))


def test_labels_and_ids_are_the_callers(folder):
    split = texts()
    read(split, reader(), [])
    taken = read(split, reader(), [], ids=np.arange(24) + 7)
    assert taken.ids.tolist() == list(range(7, 31)) and taken.labels.tolist() == list(split.labels)
    with pytest.raises(ValueError, match="24 texts and 3 ids"):
        read(split, reader(), [], ids=[1, 2, 3])


@pytest.mark.parametrize(
    "changed",
    [
        lambda split: (replace(split, texts=[*split.texts[:-1], "a lovely plot"]), reader()),
        lambda split: (split, reader(max_tokens=12)),
        lambda split: (split, reader(units="pieces")),
    ],
)
def test_other_texts_or_another_reading_are_read(folder, changed):
    heard, split = [], texts()
    read(split, reader(), heard)
    other, by = changed(split)
    assert equal(read(other, by, heard), collate(other, by)) and len(heard) == 2


def test_a_few_texts_are_not_kept(folder):
    read(texts(19), reader(), [])
    assert not folder.exists()
