"""A mask on other content: who reads content, who reads the mask, and what random masks say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import image_config, text_config, tiny_tokenizer

from rekd.explanations.proof_swap import Followed, follow
from rekd.types import Example
from rekd.units import ImageReader, TextReader

LEFT = tuple(column < 2 for _ in range(4) for column in range(4))  # the left half of 4 x 4 patches


class Says:
    """A model whose logits are a function of (batch, mask)."""

    def __init__(self, logits):
        self.predict = logits


def pictures(n=50):
    """Grey pictures of classes 1 and 2, whose brightness tells the class."""
    return [
        Example(f"x/{i}", image=np.full((16, 16, 3), 80 * (1 + i % 2), np.uint8), label=1 + i % 2) for i in range(n)
    ]


def one_hot(labels):
    return torch.nn.functional.one_hot(torch.as_tensor(labels).long(), 3).float()


def reads_content(batch, mask):
    return one_hot(1 + (batch.content.mean((1, 2, 3)) > (120 / 255 - 0.5) / 0.5))


def reads_mask(batch, mask):
    """Class 0 for the very left half, else class 1."""
    return one_hot((mask != torch.tensor(LEFT)).any(1))


def reader():
    return ImageReader(image_config().reader)


def test_a_model_that_reads_content_follows_it():
    found = follow(Says(reads_content), reader(), LEFT, 0, pictures(), 0)
    assert (found.content, found.mask, found.neither, found.random_content) == (50, 0, 0, 50)
    assert not found.by_mask


def test_a_code_in_the_mask_is_followed_and_a_random_mask_of_the_same_share_is_not():
    found = follow(Says(reads_mask), reader(), LEFT, 0, pictures(), 0)
    assert (found.mask, found.content, found.random_mask) == (50, 0, 0) and found.by_mask
    assert found.random_content == 25, "it says class 1 of every random mask, and half of them are that"


def test_random_masks_have_the_masks_share():
    seen = []

    def counts(batch, mask):
        seen.append(mask.sum(1))
        return one_hot(torch.zeros(len(mask)))

    follow(Says(counts), reader(), LEFT, 0, pictures(45), 0)
    assert len(seen) == 6 and (torch.cat(seen) == 8).all()


def test_a_mask_is_stretched_and_squeezed_to_texts_of_other_lengths():
    laid = {}

    def notes(batch, mask):
        for row, real in zip(mask, batch.unit_mask, strict=True):
            laid.setdefault(int(real.sum()), row[real].tolist())
            assert not row[~real].any(), "padding is never selected"
        return torch.tensor([[1.0, 0.0]]).expand(len(mask), -1)

    others = [Example(f"x/{n}", text="film " * n, label=1) for n in (2, 4, 8)]
    read = TextReader(text_config().reader, tiny_tokenizer())
    found = follow(Says(notes), read, (True, True, False, False), 0, others, 0)
    assert laid == {2: [True, False], 4: [True, True, False, False], 8: [True] * 4 + [False] * 4}
    assert (found.mask, found.content, found.contents) == (3, 0, 3)


def test_a_few_more_than_random_are_not_called_a_code():
    assert not Followed(100, 40, 16, 42, 9).by_mask
    assert Followed(500, 84, 95, 110, 55).by_mask
    assert not Followed(20, 0, 20, 0, 20).by_mask, "a model that says one class whatever it sees reads no code"
    assert Followed(100, 0, 0, 0, 0).spread == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("labels", [[], [None], [1, 0]])
def test_contents_must_be_of_other_known_classes(labels):
    others = [Example(f"x/{i}", image=np.zeros((16, 16, 3), np.uint8), label=label) for i, label in enumerate(labels)]
    with pytest.raises(ValueError, match="other than 0"):
        follow(Says(reads_content), reader(), LEFT, 0, others, 0)
