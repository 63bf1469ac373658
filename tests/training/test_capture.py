"""What is done for compiled steps before the first of them."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest
import torch
from looping import CONFIG

from rekd.training import capture, fit


@pytest.fixture(autouse=True)
def anew():
    """As in a process that has not loaded the compiler yet."""
    capture.ready_compiler.cache_clear()
    yield
    capture.ready_compiler.cache_clear()


def test_the_compiler_loads_in_a_thread_of_its_own(monkeypatch):
    loaded = []

    def done(name):
        return lambda *_: loaded.append((name, threading.current_thread()))

    def load(name):
        done(name.removeprefix("torch._inductor."))()
        return SimpleNamespace(maybe_warm_pool=done("pool"), torch_key=done("key"), lazy_init=done("patterns"))

    monkeypatch.setattr(capture, "importlib", SimpleNamespace(import_module=load))
    state, thread = torch.get_rng_state(), capture.ready_compiler()
    thread.join(10)
    wanted = "async_compile", "pool", "compile_fx", "codecache", "key", "fx_passes.joint_graph", "patterns"
    assert tuple(name for name, _ in loaded) == wanted and capture.ready_compiler() is thread
    assert {where for _, where in loaded} == {thread} and torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("fault", [ImportError, AttributeError, TypeError])
def test_a_torch_whose_parts_have_other_names_compiles_without(monkeypatch, fault):
    def load(name):
        raise fault(name)

    faults = []
    monkeypatch.setattr(capture, "importlib", SimpleNamespace(import_module=load))
    monkeypatch.setattr(threading, "excepthook", faults.append)
    capture.ready_compiler().join(10)
    assert not faults


@pytest.mark.parametrize("engine, times", [("compile", 1), ("graph", 0), ("eager", 0)])
def test_a_run_begins_it_before_it_reads_anything(monkeypatch, tmp_path, engine, times):
    begun = []

    def prepare(*_):
        raise ValueError(f"begun {len(begun)}")

    monkeypatch.setattr(fit, "engine_said", lambda *_: engine)
    monkeypatch.setattr(fit, "ready_compiler", lambda: begun.append(engine))
    monkeypatch.setattr(fit, "prepare", prepare)
    (tmp_path / "run").mkdir()
    with pytest.raises(ValueError, match=f"begun {times}"):
        fit.fit(CONFIG, tmp_path / "run", cpu=True)


def test_what_was_compiled_runs_compiled_again_after_two_threads_ran_it_as_it_is():
    built, within, begun = [], threading.Event(), threading.Event()
    twice = torch.compile(lambda x: 2 * x, backend=lambda graph, _: built.append(1) or graph.forward)

    def first() -> None:
        with capture.uncompiled():
            within.set()
            begun.wait(10)
            time.sleep(0.1)  # time for the second to be within too, and to keep what it finds as what was before

    def second() -> None:
        within.wait(10)
        begun.set()
        with capture.uncompiled():
            time.sleep(0.2)  # the first is out by now
            twice(torch.ones(2))

    threads = [threading.Thread(target=work) for work in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not built
    twice(torch.ones(2))
    assert built == [1]
