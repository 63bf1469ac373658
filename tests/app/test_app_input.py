"""What a person gives Explore: examples and the way through them, own texts and pictures, good and bad."""

from __future__ import annotations

import html
import io
import re

import numpy as np
import pytest
from explore import REVIEW, blocks, cards, opened, own, picked, png, said, sound, text_of
from PIL import Image

from rekd.ui import jumps


def test_walking_through_the_examples():
    at = opened(methods="-", example="11")
    at.button(key="next").click()
    sound(at.run())
    assert picked(at, "w_example").value == 0
    at.button(key="previous").click()
    sound(at.run())
    assert picked(at, "w_example").value == 11
    at.button(key="random").click()
    assert 0 <= picked(sound(at.run()), "w_example").value <= 11
    picked(at, "w_example").set_value(5)
    assert picked(sound(at.run()), "w_example").value == 5


@pytest.mark.parametrize("kind", ["wrong", "disagree", "rescued", "apart"])
def test_jumping_says_how_many_were_looked_at(kind):
    at = opened(methods="-")
    at.button(key=f"jump-{kind}").click()
    sound(at.run())
    assert re.search(r"Looked at \d+ example", said(at))


def test_a_jump_that_has_seen_all_examples_does_not_ask_for_another(monkeypatch):
    monkeypatch.setattr(jumps, "holds", lambda *_: False)
    at = opened(methods="-")
    at.button(key="jump-wrong").click()
    sound(at.run())
    assert "There is none where" in said(at) and "12 examples, which is all" in said(at)
    assert not re.search(r"\bagain\b", said(at))


def test_an_example_beyond_the_end_is_said_and_the_address_mended():
    at = opened(example="99999", methods="-")
    assert "has examples 0 to 11" in said(at) and "11 is shown" in said(at) and len(cards(at)) == 4
    assert at.query_params["example"] in ("11", ["11"])


def test_an_own_text_is_read_by_all_and_has_no_right_or_wrong():
    at = own(opened(own="1"), REVIEW)
    assert len(cards(at)) == 4
    assert all("✓" not in card and "✗" not in card for card in cards(at))
    assert "lovely film" in text_of(cards(at)[1])


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "😀🎬👨‍👩‍👧",
        "هذا فيلم رائع جدا",
        "这部电影很好看。",
        "<script>alert(1)</script><b>bold</b> &amp;",
        "[CLS] [SEP] [MASK] [PAD] </s> <s>",
        "  spaces \n\n and lines\t",
        "\u200b\u200d film",
    ],
)
def test_any_text_is_shown_as_it_is_and_stays_in_its_box(text):
    at = own(opened(own="1"), text)
    assert picked(at, "w_text").value == text
    for card in cards(at):
        shown = re.search(r'<div class="rk-text.*?</div>', card)[0]
        shown = re.sub(r'<span class="rk-more">.*?</span>', "", shown)
        assert html.unescape(re.sub(r"<[^>]*>", "", shown)) == text
    assert "<script" not in "".join(blocks(at)) and "<b>bold" not in "".join(blocks(at))


@pytest.mark.parametrize("text", ["", "   \n\t ", "\u200b"])
def test_an_empty_text_is_a_sentence(text):
    at = own(opened(own="1"), text)
    assert not cards(at) and len(at.info) == 1
    assert picked(at, "w_text").value == text


def test_a_very_long_text_is_read_from_its_start_and_said_where():
    text = "a lovely film, " * 7_000
    at = own(opened(own="1"), text)
    assert all("reads the first" in card and "not read from here" in card for card in cards(at))
    assert picked(at, "w_text").value == text
    assert max(map(len, cards(at))) < 40_000
    assert "kept on this server" in said(at)


def test_an_own_picture_is_read_and_a_bad_one_leaves_it_in_place():
    at = opened(task="digits", own="1")
    assert not cards(at) and "Choose a picture" in said(at) and "one whole digit" in said(at)
    at.file_uploader[0].set_value(("red.png", png(), "image/png"))
    sound(at.run())
    before = cards(at)
    assert len(before) == 4 and all("rk-picture" in card for card in before)
    at.file_uploader[0].set_value(("notes.txt", b"hello", "text/plain"))
    sound(at.run())
    assert "notes\\.txt is no picture" in said(at)
    assert cards(at) == before


def test_what_was_changed_on_a_picture_is_said():
    at = opened(task="digits", own="1")
    held = io.BytesIO()
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(held, "PNG")
    at.file_uploader[0].set_value(("clear.png", held.getvalue(), "image/png"))
    assert "read as white" in said(sound(at.run()))


def test_a_task_without_data_opens_on_own_input_and_names_the_two_ways():
    at = opened(task="cifar10")
    assert at.query_params.get("own") in ("1", ["1"])
    assert "REKD_DATA" in said(at) and "Hugging Face Hub" in said(at)
    at.file_uploader[0].set_value(("mine.png", png(), "image/png"))
    assert cards(sound(at.run())) and "REKD_DATA" not in said(at), "with a picture of one's own nothing is missing"


def test_data_that_are_not_here_are_offered_not_fetched():
    at = opened(data="movies")
    assert not cards(at) and "REKD_DATA" in said(at)
    at.button(key="fetch").click()
    sound(at.run())
    assert at.warning and "movies" in at.warning[0].value and not at.info


def test_a_single_black_pixel_is_a_picture():
    at = opened(task="digits", own="1", methods="-")
    held = io.BytesIO()
    Image.fromarray(np.zeros((1, 1, 3), np.uint8)).save(held, "PNG")
    at.file_uploader[0].set_value(("dot.png", held.getvalue(), "image/png"))
    assert len(cards(sound(at.run()))) == 4
