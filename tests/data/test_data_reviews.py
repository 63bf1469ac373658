from __future__ import annotations

import pytest

from rekd.data import load_split
from rekd.data.reviews import REVIEWS


def test_a_dozen_reviews_both_classes_alike():
    split = load_split("reviews", "test")
    assert len(split) == 12 and split.labels.sum() == 6
    assert split.classes == ("negative", "positive") and split.modality == "text"
    assert len({text[:20] for text in split.texts}) == 12


@pytest.mark.parametrize("row", range(12))
def test_review_has_a_readable_length_and_its_evidence_stands_in_it_once(row):
    label, text, passages = REVIEWS[row]
    assert 40 <= len(text.split()) <= 130
    assert text == " ".join(text.split()) and "  " not in text
    example = load_split("reviews", "test")[row]
    assert [text.count(passage) for passage in passages] == [1] * len(passages)
    assert sorted(text[start:stop] for start, stop in example.evidence) == sorted(passages)
    assert list(example.evidence) == sorted(example.evidence)
    assert all(a[1] <= b[0] for a, b in zip(example.evidence, example.evidence[1:], strict=False)), "no overlaps"
    assert (example.label, example.text) == (label, text)
