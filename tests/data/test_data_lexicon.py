"""Splits read by their words: the same tensors as text by text, and each word tokenised once."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from helpers import MIXED_TEXT, tiny_tokenizer
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, normalizers, pre_tokenizers

from rekd.config import ReaderConfig
from rekd.data import encode
from rekd.data.lexicon import LONGEST, Lexicon, splits_at_space
from rekd.types import Example, Split
from rekd.units import NothingToRead, TextReader, words

KINDS = ("words", "pieces", "tokens")
PLAIN_TEXT = st.text(st.sampled_from("abfilmAN01 \n\t\xa0'-.!,[]<é£ÄİǖñǅĲ’“…——" + "  "), min_size=1, max_size=60)
TEXTS = [
    "A good film, isn't it? A GOOD film... it's so-so; a film!",
    "good\tfilm\n\nunbelievable\r\nplot\xa0and  story ",
    "typed [SEP] and [MASK] [UNK]film[CLS] <br />good",
    "Café “naïve” — £5 for Ǖ İstanbul… ’tis",
    "the worst unbelievable plot in this long and slow movie " * 9,
    "unbelievable" * 8 + " film",
    "good " * 5 + "-" * (LONGEST + 1) + " film",
    "a\x85b \x96 c\u200bd \u200b film",
    "映画 は good e\u0301 🎬 \ud800 film",
    "x",
    "good \u3000 film",
]


def cased():
    tokenizer = tiny_tokenizer()
    tokenizer.backend_tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, clean_text=False)
    return tokenizer


def bare():
    tokenizer = tiny_tokenizer()
    tokenizer.backend_tokenizer.normalizer = None
    return tokenizer


TOKENIZERS = {"lower": tiny_tokenizer(), "cased": cased(), "bare": bare()}


def reader(units: str = "words", max_tokens: int = 24, tokenizer: str = "lower") -> TextReader:
    return TextReader(ReaderConfig("text", units=units, max_tokens=max_tokens), TOKENIZERS[tokenizer])


def split_of(texts) -> Split:
    return Split("imdb", "train", ("negative", "positive"), np.arange(len(texts)) % 2, texts=texts)


def plainly(text: str, by: TextReader) -> tuple[list[int], list[int], int]:
    """One text the long way round: token ids, the unit of each token, and how many units there are."""
    text = "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    coded = by.tokenizer(
        text, add_special_tokens=False, return_offsets_mapping=True, split_special_tokens=True, verbose=False
    )
    special, room = by.tokenizer.all_special_ids, by.config.max_tokens - 2
    pieces = [by.tokenizer.unk_token_id if piece in special else piece for piece in coded["input_ids"][:room]]
    ids = [by.tokenizer.cls_token_id, *pieces, by.tokenizer.sep_token_id]
    if by.config.units == "tokens":
        return ids, list(range(by.config.max_tokens)), by.config.max_tokens
    owners = list(range(len(pieces)))
    if by.config.units == "words":
        starts = [start for start, _ in words(text)]
        first = [sum(start <= piece for start in starts) for piece, _ in coded["offset_mapping"][:room]]
        owners = [sorted(set(first)).index(word) for word in first]
    return ids, [-1, *owners, -1], len(set(owners))


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize("max_tokens", [7, 24, 400])
@pytest.mark.parametrize("units", KINDS)
def test_every_row_is_what_reading_it_plainly_gives(units, max_tokens, tokenizer):
    by = reader(units, max_tokens, tokenizer)
    data, rows = encode(split_of(TEXTS), by), [plainly(text, by) for text in TEXTS]
    wide = max_tokens if units == "tokens" else max(len(ids) for ids, _, _ in rows)
    assert data.content.shape == (len(TEXTS), wide) and data.unit_mask.shape[1] == max(count for _, _, count in rows)
    assert data.labels.tolist() == [0, 1] * 5 + [0]
    for row, (ids, owners, count) in enumerate(rows):
        blank = wide - len(ids)
        assert data.content[row].tolist() == ids + [by.pad_id] * blank
        assert data.token_mask[row].tolist() == [True] * len(ids) + [False] * blank
        assert data.token_units[row].tolist() == owners + [-1] * (wide - len(owners))
        assert data.unit_mask[row].tolist() == [place < count for place in range(data.unit_mask.shape[1])]


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@settings(max_examples=80, deadline=None, derandomize=True, database=None)
@given(texts=st.lists(st.one_of(PLAIN_TEXT, MIXED_TEXT), min_size=2, max_size=6), max_tokens=st.sampled_from([6, 64]))
def test_texts_that_a_lexicon_holds_are_read_as_by_the_reader(tokenizer, texts, max_tokens):
    for units in KINDS:
        by = reader(units, max_tokens, tokenizer)
        lexicon = Lexicon(by)
        examples = [Example(f"t/{row}", text, label=row) for row, text in enumerate(texts) if lexicon.holds(text)]
        for some in filter(None, (examples[:1], examples)):  # it grows in between
            found, expected = lexicon.read(some), by.read(some).batch
            for field in dataclasses.fields(found):
                one, other = getattr(found, field.name), getattr(expected, field.name)
                assert one.dtype == other.dtype and torch.equal(one, other), field.name


def test_what_a_lexicon_holds():
    lexicon = Lexicon(reader())
    assert [lexicon.holds(text) for text in TEXTS] == [True] * 6 + [False] * 3 + [True, False]
    assert not any(map(lexicon.holds, ["", " \n", None, "soft\xadhyphen", "a\x1cb"]))
    assert lexicon.holds("a" * LONGEST) and not lexicon.holds("a" * (LONGEST + 1))


def test_lines_of_the_longest_words_are_not_cut():
    texts = ["".join(pair) * (LONGEST // 2) for pair in (".İ", "Ǖ!", "?ǖ", "[]")]
    for text in [" ".join(texts * 10), *texts]:
        lexicon = Lexicon(reader(max_tokens=8192))
        assert lexicon.holds(text)
        expected = reader(max_tokens=8192).read([Example("0", text)]).batch
        assert torch.equal(lexicon.read([Example("0", text)]).content, expected.content)


def test_a_word_is_tokenised_once(monkeypatch):
    asked, read = [], TextReader.read
    monkeypatch.setattr(TextReader, "read", lambda by, examples: (asked.extend(examples), read(by, examples))[1])
    monkeypatch.setattr("rekd.data.text.CHUNK", 4)
    encode(split_of(["a good film", "a film , a GOOD film"] * 10 + ["a new film"]), reader())
    assert [example.text for example in asked] == ["a good film , GOOD", "new"]


def changed(change):
    tokenizer = tiny_tokenizer()
    change(tokenizer)
    return tokenizer


def with_spaces(tokenizer):
    tokenizer.add_tokens([AddedToken("good film", normalized=False)])


def without_accents(tokenizer):
    tokenizer.backend_tokenizer.normalizer = normalizers.NFKD()


def bytes_of(tokenizer):
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()


@pytest.mark.parametrize("change", [with_spaces, without_accents, bytes_of])
def test_a_tokeniser_that_may_look_beyond_a_space_reads_whole_texts(change):
    assert all(map(splits_at_space, TOKENIZERS.values()))
    tokenizer = changed(change)
    assert not splits_at_space(tokenizer)
    by = TextReader(ReaderConfig("text", max_tokens=24), tokenizer)
    texts = ["a good film", "the long and slow good film"]
    data = encode(split_of(texts), by)
    assert torch.equal(
        data.content.long(), by.read([Example(str(row), text) for row, text in enumerate(texts)]).batch.content
    )


@pytest.mark.parametrize("empty", ["", "  ", "\u200b", "\xa0\n"])
def test_an_empty_text_among_others_is_named_by_its_row(empty):
    with pytest.raises(NothingToRead, match="imdb/train/2: There is nothing to read"):
        encode(split_of(["good", "映", empty, "film"]), reader())
