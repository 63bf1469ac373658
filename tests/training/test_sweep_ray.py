"""A sweep on Ray, by a small stand-in for the package: what is asked of it, how runs end, how they are stopped."""

from __future__ import annotations

import importlib.machinery
import os
import sys
import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from types import ModuleType, SimpleNamespace

import pytest
from workers import small, until

from rekd.files import write_text
from rekd.training import sweep_ray
from rekd.training.about import read_about
from rekd.training.status import Status, read_status
from rekd.training.stopping import WISH
from rekd.training.sweep import Point, is_done, next_of, trials
from rekd.training.sweep_ray import check_ray, connected, gpus_for, sweep_on_ray, train_one
from rekd.training.sweep_told import Course


class RayError(Exception):
    """As ray.exceptions has it."""


@pytest.fixture
def ray(monkeypatch):
    """A stand-in for the package: tasks run in threads here; what it was asked is in `asked`."""
    module = ModuleType("ray")
    pool = ThreadPoolExecutor(2)
    module.__spec__ = importlib.machinery.ModuleSpec("ray", None)
    module.asked, module.exceptions = [], SimpleNamespace(RayError=RayError)
    module.init = lambda **how: module.asked.append(how)
    module.shutdown = lambda: module.asked.append("shutdown")
    module.cluster_resources = lambda: {"CPU": 2.0}

    def remote(**how):
        module.asked.append(how)
        return lambda function: SimpleNamespace(remote=lambda *given: pool.submit(function, *given))

    def wait(open_, num_returns, timeout):
        done = wait_for(open_, timeout, FIRST_COMPLETED).done
        return list(done)[:num_returns], []

    module.remote, module.wait, module.get = remote, wait, lambda one: one.result()
    monkeypatch.setitem(sys.modules, "ray", module)
    yield module
    pool.shutdown()


def grid(root, **values) -> list:
    return trials(root, [Point({}, small("re", seed=seed, **{"steps": 4} | values)) for seed in (1, 2)])


def test_runs_are_tasks_and_end_done_with_their_names(ray, tmp_path):
    made, said = grid(tmp_path / "runs"), []
    (tmp_path / "runs").mkdir()
    assert sweep_on_ray(ray, tmp_path / "runs", 0, Course(made, said.append)) is False
    assert all(map(is_done, made)) and read_about(made[0].folder).name == "RE · digits · seed 1"
    assert ray.asked == [{"num_gpus": 0, "num_cpus": 1, "max_retries": 3, "max_calls": 1}]
    assert sum("is done after" in line for line in said) == 2 and "[1/2] seed-1 begins, on the cluster" in said


def test_a_run_whose_node_is_lost_for_good_fails_alone(ray, tmp_path, monkeypatch):
    made, said = grid(tmp_path / "runs"), []
    (tmp_path / "runs").mkdir()
    train = sweep_ray.train_one

    def lost(folder, *given):
        if folder.endswith("seed-1"):
            raise RayError("The node of the task died.")
        return train(folder, *given)

    monkeypatch.setattr(sweep_ray, "train_one", lost)
    course = Course(made, said.append)
    sweep_on_ray(ray, tmp_path / "runs", 0, course)
    assert "The node of the task died." in course.faults[made[0]] and len(course.faults) == 1
    assert [is_done(trial) for trial in made] == [False, True]


def test_a_wish_to_stop_reaches_runs_on_other_machines_by_a_file(tmp_path):
    (made, _), wish, ended = grid(tmp_path, steps=20000, evaluate_every=20000), tmp_path / WISH, []
    sweep_ray._write(made)
    given = (str(made.folder), str(tmp_path), str(wish), True)
    task = threading.Thread(target=lambda: ended.append(train_one(*given)))
    task.start()
    until(lambda: (read_status(made.folder) or Status("")).step > 0, what="its first steps")
    write_text(wish, "")
    task.join(120)
    assert ended[0][0] == "stopped" and next_of(made).startswith("goes on from step ")
    assert train_one(*given) == ("stopped", "It had not begun."), "what begins while the wish stands ends at once"


def test_a_node_that_does_not_see_the_folder_says_so(tmp_path):
    state, cause = train_one(str(tmp_path / "elsewhere"), str(tmp_path), str(tmp_path / WISH), True)
    assert state == "failed" and "storage that all nodes share" in cause


def test_a_run_that_can_not_be_trained_fails_with_its_cause(tmp_path):
    (made,) = trials(tmp_path, [Point({}, small("rekd", teacher=str(tmp_path / "nobody")))])
    sweep_ray._write(made)
    here = os.getcwd()
    state, cause = train_one(str(made.folder), str(tmp_path), str(tmp_path / WISH), True)
    assert state == "failed" and "There is no checkpoint" in cause
    assert os.getcwd() == here, "the worker stays where it was for the next run"


def test_a_cluster_is_joined_with_our_settings_and_left(ray, monkeypatch):
    monkeypatch.setenv("REKD_DATA", "/shared/data")
    with connected("auto") as joined:
        assert joined is ray
    first, last = ray.asked
    assert first["address"] == "auto" and first["runtime_env"]["env_vars"]["REKD_DATA"] == "/shared/data"
    assert str(sweep_ray.ROOT) in first["runtime_env"]["env_vars"]["PYTHONPATH"] and last == "shutdown"


@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9", "127.0.0.1:99999"])
def test_an_address_where_nobody_answers_is_refused_at_once(ray, address):
    with pytest.raises(ValueError, match="no Ray cluster answers there"), connected(address):
        pytest.fail("nobody is there")
    assert not ray.asked


def test_what_ray_says_of_a_cluster_that_can_not_be_joined_is_told(ray):
    def refused(**how):
        raise ConnectionError("Could not find any running Ray instance.")

    ray.init = refused
    with (
        pytest.raises(ValueError, match="Could not find any running Ray instance.*ray start --head"),
        connected("auto"),
    ):
        pytest.fail("nobody is there")


def test_a_gpu_is_taken_where_the_cluster_has_one(ray):
    assert gpus_for(ray, []) == 0 and gpus_for(ray, ["cpu"]) == 0
    with pytest.raises(ValueError, match="the Ray cluster has no GPU"):
        gpus_for(ray, ["cuda"])
    ray.cluster_resources = lambda: {"CPU": 8.0, "GPU": 2.0}
    assert gpus_for(ray, []) == gpus_for(ray, ["cuda"]) == 1 and gpus_for(ray, ["cpu"]) == 0


def test_ray_is_asked_for_in_a_sentence_where_it_is_missing(monkeypatch):
    monkeypatch.setattr(sweep_ray, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="ray is not installed; install it with `pip install ray`"):
        check_ray([])


def test_a_device_that_ray_chooses_itself_is_refused(ray):
    with pytest.raises(ValueError, match="--device is cuda:0 cuda:1 beside --ray"):
        check_ray(["cuda:0", "cuda:1"])
    check_ray([]), check_ray(["cpu"])
