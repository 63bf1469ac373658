"""The address of Explore: a link reopens exactly the view, and a broken one is a sentence and a page."""

from __future__ import annotations

import re

import pytest
from explore import REVIEW, blocks, cards, opened, own, picked, png, reopened, said, sound


def test_a_broken_address_is_a_sentence_for_each_fault_and_a_page():
    at = opened(task="<script>", rule="best", methods="-")
    warnings = "\n".join(warning.value for warning in at.warning)
    assert "no checkpoint for the task" in warnings and "none of" in warnings
    assert len(cards(at)) == 4


def test_a_kept_text_that_is_gone_is_a_sentence_and_a_page_for_another():
    at = opened(own="1", kept="0123456789abcdef", methods="-")
    assert "not on this server" in "\n".join(warning.value for warning in at.warning)
    assert picked(at, "w_text").value == "" and not cards(at)


def test_the_sentence_about_the_address_goes_with_the_next_change():
    at = opened(rule="best", methods="-")
    assert at.warning
    at.button(key="next").click()
    assert not sound(at.run()).warning


@pytest.mark.parametrize("length", [60, 5_000])
def test_a_link_reopens_exactly_the_view(length):
    at = opened(
        own="1", rule="sampled", seed="5", show="difference", re="imdb-rekd", methods="KernelShap", target="positive"
    )
    at = own(at, (REVIEW * 100)[:length])
    again = reopened(at)
    assert [re.sub(r"<dt>Time.*", "", block) for block in blocks(again)] == [
        re.sub(r"<dt>Time.*", "", block) for block in blocks(at)
    ]
    assert picked(again, "w_text").value == picked(at, "w_text").value
    assert not again.warning


def test_a_link_reopens_an_own_picture():
    at = opened(task="digits", own="1", methods="-")
    at.file_uploader[0].set_value(("red.png", png(), "image/png"))
    sound(at.run())
    assert cards(reopened(at)) == cards(at)
    assert "kept on this server" in said(at)


def test_the_link_to_copy_holds_what_the_address_holds():
    at = opened(methods="-", show="select")
    assert "show=select" in at.code[0].value and at.code[0].value.startswith("http")
