"""Own data that are kept: tasks like the others, written whole or not at all, removed and brought back."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from rekd.data import TASKS, DataMissing, data_at_hand, load_split, own, task_spec
from rekd.data.own import OwnDataError, keeping
from rekd.data.own import kept as own_kept
from rekd.data.spec import BUILT_IN

FILMS = "text,label\n" + "".join(f"film<br />{i},{'good' if i % 2 else 'bad'}\n" for i in range(40))


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("REKD_OWN", str(tmp_path / "own"))
    return tmp_path / "own"


@pytest.fixture
def films(home):
    return own.keep(own.read_csv(FILMS.encode(), name="films.csv"), "My films")


class TestTable:
    def test_own_data_stand_behind_the_built_in_ones(self, home, films):
        assert isinstance(TASKS, Mapping)
        assert tuple(TASKS) == (*BUILT_IN, "own-my-films") and len(TASKS) == len(BUILT_IN) + 1
        assert "own-my-films" in TASKS and TASKS.get("own-none") is None and "own-../my-films" not in TASKS
        assert TASKS["own-my-films"] == films and hash(films) == hash(TASKS["own-my-films"])
        assert dict(TASKS.items())["digits"] is BUILT_IN["digits"]
        with pytest.raises(ValueError, match="there are imdb, .*own-my-films"):
            task_spec("own-other")

    def test_built_in_data_are_found_without_looking_at_the_disk(self, monkeypatch):
        monkeypatch.setattr(own_kept, "home", lambda: pytest.fail("looked at the disk"))
        assert TASKS["imdb"].name == "imdb" and "digits" in TASKS

    def test_nothing_kept_is_no_fault(self, home):
        assert tuple(TASKS) == tuple(BUILT_IN) and own.problems() == {} and not home.exists()

    def test_the_place_is_asked_for_each_time(self, home, films, monkeypatch, tmp_path):
        monkeypatch.setenv("REKD_OWN", str(tmp_path / "elsewhere"))
        assert "own-my-films" not in TASKS
        monkeypatch.delenv("REKD_OWN")
        monkeypatch.chdir(tmp_path)
        assert "own-my-films" in TASKS and own.home().name == "own"

    def test_a_change_of_the_file_is_seen(self, home, films):
        path = home / "my-films" / "spec.json"
        path.write_text(path.read_text(encoding="utf-8").replace("My films", "Our films"), encoding="utf-8")
        assert TASKS["own-my-films"].title == "Our films"


class TestTexts:
    def test_come_back_with_their_classes_splits_and_line_breaks(self, films):
        assert (films.name, films.title, films.modality, films.own) == ("own-my-films", "My films", "text", True)
        assert films.rate == 0.10 and films.backbone == BUILT_IN["imdb"].backbone
        assert data_at_hand(films.name)
        splits = {name: load_split(films.name, name) for name in films.splits}
        assert {name: len(split) for name, split in splits.items()} == {"train": 32, "dev": 4, "test": 4}
        assert splits["train"].classes == ("bad", "good")
        for split in splits.values():
            for row in range(len(split)):
                number = int(split.texts[row].removeprefix("film\n"))
                assert split[row].label == number % 2
        assert len({text for split in splits.values() for text in split.texts}) == 40

    def test_a_rate_of_one_s_own_is_kept(self, home):
        assert own.keep(own.read_csv(FILMS.encode()), "a", rate=0.25).rate == 0.25
        with pytest.raises(ValueError, match="rate is 2"):
            own.keep(own.read_csv(FILMS.encode()), "b", rate=2)

    def test_what_was_read_and_left_out_can_be_asked(self, home):
        own.keep(own.read_csv((FILMS + ",bad\n").encode(), name="films.csv"), "a")
        told = own.details("own-a")
        assert told["source"] == "films.csv" and told["left_out"] == 1
        assert told["rows"] == {"train": 32, "dev": 4, "test": 4}


class TestNames:
    @pytest.mark.parametrize(
        ("name", "slug"), [("Films", "films"), (" Über  Käse_2! ", "uber-kase-2"), ("a" * 60, "a" * 40), ("7", "7")]
    )
    def test_become_folders(self, home, name, slug):
        assert own.slug_of(name) == slug

    @pytest.mark.parametrize("name", ["", "   ", "猫", "../..", "CON", "com1", "-"])
    def test_without_a_letter_or_of_a_device_are_refused(self, home, name):
        with pytest.raises(OwnDataError, match="can't be a folder's name"):
            own.keep(own.read_csv(FILMS.encode()), name)

    def test_that_are_taken_are_refused_and_nothing_is_overwritten(self, films):
        with pytest.raises(OwnDataError, match="The name “my-films” is taken.*own-my-films first"):
            own.keep(own.read_csv(FILMS.replace("film", "other").encode()), "my FILMS")
        assert load_split("own-my-films", "train").texts[0].startswith("film")

    def test_that_another_takes_while_pictures_are_written_are_refused_and_the_first_stays(self, home):
        """Writing takes minutes: whoever is done first has the name, and nothing of theirs is lost."""

        def another(done, total):
            if not (home / "films").exists():
                own.keep(own.read_csv(FILMS.encode()), "Films")

        with pytest.raises(OwnDataError, match="The name “films” is taken; give another"):
            own.keep(own.read_csv(FILMS.replace("film", "other").encode()), "Films", progress=another)
        assert load_split("own-films", "train").texts[0].startswith("film")
        assert [path.name for path in home.iterdir()] == ["films"], "what was written in vain is gone"

    def test_taken_at_the_very_last_moment_are_refused_too(self, home, films, monkeypatch):
        look, looks = keeping._check_free, []
        monkeypatch.setattr(keeping, "_check_free", lambda slug: look(slug) if len(looks) == 2 else looks.append(slug))
        with pytest.raises(OwnDataError, match="The name “my-films” is taken"):
            own.keep(own.read_csv(FILMS.replace("film", "other").encode()), "My films")
        assert load_split("own-my-films", "train").texts[0].startswith("film")


class TestRemoval:
    def test_moves_to_the_trash_and_back(self, home, films):
        where = own.forget("own-my-films")
        assert where.is_dir() and "own-my-films" not in TASKS and own.problems() == {}
        with pytest.raises(OwnDataError, match="no data set 'own-my-films' of your own; there is none"):
            own.forget("own-my-films")
        assert own.restore(where) == "own-my-films" and TASKS["own-my-films"] == films
        assert not any((home / ".trash").iterdir())

    def test_twice_in_a_second_keeps_both(self, home):
        gone = []
        for _ in range(2):
            own.keep(own.read_csv(FILMS.encode()), "a")
            gone.append(own.forget("own-a"))
        assert gone[0] != gone[1] and all(path.is_dir() for path in gone)
        own.restore(gone[0])
        with pytest.raises(OwnDataError, match="“a” is taken by now"):
            own.restore(gone[1])

    @pytest.mark.parametrize("task", ["imdb", "own-", "own-..", "own-../x", "my-films"])
    def test_touches_own_data_alone(self, home, films, task):
        with pytest.raises(OwnDataError, match="there are own-my-films"):
            own.forget(task)
        assert "own-my-films" in TASKS

    def test_nothing_else_is_brought_back(self, home, films, tmp_path):
        with pytest.raises(OwnDataError, match="holds no removed data set"):
            own.restore(home / "my-films")


class TestDamage:
    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"format": 2}, "format 2; 1 is read here"),
            ({"more": 1}, "more is too much or missing"),
            ({"classes": ["one"]}, "at least two names"),
            ({"classes": "ab"}, "at least two names"),
            ({"modality": "sound"}, "modality is 'sound'"),
            ({"rate": 7}, "rate is 7"),
            ({"rate": "x"}, "rate is 'x'"),
            ({"title": 3}, "must be text"),
        ],
    )
    def test_of_the_description_leaves_the_data_out_and_is_told(self, home, films, change, said):
        path = home / "my-films" / "spec.json"
        path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **change}), encoding="utf-8")
        assert "own-my-films" not in TASKS and tuple(TASKS) == tuple(BUILT_IN)
        assert said in own.problems()[home / "my-films"]

    @pytest.mark.parametrize("text", ["", "{", "[]", "null"])
    def test_of_the_file_itself_is_told(self, home, films, text):
        (home / "my-films" / "spec.json").write_text(text)
        assert "own-my-films" not in TASKS and "Restore the file" in own.problems()[home / "my-films"]

    def test_missing_files_are_named(self, home, films):
        (home / "my-films" / "dev.parquet").unlink()
        assert own.problems() == {home / "my-films": "dev.parquet is missing"}
        (home / "my-films" / "spec.json").unlink()
        assert own.problems() == {home / "my-films": "spec.json is missing"} and own.names() == []
        own.forget("own-my-films")
        assert own.problems() == {}

    def test_other_folders_and_files_beside_are_told_or_passed_over(self, home, films):
        (home / "My Pictures").mkdir()
        (home / ".cache").mkdir()
        (home / "notes.txt").write_text("")
        assert list(own.problems()) == [home / "My Pictures"] and own.names() == ["own-my-films"]

    def test_data_that_went_away_in_between_are_told(self, home, films, monkeypatch):
        monkeypatch.setattr("rekd.data.sources.task_spec", lambda *_: films)
        own.forget("own-my-films")
        with pytest.raises(DataMissing, match="own-my-films is gone from .*my-films. Add it again"):
            load_split("own-my-films", "train")

    def test_a_disk_that_is_full_leaves_nothing_and_says_so(self, home, monkeypatch):
        def full(*_, **__):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(keeping, "write_json", full)
        with pytest.raises(OwnDataError, match="could not be written .No space left on device"):
            own.keep(own.read_csv(FILMS.encode()), "a")
        assert not list(home.iterdir())
