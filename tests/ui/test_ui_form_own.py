"""Own data in the form: looked at with what is wrong in it, kept, and chosen; or refused with the reason."""

from __future__ import annotations

import io
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from rekd.data import TASKS
from rekd.ui import cache

PAIRS = (("fine", "good"), ("dull", "bad"))
GOOD = "".join(f"a {word} film number {n},{label}\n" for n in range(30) for word, label in PAIRS)


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    monkeypatch.setattr("rekd.checkpoints.folders.shipped", lambda: tmp_path / "none")
    for name in ("REKD_RUNS", "REKD_OWN", "REKD_CACHE", "HF_HOME", "REKD_CHECKPOINTS"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setattr("rekd.ui.form_whole.form_check.check", lambda *_, **__: None)
    cache.clear()
    yield
    cache.clear()


def page():
    import os
    from pathlib import Path

    from rekd.ui.form import form

    form(Path(os.environ["REKD_RUNS"]))


def opened(way: str = "csv", **typed: str) -> AppTest:
    """The full form with the part for own data open, and something typed into its fields."""
    at = AppTest.from_function(page, default_timeout=60)
    at.query_params["line"] = "-"
    at.session_state["f_own"] = True
    sound(at.run())
    at.session_state["own_way_0"] = way
    sound(at.run())
    for key, value in typed.items():
        at.text_input(key=f"{key}_0").set_value(value)
    return sound(at.run())


def sound(at: AppTest) -> AppTest:
    assert not at.exception, [error.value for error in at.exception]
    return at


def said(at: AppTest) -> str:
    kinds = ("error", "caption", "markdown")
    return "\n".join(each.value.replace("\\", "") for kind in kinds for each in getattr(at, kind))


def csv(tmp_path: Path, text: str) -> str:
    path = tmp_path / "moods.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def labelled(widgets, label: str):
    return next(widget for widget in widgets if widget.label == label)


def uploaded(at: AppTest, name: str, content: bytes) -> AppTest:
    at.file_uploader[0].set_value((name, content, "application/octet-stream"))
    return sound(at.run())


def kept(at: AppTest) -> AppTest:
    at.button(key="own_keep").click()
    return sound(at.run())


def test_a_csv_is_previewed_with_its_bad_rows_and_kept(tmp_path):
    at = opened(own_csv_path=csv(tmp_path, f"review,mood\n{GOOD},good\nno label here,\n"))
    assert "60 good rows, 2 classes" in said(at) and "2 rows are left out" in said(at)
    bad = at.dataframe[0].value
    assert bad["line"].tolist() == ["62", "63"]
    assert bad["why it is left out"].tolist() == ["the text is empty", "the label is missing"]
    counts = next(each.proto.body for each in at.main.get("html") if "Rows of each class" in each.proto.body)
    assert counts.count("30") >= 2 and "good" in counts and "bad" in counts
    at = kept(at)
    assert TASKS["own-moods"].classes == ("bad", "good")
    assert at.query_params["task"] in ("own-moods", ["own-moods"])
    assert at.selectbox(key="f_task").value == "own-moods" and "60 good rows" not in said(at)


def test_other_columns_can_be_chosen(tmp_path):
    lines = "".join(f"{n},a {word} film,{label}\n" for n in range(9) for word, label in PAIRS)
    at = opened(own_csv_path=csv(tmp_path, f"text,words,side\n{lines}"))
    boxes = {box.label: box for box in at.selectbox}
    boxes["Text column"].set_value("words")
    boxes["Label column"].set_value("side")
    assert "18 good rows, 2 classes" in said(sound(at.run()))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("text,label\n" + "".join(f"film {n},same\n" for n in range(9)), "two classes are needed"),
        ("text\nonly one column\n", "one column"),
        ("", "empty"),
    ],
)
def test_a_csv_that_is_no_data_set_is_refused_with_the_reason(tmp_path, text, why):
    at = opened(own_csv_path=csv(tmp_path, text))
    assert why in said(at) and len(at.error) == 1
    assert not [button for button in at.button if button.key == "own_keep"]


def test_a_file_that_is_not_there(tmp_path):
    assert "can't be opened" in said(opened(own_csv_path=str(tmp_path / "none.csv")))


def test_a_name_that_is_taken_is_told_and_nothing_is_lost(tmp_path):
    path = csv(tmp_path, f"text,label\n{GOOD}")
    kept(opened(own_csv_path=path))
    at = kept(opened(own_csv_path=path))
    assert "is taken" in said(at) and "60 good rows" in said(at)


def test_pictures_in_class_named_folders(tmp_path):
    for name, level in (("dark", 20), ("light", 220)):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for n in range(5):
            Image.fromarray(np.full((40, 40, 3), level + n, np.uint8)).save(tmp_path / "pictures" / name / f"{n}.png")
    (tmp_path / "pictures" / "light" / "broken.png").write_bytes(b"no picture")
    at = opened("images", own_images_path=str(tmp_path / "pictures"))
    assert "10 good rows, 2 classes" in said(at) and "1 row is left out" in said(at)
    assert "broken.png" in at.dataframe[0].value["file"][0]
    labelled(at.selectbox, "Pixels a side").set_value(32)
    kept(sound(at.run()))
    assert TASKS["own-pictures"].image_size == (32, 32)


def test_the_hub_is_asked_when_that_is_wanted_and_not_before(monkeypatch):
    from rekd.data import own

    asked = []

    def read_hub(name, content="", label=""):
        asked.append(name)
        raise own.OwnDataError("The Hub does not answer.")

    monkeypatch.setattr(own, "read_hub", read_hub)
    at = opened("hub", own_hub="some/data")
    assert asked == []
    at.toggle(key="own_hub_go_0").set_value(True)
    assert "The Hub does not answer." in said(sound(at.run())) and asked == ["some/data"]
    assert "The Hub does not answer." in said(sound(at.run())) and asked == ["some/data"], "not at every click"
    at.button(key="own_again").click()
    assert "The Hub does not answer." in said(sound(at.run())) and asked == ["some/data"] * 2


def test_a_file_that_was_written_anew_is_read_anew(tmp_path):
    at = opened(own_csv_path=csv(tmp_path, f"text,label\n{GOOD}"))
    labelled(at.text_input, "Name of the data set").set_value("My moods")
    sound(at.run())
    csv(tmp_path, f"text,label\n{GOOD}one more film,good\n")
    assert "61 good rows" in said(sound(at.run()))
    assert labelled(at.text_input, "Name of the data set").value == "My moods"
    csv(tmp_path, f"words,side\n{GOOD}")
    assert "60 good rows" in said(sound(at.run())) and labelled(at.selectbox, "Text column").value == "words"


def test_a_file_that_came_late_is_read(tmp_path):
    at = opened(own_csv_path=str(tmp_path / "moods.csv"))
    assert "can't be opened" in said(at)
    csv(tmp_path, f"text,label\n{GOOD}")
    assert "60 good rows" in said(sound(at.run()))


@pytest.mark.parametrize("text", [f"text,label\n{GOOD}", "text\none column\n", ""])
def test_a_file_is_read_once_while_nothing_of_it_changes(tmp_path, monkeypatch, text):
    from rekd.data import own

    reads = []
    for name in ("columns", "read_csv"):
        read = getattr(own, name)
        monkeypatch.setattr(
            own, name, lambda *args, name=name, read=read, **more: reads.append(name) or read(*args, **more)
        )
    at = opened(own_csv_path=csv(tmp_path, text))
    first = list(reads)
    assert first and said(sound(at.run())) and reads == first
    at.button(key="own_again").click()
    assert said(sound(at.run())) and reads == first * 2


def test_a_picture_that_was_added_to_a_class_is_seen(tmp_path):
    for name, level in (("dark", 20), ("light", 220)):
        (tmp_path / name).mkdir()
        for n in range(5):
            Image.fromarray(np.full((40, 40, 3), level + n, np.uint8)).save(tmp_path / name / f"{n}.png")
    at = opened("images", own_images_path=str(tmp_path))
    assert "10 good rows" in said(at)
    Image.fromarray(np.full((40, 40, 3), 99, np.uint8)).save(tmp_path / "light" / "5.png")
    assert "11 good rows" in said(sound(at.run()))


def test_each_upload_is_called_after_its_file():
    at = uploaded(opened(), "moods.csv", f"text,label\n{GOOD}".encode())
    assert labelled(at.text_input, "Name of the data set").value == "moods"
    at = uploaded(at, "films.csv", f"text,label\n{GOOD}more film,good\n".encode())
    assert "61 good rows" in said(at) and labelled(at.text_input, "Name of the data set").value == "films"
    assert not [button for button in at.button if button.key == "own_again"], "an upload never changes"


def test_an_uploaded_zip_is_called_after_its_file():
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, level in (("dark", 20), ("light", 220)):
            for n in range(5):
                picture = io.BytesIO()
                Image.fromarray(np.full((40, 40, 3), level + n, np.uint8)).save(picture, "PNG")
                archive.writestr(f"{name}/{n}.png", picture.getvalue())
    at = uploaded(opened("images"), "pets.zip", held.getvalue())
    assert labelled(at.text_input, "Name of the data set").value == "pets"


def test_the_server_takes_uploads_as_large_as_the_page_says():
    said = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    (uploader,) = opened().file_uploader
    assert uploader.proto.max_upload_size_mb == 1024 <= said["server"]["maxUploadSize"]
