"""A CSV file of one's own: whatever program wrote it, good rows are read and each bad one is told by its line."""

from __future__ import annotations

import codecs
import time

import pytest

from rekd.data.own import OwnDataError, columns, guess_columns, read_csv
from rekd.data.own import draft as own_draft
from rekd.data.own import file as own_file

PLAIN = "text,label\n" + "".join(f"film {i},{'good' if i % 2 else 'bad'}\n" for i in range(20))


def told(draft) -> list[tuple[int, str]]:
    return [(bad.number, bad.reason) for bad in draft.bad]


def texts(draft) -> list[str]:
    return draft.content.to_pylist()


def test_a_plain_file_is_counted_split_and_sampled(tmp_path):
    path = tmp_path / "films.csv"
    path.write_text(PLAIN)
    draft = read_csv(path)
    assert (draft.modality, draft.source, draft.rows) == ("text", "films.csv", 20)
    assert draft.classes == ("bad", "good") and draft.counts == {"bad": 10, "good": 10}
    assert draft.splits == {"train": 16, "dev": 2, "test": 2}
    assert not draft.bad and draft.bad_count == 0
    assert [(s.number, s.label, s.text) for s in draft.samples][:2] == [(2, "bad", "film 0"), (3, "good", "film 1")]
    assert texts(draft)[19] == "film 19" and draft.labels[19] == 1
    assert any("“text” is taken as the text and “label” as the label" in note for note in draft.notes)


def test_bad_rows_are_told_by_the_line_where_they_begin():
    rows = [
        "text,label",
        '"two',  # 2: a good row of three lines, one of them empty
        "",
        'lines",good',
        ",bad",  # 5
        "no label,",
        "no label either,  ",
        "too,many,cells",
        "one cell",
        '"\u200b \u200d",good',  # 10
        "a\0b,good",
        "text,label",
        "",
        "  ,good",  # 14
        *["fine,good", "fine,bad"] * 3,
        '"never closed,good',
        "lost,good",
    ]
    draft = read_csv("\n".join(rows).encode())
    assert told(draft) == [
        (5, "the text is empty"),
        (6, "the label is missing"),
        (7, "the label is missing"),
        (8, "it has 3 cells; the first line names 2 columns"),
        (9, "it has 1 cell; the first line names 2 columns"),
        (10, "there is nothing to read in the text: no letter, digit or sign"),
        (11, "it holds NUL bytes"),
        (12, "it repeats the column names"),
        (14, "the text is empty"),
        (21, "a quotation mark opens in it and never closes"),
    ]
    assert draft.bad_count == 10 and draft.rows == 7 and texts(draft)[0] == "two\n\nlines"


def test_a_quotation_mark_that_never_closes_costs_no_more_than_it_swallows():
    lines = ["text,label", *["fine,good", "fine,bad"] * 3, '"opened,good']
    lines += [f"swallowed {i},bad" for i in range(10_000)] + ["late,good", "late,bad"]
    draft = read_csv("\n".join(lines).encode())
    assert (
        draft.bad[0].number == 8
        and "over 131,072 characters, or its quotation mark never closes" in draft.bad[0].reason
    )
    assert {"fine", "late"} <= set(texts(draft)) and draft.counts["good"] == 4


def test_a_thousand_bad_rows_are_kept_and_all_are_counted():
    draft = read_csv((PLAIN + ",bad\n" * 2_500).encode())
    assert draft.bad_count == 2_500 and len(draft.bad) == 1_000
    assert [bad.number for bad in draft.bad[:2]] == [22, 23]


@pytest.mark.parametrize(("delimiter", "said"), [(",", ""), (";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_the_separator_is_found_by_the_header_whatever_the_texts_hold(delimiter, said):
    rows = [f'"one, two; three | four\t{i}"{delimiter}{"ab"[i % 2]}' for i in range(8)]
    draft = read_csv("\n".join([f"text{delimiter}label", *rows]).encode())
    assert draft.rows == 8 and texts(draft)[0] == "one, two; three | four\t0"
    assert [note for note in draft.notes if "separated" in note] == [f"Its cells are separated by {said}."] * bool(said)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_every_system_s_line_ends_count_the_same(ending):
    draft = read_csv((PLAIN + "bad row\n").replace("\n", ending).encode())
    assert draft.rows == 20 and told(draft)[0][0] == 22


class TestEncodings:
    TEXT = "text,label\n" + "".join(f"Über Käse {i},{'gut' if i % 2 else 'müde'}\n" for i in range(8))

    @pytest.mark.parametrize(
        ("encoded", "note"),
        [
            (TEXT.encode(), ""),
            (TEXT.encode("utf-8-sig"), ""),
            (TEXT.encode("utf-16"), "The file is in UTF-16."),
            (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "The file is in UTF-16."),
            (TEXT.encode("utf-32"), "The file is in UTF-32."),
            (TEXT.encode("cp1252"), "it was read as Windows-1252"),
        ],
        ids=["utf-8", "utf-8 with mark", "utf-16", "utf-16 big", "utf-32", "cp1252"],
    )
    def test_texts_and_names_are_the_same_in_each(self, encoded, note):
        assert columns(encoded) == ("text", "label")
        draft = read_csv(encoded)
        assert draft.classes == ("gut", "müde") and texts(draft)[3] == "Über Käse 3"
        assert any(note in said for said in draft.notes)

    def test_a_few_wrong_bytes_cost_their_rows_alone(self):
        draft = read_csv(self.TEXT.encode() + b"K\xe4se,gut\n")
        assert told(draft) == [(10, "it holds bytes that are no UTF-8")] and draft.rows == 8

    def test_a_byte_that_windows_1252_lacks_costs_its_row(self):
        draft = read_csv(self.TEXT.encode("cp1252") + b"K\x81se,gut\n")
        assert told(draft) == [(10, "it holds bytes that are no Windows-1252")] and draft.rows == 8

    def test_a_character_cut_in_two_at_a_chunk_s_edge_is_one(self, monkeypatch):
        monkeypatch.setattr(own_file, "_CHUNK", 7)
        assert not any("Windows" in note for note in read_csv(self.TEXT.encode()).notes)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "The file is empty"),
        (b"\xef\xbb\xbf\n\n", "The file is empty"),
        (b"PK\x03\x04rest", "a zip archive or an Excel workbook; save the table as CSV"),
        (b"PAR1rest", "a Parquet file"),
        (b"t\0e\0x\0t\0", "no text, or text in an unusual encoding"),
        (b"text\nfilm\nfilm\n", "has one column, “text”"),
        (b"text,label\n", "There is no row to learn from"),
        (b"text,label\n,a\n,b\n", "No row can be used. 2 were left out; the first, line 2: the text is empty"),
        (b"a,a\n1,2\n", "“a” stands in it more than once"),
        (b"film,good\nb,good\nc,bad\nd,bad\ne,bad\nf,good\ng,good\n", "it holds “good”, which is a label further down"),
        (b"x" * (5 * 2**20), "A line has over 4,194,304 characters"),
    ],
)
def test_what_is_no_table_of_texts_is_a_sentence(data, said):
    with pytest.raises(OwnDataError, match=said):
        read_csv(data)


def test_a_file_that_is_not_there_or_too_large_is_a_sentence(tmp_path, monkeypatch):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(OwnDataError, match="can't be opened"):
            read_csv(path)
    monkeypatch.setattr(own_file, "MOST_BYTES", 10)
    with pytest.raises(OwnDataError, match="at most 0 GB are read"):
        read_csv(PLAIN.encode())


class TestColumns:
    @pytest.mark.parametrize(
        ("names", "guess"),
        [
            (("text", "label"), ("text", "label")),
            (("label", "text"), ("text", "label")),
            (("id", "Review", "Sentiment", "date"), ("Review", "Sentiment")),
            (("", "sentence", "class"), ("sentence", "class")),
            (("a", "b"), ("a", "b")),
            (("a", "b", "split"), ("a", "b")),
            (("split", "a"), ("a", "split")),
            (("words", "category"), ("words", "category")),
            (("text", "comment"), ("text", "comment")),
        ],
    )
    def test_are_guessed_by_name_then_by_place(self, names, guess):
        assert guess_columns(names) == guess

    def test_what_is_given_is_kept(self):
        assert guess_columns(("text", "label", "topic"), label="topic") == ("text", "topic")
        assert guess_columns(("text", "label"), text="label") == ("label", "text")

    def test_one_column_is_none(self):
        with pytest.raises(OwnDataError, match="There is one column, text"):
            guess_columns(("text",))

    def test_those_named_are_read(self):
        data = "id,text,mood,title\n" + "".join(f"{i},x,{'ab'[i % 2]},Title {i}\n" for i in range(8))
        assert columns(data.encode()) == ("id", "text", "mood", "title")
        draft = read_csv(data.encode(), "title", "mood")
        assert texts(draft)[7] == "Title 7" and draft.classes == ("a", "b")
        for text, label, said in (("none", "mood", "no column “none”"), ("text", "text", "the same column, “text”")):
            with pytest.raises(OwnDataError, match=said):
                read_csv(data.encode(), text, label)


def test_line_breaks_as_web_pages_have_them_are_noted():
    draft = read_csv(PLAIN.replace("film 3", "film<br />three").encode())
    assert draft.line_break == "<br />" and any("“<br />” stands in 1 text and" in note for note in draft.notes)


def test_a_text_too_long_for_a_reader_is_a_bad_row(monkeypatch):
    monkeypatch.setattr(own_draft, "LONGEST_TEXT", 20)
    draft = read_csv((PLAIN + f"{'long ' * 10},good\n").encode())
    assert told(draft) == [(22, "the text has 50 characters; at most 20 are read")]


def test_too_many_rows_are_a_sentence_and_the_file_is_left_closed(monkeypatch, tmp_path):
    monkeypatch.setattr(own_draft, "MOST_ROWS", 10)
    path = tmp_path / "many.csv"
    path.write_text(PLAIN)
    with pytest.raises(OwnDataError, match="more than 10 rows, the most that are read"):
        read_csv(path)
    path.unlink()


def test_200_000_rows_take_seconds():
    rows = "".join(f'"a film, number {i}, that\nwas seen",{"good" if i % 3 else "bad"}\n' for i in range(200_000))
    data = ("text,label\n" + rows + ",good\n").encode()
    start = time.process_time()
    draft = read_csv(data)
    assert time.process_time() - start < 15
    assert draft.rows == 200_000 and told(draft) == [(400_002, "the text is empty")]
    assert draft.splits == {"train": 160_000, "dev": 20_000, "test": 20_000}
