"""The loop: schedules, resuming, accumulation, the best step, halting; on a small part of the built-in digits."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from helpers import same
from looping import CONFIG, Within, agree, level, lines, small_digits, trainer, weights

from rekd.data import load_split
from rekd.training.alarms import alarms
from rekd.training.causes import cause_of
from rekd.training.loop import NotFinite
from rekd.training.snapshots import path_of, steps
from rekd.training.state import load_state
from rekd.training.status import Status
from rekd.training.stopping import Stopped
from rekd.training.watch import Watch
from rekd.units import ImageReader


@pytest.fixture(scope="module")
def data():
    return small_digits()


def test_metrics_hold_every_term_by_name(tmp_path, data):
    trainer(tmp_path / "run", data).train()
    rows = lines(tmp_path / "run")
    assert [row["step"] for row in rows] == [2, 4, 6, 8, 10, 12]
    named = {"task", "rate", "r", "total", "accuracy", "gradient_norm", "tau", "dual", "alpha", "learning_rate"}
    assert named <= set(rows[0])
    assert [("dev_accuracy" in row) for row in rows] == [False, True] * 3
    assert rows[0]["tau"] > rows[-1]["tau"] == pytest.approx(0.1)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_killed_run_goes_on_to_the_numbers_of_an_unbroken_one(tmp_path, data, optimizer):
    config = replace(CONFIG, optimizer=optimizer)
    whole = trainer(tmp_path / "whole", data, config)
    whole.train()
    broken = trainer(tmp_path / "broken", data, config)
    step = broken.step

    def killed(number, measured):
        if number == 7:  # between two states, after metrics beyond the last state were written
            raise KeyboardInterrupt
        step(number, measured)

    broken.step = Within(step, killed)
    with pytest.raises(KeyboardInterrupt):
        broken.train()
    with (tmp_path / "broken" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 8, "task"')  # a line that the kill left half written
    again = trainer(tmp_path / "broken", data, config)
    assert again.progress.step == 4
    again.train()
    agree(again, whole)


def test_a_stopped_run_saves_where_it_is_and_goes_on_to_the_numbers_of_an_unbroken_one(tmp_path, data):
    whole, seen = trainer(tmp_path / "whole", data), []
    whole.train()
    first = trainer(tmp_path / "stopped", data, stop=lambda: seen[-1] >= 5, at=seen.append)
    with pytest.raises(Stopped, match="step 6 of 12"):  # the next line of metrics, with no evaluation due
        first.train()
    assert seen == [0, 1, 2, 3, 4, 5, 6]
    again = trainer(tmp_path / "stopped", data)
    assert again.progress.step == 6
    again.train()
    agree(again, whole)


def test_a_wish_to_stop_that_comes_with_the_last_step_comes_too_late(tmp_path, data):
    run = trainer(tmp_path / "run", data, stop=lambda: run.progress.step == CONFIG.steps)
    assert run.train().step == CONFIG.steps


def test_accumulation_changes_nothing_but_memory(tmp_path, data):
    config = replace(CONFIG, dropout=0.0, steps=6)
    whole = trainer(tmp_path / "whole", data, config)
    parts = trainer(tmp_path / "parts", data, replace(config, accumulation=4))
    whole.train(), parts.train()
    same(weights(parts), weights(whole), atol=2e-3)
    for mine, theirs in zip(lines(tmp_path / "parts"), lines(tmp_path / "whole"), strict=True):
        same(mine["total"], theirs["total"], atol=2e-3)


def test_the_best_step_by_dev_accuracy_is_what_remains(tmp_path, data):
    scores = iter([0.2, 0.9, 0.5])
    run = trainer(tmp_path / "run", data, evaluate=lambda step: {"dev_accuracy": next(scores)})
    at_best = []
    save = run._save
    run._save = lambda: (save(), at_best.append(weights(run)))
    progress = run.train()
    assert (progress.best_step, progress.best_accuracy) == (8, 0.9)
    same(weights(run), at_best[1], atol=0)


def test_of_equally_good_steps_the_later_remains_and_patience_counts_on(tmp_path, data):
    scores = iter([0.2, 0.9, 0.5, 0.9, 0.1])
    config = replace(CONFIG, steps=100, patience=3)
    run = trainer(tmp_path / "run", data, config, evaluate=lambda step: {"dev_accuracy": next(scores)})
    progress = run.train()
    assert (progress.best_step, progress.step) == (16, 20)


def test_a_short_run_is_evaluated_every_25_steps_and_after_its_last(tmp_path, data):
    run = trainer(tmp_path / "run", data, replace(CONFIG, steps=27, evaluate_every=0), evaluate=level)
    assert [at["step"] for at in run.train().history] == [25, 27]


def test_an_evaluation_compiles_nothing_for_its_own_batches(tmp_path, data):
    built = []
    same_of = torch.compile(lambda x: 1 * x, backend=lambda graph, _: built.append(1) or graph.forward, dynamic=False)
    same_of(torch.ones(3))
    run = trainer(tmp_path / "run", data, evaluate=lambda step: {"dev_accuracy": same_of(torch.ones(step))[0].item()})
    assert run.train().best_accuracy == 1 and len(built) == 1
    assert len(same_of(torch.ones(5))) == 5 and len(built) == 2, "what comes after it is compiled again"


def test_patience_ends_a_run_early(tmp_path, data):
    run = trainer(tmp_path / "run", data, replace(CONFIG, steps=100, patience=2), evaluate=level)
    assert run.train().step == 12


def test_a_run_stops_where_it_is_as_good_as_wanted_and_stays_ended_when_resumed(tmp_path, data):
    scores = iter([0.2, 0.6, 0.9])
    config = replace(CONFIG, steps=100, stop_at=0.5)
    run = trainer(tmp_path / "run", data, config, evaluate=lambda step: {"dev_accuracy": next(scores)})
    assert (run.train().step, run.progress.best_accuracy) == (8, 0.6)
    assert trainer(tmp_path / "run", data, config, evaluate=level).train().step == 8


def test_a_loss_that_is_no_number_halts_at_the_last_good_state(tmp_path, data):
    run = trainer(tmp_path / "run", data)
    means = run.step.means
    run.step.means = lambda: means() | ({"total": math.nan} if run.progress.step >= 6 else {})
    with pytest.raises(NotFinite, match="step 6.*learning rate"):
        run.train()
    assert load_state(tmp_path / "run")[-1].step == 4


def test_a_gradient_that_is_no_number_halts_before_the_weights_it_spoils_are_kept(tmp_path, data):
    seen = []
    run = trainer(tmp_path / "run", data, at=seen.append)
    run.model.predictor.vit.head.weight.register_hook(lambda grad: grad * math.nan if seen[-1] == 5 else grad)
    with pytest.raises(NotFinite, match="norm of the gradient is no finite number .nan. at step 6") as told:
        run.train()
    _, best, tensors, _, progress = state = load_state(tmp_path / "run")
    assert progress.step == 4 and [row["step"] for row in lines(tmp_path / "run")] == [2, 4]
    halted = Status("failed", 6, 12, cause_of(told.value))
    (alarm,) = alarms(CONFIG, lines(tmp_path / "run"), halted)
    assert alarm.name == "not-finite" and "at step 6" in alarm.says and "saved last stands" in alarm.says
    for kept in (state[0], best, tensors):
        assert all(value.isfinite().all() for value in kept.values() if value.is_floating_point())


def test_what_an_evaluation_measures_stands_in_its_line_with_the_pull_of_each_term(tmp_path, data):
    trainer(tmp_path / "run", data, evaluate=lambda step: {"dev_accuracy": 0.5, "dev_step": step}).train()
    rows = {row["step"]: row for row in lines(tmp_path / "run")}
    assert [rows[step].get("dev_step") for step in (2, 4, 12)] == [None, 4, 12]
    assert set(rows[4]["gradients"]) == {"task", "rate"} and "gradients" not in rows[2]
    assert min(rows[4]["gradients"].values()) > 0


@pytest.mark.parametrize("kind", ["re", "random", "cls"])
def test_a_run_that_is_watched_comes_to_the_same_numbers(tmp_path, data, kind):
    config = replace(CONFIG, kind=kind, dropout=0.3)
    plain = trainer(tmp_path / "plain", data, config)
    plain.train()
    watched = trainer(tmp_path / "watched", data, config, watch=lambda step, ended: watch(step, ended))
    reader = ImageReader(data[0].reader)
    split = load_split("digits", "dev").take(range(32))
    made = SimpleNamespace(config=config, model=watched.model, reader=reader, dev_split=split, teacher=None)
    watch = Watch(watched.run, made)
    watched.train()
    agree(watched, plain)
    assert steps(watched.run)[0] == 0 and steps(watched.run)[-1] == 12 and len(steps(watched.run)) > 8


def test_a_resumed_run_drops_the_frames_beyond_its_state_and_takes_them_again(tmp_path, data):
    taken = []

    def watch(step, ended):
        path_of(tmp_path, step).parent.mkdir(exist_ok=True)
        path_of(tmp_path, step).write_text("{}")
        taken.append((step, ended))

    first = trainer(tmp_path, data, watch=watch)
    step = first.step

    def killed(number, measured):
        if number == 7:
            raise KeyboardInterrupt
        step(number, measured)

    first.step = Within(step, killed)
    with pytest.raises(KeyboardInterrupt):
        first.train()
    assert steps(tmp_path) == tuple(range(8))
    again = trainer(tmp_path, data, watch=watch)
    assert steps(tmp_path) == tuple(range(5)), "what was saved last is step 4"
    taken.clear()
    again.train()
    assert taken == [*((number, False) for number in range(4, 13)), (12, True)]


def test_a_run_tells_each_step_with_the_last_values_known_and_writes_nothing_itself(tmp_path, data, capsys):
    told = []
    trainer(tmp_path / "run", data, replace(CONFIG, steps=4), tell=lambda *said: told.append(said)).train()
    assert [step for step, _ in told] == [0, 1, 2, 3, 4]
    assert [list(known) for _, known in told] == [[], [], ["loss"], ["loss"], ["loss", "best dev accuracy"]]
    assert capsys.readouterr() == ("", ""), "a run in the background has a log, where nothing moves"
