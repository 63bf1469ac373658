from __future__ import annotations

import pytest

from rekd.data.evidence import evidence_spans

TEXT = "i liked it .\n  the plot is thin , but i liked it anyway ."


def quoted(text, passages):
    return [text[start:stop] for start, stop in evidence_spans(text, passages)]


def test_a_passage_is_found_over_line_breaks_and_keeps_the_texts_own_spacing():
    assert quoted(TEXT, ["it . the plot"]) == ["it .\n  the plot"]


def test_a_repeated_passage_is_taken_after_the_one_before_it():
    assert evidence_spans(TEXT, ["i liked it"]) == ((0, 10),)
    second = TEXT.rindex("i liked it")
    assert evidence_spans(TEXT, ["plot is thin", "i liked it"])[1] == (second, second + 10)


def test_passages_out_of_order_are_found_and_given_in_order_of_the_text():
    assert quoted(TEXT, ["anyway", "thin"]) == ["thin", "anyway"]


def test_tokens_are_compared_whole():
    assert quoted("unlike the like", ["like"]) == ["like"]
    assert evidence_spans("unlike the like", ["like"]) == ((11, 15),)


def test_a_beginning_that_leads_nowhere_is_passed():
    assert quoted("very very very good", ["very good"]) == ["very good"]


@pytest.mark.parametrize("passages", [[], [""], ["  \n"], ["not there"], ["anyway . and more"]])
def test_nothing_to_find_gives_nothing(passages):
    assert evidence_spans(TEXT, passages) == ()


def test_the_same_passage_twice_counts_once_when_it_stands_there_once():
    assert quoted(TEXT, ["thin", "thin"]) == ["thin"]


def test_other_scripts_keep_their_offsets():
    text = "très  beau film , 美しい 映画 ."
    assert quoted(text, ["beau film", "美しい 映画"]) == ["beau film", "美しい 映画"]


def test_an_empty_text_holds_no_evidence():
    assert evidence_spans("", ["good"]) == ()
