"""Runs of the protocol in a process that trains and measures them, and the command that asks for it."""

from __future__ import annotations

import re
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

import pytest
from results.made import made
from results.small import BROKEN, TAUGHT, TEACHER, TINY, names, trained

from rekd.cli import main
from rekd.files import read_json, write_json
from rekd.results import running
from rekd.results.items import Item, items
from rekd.results.protocol import rows
from rekd.results.record import write_results
from rekd.results.running import Pending, run_items, train_and_measure
from rekd.training import report
from rekd.training.about import read_about
from rekd.training.runs import EVALUATION


def test_a_process_trains_run_after_run_and_a_failure_ends_itself_alone(small_rows, tmp_path):
    said, todo = [], items([replace(BROKEN, part="teachers"), TEACHER], tmp_path, [1])
    todo[1].folder.mkdir()
    write_json(todo[1].folder / EVALUATION, {})  # as one that was measured before: the other test measures
    pending = run_items(tmp_path, todo, ["cpu"], said.append, engine="graph")
    assert names(item for item in todo if item.trained) == ["digits-teacher-seed-1"]
    assert read_json(todo[1].folder / "config.json")["training"]["engine"] == "graph"
    assert list(pending.faults) == ["digits-broken-re-seed-1"] and not pending.left
    assert said[0] == "digits-broken-re-seed-1 begins, on cpu" and said[2] == "digits-teacher-seed-1 begins, on cpu"
    assert said[1].startswith("[1/2] digits-broken-re-seed-1 failed: ") and "no_such_backbone" in said[1]
    assert said[3].startswith("[2/2] digits-teacher-seed-1 was done after ")


def test_a_run_is_trained_and_its_test_split_read_once(small_rows, tmp_path, monkeypatch):
    measure, read = report.evaluate_checkpoint, []
    few = {"limit": 60, "draws": 2}
    monkeypatch.setattr(report, "evaluate_checkpoint", lambda *a, **k: read.append(a) or measure(*a, **k, **few))
    nobody = str(tmp_path / "no-wish")
    for item in items([TAUGHT], tmp_path, [1]):
        given = (str(item.folder), item.config().to_dict(), item.row.is_teacher, nobody)
        state, words = train_and_measure(*given)
        assert state == "done" and words.startswith("is done: test accuracy ") and item.done
        assert train_and_measure(*given) == ("done", "was done")
    assert len(read) == 2
    teacher, student = Item(TEACHER, 1, tmp_path), Item(TAUGHT, 1, tmp_path)
    told = read_json(student.folder / EVALUATION)
    assert (told["split"], told["task"]) == ("test", "digits") and told["rules"]["sampled"]["draws"] == 2
    learned = read_json(student.folder / "checkpoint" / "config.json")["training"]
    assert learned["teacher_hash"] == read_json(teacher.folder / EVALUATION)["hash"]
    assert read_about(teacher.folder).role == "teacher"


def test_what_learning_rates_are_chosen_by_is_read_on_dev_and_never_on_test(small_rows, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "evaluate_checkpoint", lambda *_, **__: pytest.fail("test was read"))
    item = Item(replace(TEACHER, name="digits-tried", part="choices"), 1, tmp_path)
    given = (str(item.folder), item.config().to_dict(), False, str(tmp_path / "no-wish"), item.row.on_test)
    state, words = train_and_measure(*given)
    assert state == "done" and words.startswith("is done: dev accuracy 0.") and item.done
    assert not (item.folder / EVALUATION).exists()
    assert [row.part for row in rows() if not row.on_test][:1] == ["choices"] and TEACHER.on_test


def test_a_run_that_a_second_ctrl_c_ends_has_not_failed(small_rows, tmp_path):
    class Dead:
        def submit(self, *_):
            raise BrokenProcessPool

    (item,), wish, said = items([TEACHER], tmp_path, [1]), tmp_path / "wish", []
    for wished, faults in ((False, [item.name]), (True, [])):
        wish.touch() if wished else None
        pending = Pending([item])
        with pytest.raises(BrokenProcessPool):
            running._one(Dead(), pending.take(lambda: False), "cpu", pending, running._Told(1, said.append), wish)
        assert list(pending.faults) == faults
    assert "failed: its process was ended from outside" in said[1] and "was ended at once; the last state" in said[3]


def test_a_run_that_was_stopped_is_said_to_go_on(small_rows, tmp_path, capsys):
    item = Item(TEACHER, 1, tmp_path)
    (item.folder / "state").mkdir(parents=True)
    (item.folder / "state" / "latest").write_text("00000002")
    assert main(["results", "run", "digits-teacher", "--out", str(tmp_path), "--device", "cpu", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "digits-teacher-seed-1  goes on from step 2" in told and "digits-teacher-seed-2  to do" in told
    said = []
    running._Told(1, said.append).begins(item, "cpu")
    assert said == ["digits-teacher-seed-1 goes on from step 2, on cpu"]


def test_a_wish_to_stop_ends_a_run_with_its_state(small_rows, tmp_path):
    (item,) = items([replace(TEACHER, settings={**TINY, "steps": 20})], tmp_path, [1])
    (tmp_path / "wish").touch()
    state, words = train_and_measure(str(item.folder), item.config().to_dict(), True, str(tmp_path / "wish"))
    assert state == "stopped" and words == "is stopped at step 2 of 20; its state is saved," and not item.trained


def test_how_long_it_takes_is_told_by_runs_that_were_done_alone(small_rows, tmp_path):
    said, first, second = [], *items([TAUGHT], tmp_path, [1])
    told = running._Told(3, said.append)
    told.ends(first, 0.1, "failed", "failed: no reason")
    told.ends(second, 60.0, "done", "is done")
    assert "left" not in said[0] and re.search(r"is done after 60 s; about .* left$", said[1])


def test_all_rows_are_run_where_that_is_said_and_not_by_an_empty_command(small_rows, tmp_path, capsys):
    assert main(["results", "run", "--out", str(tmp_path)]) == 2
    assert "'*' for all" in capsys.readouterr().err and not any(tmp_path.iterdir())
    assert main(["results", "run", "--out", str(tmp_path), "--device", "cpu", "--dry-run"]) == 0


@pytest.mark.parametrize(("stopped", "code", "told"), [(False, 1, True), (True, 130, False)])
def test_what_was_not_run_is_a_failure_unless_it_was_stopped(
    small_rows, tmp_path, monkeypatch, capsys, stopped, code, told
):
    def run(root, todo, *_):
        pending = Pending(todo)
        pending.stopped = stopped
        return pending

    monkeypatch.setattr("rekd.results.running.run_items", run)
    assert (
        main(["results", "run", "digits-after-rekd", "--out", str(tmp_path), "--device", "cpu", "--seed", "1"]) == code
    )
    said = capsys.readouterr().err
    assert "2 of 2 runs are not done. The same command goes on with what is left." in said
    assert ("digits-after-rekd-seed-1: It needs digits-broken-re-seed-1, not trained." in said) == told


def test_a_run_of_settings_that_its_row_no_longer_has_is_not_taken_for_done(small_rows, tmp_path, capsys):
    item = Item(TEACHER, 1, tmp_path)
    trained(replace(item, row=replace(TEACHER, settings={**TINY, "learning_rate": 0.5})))
    assert item.changed and not item.trained and not item.done
    state, words = train_and_measure(str(item.folder), item.config().to_dict(), True, str(tmp_path / "no-wish"))
    assert state == "failed" and re.search("holds another run: it differs in .*learning_rate", words)
    assert "Error" not in words
    assert main(["results", "run", "digits-teacher", "--out", str(tmp_path), "--device", "cpu", "--dry-run"]) == 0
    assert "digits-teacher-seed-1  holds a run of other settings than the row's: move it" in capsys.readouterr().out


def test_the_command_lists_what_there_is_and_says_what_to_do_with_it(small_rows, tmp_path, capsys):
    for item in items([TAUGHT], tmp_path):
        trained(item, done=item.seed == 1)
    command = ["results", "run", "headline", "--out", str(tmp_path), "--device", "cpu"]
    assert main([*command[:2], "digits-tiny-rekd", *command[3:], "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert (
        "digits-tiny-rekd-seed-2  is trained, not measured" in printed and "2 runs, 1 of them done; on cpu" in printed
    )
    assert main([*command[:2], "digits-tiny-rekd", *command[3:], "--seed", "1"]) == 0
    assert (
        f"All are done. Put them into the results: python -m rekd results collect {tmp_path}" in capsys.readouterr().out
    )
    assert main(["results", "run", "nothing", "--out", str(tmp_path)]) == 2
    assert "No row of the protocol is called 'nothing'" in capsys.readouterr().err


def test_what_the_results_hold_already_is_said_before_it_is_trained_again(small_rows, tmp_path, monkeypatch, capsys):
    write_results(tmp_path / "results.parquet", [made("digits-tiny-rekd", seed) for seed in (1, 3)])
    monkeypatch.setattr("rekd.checkpoints.shipped", lambda: tmp_path)
    command = ["results", "run", "digits-tiny-rekd", "--out", str(tmp_path / "runs"), "--device", "cpu", "--dry-run"]
    assert main(command) == 0
    told = "The results hold what 1 of them measured elsewhere; here they are trained anew"
    assert told in capsys.readouterr().out
    (tmp_path / "results.parquet").write_bytes(b"damaged")
    assert main(command) == 0 and "The results hold" not in capsys.readouterr().out


def test_a_device_that_is_not_here_is_refused_before_anything_is_told(small_rows, tmp_path, capsys):
    command = ["results", "run", "digits-tiny-rekd", "--out", str(tmp_path), "--dry-run", "--device", "cuda:77"]
    assert main(command) == 2
    told = capsys.readouterr()
    assert not told.out and "no such device is here" in told.err
