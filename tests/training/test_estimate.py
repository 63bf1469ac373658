"""What a run costs is told by a process of its own: real steps are timed, whatever goes wrong becomes a sentence."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import psutil
import pytest

from rekd.training import estimate, gauges
from rekd.training.estimate import Estimate, Measuring
from rekd.training.suggested import suggested
from rekd.training.timing import measure

TINY = {"img_size": 64, "patch_size": 16, "embed_dim": 16, "depth": 1, "num_heads": 2}


def training(kind="re", **more):
    return {
        **suggested("digits", kind),
        "backbone_args": TINY,
        "batch_size": 16,
        "steps": 500,
        "evaluate_every": 25,
        **more,
    }


@pytest.fixture(scope="module")
def told() -> Estimate:
    return measure(training("rekd"), "cpu", training("re", steps=10))


def test_real_steps_of_both_towers_are_timed(told):
    assert told.fault == ""
    assert told.generator > 0 and told.predictor > told.generator  # the classifier is the predictor's alone
    assert 0 < told.step_seconds < 5 and told.evaluation_seconds > 0 and told.start_seconds > 0
    assert told.examples == 2048 + 256
    assert 50e6 < told.memory < told.free


def test_the_whole_run_is_its_steps_evaluations_and_start(told):
    least = 500 * told.step_seconds + 20 * told.evaluation_seconds + told.start_seconds
    assert least / 60 <= told.minutes < 1.5 * least / 60


def test_the_first_evaluation_of_a_process_is_not_taken_for_the_usual_one(monkeypatch):
    from rekd.training import evaluate

    seconds, real = iter([1.0]), evaluate.own_logits

    def cold(*arguments):
        time.sleep(next(seconds, 0.0))
        return real(*arguments)

    monkeypatch.setattr(evaluate, "own_logits", cold)
    found = measure(training("cls"), "cpu")
    assert found.fault == "" and found.evaluation_seconds < 1  # .06 s an example would make it minutes for all of dev


def test_what_a_teacher_is_asked_beforehand_is_part_of_the_start(monkeypatch):
    from rekd.data import load_split
    from rekd.training import kept

    asked, real = [], kept.compute

    def slow(model, data):
        asked.append(len(data))
        time.sleep(0.002 * len(data))
        return real(model, data)

    monkeypatch.setattr(kept, "compute", slow)
    rows, teacher = len(load_split("digits", "train")), training("re", steps=10)
    long = measure(training("rekd", steps=rows), "cpu", teacher)
    assert long.fault == "" and long.start_seconds > 0.002 * rows and max(asked) <= 16, "a few tell what all take"
    asked.clear()
    short = measure(training("rekd", steps=10), "cpu", teacher)
    assert short.start_seconds < long.start_seconds - 0.001 * rows and not asked


def test_the_parameters_are_those_of_the_blueprint(told):
    from rekd.config import TrainConfig
    from rekd.training.blueprint import parameters

    sizes = parameters(TrainConfig.from_dict(training("re")))
    assert (told.generator, told.predictor) == (sizes.generator, sizes.predictor)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"backbone": "vit_of_nobody"}, "no model that timm knows"),
        ({"teacher": "nobody", "kind": "rekd"}, "no checkpoint 'nobody'"),
        ({"alpha": 7}, "alpha is 7"),
    ],
)
def test_what_goes_wrong_is_a_sentence(values, said):
    assert said in measure({**training(), **values}).fault


def test_each_of_several_runs_is_measured_without_what_the_one_before_left(monkeypatch):
    """A GPU's cache and its peak are those of the process, in which the members of a line-up are timed in turn."""
    called = []
    monkeypatch.setattr(gauges.gc, "collect", lambda: called.append("collect"))
    for name in ("empty_cache", "reset_peak_memory_stats"):
        monkeypatch.setattr(gauges.torch.cuda, name, lambda name=name: called.append(name))

    def free():
        called.append("free")
        raise RuntimeError("that is enough")

    monkeypatch.setattr(gauges.torch.cuda, "mem_get_info", free)
    assert "that is enough" in measure(training(), "cuda", first=False).fault
    assert called == ["collect", "empty_cache", "reset_peak_memory_stats", "free"]


@pytest.fixture
def child(monkeypatch):
    """A child that runs a script in place of the real one."""

    def stand_in(script: str) -> None:
        def started():
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            return subprocess.Popen([sys.executable, "-c", script], text=True, encoding="utf-8", **pipes)

        monkeypatch.setattr(estimate, "_child", started)

    return stand_in


def test_the_child_downloads_nothing(monkeypatch):
    """A name typed into the form is a look at what it would cost, and no wish to fetch gigabytes."""
    given = {}
    monkeypatch.setattr(estimate, "start_module", lambda arguments, settings, **streams: given.update(settings))
    estimate._child()
    assert given["HF_HUB_OFFLINE"] == "1"


def waited(measuring: Measuring) -> list[Estimate]:
    deadline = time.monotonic() + 20
    while not measuring.poll() and time.monotonic() < deadline:
        time.sleep(0.02)
    return measuring.results


def test_each_request_has_its_line(child):
    child(
        "import json, sys\nfor run in json.load(sys.stdin)['runs']:\n"
        "    print(json.dumps({'minutes': run['training']['steps'], 'memory': 5}), flush=True)"
    )
    assert [each.minutes for each in waited(Measuring([{"training": {"steps": n}} for n in (3, 4)]))] == [3, 4]


def test_a_child_that_dies_is_told(child):
    child("import sys; print('{\"minutes\": 2.0}'); sys.exit(9)")
    first, second = waited(Measuring([{}, {}]))
    assert first.minutes == 2 and first.fault == ""
    assert "ended early" in second.fault and second.fault.endswith(".")


def test_a_child_that_hangs_is_given_up_and_gone(child):
    child("import time; time.sleep(60)")
    measuring = Measuring([{}], patience=0.2)
    (found,) = waited(measuring)
    assert "no result within" in found.fault
    assert measuring.child.poll() is not None


def test_noise_on_the_child_s_output_is_no_result(child):
    child("print('warning: {'); print('[1, 2]'); print('{\"minutes\": 1.0}'); print('{\"unknown\": 1}')")
    assert [each.minutes for each in waited(Measuring([{}]))] == [1.0]


def test_cancelling_ends_the_child_at_once(child):
    child("import time; time.sleep(60)")
    measuring = Measuring([{}])
    begun = time.monotonic()
    measuring.cancel()
    assert time.monotonic() - begun < 5
    assert not psutil.pid_exists(measuring.child.pid) or measuring.child.poll() is not None


def test_the_real_child_speaks_json():
    """From a shell's point of view, on a run that can't be: the quickest of all answers."""
    done = subprocess.run(
        [sys.executable, "-m", "rekd.training.estimate"],
        input=json.dumps({"training": {"task": "digits", "kind": "re", "steps": -1}, "device": "cpu"}),
        text=True,
        capture_output=True,
        timeout=120,
    )
    assert "steps is -1" in json.loads(done.stdout)["fault"]
