"""Other content in what was left out: it is really other, nothing else changes, and a model that peeks is caught."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from explained import lively
from helpers import IMAGE_ARCHS, MIXED_TEXT, TEXT_ARCHS, image_config, same, text_config, tiny_tokenizer
from hypothesis import assume, given
from tokenizers import decoders

from rekd.explanations.proof import CHUNK, Donor, donors, movement, picture, pieces, scrambled, shuffled
from rekd.models import build
from rekd.types import Example
from rekd.units import ImageReader, NothingToRead, TextReader

TEXT = "The story is slow and dull, but it has an unbelievable end!"
OTHERS = (
    "A warm, funny film with great acting; one of the well acted ones, and never too long for what it says.",
    "Bad.",
    "Weak plot, dull movie, and not worth a look at all: on and on it went.",
)


def texts():
    return [Example(f"x/{i}", text=text, label=i % 2) for i, text in enumerate(OTHERS)]


def images(n=3, size=16, start=10):
    rngs = (np.random.default_rng(start + i) for i in range(n))
    return [
        Example(f"x/{i}", image=rng.integers(0, 256, (size, size, 3), dtype=np.uint8), label=i % 2)
        for i, rng in enumerate(rngs)
    ]


def text_case(arch="bert", **config):
    settings = text_config(arch, kind="re", **config)
    reader = TextReader(settings.reader, tiny_tokenizer())
    torch.manual_seed(3)
    return lively(build(settings, blank_id=4)), reader, reader.read([Example("own/0", text=TEXT)])


def image_case(arch="vit", **config):
    settings = image_config(arch, kind="re", **config)
    reader = ImageReader(settings.reader)
    torch.manual_seed(3)
    return lively(build(settings)), reader, reader.read(images(1, start=5))


def every(n: int, step: int = 3) -> tuple[bool, ...]:
    return tuple(i % step == 0 for i in range(n))


def mask_of(reading, step=3):
    return every(len(reading.units[0]), step)


@pytest.mark.parametrize("masking", ["drop", "zero", "mask-token"])
@pytest.mark.parametrize("arch", [*TEXT_ARCHS, *IMAGE_ARCHS])
def test_a_model_that_reads_its_rationale_alone_does_not_move_by_a_bit(arch, masking):
    case, others = (text_case, texts()) if arch in TEXT_ARCHS else (image_case, images())
    model, reader, reading = case(arch, masking=masking)
    found = movement(model, reader, reading, mask_of(reading), donors(others, CHUNK + 5, 0))
    assert found.exact and found.tested and found.largest == 0 and found.flips == 0
    assert found.draws == len(found.moves) == CHUNK + 5 and found.changed > 0.5
    assert found.replaced == found.units - sum(mask_of(reading))


@pytest.mark.parametrize("case", [text_case, image_case])
def test_a_model_that_peeks_is_caught(case, monkeypatch):
    model, reader, reading = case()
    others = donors(texts() if case is text_case else images(), 20, 0)
    honest = model.predict
    monkeypatch.setattr(model, "predict", lambda batch, mask=None: honest(batch, None))
    found = movement(model, reader, reading, mask_of(reading), others)
    assert found.largest > 0 and not found.exact and found.tested
    monkeypatch.setattr(model, "predict", lambda batch, mask=None: honest(batch, mask) * float("nan"))
    assert not movement(model, reader, reading, mask_of(reading), others).exact, "no number is no proof"


@pytest.mark.parametrize("case", [text_case, image_case])
def test_a_model_that_reads_everything_moves_as_its_single_predictions_do(case):
    model, reader, reading = case()
    mask, others = mask_of(reading), donors(texts() if case is text_case else images(), 7, 0)
    found = movement(model, reader, reading, mask, others, whole=True)
    with torch.inference_mode():
        before = model.predict(reading.batch)[0]
        after = torch.cat([model.predict(scrambled(reader, reading.batch, mask, [donor])) for donor in others])
    same(found.moves, (after - before)[:, before.argmax()].abs(), atol=1e-5)
    same(found.largest, (after - before).abs().max(), atol=1e-5)
    assert found.flips == int((after.argmax(1) != before.argmax()).sum())
    assert found.top == max(found.moves) > found.median > 0


def test_without_a_gap_nothing_is_claimed():
    model, reader, reading = image_case()
    found = movement(model, reader, reading, (True,) * 16, donors(images(), 3, 0))
    assert not found.tested and found.replaced == 0
    own = Donor(images(1, start=5)[0])
    assert not movement(model, reader, reading, mask_of(reading), [own]).tested, "its own content is no other"


@pytest.mark.parametrize("units", ["words", "pieces"])
def test_a_scrambled_text_keeps_what_was_selected_and_all_that_is_no_content(units):
    _, reader, reading = text_case(units=units)
    mask, batch = mask_of(reading), reading.batch
    out = scrambled(reader, batch, mask, donors(texts(), 3, 0))
    owners, ids = batch.token_units[0], batch.content[0]
    stays = torch.tensor([owner < 0 or mask[owner] for owner in owners.tolist()])
    for name in ("token_mask", "token_units", "unit_mask", "ids"):
        same(getattr(out, name), getattr(batch, name).expand(3, -1) if name != "ids" else batch.ids.expand(3), atol=0)
    for row, other in zip(out.content, texts(), strict=True):
        given_ids = reader.read([other]).batch.content[0, 1:-1]
        cycled = given_ids.repeat(len(ids))[: len(ids) - 2]
        same(row[stays], ids[stays], atol=0)
        same(row[~stays], torch.cat([ids[:1], cycled, ids[-1:]])[~stays], atol=0)


def test_slots_of_the_official_code_keep_special_tokens_and_padding():
    settings = text_config(units="tokens", masking="zero", max_tokens=24)
    reader = TextReader(settings.reader, tiny_tokenizer())
    reading = reader.read([Example("own/0", text="A warm film.")])
    out = scrambled(reader, reading.batch, (False,) * 24, donors(texts(), 3, 0)).content
    ids = reading.batch.content[0]
    assert (out[:, 0] == ids[0]).all() and (out[:, 5:] == ids[5:]).all(), "[CLS], [SEP] and padding"
    assert (out[:, 1:5] != ids[1:5]).any(1).all()


def test_a_scrambled_picture_is_two_pictures_patch_by_patch():
    _, reader, reading = image_case()
    mask, other = mask_of(reading), images()[1]
    out = picture(reader, scrambled(reader, reading.batch, mask, [Donor(other)]))
    for (left, top, right, bottom), on in zip(reading.units[0].places, mask, strict=True):
        source = reading.pictures[0] if on else other.image
        same(out[top:bottom, left:right], source[top:bottom, left:right], atol=0)


def test_donors_that_are_used_again_are_turned():
    found = donors(texts(), 8, 1)
    assert [donor.turn for donor in found[:3]] == [0, 0, 0] and all(donor.turn for donor in found[3:])
    assert [donor.turn for donor in found] == [donor.turn for donor in donors(texts(), 8, 1)]
    _, reader, reading = text_case()
    out = scrambled(reader, reading.batch, mask_of(reading), [Donor(texts()[0]), Donor(texts()[0], 3)])
    assert (out.content[0] != out.content[1]).any()
    with pytest.raises(ValueError, match="give one or more"):
        donors([], 3, 0)


def test_shuffled_pixels_are_the_pictures_own_and_other_each_time():
    image = images(1)[0].image
    first, second = (each.image for each in shuffled(image, 2, 0))
    assert (first != second).any() and (first != image).any()
    flat = [np.sort(each.reshape(-1, 3), axis=0) for each in (image, first)]
    same(*flat, atol=0)
    same(shuffled(image, 2, 0)[1].image, second, atol=0)


@given(MIXED_TEXT)
def test_a_scrambled_text_is_told_with_what_was_selected_as_it_was_written(text):
    _, reader, _ = text_case()
    try:
        reading = reader.read([Example("own/0", text=text)])
    except NothingToRead:
        assume(False)
    mask = mask_of(reading, 2)
    row = scrambled(reader, reading.batch, mask, [Donor(texts()[0])]).content[0]
    told = pieces(reader, reading, text, mask, row)
    chosen = [text[start:stop] for (start, stop), on in zip(reading.units[0].places, mask, strict=True) if on]
    assert [stretch for stretch, on in told if on] == [piece for piece in chosen if piece]
    if len(mask) > 1:
        assert any(not on for _, on in told)


def test_what_was_replaced_reads_like_a_text_and_not_like_word_pieces():
    _, reader, _ = text_case()
    reader.tokenizer.backend_tokenizer.decoder = decoders.WordPiece()
    text = "good film good film story good"
    reading = reader.read([Example("own/0", text=text)])
    row = reading.batch.content[0].clone()
    for place, piece in zip((2, 4, 5), ("##ing", "film", "##ly"), strict=True):
        row[place] = reader.tokenizer.convert_tokens_to_ids(piece)
    told = pieces(reader, reading, text, [True, False, True, False, False, True], row)
    assert told == [("good", True), ("ing", False), ("good", True), ("filmly", False), ("good", True)]
    row[4], row[5] = reader.tokenizer.convert_tokens_to_ids(["(", "film"])
    assert pieces(reader, reading, text, [True, False, True, False, False, True], row)[3] == ("(film", False)


def test_a_donor_without_anything_to_read_says_so():
    _, reader, reading = text_case()
    with pytest.raises(NothingToRead):
        scrambled(reader, reading.batch, mask_of(reading), [Donor(Example("x/9", text="  "))])
