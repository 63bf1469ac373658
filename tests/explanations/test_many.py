"""Many inputs in one pass give what each gives alone."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import same, tiny_checkpoints

from rekd import checkpoints
from rekd.explanations.many import explain_each
from rekd.explanations.rationale import explain
from rekd.types import Example

TEXTS = ("a warm film", "the plot is slow, but the end is great and never dull", "worst", "great")


@pytest.mark.parametrize("rule", ["calibrated", "top-k", "threshold", "sampled"])
@pytest.mark.parametrize("task", ["imdb", "digits"])
def test_a_batch_gives_what_each_input_gives_alone(tmp_path, task, rule):
    tiny_checkpoints(tmp_path, task=task)
    draw = np.random.default_rng(0)
    pictures = [draw.integers(0, 256, (40, 30, 3), dtype=np.uint8) for _ in range(3)]
    examples = [Example(f"own/batch/{i}", text=text) for i, text in enumerate(TEXTS)]
    if task == "digits":
        examples = [Example(f"own/batch/{i}", image=image) for i, image in enumerate(pictures)]
    for role in ("teacher", "cls", "re", "rekd"):
        found = checkpoints.load(tmp_path / f"{task}-{role}")
        model, read = found.model, found.reader.read
        together = explain_each("m", model, read(examples), rule=rule, seed=3)
        for item, example in zip(together, examples, strict=True):
            alone = explain("m", model, read([example]), rule=rule, seed=3)
            assert (item.mask, item.units, item.rule, item.repaired) == (
                alone.mask,
                alone.units,
                alone.rule,
                alone.repaired,
            )
            same(item.prediction.probs, alone.prediction.probs, atol=1e-5)
            same(item.scores, alone.scores, atol=1e-5)
