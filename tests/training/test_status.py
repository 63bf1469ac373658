"""How a run stands: what its folder says, what the machine says to that, and the wish to stop."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict

import psutil
import pytest

from rekd.files import write_json, write_text
from rekd.training import status
from rekd.training.status import Heart, Status, alive, birth, process_of, read_status, standing
from rekd.training.stopping import Stopped, stop_on_signal


def written(run, **values) -> None:
    me = psutil.Process()
    now = {"pid": me.pid, "started": birth(me), "heartbeat": time.time()}
    write_json(run / "status.json", asdict(Status(**{"state": "running", "step": 3, "steps": 9} | now | values)))


def ended_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    return child.pid


@pytest.mark.parametrize(
    ("error", "state", "step", "message"),
    [
        (None, "done", 3, ""),
        (Stopped("at step 3"), "stopped", 3, "Its state is saved."),
        (KeyboardInterrupt(), "stopped", 2, "the last state that was saved stands"),
        (ValueError("the data are gone\nand more"), "failed", 3, "the data are gone"),
        (MemoryError(), "failed", 3, "MemoryError"),
    ],
)
def test_the_end_of_a_run_is_told_with_its_cause_and_the_step_that_is_left_of_it(tmp_path, error, state, step, message):
    (tmp_path / "state").mkdir()
    write_text(tmp_path / "state" / "latest", "00000002")
    try:
        with Heart(tmp_path, 9, lambda: False) as heart:
            assert read_status(tmp_path).state == "running"
            heart.at(3)
            if error is not None:
                raise error
    except type(error):
        pass
    told = read_status(tmp_path)
    assert (told.state, told.step, told.steps) == (state, step, 9)
    assert message in told.message and "\n" not in told.message
    assert standing(tmp_path) == told, "what has ended needs no process"


def test_the_heart_beats_while_the_run_is_busy_and_tells_that_it_is_stopping(tmp_path, monkeypatch):
    monkeypatch.setattr(status, "BEAT", 0.02)
    wish = threading.Event()
    with Heart(tmp_path, 9, wish.is_set) as heart:
        first = read_status(tmp_path).heartbeat
        heart.at(5)
        wish.set()
        deadline = time.monotonic() + 20
        while read_status(tmp_path).state != "stopping" and time.monotonic() < deadline:
            time.sleep(0.01)
        told = read_status(tmp_path)
        assert told.state == "stopping" and told.step == 5 and told.heartbeat > first


def test_a_run_at_work_stands_as_it_says(tmp_path):
    written(tmp_path)
    assert standing(tmp_path) == read_status(tmp_path)


def test_a_run_whose_process_is_gone_has_failed(tmp_path):
    written(tmp_path, pid=ended_process())
    told = standing(tmp_path)
    assert told.state == "failed" and told.step == 3 and "without a word" in told.message


def test_another_process_with_the_same_number_is_not_taken_for_the_run(tmp_path):
    written(tmp_path, started=birth(psutil.Process()) - 100)
    assert standing(tmp_path).state == "failed"


def test_a_run_without_a_sign_of_life_has_failed(tmp_path):
    written(tmp_path, heartbeat=time.time() - 300)
    told = standing(tmp_path)
    assert told.state == "failed" and "5 minutes" in told.message


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"state": "running", "odd": 1}'])
def test_a_status_that_cannot_be_read_is_none(tmp_path, content):
    if content is not None:
        (tmp_path / "status.json").write_text(content)
    assert read_status(tmp_path) is None and standing(tmp_path) is None


def test_the_first_signal_is_a_wish_and_a_second_interrupt_interrupts():
    told, before = [], signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), stop_on_signal(lambda: told.append(1)) as stop:
        assert not stop()
        signal.raise_signal(signal.SIGTERM)
        assert stop() and told == [1]
        signal.raise_signal(signal.SIGTERM)  # of another page: the same wish
        assert stop() and told == [1]
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) == before


def test_a_clock_that_is_set_anew_leaves_a_process_known(tmp_path, monkeypatch):
    written(tmp_path)
    boot, begun = psutil.boot_time(), psutil.Process.create_time
    monkeypatch.setattr(psutil, "boot_time", lambda: boot + 7200)  # as psutil tells it after the clock was set
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: begun(self) + 7200 * psutil.LINUX)
    assert process_of(read_status(tmp_path)) and alive(tmp_path)


def test_outside_the_main_thread_signals_are_left_alone():
    before, seen = signal.getsignal(signal.SIGINT), []

    def work():
        with stop_on_signal(lambda: None) as stop:
            seen.append((stop(), signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, before)]


def test_a_run_on_another_machine_lives_while_its_heart_beats_and_none_of_its_processes_is_ours(tmp_path):
    written(tmp_path, host="node-7")  # the number of this very process, there that of another
    assert standing(tmp_path).state == "running" and alive(tmp_path) and process_of(read_status(tmp_path)) is None
    written(tmp_path, host="node-7", heartbeat=time.time() - 180)
    told = standing(tmp_path)
    assert told.state == "failed" and "It trained on node-7" in told.message and "3 minutes" in told.message
    assert alive(tmp_path) is None


def test_a_heart_says_where_it_beats(tmp_path):
    with Heart(tmp_path, 9, lambda: False):
        assert read_status(tmp_path).host == status.HOST and not read_status(tmp_path).elsewhere
