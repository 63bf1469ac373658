"""Runs of the protocol: which there are and what each needs, and a process that trains and measures them."""

from __future__ import annotations

import json
import re
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

import pytest
from results.made import made
from workers import QUICK

from rekd.cli import main
from rekd.files import read_json, write_json
from rekd.results import items as asked
from rekd.results import protocol, running
from rekd.results.items import Item, items
from rekd.results.protocol import find_rows, rows
from rekd.results.record import write_results
from rekd.results.row import FIRST, PARTS, SAME, Row
from rekd.results.running import Pending, run_items, train_and_measure
from rekd.training import report
from rekd.training.about import read_about
from rekd.training.runs import EVALUATION
from rekd.training.status import Status, write_status

TINY = {**QUICK, "steps": 4, "evaluate_every": 2, "augment": False}
TEACHER = Row("digits-teacher", "teachers", "digits", "teacher, tiny", "re", seeds=(1, 2), settings=TINY)
WEAK = replace(TEACHER, name="digits-teacher-weak", seeds=(1,), half_way="digits-teacher")
STUDENT = Row("digits-tiny-rekd", "headline", "digits", "tiny", "rekd", seeds=(1, 2), settings=TINY)
TAUGHT = replace(STUDENT, learns={"teacher": ("digits-teacher", FIRST)})
BROKEN = replace(STUDENT, name="digits-broken-re", kind="re", settings={**TINY, "backbone": "no_such_backbone"})
AFTER = replace(STUDENT, name="digits-after-rekd", learns={"teacher": ("digits-broken-re", SAME)})
ROWS = (TEACHER, WEAK, TAUGHT, BROKEN, AFTER)


@pytest.fixture
def small_rows(monkeypatch):
    monkeypatch.setattr(asked, "rows", lambda: ROWS)
    monkeypatch.setattr(protocol, "rows", lambda: ROWS)


def names(found) -> list[str]:
    return [item.name for item in found]


def trained(item: Item, best: float = 0.5, done: bool = True) -> None:
    """A run's folder as training, and measuring where `done`, leave it."""
    (item.folder / "checkpoint").mkdir(parents=True)
    (item.folder / "checkpoint" / "README.md").write_text("card")
    config = item.row.config(item.seed, {"teacher": "t"} if item.row.kind == "rekd" else {})
    write_json(item.folder / "config.json", {"training": config.to_dict()})
    (item.folder / "metrics.jsonl").write_text(json.dumps({"step": 4, "dev_accuracy": best}) + "\n")
    write_status(item.folder, Status("done", 4, 4))
    if done:
        write_json(item.folder / EVALUATION, {})


def test_every_row_of_the_protocol_can_be_configured_and_needs_rows_that_there_are(tmp_path):
    every = {row.name: row for row in rows()}
    assert len(every) == len(rows()) and {row.part for row in rows()} == set(PARTS)
    for row in rows():
        named = {field: f"/runs/{name}/checkpoint" for field, (name, _) in row.learns.items()}
        config = row.config(row.seeds[0], named)
        assert config.task == row.task and config.seed == row.seeds[0]
        assert bool(config.teacher) == (row.kind in ("kd", "rekd"))
        for name, which in row.learns.values():
            source = every[name]
            assert source.task == row.task and (which == FIRST or set(row.seeds) <= set(source.seeds)), row.name
            assert not source.settings.get("rate") or source.settings["rate"] == row.settings.get("rate"), row.name


def test_re_and_rekd_of_a_student_differ_in_the_teacher_early_stopping_and_their_rate_of_learning_alone():
    by_name = {row.name: row for row in rows()}
    for student in ("imdb-2-layers", "cifar10-64x3", "imdb-1-layer", "cifar10-128x4", "cifar100-64x3"):
        re, rekd = by_name[f"{student}-re"], by_name[f"{student}-rekd"]
        own = {"patience": 8, "learning_rate": re.settings["learning_rate"]}
        assert re.seeds == rekd.seeds and dict(re.settings) == {**rekd.settings, **own}
        assert re.learns == {name: of for name, of in rekd.learns.items() if name != "teacher"}


@pytest.mark.parametrize("student", ["imdb-2-layers", "cifar10-64x3"])
def test_every_kind_tries_the_same_rates_of_learning_and_re_and_rekd_have_one_of_them(student):
    by_name = {row.name: row for row in rows()}
    tried = {
        kind: [row.settings["learning_rate"] for row in find_rows([f"{student}-{kind}-lr-*"])]
        for kind in ("cls", "kd", "re", "rekd")
    }
    assert tried["cls"] == tried["kd"] == tried["re"] == tried["rekd"] and len(tried["re"]) == 5
    for kind in ("re", "rekd"):
        assert by_name[f"{student}-{kind}"].settings["learning_rate"] in tried[kind]
        assert not {*by_name[f"{student}-{kind}"].seeds} & {*find_rows([f"{student}-{kind}-lr-*"])[0].seeds}


def test_rows_are_found_by_name_pattern_and_part():
    assert [row.name for row in find_rows(["imdb-2-layers-rekd"])] == ["imdb-2-layers-rekd"]
    assert {row.task for row in find_rows(["imdb-*"])} == {"imdb"}
    assert {row.part for row in find_rows(["headline"])} == {"headline"} and find_rows([]) == list(rows())
    with pytest.raises(ValueError, match="No row of the protocol is called 'imbd-re'.*or a part: teachers"):
        find_rows(["imbd-re"])


def test_a_mistyped_row_or_part_is_answered_with_the_nearest():
    for given, near in (("imdb-2-layers-rekdd", "imdb-2-layers-rekd"), ("headlines", "headline")):
        with pytest.raises(ValueError, match=f"Did you mean {near}\\?"):
            find_rows([given])
    with pytest.raises(ValueError, match="No row of the protocol is called 'nothing'. Give a name"):
        find_rows(["nothing"])


def test_what_a_run_learns_from_comes_before_it_once(small_rows, tmp_path):
    found = items([WEAK, TAUGHT], tmp_path)
    assert names(found) == [
        "digits-teacher-seed-1",
        "digits-teacher-weak-seed-1",
        "digits-tiny-rekd-seed-1",
        "digits-tiny-rekd-seed-2",
    ]
    assert names(items([TAUGHT], tmp_path, [2])) == ["digits-teacher-seed-1", "digits-tiny-rekd-seed-2"]
    with pytest.raises(ValueError, match="No row chosen has the seed 7; the seeds are 1, 2"):
        items([TAUGHT], tmp_path, [7])


def test_a_weak_teacher_stops_half_way_between_chance_and_the_best_of_the_whole_run(small_rows, tmp_path):
    trained(Item(TEACHER, 1, tmp_path), best=0.7)
    assert Item(WEAK, 1, tmp_path).config().stop_at == 0.4  # chance .1


def test_a_run_is_given_out_once_what_it_needs_is_trained(small_rows, tmp_path):
    teacher, student = items([TAUGHT], tmp_path, [1])
    pending = Pending([student, teacher])
    assert pending.take(lambda: False) is teacher
    trained(teacher, done=False)
    pending.ends(teacher)
    assert pending.take(lambda: False) is student
    assert student.config().teacher == str(teacher.folder / "checkpoint")


def test_what_most_others_wait_for_is_given_out_first_and_the_rest_in_order(monkeypatch, tmp_path):
    alone, late = replace(BROKEN, name="digits-alone-re"), replace(TEACHER, name="digits-late", part="rates")
    onward = replace(STUDENT, name="digits-onward-rekd", seeds=(2,), learns={"teacher": (TAUGHT.name, SAME)})
    monkeypatch.setattr(asked, "rows", lambda: (late, alone, onward, *ROWS))
    pending = Pending(items([late, alone, TAUGHT, onward], tmp_path))
    assert names(pending.left) == [
        "digits-teacher-seed-1",  # for three, one of them by way of another
        "digits-tiny-rekd-seed-2",
        "digits-alone-re-seed-1",
        "digits-alone-re-seed-2",
        "digits-tiny-rekd-seed-1",
        "digits-onward-rekd-seed-2",
        "digits-late-seed-1",  # of a later part
        "digits-late-seed-2",
    ]


def test_a_run_whose_teacher_failed_is_not_begun_and_says_so(small_rows, tmp_path):
    first, second = items([AFTER], tmp_path, [1])
    pending = Pending([first, second])
    pending.ends(pending.take(lambda: False), "failed: no such backbone")
    assert pending.take(lambda: False) is None
    assert pending.blocked() == {second.name: "It needs digits-broken-re-seed-1, not trained."}
    assert pending.faults == {first.name: "failed: no such backbone"}


def test_a_process_trains_run_after_run_and_a_failure_ends_itself_alone(small_rows, tmp_path):
    said, todo = [], items([replace(BROKEN, part="teachers"), TEACHER], tmp_path, [1])
    todo[1].folder.mkdir()
    write_json(todo[1].folder / EVALUATION, {})  # as one that was measured before: the other test measures
    pending = run_items(tmp_path, todo, ["cpu"], said.append)
    assert names(item for item in todo if item.trained) == ["digits-teacher-seed-1"]
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
    teacher, student = items([TAUGHT], tmp_path, [1])
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
        "digits-tiny-rekd-seed-2  is trained, not measured" in printed and "3 runs, 2 of them done; on cpu" in printed
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
