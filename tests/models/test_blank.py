"""Building without draws: nothing random is computed, of this thread alone."""

from __future__ import annotations

import threading

import torch
from helpers import text_config
from torch import nn

from rekd.models import build
from rekd.models.blank import WithoutDraws


def test_building_moves_no_random_state():
    config, before = text_config(kind="re", train_words=True), torch.get_rng_state()
    with WithoutDraws():
        build(config)
    assert torch.equal(torch.get_rng_state(), before)
    build(config)
    assert not torch.equal(torch.get_rng_state(), before), "the check can fail"


def test_other_threads_draw_as_ever():
    drawn = []
    with WithoutDraws():
        thread = threading.Thread(target=lambda: drawn.append(nn.Linear(50, 50).weight))
        thread.start()
        thread.join()
    assert 0.01 < float(drawn[0].detach().std()) < 1
