from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from helpers import tiny_tokenizer

from rekd.config import ReaderConfig
from rekd.data import encode, text
from rekd.types import Split
from rekd.units import NothingToRead, TextReader

TEXTS = [
    "a good film",
    "the worst unbelievable plot in this long and slow movie, and it never was funny",
    "Great!",
    "it is at weak acting but the story was warm and lovely to me , a fine slow film " * 3,
    "dull dull",
]


@pytest.fixture
def split():
    return Split("imdb", "train", ("negative", "positive"), np.array([1, 0, 1, 1, 0]), texts=TEXTS)


def reader(units="words", max_tokens=40):
    return TextReader(ReaderConfig("text", units=units, max_tokens=max_tokens), tiny_tokenizer())


@pytest.mark.parametrize("units", ["words", "pieces", "tokens"])
@pytest.mark.parametrize("chunk", [2, 512])
def test_every_row_is_what_the_reader_reads_in_explore(split, units, chunk, monkeypatch):
    monkeypatch.setattr(text, "CHUNK", chunk)
    data = encode(split, reader(units))
    for row in range(len(split)):
        alone, batch = reader(units).read([split[row]]).batch, data.batch([row])
        width, count = alone.content.shape[1], alone.unit_mask.shape[1]
        assert torch.equal(batch.content[:, :width], alone.content)
        assert torch.equal(batch.token_mask[:, :width], alone.token_mask) and not batch.token_mask[:, width:].any()
        assert (
            torch.equal(batch.token_units[:, :width], alone.token_units) and (batch.token_units[:, width:] == -1).all()
        )
        assert torch.equal(batch.unit_mask[:, :count], alone.unit_mask) and not batch.unit_mask[:, count:].any()
        assert torch.equal(batch.labels, alone.labels) and torch.equal(batch.ids, alone.ids)
        for field in dataclasses.fields(batch):
            assert getattr(batch, field.name).dtype == getattr(alone, field.name).dtype, field.name


def test_batches_are_trimmed_to_their_longest_row_in_steps_of_eight_tokens(split):
    data = encode(split, reader())
    assert data.content.shape == (5, 40)
    short = data.batch([0, 2, 4])
    assert short.content.shape[1] == 8 and short.unit_mask.shape[1] == 3
    assert data.batch([0, 1]).content.shape[1] == 24
    assert data.batch([3]).content.shape[1] == 40, "never wider than what was read"
    assert [data.batch([row], multiple=32).content.shape[1] for row in (0, 3)] == [32, 40]


def test_a_row_is_the_same_in_any_batch_up_to_padding(split):
    data = encode(split, reader())
    small, large = data.batch([2]), data.batch([3, 2, 0])
    assert torch.equal(large.content[1, :8], small.content[0])
    assert not large.token_mask[1, 8:].any() and not large.unit_mask[1, 2:].any()
    assert large.ids.tolist() == [3, 2, 0] and large.labels.tolist() == [1, 1, 1]


def test_units_of_every_slot_are_never_trimmed(split):
    batch = encode(split, reader("tokens")).batch([2])
    assert batch.content.shape[1] == batch.unit_mask.shape[1] == 40


def test_ids_are_rows_and_stay_with_their_rows(split):
    data = encode(split, reader())
    assert data.ids.tolist() == [0, 1, 2, 3, 4]
    part = data.take([4, 1])
    assert part.ids.tolist() == [4, 1] and len(part) == 2
    assert part.batch([0]).content.shape[1] == 8, "lengths follow the rows"
    rows = [3, 0]
    assert encode(split.take(rows), reader(), ids=rows).batch([0]).ids.tolist() == [3]


def test_storage_is_small(split):
    data = encode(split, reader())
    assert (data.content.dtype, data.token_units.dtype) == (torch.int32, torch.int16)


def test_a_batch_goes_where_it_is_asked_to(split):
    data = encode(split, reader())
    assert data.batch([0], "meta").content.device.type == "meta"
    assert data.to("cpu").batch(np.array([1]), torch.device("cpu")).labels.tolist() == [0]


def test_texts_do_not_change_when_augmentation_is_asked_for(split):
    data = encode(split, reader())
    plain, asked = data.batch([1, 3]), data.batch([1, 3], step=4, seed=1, augment=True)
    assert torch.equal(plain.content, asked.content)


def test_progress_is_told(split, monkeypatch):
    monkeypatch.setattr(text, "CHUNK", 2)
    told = []
    encode(split, reader(), progress=lambda done, total: told.append((done, total)))
    assert told == [(2, 5), (4, 5), (5, 5)]


def test_a_text_with_nothing_to_read_is_named_by_its_row(split):
    split = dataclasses.replace(split, texts=[*TEXTS[:3], "  ", TEXTS[4]])
    with pytest.raises(NothingToRead, match="imdb/train/3: There is nothing to read"):
        encode(split, reader())


def test_wrong_numbers_of_ids_and_wrong_modalities_are_refused(split):
    with pytest.raises(ValueError, match="5 texts and 2 ids"):
        encode(split, reader(), ids=[1, 2])
    with pytest.raises(ValueError, match="0 texts"):
        encode(split.take([]), reader())
    images = Split("cifar10", "test", ("a", "b"), np.array([0]), images=np.zeros((1, 32, 32, 3), np.uint8))
    with pytest.raises(ValueError, match="cifar10 holds images and the model reads texts"):
        encode(images, reader())


@pytest.mark.gpu
def test_a_batch_is_the_same_on_the_gpu(split):
    data = encode(split, reader())
    here, there = data.batch([1, 0]), data.to("cuda").batch([1, 0])
    for field in dataclasses.fields(here):
        assert torch.equal(getattr(here, field.name), getattr(there, field.name).cpu())
