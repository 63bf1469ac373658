"""Texts as readers cut them: the same words whatever the tokeniser, found in the text as it was typed."""

from __future__ import annotations

import string
import time
import unicodedata

import pytest
import torch
from helpers import MIXED_TEXT, tiny_tokenizer
from hypothesis import given, settings
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from rekd.config import ReaderConfig
from rekd.types import Example
from rekd.units import NothingToRead, TextReader, mark, words

ROBERTA = {"cls_token": "<s>", "sep_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"}


def fast(core: Tokenizer) -> PreTrainedTokenizerFast:
    core.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[(piece, core.token_to_id(piece)) for piece in ("<s>", "</s>")]
    )
    return PreTrainedTokenizerFast(tokenizer_object=core, **ROBERTA)


def byte_level() -> PreTrainedTokenizerFast:
    """As RoBERTa and ModernBERT cut text: bytes, a space belonging to the piece behind it."""
    merges = [("Ġ", "f"), ("Ġf", "i"), ("Ġfi", "l"), ("Ġfil", "m"), ("t", "h")]
    pieces = [*ROBERTA.values(), *sorted(pre_tokenizers.ByteLevel.alphabet()), *("".join(pair) for pair in merges)]
    core = Tokenizer(models.BPE({piece: i for i, piece in enumerate(pieces)}, merges))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return fast(core)


def unigram() -> PreTrainedTokenizerFast:
    """As XLM-R and ALBERT cut text; its vocabulary holds "</s>" as a piece like any other."""
    letters = [(char, -4.0) for char in string.ascii_letters + string.digits + string.punctuation + "中"]
    core = Tokenizer(models.Unigram([*((p, 0.0) for p in ROBERTA.values()), ("▁", -3.0), ("▁film", -2.0), *letters], 3))
    core.pre_tokenizer = pre_tokenizers.Metaspace()
    return fast(core)


TOKENIZERS = {"wordpiece": tiny_tokenizer(), "byte-level": byte_level(), "unigram": unigram()}


def reader(tokenizer: str = "wordpiece", units: str = "words", max_tokens: int = 64) -> TextReader:
    return TextReader(ReaderConfig("text", units, max_tokens=max_tokens), TOKENIZERS[tokenizer])


def read(text: str, **options):
    return reader(**options).read([Example("own", text)])


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@settings(max_examples=80, deadline=None, derandomize=True, database=None)
@given(text=MIXED_TEXT)
def test_units_lie_in_order_on_the_text_and_own_the_pieces_that_begin_in_them(tokenizer, text):
    try:
        reading = read(text, tokenizer=tokenizer)
    except NothingToRead:
        assert not any(unicodedata.category(char)[0] in "LNPS" for char in text)
        return
    places, owners = reading.units[0].places, reading.batch.token_units[0].tolist()
    assert all(0 <= start < stop <= len(text) and text[start:stop].strip() for start, stop in places)
    assert all(first[1] <= second[0] for first, second in zip(places, places[1:], strict=False))
    assert owners == sorted(owners[:-1]) + [-1] and set(owners) == {-1, *range(len(places))}
    plain = "".join("\ufffd" if unicodedata.category(char) == "Cs" else char for char in text)
    spans = TOKENIZERS[tokenizer](plain, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    for (start, stop), owner in zip(spans[:62], owners[1:-1], strict=True):
        first = next((place for place in range(start, stop) if not text[place].isspace()), None)
        assert first is None or places[owner][0] <= first < places[owner][1]


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_different_tokenisers_read_the_same_words(tokenizer):
    text = "  I didn't like\nthe film — it’s too long, 10/10 for 中 though; <b>great</b>!"
    reading = read(text, tokenizer=tokenizer, max_tokens=120)
    assert reading.units[0].places == words(text)


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_special_tokens_that_were_typed_are_text(tokenizer):
    text = "good [CLS] [SEP] [MASK] [PAD] [UNK] </s> <s> <pad> <mask> film"
    reading = read(text, tokenizer=tokenizer)
    ids, owners = reading.batch.content[0], reading.batch.token_units[0]
    special = set(TOKENIZERS[tokenizer].all_special_ids) - {TOKENIZERS[tokenizer].unk_token_id}
    assert [place for place, piece in enumerate(ids.tolist()) if piece in special] == [0, len(ids) - 1]
    assert owners[0] == owners[-1] == -1 and (owners[1:-1] >= 0).all()
    shown = {text[place] for start, stop in reading.units[0].places for place in range(start, stop)}
    assert shown == set(text) - {" "}


def test_surrogate_halves_keep_the_offsets_of_what_follows():
    text = "a \ud83d\ude00 \ud800 great film"  # typed as two halves, which is no emoji in Python
    assert [text[a:b] for a, b in read(text).units[0].places] == ["a", "great", "film"]
    assert "great" in [text[a:b] for a, b in read(text, tokenizer="byte-level").units[0].places]


@pytest.mark.parametrize("text", ["", " ", "\n\t \u3000", "\u200b", "\x00"])
def test_nothing_to_read_is_a_sentence(text):
    with pytest.raises(NothingToRead, match="nothing to read: .*Type a sentence"):
        read(text)


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize("text", ["   \n\n", " " * 200 + "film"])
def test_space_alone_is_nothing_to_read_for_tokenisers_that_keep_it(tokenizer, text):
    if tokenizer == "wordpiece" and "film" in text:
        assert len(read(text).units[0]) == 1
        return
    with pytest.raises(NothingToRead):
        read(text, tokenizer=tokenizer)


@pytest.mark.parametrize("text", ["a", ".", "🎬", "é", "中", "\ud800x"])
def test_one_character_is_enough(text):
    assert len(read(text, tokenizer="byte-level").units[0]) >= 1


def test_truncation_is_said_with_the_place_where_reading_stops():
    text = "good " * 100
    reading = read(text, max_tokens=12)
    assert reading.notes == ("reads the first 10 of 100 word pieces",) and reading.stops == (49,)
    assert len(reading.units[0]) == 10 and reading.units[0].places[-1] == (45, 49)
    whole = read("good " * 10, max_tokens=12)
    assert whole.notes == ("",) and whole.stops == (50,)


def test_words_that_the_vocabulary_lacks_are_counted():
    assert read("🎬").notes == ("does not know 1 of 1 word",)
    assert read("good 🎬 film 中 🎬🎬").notes == ("does not know 3 of 5 words",)
    assert read("good [SEP] film").notes == ("",), "signs that it knows, read one by one"
    cut = read("🎬 " * 100, max_tokens=12)
    assert cut.notes == ("reads the first 10 of 100 word pieces and does not know 10 of 10 words",)


def test_a_word_cut_by_the_limit_keeps_its_whole_place():
    text = "unbelievable" * 20 + " film"
    short, long = read(text, tokenizer="byte-level", max_tokens=12), read(text, tokenizer="byte-level", max_tokens=300)
    assert short.units[0].places == long.units[0].places[:1] == ((0, 240),)


@pytest.mark.parametrize(
    "text", ["good film " * 10_000, "中" * 100_000, "a" * 100_000, "\u0301" * 99_999 + "a", "a-" * 50_000]
)
def test_100_000_characters_are_read_in_about_a_second(text):
    seconds = []
    for _ in range(2):
        started = time.process_time()
        reading = read(text, max_tokens=256)
        seconds.append(time.process_time() - started)
    assert min(seconds) < 3.0  # one on a free core; three allow for a busy machine
    assert len(reading.units[0]) >= 1 and reading.batch.content.shape[1] <= 256


def test_a_batch_pads_and_each_row_is_as_alone():
    texts = ["good", "a very long and dull film", "unbelievable"]
    together = reader().read([Example(f"t/{i}", text, label=i) for i, text in enumerate(texts)])
    assert together.batch.labels.tolist() == [0, 1, 2] and together.batch.ids.tolist() == [0, 1, 2]
    for row, text in enumerate(texts):
        alone, length = read(text), int(together.batch.token_mask[row].sum())
        assert alone.units[0] == together.units[row]
        for name in ("content", "token_units", "token_mask"):
            whole = getattr(together.batch, name)[row]
            assert torch.equal(whole[:length], getattr(alone.batch, name)[0])
        assert (together.batch.content[row, length:] == 0).all() and (
            together.batch.token_units[row, length:] == -1
        ).all()
        assert together.batch.unit_mask[row].sum() == len(alone.units[0])


def test_noise_numbers_follow_the_row_or_else_the_content():
    ids = (
        reader()
        .read([Example("imdb/test/41", "good"), Example("own", "good"), Example("x", "good"), Example("9" * 30, "a")])
        .batch.ids
    )
    assert ids[0] == 41 and ids[1] == ids[2] != ids[3]
    assert reader().read([Example("own", "good")]).batch.labels.tolist() == [-1]


def test_pieces_are_units_of_their_own():
    text = "an unbelievable film"
    reading = read(text, units="pieces")
    assert [text[a:b] for a, b in reading.units[0].places] == ["an", "un", "believ", "able", "film"]
    assert reading.batch.token_units[0].tolist() == [-1, 0, 1, 2, 3, 4, -1]


def test_official_reader_makes_every_slot_a_unit():
    reading = read("good film", units="tokens", max_tokens=8)
    batch, places = reading.batch, reading.units[0].places
    assert batch.content[0].tolist()[:4] == TOKENIZERS["wordpiece"]("good film")[
        "input_ids"
    ] and batch.content.shape == (1, 8)
    assert batch.token_units.tolist() == [list(range(8))] and batch.unit_mask.all()
    assert batch.token_mask.tolist() == [[True] * 4 + [False] * 4]
    assert places == ((0, 0), (0, 4), (5, 9), (9, 9), (9, 9), (9, 9), (9, 9), (9, 9))
    assert mark(reading.units[0], [(0, 9)]) == (False, True, True, False, False, False, False, False)


def test_a_reader_needs_offsets_and_room():
    class Slow:
        is_fast = False

    with pytest.raises(ValueError, match="Slow gives no character offsets.*tokenizer.json"):
        TextReader(ReaderConfig("text"), Slow())
    crowded = tiny_tokenizer()
    crowded.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] [CLS] [CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    with pytest.raises(ValueError, match="max_tokens 4 leaves no room"):
        TextReader(ReaderConfig("text", max_tokens=4), crowded)


def test_blank_is_the_mask_token_or_else_padding():
    assert reader().blank_id == TOKENIZERS["wordpiece"].mask_token_id
    plain = tiny_tokenizer()
    plain.mask_token = None
    assert TextReader(ReaderConfig("text"), plain).blank_id == plain.pad_token_id
