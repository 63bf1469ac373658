"""A sweep's runs: which a grid has and where, what is refused at once, stop and go on, a failure beside the others."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import same, tiny_checkpoints
from warm import warm_starts
from workers import small, until

from rekd.files import write_json
from rekd.training import sweep_local
from rekd.training.fit import start
from rekd.training.runs import read_run
from rekd.training.setup import resolve
from rekd.training.status import Status, read_status, write_status
from rekd.training.sweep import Point, check, held, is_done, next_of, trials
from rekd.training.sweep_local import Pending, devices_for, sweep_here
from rekd.training.sweep_told import Course, duration, rows, table
from rekd.training.turns import turn


@pytest.fixture(scope="module")
def warm():
    with warm_starts():
        yield


def grid(root: Path, seeds=(1, 2), rates=(0.1, 0.15), **values) -> list:
    """Runs over seeds and rates, the seed the slower."""
    several = len(rates) > 1
    return trials(
        root,
        [
            Point({"rate": rate} if several else {}, small("re", rate=rate, seed=seed, **values))
            for seed in seeds
            for rate in rates
        ],
    )


def written(trial, state: str = "done", accuracy: float = 0.5, rate: float = 0.1) -> None:
    """A run's folder as training leaves it."""
    trial.folder.mkdir(parents=True)
    write_json(trial.folder / "config.json", {"training": trial.config.to_dict()})
    line = {"step": 300, "dev_accuracy": accuracy, "dev_mean_probability": rate}
    lines = [{"step": 100, "dev_accuracy": accuracy / 2, "dev_mean_probability": 1.0}, line]
    (trial.folder / "metrics.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    write_status(trial.folder, Status(state, 300, 300, device="cpu"))


def test_folders_are_named_by_what_tells_the_runs_apart(tmp_path):
    made = grid(tmp_path)
    assert [trial.folder.name for trial in made] == [
        "rate-0.1-seed-1",
        "rate-0.15-seed-1",
        "rate-0.1-seed-2",
        "rate-0.15-seed-2",
    ]
    assert [trial.setting for trial in made[:2]] == ["rate 0.1", "rate 0.15"]
    assert made[0].title == "RE · digits · seed 1 · rate 0.1"


def test_long_values_that_are_cut_to_one_name_have_folders_of_their_own(tmp_path):
    paths = [f"/a/rather/long/way/to/the/checkpoint/of/run-{number}" for number in (1, 2)]
    made = trials(tmp_path, [Point({"start": path}, small("re", start=path)) for path in paths])
    assert len({trial.folder for trial in made}) == 2 and len({trial.setting for trial in made}) == 2


def test_a_larger_grid_finds_the_runs_of_the_smaller_one(tmp_path):
    (only,) = grid(tmp_path, seeds=(1,), rates=(0.1,))
    written(only)
    assert only.folder.name == "seed-1"
    made = grid(tmp_path)
    assert [trial.folder.name for trial in made] == [
        "seed-1",
        "rate-0.15-seed-1",
        "rate-0.1-seed-2",
        "rate-0.15-seed-2",
    ]
    assert [next_of(trial) for trial in made] == ["is done", "begins", "begins", "begins"]


def test_a_folder_with_another_run_is_refused(tmp_path):
    for trial in grid(tmp_path, seeds=(1,)):
        written(trial)
    with pytest.raises(FileExistsError, match=r"rate-0.1-seed-1 holds another run: it differs in learning_rate\. Name"):
        check(grid(tmp_path, learning_rate=0.5))


def test_a_folder_without_a_run_is_refused(tmp_path):
    (tmp_path / "rate-0.15-seed-2").mkdir()
    with pytest.raises(FileExistsError, match="rate-0.15-seed-2 is there and holds no run"):
        check(grid(tmp_path))


def test_a_teacher_that_is_nowhere_is_refused(tmp_path):
    made = trials(tmp_path, [Point({}, small("rekd", teacher="nobody"))])
    with pytest.raises(ValueError, match="There is no checkpoint 'nobody'"):
        check(made)


def test_a_teacher_that_is_not_trained_to_its_end_is_refused(tmp_path):
    folder = tmp_path / "teacher"
    start(small("re"), folder)
    write_status(folder, Status("stopped", 10, 300))
    for source, told in (
        (folder / "checkpoint", "that run is stopped and has written none"),
        (folder, "is a run and no"),
    ):
        with pytest.raises(ValueError, match=told):
            check(trials(tmp_path / "sweep", [Point({}, small("rekd", teacher=str(source)))]))
    assert not (tmp_path / "sweep").exists()


def test_two_commands_never_train_one_grid(tmp_path):
    with (
        held(tmp_path / "sweep"),
        pytest.raises(ValueError, match="Another sweep is at work in"),
        held(tmp_path / "sweep"),
    ):
        pass
    with held(tmp_path / "sweep"):
        assert (tmp_path / "sweep").is_dir()


def test_the_table_has_means_and_deviations_over_seeds(tmp_path):
    made = grid(tmp_path, seeds=(1, 2, 3))
    for trial, accuracy, rate in zip(made, (0.2, 0.5, 0.3, 0.6, 0.4), (0.09, 0.15, 0.11, 0.16, 0.1), strict=False):
        written(trial, accuracy=accuracy, rate=rate)
    first, second = found = rows(made)
    same(list(first.to_dict()["dev_accuracy"].values()), [0.3, 0.1], atol=1e-12)
    same(list(first.to_dict()["realised_rate"].values()), [0.1, 0.01], atol=1e-12)
    assert second.seeds == (1, 2) and second.wanted == 3, "the third is not done"
    head, one, two, said = table(found)
    assert (
        one.split("  ")[0] == "rate 0.1" and "0.300 ± 0.100  0.100 ± 0.010" in one and one.endswith("rate-0.1-seed-*")
    )
    assert " 2 of 3 " in two and "chosen on dev" in said and head.index("seeds") == one.index("3      ")


def test_of_one_seed_there_is_no_deviation_and_of_none_no_number(tmp_path):
    made = grid(tmp_path, seeds=(1,))
    written(made[0])
    _, one, none, _ = table(rows(made))
    assert "±" not in one and "0.500" in one and str(made[0].folder) in one
    assert "–" in none and "0 of 1" in none and rows(made)[1].to_dict()["dev_accuracy"] == {"mean": None, "sd": None}


def test_runs_without_a_name_in_common_are_listed_one_by_one(tmp_path):
    written(*grid(tmp_path, seeds=(1,), rates=(0.1,)))
    _, one, two, _ = table(rows(grid(tmp_path)))
    assert one.endswith(f"{tmp_path / 'seed-1'} {tmp_path / 'rate-0.1-seed-2'}") and two.endswith("rate-0.15-seed-*")


def test_a_run_that_is_at_work_waits_for_its_own_device(tmp_path, monkeypatch):
    made = grid(tmp_path)
    lives = {made[0].folder: "cuda:1", made[1].folder: "cuda:0"}
    monkeypatch.setattr(
        sweep_local, "alive", lambda run: Status("running", device=lives[run]) if run in lives else None
    )
    pending = Pending(made)
    assert [pending.take(device) for device in ("cuda:0", "cuda:0", "cuda:1", "cuda:0", "cuda:0")] == [
        made[1],
        made[2],
        made[0],
        made[3],
        None,
    ]


def test_every_gpu_is_taken_where_no_device_is_named(monkeypatch):
    from rekd.training import report

    assert devices_for(["cpu", "cpu"]) == ["cpu"]
    with pytest.raises(ValueError, match="'cuda:97', and no such device is here; choose from"):
        devices_for(["cuda:97"])
    monkeypatch.setattr(report, "devices", lambda: ["cuda", "cuda:0", "cuda:1", "cpu"])
    assert devices_for([]) == ["cuda:0", "cuda:1"] and devices_for(["cuda", "cuda:0"]) == ["cuda:0"]
    monkeypatch.setattr(report, "devices", lambda: ["mps", "cpu"])
    assert devices_for([]) == ["mps"]


def test_the_course_says_how_far_all_runs_are_and_what_is_left(tmp_path):
    made, said, now = grid(tmp_path, seeds=(1,), steps=300), [], [0.0]
    written(made[0], "running")
    write_status(made[0].folder, Status("running", 100, 300))
    course = Course(made, said.append, clock=lambda: now[0])
    course.begins(made[0], "cpu", "goes on from step 100")
    now[0] = 10.0
    course.tick()
    assert len(said) == 1, "the last word was just now"
    write_status(made[0].folder, Status("running", 200, 300))
    now[0] = 20.0
    course.tick()
    assert said == [
        "[1/2] rate-0.1-seed-1 goes on from step 100, on cpu",
        "0 of 2 ended; rate-0.1-seed-1 at step 200; about 80 s left",
    ]
    assert [duration(seconds) for seconds in (7, 600, 9000)] == ["7 s", "10 minutes", "2.5 hours"]


@pytest.fixture(scope="module")
def swept(warm, tmp_path_factory):
    """A sweep of three quick runs on the CPU: one whose teacher can't teach it, one that was done, one that trains."""
    root = tmp_path_factory.mktemp("sweep")
    tiny_checkpoints(root / "taught", task="digits", roles=("teacher",))
    teacher = str(root / "taught" / "digits-teacher")
    narrow = {"backbone_args": {"embed_dim": 24, "depth": 1, "num_heads": 2, "img_size": 64, "patch_size": 16}}
    points = [
        Point({"kind": "rekd"}, replace(small("rekd", teacher=teacher, steps=4), **narrow)),
        Point({"kind": "cls"}, small("cls", steps=4)),
        Point({"kind": "re"}, small("re", steps=4)),
    ]
    made, said = trials(root / "runs", points), []
    check(made)
    written(made[1])
    course = Course([trial for trial in made if not is_done(trial)], said.append)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REKD_RUNS", str(root / "app"))
        stopped = sweep_here(root / "runs", ["cpu"], course)
    return made, said, course, stopped


def test_a_failure_ends_no_other_run_and_its_cause_is_told(swept):
    made, said, course, stopped = swept
    assert not stopped and [is_done(trial) for trial in made] == [False, True, True]
    assert list(course.faults) == [made[0]] and "unit" in course.faults[made[0]]
    assert any(line.startswith("[1/2] kind-rekd-seed-2026 failed: ") for line in said)
    assert any(line.startswith("[2/2] kind-re-seed-2026 is done after ") and "dev accuracy" in line for line in said)


def test_a_run_that_is_done_is_not_trained_again(swept):
    made, said, _, _ = swept
    assert not (made[1].folder / "checkpoint").exists() and not any("kind-cls" in line for line in said)


def test_a_run_of_a_sweep_is_a_run_like_any_other(swept):
    trial = swept[0][2]
    run = read_run(trial.folder)
    assert run.config == resolve(trial.config) and (trial.folder / "checkpoint" / "README.md").is_file()
    assert run.best["dev_mean_probability"] == rows([trial])[0].rates[0]


def test_a_wish_to_stop_saves_the_state_of_what_is_at_work_and_begins_nothing_more(warm, tmp_path, monkeypatch):
    monkeypatch.setenv("REKD_RUNS", str(tmp_path / "app"))
    made, said, wish = grid(tmp_path / "runs", seeds=(1,), steps=2000, evaluate_every=2000), [], threading.Event()
    course = Course(made, said.append)
    serving = threading.Thread(
        target=sweep_local._serve, args=(tmp_path / "runs", "cpu", Pending(made), course, wish.is_set)
    )
    serving.start()
    until(lambda: (read_status(made[0].folder) or Status("")).step > 0, what="its first steps")
    wish.set()
    serving.join(120)
    assert next_of(made[0]).startswith("goes on from step ") and next_of(made[1]) == "begins"
    assert not made[1].folder.exists() and not course.faults and "is stopped, its state saved" in said[-1]
    saved = int((made[0].folder / "state" / "latest").read_text())
    assert saved == read_status(made[0].folder).step > 0


def test_two_devices_train_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("REKD_RUNS", str(tmp_path / "app"))
    both, where = threading.Barrier(2), []

    def train(trial, device, course, stop):
        both.wait(60)  # no one passes alone
        where.append(device)

    monkeypatch.setattr(sweep_local, "_train", train)
    monkeypatch.setenv(sweep_local.THREADS, "1")
    assert not sweep_here(tmp_path, ["cuda:0", "cuda:1"], Course(grid(tmp_path), print))
    assert sorted(where) == ["cuda:0", "cuda:0", "cuda:1", "cuda:1"]


def test_a_sweep_waits_for_a_run_of_the_app_on_its_device(tmp_path, monkeypatch):
    monkeypatch.setenv("REKD_RUNS", str(tmp_path / "app"))
    (tmp_path / "app").mkdir()
    trained, made = threading.Event(), grid(tmp_path / "sweep", seeds=(1,))
    monkeypatch.setattr(sweep_local, "_train", lambda *given: trained.set())
    given = (tmp_path / "sweep", "cpu", Pending(made), Course(made, print), lambda: False)
    serving = threading.Thread(target=sweep_local._serve, args=given)
    with turn(tmp_path / "app" / "run", "cpu", lambda: False):
        serving.start()
        assert not trained.wait(1.5)
    assert trained.wait(60)
    serving.join(60)
