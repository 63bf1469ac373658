"""Many inputs on Explore: given, shown as a table, opened one by one, and found again by the address."""

from __future__ import annotations

import re

import pytest
from explore import blocks, cards, opened, picked, png, reopened, said, sound, text_of

from rekd.ui import cache, keep, many_cache

TEXTS = "A lovely film.\n\nThe plot is slow and dull.\n\u200b\n<script>alert(1)</script> 这部电影\nهذا فيلم رائع"


def lines(at) -> list[str]:
    return [block for block in blocks(at) if "rk-many-line" in block]


def words(block: str) -> str:
    """What a block says, spaces evened out: a mark or none between two words is all the same."""
    return " ".join(text_of(block).split())


def pasted(inputs: str, **address: str):
    at = opened(own="1", many="1", methods="-", **address)
    picked(at, "many_text").set_value(inputs)
    sound(at.run())
    at.button(key="many_read").click()
    return sound(at.run())


def test_the_switch_offers_a_third_way():
    at = opened(methods="-")
    picked(at, "w_given").set_value("many")
    sound(at.run())
    assert not cards(at) and picked(at, "many_text").value == "" and at.query_params["many"] in ("1", ["1"])
    picked(at, "w_given").set_value("example")
    assert len(cards(sound(at.run()))) == 4


def test_pasted_texts_become_a_table_with_what_was_left_out():
    at = pasted(TEXTS)
    shown = lines(at)
    assert len(shown) == 4 and all(block.count("rk-many-said") == 4 for block in shown)
    assert "A lovely film." in text_of(shown[0])
    assert "<script" not in "".join(blocks(at)) and "<script>alert(1)</script> 这部电影" in text_of(shown[2])
    assert "4 inputs" in said(at) and "1 empty line skipped" in said(at)
    assert "- line 4: there is nothing to read in the text" in said(at).replace("\\", "")
    assert "rk-sel" in shown[0], "the rationale is marked in its context"


def test_a_line_opens_in_the_full_view_and_the_way_back_leads_to_the_same_page():
    at = pasted("\n".join(f"a film number {i}" for i in range(1, 46)))
    assert len(lines(at)) == 20
    at.button(key="many_page_next").click()
    sound(at.run())
    assert "a film number 21" in text_of(lines(at)[0])
    at.button(key="many_open_23").click()
    sound(at.run())
    assert not lines(at) and len(cards(at)) == 4 and "film number 23" in words(cards(at)[0])
    again = reopened(at)
    assert cards(again) == cards(at), "the address opens the input again"
    at.button(key="many_next").click()
    assert "film number 24" in words(cards(sound(at.run()))[0])
    at.button(key="many_back").click()
    sound(at.run())
    assert not cards(at) and "a film number 21" in text_of(lines(at)[0])
    assert lines(reopened(at)) == lines(at), "the address opens the page of the table again"


def test_previous_and_next_follow_the_order_of_the_table():
    at = pasted("\n".join(["a lovely film", "the plot is slow", "great", "dull and weak and long", "never funny"]))
    picked(at, "w_order").set_value("apart")
    sound(at.run())
    order = [int(re.search(r'aria-label="Input (\d+)"', block)[1]) for block in lines(at)]
    assert sorted(order) == [1, 2, 3, 4, 5] != order
    at.button(key=f"many_open_{order[1]}").click()
    sound(at.run())
    assert "Line 2 of 5 in the table" in said(at)
    seen = []
    for key in ("many_next", "many_next", "many_next", "many_next", "many_previous"):
        at.button(key=key).click()
        sound(at.run())
        (row,) = at.query_params["row"] if isinstance(at.query_params["row"], list) else [at.query_params["row"]]
        seen.append(int(row))
    assert seen == [order[2], order[3], order[4], order[0], order[4]]
    cache.clear()
    again = reopened(at)
    assert "go by number: the table in its order was not drawn yet" in said(again)
    again.button(key="many_next").click()
    assert f"Input {seen[-1] % 5 + 1} of 5" in said(sound(again.run()))


def test_the_table_says_what_the_cards_say():
    at = pasted("the end is great\nthe plot is slow, the act is worst and the end is dull")
    in_table = re.findall(r'rk-many-class">(\w+)</span><span title="([\d.]+)"', lines(at)[1])
    at.button(key="many_open_2").click()
    in_cards = [
        (re.search(r'rk-class">(\w+)<', card)[1], re.search(r'title="([\d.]+)"', card)[1])
        for card in cards(sound(at.run()))
    ]
    assert [name for name, _ in in_table] == [name for name, _ in in_cards]
    assert [float(sure) for _, sure in in_table] == pytest.approx([float(sure) for _, sure in in_cards], abs=2e-4)


def test_the_table_says_which_words_a_model_does_not_know():
    at = pasted("a lovely 这部 film\na lovely film")
    strange, plain = lines(at)
    assert strange.count("This model does not know 2 of 5 words") == 4 and "does not know" not in plain
    at.button(key="many_open_1").click()
    assert "does not know 2 of 5 words" in cards(sound(at.run()))[0]


def test_a_csv_file_with_labels_is_sifted():
    at = opened(own="1", many="1", methods="-")
    picked(at, "many_way").set_value("csv")
    sound(at.run())
    rows = b"id,review,sentiment\n1,a great film,positive\n2,a great film,negative\n3,,positive\n4,fine,maybe\n"
    at.file_uploader[0].set_value(("mine.csv", rows, "text/csv"))
    sound(at.run())
    at.button(key="many_read").click()
    sound(at.run())
    shown = lines(at)
    assert len(shown) == 3 and "“maybe”" in said(at).replace("\\", "")
    assert all(("✓" in block) or ("✗" in block) for block in shown[:2]) and "✓" not in shown[2] and "✗" not in shown[2]
    picked(at, "w_sift").set_value("wrong")
    sound(at.run())
    assert (
        lines(at)
        and all("✗ wrong" in block for block in lines(at))
        and at.query_params["sift"]
        in (
            "wrong",
            ["wrong"],
        )
    )


def test_a_column_that_is_not_known_by_name_is_asked_for():
    at = opened(own="1", many="1", methods="-")
    picked(at, "many_way").set_value("csv")
    sound(at.run())
    at.file_uploader[0].set_value(("mine.csv", b"a,b\nx,a lovely film\n", "text/csv"))
    sound(at.run())
    column = next(box for box in at.selectbox if box.label == "Text column")
    assert column.value is None and at.button(key="many_read").disabled
    column.set_value("b")
    sound(at.run())
    at.button(key="many_read").click()
    assert "a lovely film" in text_of(lines(sound(at.run()))[0])


def test_many_pictures_become_a_table():
    at = opened(task="digits", own="1", many="1", methods="-")
    files = [("red.png", png(), "image/png"), ("no.png", b"hello", "image/png"), ("blue.png", png((0, 0, 200)), "")]
    at.file_uploader[0].set_value(files)
    sound(at.run())
    at.button(key="many_read").click()
    sound(at.run())
    assert len(lines(at)) == 2 and lines(at)[0].count("rk-picture") == 4, "the input, and three models that select"
    assert "no.png" in said(at).replace("\\", "") and "red.png" in lines(at)[0]
    at.button(key="many_open_2").click()
    assert len(cards(sound(at.run()))) == 4


def test_an_empty_batch_is_a_sentence_and_one_input_a_table():
    at = pasted("  \n\n")
    assert at.error and "no input to read" in at.error[0].value and not lines(at)
    at = pasted("one lovely film")
    assert len(lines(at)) == 1 and "1 input" in said(at)


def test_an_address_without_its_batch_says_so_and_a_row_beyond_it_is_mended():
    at = opened(own="1", many="1", batch="0123456789abcdef", row="3", methods="-")
    assert "not on this server" in said(at) and picked(at, "many_text").value == ""
    at = pasted("one film\ntwo films")
    (batch,) = (path.stem for path in keep.folder().glob("*.zip"))
    again = opened(own="1", many="1", batch=batch, row="9", methods="-")
    assert "9 is none of them" in said(again) and "two films" in words(cards(again)[0])


def test_a_batch_of_texts_is_no_batch_of_pictures():
    at = pasted("one film")
    (batch,) = (path.stem for path in keep.folder().glob("*.zip"))
    at = opened(task="digits", own="1", many="1", batch=batch, methods="-")
    assert not lines(at) and at.file_uploader


def test_what_was_computed_before_a_click_is_kept(monkeypatch):
    at = pasted("\n".join(f"a film number {i}" for i in range(12)))
    asked = []
    monkeypatch.setattr(cache, "checkpoint", lambda info: asked.append(info))
    picked(at, "w_order").set_value("apart")
    sound(at.run())
    assert len(lines(at)) == 12 and not asked


def test_a_model_that_can_not_be_loaded_is_said_once_and_the_others_answer(monkeypatch):
    from rekd.checkpoints import CheckpointError

    real = many_cache.answers

    def answers(info, *rest):
        if info.role == "re":
            raise CheckpointError("The weights are gone.")
        return real(info, *rest)

    monkeypatch.setattr(many_cache, "answers", answers)
    at = pasted("one film\ntwo films\n" * 4)
    assert [error.value for error in at.error] == ["The weights are gone\\."]
    assert all(block.count("rk-many-said") == 3 and ">not read<" in block for block in lines(at))


def test_an_own_text_is_not_in_the_link_of_a_batch_nor_a_batch_in_that_of_an_example():
    at = pasted("one film", text="my own secret")
    link = next(element.value for element in at.code)
    assert "secret" not in link and "batch=" in link and "kept on this server" in said(at)
    picked(at, "w_given").set_value("example")
    sound(at.run())
    assert "batch=" not in next(element.value for element in at.code)
