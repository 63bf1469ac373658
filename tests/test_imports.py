"""The garbage collector rests while libraries are imported, and works again afterwards, whoever leaves last."""

from __future__ import annotations

import gc
import sys
import types

import pytest

from rekd.imports import MANY, freeze, uncollected


def test_no_collection_within_and_collection_again_after_a_fault():
    assert gc.isenabled()
    with pytest.raises(ImportError), uncollected():
        assert not gc.isenabled()
        raise ImportError("no such library")
    assert gc.isenabled()


@pytest.mark.parametrize("first_leaves_first", [True, False])
def test_two_threads_within_at_once_leave_it_enabled(first_leaves_first):
    first, second = uncollected(), uncollected()
    first.__enter__()
    second.__enter__()
    for each in (first, second) if first_leaves_first else (second, first):
        each.__exit__(None, None, None)
    assert gc.isenabled()


def test_a_program_that_runs_without_collector_keeps_it_off():
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_many_modules_brought_is_collected_no_more_and_what_comes_after_is(monkeypatch):
    freeze()
    before = gc.get_freeze_count()
    kept = [[] for _ in range(1000)]
    freeze()
    assert gc.get_freeze_count() == before, "without new modules nothing is frozen"
    for number in range(MANY):
        monkeypatch.setitem(sys.modules, f"made_up_{number}", types.ModuleType(f"made_up_{number}"))
    freeze()
    assert gc.get_freeze_count() >= before + len(kept)
    loop = []
    loop.append(loop)
    del loop
    assert gc.collect() >= 1
    gc.unfreeze()
