"""Classes and splits of one's own data: what is too small or odd is told, and what is tested with was not learnt."""

from __future__ import annotations

import pytest

from rekd.data.own import OwnDataError, read_csv

PLAIN = "text,label\n" + "".join(f"film {i},{'good' if i % 2 else 'bad'}\n" for i in range(20))


def told(draft) -> list[tuple[int, str]]:
    return [(bad.number, bad.reason) for bad in draft.bad]


def texts(draft) -> list[str]:
    return draft.content.to_pylist()


class TestClasses:
    def read(self, counts: dict[str, int]):
        rows = [f"text {name} {i},{name}" for name, count in counts.items() for i in range(count)]
        return read_csv("\n".join(["text,label", *rows]).encode())

    def test_one_class_is_refused_by_its_name(self):
        with pytest.raises(OwnDataError, match="Every row has the label “good”; two classes are needed"):
            self.read({"good": 40})

    def test_a_class_of_one_or_two_rows_is_left_out_row_by_row(self):
        draft = self.read({"a": 5, "typo": 1, "b": 5, "rare": 2})
        assert draft.classes == ("a", "b") and draft.rows == 10
        assert [number for number, _ in told(draft)] == [7, 13, 14]
        assert "its class “typo” has only 1 row; at least 3" in draft.bad[0].reason

    def test_nothing_but_rare_classes_is_a_sentence(self):
        with pytest.raises(OwnDataError, match="holds 2 labels, and two classes are needed.*Only “a” has 3.*line 5"):
            self.read({"a": 3, "b": 2})

    def test_a_column_of_numbers_is_no_label(self):
        with pytest.raises(
            OwnDataError, match="The column “label” holds 4,312 different labels; at most 200.*right place"
        ):
            self.read({str(i): 1 for i in range(4_312)})

    def test_two_hundred_classes_are_read_and_more_are_not(self):
        assert len(self.read({f"c{i}": 3 for i in range(200)}).classes) == 200
        with pytest.raises(OwnDataError, match="201 different labels"):
            self.read({f"c{i}": 3 for i in range(201)})

    def test_many_typos_beside_few_classes_are_bad_rows(self):
        draft = self.read({"a": 2_000, "b": 2_000, **{f"typo {i}": 1 for i in range(250)}})
        assert draft.classes == ("a", "b") and draft.bad_count == 250

    def test_numbers_are_in_order_of_size_and_names_in_that_of_the_alphabet(self):
        assert self.read({"10": 3, "9": 3, "1": 3}).classes == ("1", "9", "10")
        assert self.read({"Zebra": 3, "ant": 3, "5": 3}).classes == ("5", "ant", "Zebra")

    def test_names_that_look_alike_are_told(self):
        notes = self.read({"Good": 3, "good": 3, "bad": 3}).notes
        assert any("“good” and “Good” differ only" in n or "“Good” and “good” differ only" in n for n in notes)

    def test_space_around_a_label_and_control_characters_are_no_part_of_it(self):
        rows = ["x, good ", "x,good", 'x,"go\x1bod"', *["x,bad"] * 3, "x,good"]
        draft = read_csv("\n".join(["text,label", *rows]).encode())
        assert draft.counts["good"] == 3 and all(name.isprintable() for name in draft.classes)

    def test_a_label_as_long_as_a_text_is_a_bad_row(self):
        draft = read_csv((PLAIN + f"x,{'y' * 101}\n").encode())
        assert told(draft) == [(22, "the label has 101 characters; at most 100 make a class name")]


class TestSplits:
    def test_a_split_column_is_followed_and_its_oddities_told(self):
        rows = [f"row {i},{'ab'[i % 2]},{name}" for i, name in enumerate(["train"] * 8 + ["VALID"] * 2 + ["Test "] * 4)]
        draft = read_csv("\n".join(["text,label,Split", *rows, "x,a,", "x,a,holdout"]).encode())
        assert draft.splits == {"train": 8, "dev": 2, "test": 4}
        assert [texts(draft)[i] for i in draft.parts["dev"]] == ["row 8", "row 9"]
        assert [bad.number for bad in draft.bad] == [16, 17] and "its split is “holdout”" in draft.bad[1].reason
        assert "Train, dev and test are the source's own." in draft.notes

    def test_what_is_missing_is_carved_from_train(self):
        rows = [f"row {i},{'ab'[i % 2]},{'train' if i < 40 else 'test'}" for i in range(60)]
        draft = read_csv("\n".join(["text,label,split", *rows]).encode())
        assert draft.splits == {"train": 36, "dev": 4, "test": 20}
        assert any("The source has no dev: 10% of the training rows, class by class" in note for note in draft.notes)

    def test_a_class_that_train_lacks_is_left_out(self):
        rows = [f"row {i},{'abc'[i % 3]},{'test' if i % 3 == 2 else 'train'}" for i in range(30)]
        draft = read_csv("\n".join(["text,label,split", *rows, *["t,a,test", "t,b,test"]]).encode())
        assert draft.classes == ("a", "b") and draft.bad_count == 10
        assert "no row of its class “c” is in the training split" in draft.bad[0].reason

    def test_every_class_is_in_every_split_and_a_split_is_always_the_same(self):
        data = "text,label\n" + "".join(f"t {i},{'rare' if i < 3 else 'common'}\n" for i in range(500))
        first, again = read_csv(data.encode()), read_csv(data.encode())
        for name, rows in first.parts.items():
            assert set(first.labels[rows]) == {0, 1} and (rows == again.parts[name]).all()
            assert (rows[1:] > rows[:-1]).all(), "rows keep their order"
        assert sum(first.splits.values()) == 500 and len(set().union(*map(set, first.parts.values()))) == 500

    def test_repeated_texts_stay_in_train_and_are_counted(self):
        rows = [f"film {i},{'ab'[i % 2]}" for i in range(100)] + [f"again {i % 10},{'ab'[i % 2]}" for i in range(40)]
        draft = read_csv("\n".join(["text,label", *rows]).encode())
        for name in ("dev", "test"):
            assert not any(texts(draft)[row].startswith("again") for row in draft.parts[name])
        assert "30 rows repeat another exactly; all are kept." in draft.notes
        assert not any("more than one split" in note for note in draft.notes)

    def test_one_text_under_two_labels_or_in_two_splits_is_told(self):
        rows = [f"f {i},{'ab'[i % 2]},{'train' if i < 16 else 'test'}" for i in range(20)]
        rows += ["same,a,train", "same,b,train", "known,a,train", "known,a,test"]
        notes = read_csv("\n".join(["text,label,split", *rows]).encode()).notes
        assert "1 content stands there with more than one label." in notes
        assert "1 content stands in more than one split: what is tested with was partly learnt." in notes
