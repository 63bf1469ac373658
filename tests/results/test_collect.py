"""Results from run folders: two tiny runs trained to the end, folders as earlier runs left them, and merging."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import tiny_checkpoints
from results.made import made, some
from workers import small

from rekd.checkpoints import find, load, read_info
from rekd.config import TrainConfig
from rekd.files import read_json, write_json
from rekd.results.collect import _honest_masks, collect, merged, result_of, row_of
from rekd.results.comparisons import leaky_shares
from rekd.results.protocol import find_rows, rows
from rekd.results.record import read_results, write_results
from rekd.training import fit
from rekd.training.habits import measured_habits, noted, stop_words
from rekd.training.report import evaluate_checkpoint
from rekd.training.runs import EVALUATION
from rekd.training.setup import resolve
from rekd.training.status import Status, write_status
from rekd.types import Split

STEPS = 20


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with an RE and a REKD that learned from it, trained to the end and measured on some of test."""
    root = tmp_path_factory.mktemp("runs")
    given = {"steps": STEPS, "evaluate_every": 10, "log_every": 4}
    for config, name in (
        (small("re", **given), "first"),
        (small("rekd", teacher=str(root / "first" / "checkpoint"), **given), "second"),
    ):
        fit.fit(fit.start(config, root / name), root / name, cpu=True)
        report = evaluate_checkpoint(str(root / name / "checkpoint"), limit=60, draws=2, device="cpu")
        write_json(root / name / EVALUATION, report)
    return root


def test_two_runs_that_were_trained_become_results(runs, tmp_path):
    collected = collect([runs])
    assert [(result.row, result.name, result.kind) for result in collected] == [
        ("", "first", "re"),
        ("", "second", "rekd"),
    ]
    for result in collected:
        info = read_info(runs / result.name / "checkpoint")
        assert (result.hash, result.parameters, result.bytes) == (info.hash, info.parameters, info.bytes)
        written = read_json(runs / result.name / EVALUATION)
        assert written["leaks"]["mask_reference"] is None, "a run knows of no honest masks, the box does"
        written["leaks"]["mask_reference"] = read_info(find("digits-re")).metrics["mask_reference"]
        assert result.report == written and 0 <= result.accuracy() <= 1
        assert [step for step, _, _ in result.curve] == [10, 20] and result.best_step in (10, 20)
        assert all(0 < accuracy < 1 and 0 < rate < 1 for _, accuracy, rate in result.curve)
        assert 0 < result.seconds < 300 and result.device == "cpu" and result.versions["torch"]
        assert result.training() == fit.read_config(runs / result.name)
    write_results(tmp_path / "results.parquet", collected)
    assert read_results(tmp_path / "results.parquet") == collected


def test_a_students_teacher_is_known_among_the_results(runs):
    first, second = collect([runs])
    assert second.teacher_hash == first.hash and first.teacher_hash == ""
    group = "rekd-honest" if first.honest else "rekd-leaky"
    assert {share.group for share in leaky_shares([first, second])} == {"re", group}


def test_seconds_are_the_examples_over_their_speed(runs):
    lines = [json.loads(line) for line in (runs / "first" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [4, 8, 10, 12, 16, 20]
    steps = np.diff([0, *(line["step"] for line in lines)])
    seconds = sum(8 * count / line["examples_per_second"] for count, line in zip(steps, lines, strict=True))
    assert result_of(runs / "first").seconds == pytest.approx(seconds)


def test_habits_are_those_of_the_step_whose_weights_these_are(runs):
    result = result_of(runs / "first")
    lines = [json.loads(line) for line in (runs / "first" / "metrics.jsonl").read_text().splitlines()]
    line = next(line for line in lines if line["step"] == result.best_step)
    assert result.habits == {
        "certainty": line["dev_certainty"],
        "selected_border": line["dev_border"],
        "all_border": line["dev_border_base"],
    }
    assert result.habits["all_border"] == pytest.approx(28 / 64)


def test_the_swap_on_dev_is_the_mean_of_the_last_evaluations_until_the_step_that_is_kept():
    swaps = {10: 0.9, 20: 0.02, 30: 0.04, 40: 0.09, 50: 0.9}
    lines = [{"step": step, "dev_accuracy": 0.8, "dev_swap": swap} for step, swap in swaps.items()]
    assert noted([*lines, {"step": 60}], 40) == {"dev_swap": pytest.approx(0.05)}
    assert noted(lines, 45) == {} and noted([{"step": 40, "dev_accuracy": 0.8}], 40) == {}


def test_a_run_that_is_named_counts_once_beside_its_folder(runs):
    assert len(collect([runs / "first", runs, runs / "first"])) == 2


def test_a_run_that_was_not_measured_has_no_numbers_of_test(runs, tmp_path):
    assert result_of(runs / "first").report
    kept = (runs / "first" / EVALUATION).rename(tmp_path / "kept")
    try:
        assert result_of(runs / "first").report == {}
    finally:
        kept.rename(runs / "first" / EVALUATION)


def test_what_honest_masks_gave_away_when_a_run_was_measured_is_kept(runs):
    path = runs / "first" / EVALUATION
    report = read_json(path)
    try:
        write_json(path, {**report, "leaks": {**report["leaks"], "mask_reference": 0.125}})
        assert result_of(runs / "first").report["leaks"]["mask_reference"] == 0.125
    finally:
        write_json(path, report)


def unfinished(root, name, state):
    folder = root / name
    folder.mkdir(parents=True)
    write_json(folder / "config.json", {"training": small("re").to_dict()})
    write_status(folder, Status(state, 5, 300))
    return folder


def test_masks_of_another_rate_are_not_held_against_honest_ones_of_the_tasks_rate():
    box = read_info(find("digits-re"))
    assert _honest_masks("digits", 0.15, "patches") == box.metrics["mask_reference"]
    assert _honest_masks("digits", 0.5, "patches") is None and _honest_masks("digits", 0.15, "tokens") is None


def test_runs_that_are_not_done_are_passed_over_with_a_sentence_each(runs, tmp_path):
    stopped, said = unfinished(tmp_path, "stopped", "stopped"), []
    damaged = unfinished(tmp_path, "damaged", "done")
    (tmp_path / "of-others").mkdir()
    (tmp_path / "of-others" / "config.json").write_text('{"some": "thing"}')
    assert [result.name for result in collect([tmp_path, runs], said.append)] == ["first", "second"]
    assert len(said) == 3 and all(sentence.startswith("Passed over: ") for sentence in said)
    assert any(f"{stopped} is stopped" in each and f"runs resume {stopped}" in each for each in said)
    assert any(f"{damaged / 'checkpoint' / 'config.json'} is missing" in each for each in said)
    with pytest.raises(ValueError, match="has a result once it is done"):
        result_of(stopped)


def test_a_folder_without_runs_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no run. Name a run's folder"):
        collect([tmp_path])
    with pytest.raises(ValueError, match="is no folder"):
        collect([tmp_path / "none"])


def config_of(name, seed, **changes):
    (row,) = [row for row in find_rows([name]) if row.name == name]
    sources = {field: f"/elsewhere/{source}-seed-{seed}/checkpoint" for field, (source, _) in row.learns.items()}
    return resolve(replace(row.config(seed, sources, 0.8 if row.half_way else 0.0), **changes))


@pytest.mark.parametrize("name", [row.name for row in rows()])
def test_every_row_knows_its_runs_by_folder_and_configuration(name, tmp_path):
    (row,) = [row for row in find_rows([name]) if row.name == name]
    seed = row.seeds[-1]
    stored = TrainConfig.from_dict(json.loads(json.dumps(config_of(name, seed).to_dict())))
    assert row_of(tmp_path / f"{name}-seed-{seed}", stored) == name
    assert row_of(tmp_path / f"{name}-seed-{seed}", replace(stored, learning_rate=0.5)) == ""


def test_a_run_of_another_name_seed_or_setting_is_an_own_one(tmp_path):
    name, folder = "imdb-2-layers-rekd", tmp_path / "imdb-2-layers-rekd-seed-2027"
    config = config_of(name, 2027)
    assert row_of(folder, replace(config, teacher="imdb-teacher", log_every=50, keep_states=1, watched=(3,))) == name
    assert row_of(tmp_path / "mine", config) == ""
    assert row_of(tmp_path / f"{name}-seed-2028", config) == "", "the folder says another seed"
    assert row_of(tmp_path / f"{name}-seed-7", replace(config, seed=7)) == "", "no seed of the protocol"
    for changes in ({"alpha": 0.5}, {"steps": 10}, {"start": "some-cls"}, {"stop_at": 0.8}, {"task": "reviews"}):
        assert row_of(folder, replace(config, **changes)) == "", changes
    warm = config_of("cifar10-64x3-re", 2026)
    assert row_of(tmp_path / "cifar10-64x3-re-seed-2026", replace(warm, start="")) == "", "it began from nothing"


def test_merging_replaces_the_same_run_and_loses_nothing_else():
    old, again = some(), [made(accuracy=0.5, hash="new"), made("", 1, 0.6, hash="new"), made("", 9, 0.7, name="ninth")]
    kept = {(result.row, result.name): result for result in merged(old, again)}
    assert len(kept) == len(old) + 1
    assert kept["imdb-2-layers-re", "imdb-2-layers-re-seed-2026"].accuracy() == 0.5
    assert kept["", "own-seed-1"].accuracy() == 0.6 and kept["", "ninth"].accuracy() == 0.7
    assert kept["", "own-seed-2"] in old and kept["imdb-2-layers-re", "imdb-2-layers-re-seed-2027"] in old


def test_what_was_measured_apart_stays_with_the_same_weights_alone():
    before = made(cpu_ms=4.2, habits={"certainty": 0.9, "selected_stop words": 0.1})
    same = made(cpu_ms=None, habits={"certainty": 0.8})
    (kept,) = merged([before], [same])
    assert kept.cpu_ms == 4.2 and kept.habits == {"certainty": 0.8, "selected_stop words": 0.1}
    (trained_again,) = merged([before], [replace(same, hash="another")])
    assert trained_again.cpu_ms is None and trained_again.habits == {"certainty": 0.8}


def test_stop_words_are_counted_among_the_selected_and_among_all(tmp_path):
    tiny_checkpoints(tmp_path, roles=("re",))
    reader = load(tmp_path / "imdb-re").reader
    split = Split("imdb", "dev", ("neg", "pos"), np.array([0, 1]), texts=["the good film", "A bad film and the worst"])
    masks = torch.tensor([[1, 1, 0, 0, 0, 0], [0, 1, 0, 0, 0, 1]], dtype=torch.bool)
    assert stop_words(masks, split, reader) == {"selected_stop words": 1 / 4, "all_stop words": 4 / 9}
    assert stop_words(torch.zeros_like(masks), split, reader)["selected_stop words"] == 0


def test_images_and_kinds_that_do_not_select_have_no_stop_words(runs, tmp_path):
    tiny_checkpoints(tmp_path, roles=("cls",))
    assert measured_habits(runs / "first" / "checkpoint") == {} == measured_habits(tmp_path / "imdb-cls")
