"""Passes that are told, memory that runs out, and chunks of any size."""

from __future__ import annotations

import pytest
import torch
from explained import image_case, linear_case, text_case
from helpers import same

from rekd.explanations import attributions
from rekd.explanations.attributions import METHODS, DoesNotFit, TooLittleMemory, attribute, passes
from rekd.explanations.cost import Passes, out_of_memory

CPU_FULL = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to ..."
CHUNKED = [name for name in METHODS if passes(name, *image_case()) > 20]
"""Methods whose passes come in chunks."""


def full_above(model, limit: int, error: Exception):
    """A model that finds no room for more than `limit` rows at once."""
    whole = model.predict_from

    def predict_from(batch, features, mask=None):
        if len(batch) > limit:
            raise error
        return whole(batch, features, mask)

    model.predict_from = predict_from
    return model


@pytest.mark.parametrize("case", [text_case, image_case])
def test_chunks_of_any_size_give_the_same_scores(case, monkeypatch):
    model, reading = case()
    for method in CHUNKED:
        want = attribute(method, "cls", model, reading, rate=0.25).scores
        for chunk in (3, 100):
            monkeypatch.setattr(attributions, "first_chunk", lambda *_, chunk=chunk: chunk)
            got = attribute(method, "cls", model, reading, rate=0.25)
            same(got.scores, want, atol=2e-5, what=f"{method}, {chunk}")
            assert got.details["chunk"] == chunk
        monkeypatch.undo()


@pytest.mark.parametrize("method", CHUNKED)
@pytest.mark.parametrize(
    "error", [RuntimeError(CPU_FULL), torch.OutOfMemoryError("CUDA out of memory."), MemoryError()]
)
def test_a_method_that_finds_no_room_tries_half_the_chunk(method, error):
    model, reading = image_case()
    want = attribute(method, "cls", model, reading, rate=0.25)
    told: list[int] = []
    got = attribute(method, "cls", full_above(model, 5, error), reading, rate=0.25, heard=told.append)
    same(got.scores, want.scores, atol=2e-5)
    assert got.details["chunk"] == 4 and got.details["halved"] == 4 and want.details["chunk"] == 64
    assert sum(told) == passes(method, model, reading), "passes that are made twice are told once"


def test_no_room_for_one_pass_is_a_sentence():
    model, reading = text_case()
    with pytest.raises(TooLittleMemory, match=r"not enough memory.*shorter input\.") as caught:
        attribute("FeatureAblation", "cls", full_above(model, 0, RuntimeError(CPU_FULL)), reading, rate=0.25)
    assert isinstance(caught.value, MemoryError)


def test_deep_lift_takes_no_lack_of_memory_for_a_misfit():
    model, reading, _ = linear_case("text")
    with pytest.raises(TooLittleMemory):
        attribute("DeepLift", "cls", full_above(model, 1, RuntimeError(CPU_FULL)), reading, rate=0.25)
    with pytest.raises(DoesNotFit, match="shapes cannot be multiplied"):
        broken = full_above(linear_case("text")[0], 1, RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
        attribute("DeepLift", "cls", broken, reading, rate=0.25)


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    model, reading = image_case()
    with pytest.raises(RuntimeError, match="must match the size"):
        wrong = full_above(model, 1, RuntimeError("The size of tensor a must match the size of tensor b"))
        attribute("FeatureAblation", "cls", wrong, reading, rate=0.25)
    assert out_of_memory(RuntimeError(CPU_FULL)) and not out_of_memory(RuntimeError("an index is out of range"))


def test_a_run_that_starts_again_is_silent_until_it_has_caught_up():
    told: list[int] = []
    count = Passes(told.append)
    count(3), count(4)
    count.again()
    count(5), count(5)
    count.finish(12)
    assert told == [3, 4, 0, 3, 2]
    assert count.made == 3 + 4 + 5 + 5 + 2
