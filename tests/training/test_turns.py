"""Who trains when: one process a run's folder, one run a device, in order of arrival."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace

import psutil
import pytest

from rekd.files import write_json
from rekd.training.status import Status, birth, read_status, write_status
from rekd.training.stopping import Stopped
from rekd.training.turns import alone, canonical, choose_device, turn


def queued(root, name, arrived, device="cpu", state="queued", pid=None):
    """A run's folder as a process that is there has written it."""
    folder, me = root / name, psutil.Process()
    folder.mkdir()
    started = birth(me) if pid is None else 1.0
    write_status(folder, Status(state, 0, 9, "", pid or me.pid, started, time.time(), arrived, device))
    return folder


def over(folder):
    write_status(folder, Status("done", 9, 9))


def takes(run, device, order, hold=0.1, stop=lambda: False):
    def work():
        with turn(run, device, stop, poll=0.02):
            order.append(("begins", run.name))
            time.sleep(hold)
            order.append(("ends", run.name))
            over(run)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_runs_of_one_device_go_one_after_the_other_in_order_of_arrival(tmp_path):
    runs = [queued(tmp_path, name, arrived) for name, arrived in (("late", 30.0), ("early", 10.0), ("middle", 20.0))]
    order = []
    for thread in [takes(run, "cpu", order) for run in runs]:
        thread.join(20)
    assert [name for _, name in order] == ["early", "early", "middle", "middle", "late", "late"]


def test_another_device_is_not_waited_for_and_one_name_more_for_a_device_is_none(tmp_path):
    queued(tmp_path, "gpu", 1.0, "cuda:0", "running")
    run, order = queued(tmp_path, "mine", 2.0, "cpu"), []
    takes(run, "cpu", order).join(20)
    assert len(order) == 2
    assert canonical("cuda") == canonical("cuda:0") == "cuda:0" and canonical("cpu") == "cpu"


def test_a_run_ahead_whose_process_is_gone_is_passed(tmp_path):
    queued(tmp_path, "dead", 1.0, state="running", pid=os.getpid())
    run, order = queued(tmp_path, "mine", 2.0), []
    takes(run, "cpu", order).join(20)
    assert len(order) == 2


def test_a_device_that_is_held_is_waited_for_though_nobody_stands_ahead(tmp_path):
    first, second, order = queued(tmp_path, "first", 2.0), queued(tmp_path, "second", 1.0), []
    over(second)
    holding = takes(first, "cpu", order, hold=0.5)
    while not order:
        time.sleep(0.01)
    write_status(second, Status("queued", arrived=1.0, device="cpu", pid=os.getpid()))  # it arrived before, yet late
    takes(second, "cpu", order).join(20)
    holding.join(20)
    assert [name for _, name in order] == ["first", "first", "second", "second"]


def test_a_run_waits_for_those_it_learns_from_though_they_came_later(tmp_path):
    teacher, order = queued(tmp_path, "teacher", 9.0, "cuda:0"), []
    student = queued(tmp_path, "student", 1.0)

    def work():
        with turn(student, "cpu", lambda: False, poll=0.02, needs=[teacher]):
            order.append("student")

    waits = threading.Thread(target=work)
    waits.start()
    time.sleep(0.2)
    assert not order
    over(teacher)
    waits.join(20)
    assert order == ["student"]


def test_a_teacher_that_is_resumed_behind_its_student_goes_first(tmp_path):
    cls, teacher, student = (queued(tmp_path, name, at) for name, at in (("cls", 9.0), ("teacher", 2.0), ("rekd", 1.0)))
    learns = {teacher: {"kind": "re", "start": str(cls / "checkpoint")}}
    learns[student] = {"kind": "rekd", "teacher": str(teacher / "checkpoint")}
    for run, values in learns.items():
        write_json(run / "config.json", {"training": {"task": "digits", **values}})
    order = []

    def work(run, needs):
        with turn(run, "cpu", lambda: False, poll=0.02, needs=needs):
            order.append(run.name)
            over(run)

    waiting = [threading.Thread(target=work, args=pair) for pair in ((student, [teacher]), (teacher, [cls]), (cls, []))]
    for thread in waiting:
        thread.start()
    for thread in waiting:
        thread.join(20)
    assert order == ["cls", "teacher", "rekd"]


def test_a_run_ahead_that_is_silent_but_there_keeps_its_place(tmp_path):
    ahead, run, order = queued(tmp_path, "ahead", 1.0, state="running"), queued(tmp_path, "mine", 2.0), []
    write_status(ahead, replace(read_status(ahead), heartbeat=time.time() - 1000))  # as after a laptop's sleep
    waits = takes(run, "cpu", order)
    time.sleep(0.2)
    assert not order
    over(ahead)
    waits.join(20)
    assert len(order) == 2


def test_a_queue_can_be_left(tmp_path):
    queued(tmp_path, "first", 1.0, state="running")
    wish = threading.Event()
    threading.Timer(0.2, wish.set).start()
    waits = turn(queued(tmp_path, "mine", 2.0), "cpu", wish.is_set, poll=0.02)
    with pytest.raises(Stopped, match="while it waited"), waits:
        pytest.fail("it got a turn that was not its own")


HOLDS = "import sys, time; from pathlib import Path; from rekd.training.turns import alone\n"
HOLDS += "with alone(Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(60)"


def test_two_processes_never_hold_one_run_and_a_killed_one_leaves_it_free(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "held\n"
        with pytest.raises(ValueError, match="at work in another process"), alone(tmp_path):
            pytest.fail("two hold it")
        child.kill()
    with alone(tmp_path):
        pass


@pytest.mark.parametrize(
    ("visible", "device", "seen", "left"),
    [
        (None, "cuda:1", "cuda", "1"),
        ("4,6", "cuda:1", "cuda", "6"),
        ("4", "cuda", "cuda", "4"),
        ("4", "cpu", "cpu", "4"),
        ("4,6", "cuda:5", "cuda:5", "4,6"),
        ("", "cuda:0", "cuda:0", ""),
    ],
)
def test_one_gpu_of_several_is_left_visible_and_never_one_that_was_hidden(monkeypatch, visible, device, seen, left):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible or "")
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert choose_device(device) == seen and os.environ["CUDA_VISIBLE_DEVICES"] == left
