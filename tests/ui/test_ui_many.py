"""A batch of inputs: how it is read, kept, sifted, drawn and taken away."""

from __future__ import annotations

import csv
import html
import io
import re
import zipfile

import numpy as np
import pytest
from explore import png
from helpers import MIXED_TEXT
from hypothesis import given

from rekd.data.own import OwnDataError
from rekd.ui import keep, many_given, many_kept, many_rows, many_table
from rekd.ui.many_rows import Answer, Line


def zipped(files: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return held.getvalue()


def test_pasted_lines_are_texts_and_empty_ones_are_counted():
    found = many_given.from_paste("  one \r\n\r\n\u200b\ntwo,\u2028 still two\n \nthree\n\n\n", blocks=False)
    assert found.contents == ("  one ", "two,\u2028 still two", "three")
    assert found.names == ("line 1", "line 4", "line 6") and found.empty == 2
    assert found.bad[0][0] == "line 3" and "nothing to read" in found.bad[0][1] and found.bad_count == 1


def test_pasted_blocks_stand_between_empty_lines():
    found = many_given.from_paste("\n\nfirst\nline two\n \n\nsecond", blocks=True)
    assert found.contents == ("first\nline two", "second") and found.names == ("line 3", "line 7")
    assert found.empty == 0


def test_beyond_the_most_inputs_are_counted_not_read():
    found = many_given.from_paste("good\n" * (many_given.MOST + 7), blocks=False)
    assert len(found) == many_given.MOST and found.beyond == 7
    files = [("a.png", png(size=(3, 3)))] * (many_given.MOST + 2)
    assert many_given.from_files(files).beyond == 2


@pytest.mark.parametrize("text", ["", "\n \n", "\u200b"])
def test_nothing_is_a_sentence(text):
    with pytest.raises(OwnDataError, match="no input to read"):
        many_given.from_paste(text, blocks=False)


@pytest.mark.parametrize(
    ("names", "text", "label"),
    [
        (("id", "Review", "Sentiment"), "Review", "Sentiment"),
        (("sentence", "id"), "sentence", None),
        (("a", "b"), None, None),
        (("label", "words"), None, "label"),
        (("words",), "words", None),
    ],
)
def test_columns_are_known_by_name_or_not_at_all(names, text, label):
    assert many_given.guess(names) == (text, label)


def test_a_csv_file_gives_texts_labels_and_bad_rows_by_number():
    data = b'review;label\n"good; and\n""fine""";positive\n;negative\none cell\nbad<br />film;meh\n'
    assert many_given.columns(data) == ("review", "label")
    found = many_given.from_table(data, "review", "label")
    assert found.contents == ('good; and\n"fine"', "bad\nfilm") and found.labels == ("positive", "meh")
    assert [name for name, _ in found.bad] == ["line 4", "line 5"]
    assert "empty" in found.bad[0][1] and "1 cell" in found.bad[1][1]
    assert any("line break" in note for note in found.notes)
    assert many_given.from_table(data, "review", None).labels == ("", "")


def test_one_column_is_enough_and_its_commas_are_text():
    data = b'text\nslow, but good\n"he said ""no"""\n'
    assert many_given.columns(data) == ("text",)
    found = many_given.from_table(data, "text", None)
    assert found.contents == ("slow, but good", 'he said "no"') and not found.notes


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n" + bytes(400), b"PK\x03\x04" + bytes(99)])
def test_what_is_no_table_is_a_sentence(data):
    with pytest.raises(OwnDataError, match=r"\."):
        many_given.columns(data)


def test_pictures_come_from_files_and_from_a_zip_whose_folders_are_labels():
    packed = zipped({"top/7/b.png": png(), "top/7/a.png": png((1, 2, 3)), "top/c.png": png(), "top/x.txt": b"no"})
    found = many_given.from_files([("one.png", png()), ("bad.png", b"nothing"), ("all.zip", packed)])
    assert found.names == ("one.png", "top/7/a.png", "top/7/b.png", "top/c.png")
    assert found.labels == ("", "7", "7", "")
    assert [name for name, _ in found.bad] == ["bad.png"] and "no picture" in found.bad[0][1]
    assert found.example(1).image[0, 0].tolist() == [1, 2, 3]
    assert "x.txt" in found.notes[0]


def test_a_zip_that_leads_out_of_its_folder_is_refused():
    with pytest.raises(OwnDataError, match="leads out"):
        many_given.from_files([("evil.zip", zipped({"../evil.png": png()}))])


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("REKD_CACHE", str(tmp_path))


def test_a_batch_comes_back_as_it_was_kept(own_cache):
    texts = many_given.from_paste("\ud800 alone\n这部电影\n<b>&amp;\n\u200b", blocks=False)
    name = many_kept.keep_inputs(texts)
    assert keep.is_name(name) and keep.holds(name, keep.BATCH) and many_kept.keep_inputs(texts) == name
    assert vars(many_kept.find_inputs(name)) == vars(texts)
    pictures = many_given.from_files([("a.png", png()), ("b.png", png((9, 9, 9)))])
    other = many_kept.keep_inputs(pictures)
    assert other != name and vars(many_kept.find_inputs(other)) == vars(pictures)


def test_a_damaged_or_unknown_batch_is_none(own_cache):
    assert many_kept.find_inputs("0" * 16) is None and many_kept.find_inputs("../../etc/passwd") is None
    name = many_kept.keep_inputs(many_given.from_files([("a.png", png())]))
    path = keep.folder() / f"{name}.zip"
    path.write_bytes(path.read_bytes()[:-30])
    assert many_kept.find_inputs(name) is None
    path.write_bytes(zipped({many_kept.MANIFEST: b"[1, 2]"}))
    assert many_kept.find_inputs(name) is None


def answer(label: int, marked: tuple[int, ...] = (), whole: bool = False, spans=()) -> Answer:
    return Answer(label, 0.75, len(marked), 8, "words", whole, False, marked, spans)


LINES = [
    Line(1, "line 1", 0, {"teacher": answer(0, (1, 2)), "re": answer(1, (5,)), "rekd": answer(0, (1, 2))}),
    Line(2, "line 2", 0, {"teacher": answer(0, (1, 2)), "re": answer(0, (5,)), "rekd": answer(0, (1, 3, 4))}),
    Line(3, "line 3", 1, {"teacher": answer(0, (1,)), "re": answer(0, (5,)), "rekd": answer(0, (2,))}),
    Line(4, "line 4", None, {"teacher": answer(0, (1,)), "re": answer(1, ()), "rekd": None}),
]
SLOTS = ("teacher", "re", "rekd")


@pytest.mark.parametrize(
    ("sift", "order", "numbers"),
    [
        ("all", "number", [1, 2, 3, 4]),
        ("disagree", "number", [1, 4]),
        ("wrong", "number", [1, 3]),
        ("rescued", "number", [1]),
        ("all", "apart", [3, 4, 2, 1]),  # overlaps 0, 0 (teacher and RE), 1/4, 1
    ],
)
def test_sifting_and_ordering(sift, order, numbers):
    assert [line.number for line in many_rows.sifted(LINES, sift, order, SLOTS)] == numbers


def test_overlap_counts_units():
    assert [line.overlap(SLOTS) for line in LINES] == [1.0, 0.25, 0.0, 0.0]
    assert LINES[0].overlap(("re",)) is None


def test_sifts_need_labels_and_models():
    assert many_rows.offered(SLOTS, True) == ["all", "disagree", "wrong", "rescued"]
    assert many_rows.offered(SLOTS, False) == ["all", "disagree"]
    assert many_rows.offered(("cls",), True) == ["all", "wrong"]


def test_labels_are_names_or_numbers_and_others_are_said():
    found, said = many_rows.indices(["Positive ", "0", "", "meh", "meh", "2"], ("negative", "positive"))
    assert found == [1, 0, None, None, None, None]
    assert said.startswith("3 labels") and "“meh”" in said and "“2”" in said
    assert many_rows.indices(["7"], ("0", "9", "7")) == ([2], "")  # a class's name before its number


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\t=1", " =1", "＝1", "\n=1", "\r=1"])
def test_no_cell_is_a_formula(cell):
    assert many_rows.guarded(cell) == "'" + cell
    assert many_rows.guarded("a=1") == "a=1" and many_rows.guarded(3) == "3"


def test_the_csv_file_holds_the_table():
    texts = ["=cmd()", 'a "quoted", line\nbreak', "三", "x"]
    spans = ((0, 2, 8, 9),)
    lines = [Line(2, "line 2", 0, {"re": answer(1, (2,), spans=spans), "cls": answer(0, whole=True)}), LINES[0]]
    data = many_rows.as_csv(lines, texts, ("no", "-yes"), {"re": "RE", "cls": "CLS"})
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert rows[0]["text"] == texts[1] and rows[0]["label"] == "no" and rows[0]["RE class"] == "'-yes"
    assert (rows[0]["RE right"], rows[0]["RE selected"], rows[0]["RE units"]) == ("no", "1", "8")
    assert rows[0]["RE rationale"] == texts[1][2:8] and rows[0]["CLS rationale"] == ""
    assert rows[0]["models disagree"] == "yes" and rows[1]["text"] == "'=cmd()"
    assert rows[1]["CLS class"] == "not read"


def test_stretches_join_neighbours_and_carry_context():
    places = [(i * 3, i * 3 + 2) for i in range(10)]
    mask = [i in (0, 4, 5, 9) for i in range(10)]
    assert many_rows.stretches(places, mask) == ((0, 0, 2, 8), (6, 12, 17, 23), (21, 27, 29, 29))


@given(MIXED_TEXT)
def test_a_line_shows_exactly_its_text_and_no_markup_of_its_own(text):
    text = f"{text}<script>'\"&"
    n = len(text)
    row = Line(1, "<i>", 0, {"re": answer(0, (0,), spans=((0, 0, n, n),))})
    drawn = many_table.line(row, text, None, ("<b>",), {"re": ("RE", "student")})
    assert "<script" not in drawn and "<i>" not in drawn and "<b>" not in drawn
    shown = re.search(r'<div class="rk-many-text" dir="auto">(.*?)</div>', drawn, re.DOTALL)[1]
    want = re.sub(r"\r\n|\r", "\n", text)  # a line end is drawn as one
    assert html.unescape(shown) == html.unescape(html.escape(want))
    snippet = re.search(r"what was selected\">(.*?)</div>", drawn, re.DOTALL)[1]
    assert html.unescape(re.sub(r"</?mark[^>]*>", "", snippet)) == html.unescape(html.escape(want))


def test_a_snippet_leaves_out_what_lies_between_and_repeats_nothing():
    text = "one two three four five six seven eight"
    drawn = many_table.snippet(text, ((4, 8, 13, 18), (14, 19, 23, 27)))
    assert re.sub(r"<[^>]*>", "", drawn) == "… two three four five six …"
    assert drawn.count("<mark") == 2 and ">three</mark>" in drawn


def test_a_word_without_an_end_does_not_fill_the_page():
    text = "x" * 100_000
    row = Line(1, "line 1", None, {"re": answer(0, (0,), spans=((0, 0, len(text), len(text)),))})
    assert len(many_table.line(row, text, None, ("a",), {"re": ("RE", "student")})) < 2_000


def test_a_picture_shrinks_to_whole_patches():
    picture = np.zeros((224, 224, 3), np.uint8)
    picture[:16, 16:32] = 200
    boxes = [(x, y, x + 16, y + 16) for y in range(0, 224, 16) for x in range(0, 224, 16)]
    thumb, grid = many_rows.small(picture, boxes)
    assert thumb.shape == (84, 84, 3) and grid == (14, 14)
    assert (thumb[:6, 6:12] == 200).all() and thumb.sum() == 200 * 3 * 36


def test_a_small_picture_says_in_words_where_its_marks_are():
    item = Answer(1, 0.9, 1, 4, "patches", False, False, (3,), thumb=np.zeros((84, 84, 3), np.uint8), grid=(2, 2))
    row = Line(5, "a.png", 1, {"rekd": item})
    drawn = many_table.line(row, None, np.zeros((9, 9, 3), np.uint8), ("no", "yes"), {"rekd": ("REKD", "student")})
    assert "REKD, input 5: 1 of 4 patches selected. Row 2: 2." in drawn and "✓ right" in drawn
