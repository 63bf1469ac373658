"""The address: a view goes in and comes out the same, and nothing that can stand in it breaks the page."""

from __future__ import annotations

from urllib.parse import parse_qs

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rekd.ui import keep, state
from rekd.ui.address import _KNOWN, address, parse
from rekd.ui.view import View


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("REKD_CACHE", str(tmp_path))


FULL = View(
    task="imdb",
    data="movies",
    own=True,
    example=12,
    text="A <b>film</b> & more?\nÜber = 100 %",
    teacher="imdb-teacher",
    cls="-",
    re="imdb-re",
    rekd="name/with slash",
    rule="sampled",
    seed=7,
    show="difference",
    methods=("KernelShap", "FeatureAblation"),
    explain="rekd",
    judge="imdb-random",
    target="positive",
    aopc=True,
    curves=True,
    infidelity=True,
    against="re",
    deeper="proof",
    draws=500,
    tau=0.25,
    painted="12-a3f",
    row=3,
    page=2,
    sift="rescued",
    order="apart",
)

names = st.text(st.characters(codec="utf-8"), max_size=20)
views = st.builds(
    View,
    **{name: names for name in ("task", "data", "teacher", "cls", "re", "rekd", "judge", "target", "text")},
    own=st.booleans(),
    aopc=st.booleans(),
    curves=st.booleans(),
    infidelity=st.booleans(),
    example=st.integers(0, state.LARGEST),
    seed=st.integers(0, state.LARGEST),
    rule=st.sampled_from(state.RULES),
    show=st.sampled_from(state.SHOWS),
    explain=st.sampled_from(state.SLOTS),
    methods=st.lists(st.sampled_from(state.METHODS), unique=True).map(tuple),
    against=st.sampled_from(("", *state.SLOTS)),
    deeper=st.sampled_from(state.DEEPER),
    draws=st.sampled_from(state.DRAWS),
    tau=st.floats(state.TAUS[1], state.TAUS[0]),
    painted=st.from_regex(r"[1-9][0-9]{0,3}-[0-9a-f]{1,60}", fullmatch=True),
    many=st.booleans(),
    row=st.integers(0, 300),
    page=st.integers(0, 20),
    sift=st.sampled_from(state.SIFTS),
    order=st.sampled_from(state.ORDERS),
)


def test_the_usual_view_has_an_empty_address():
    assert address(View()) == {} and parse({}) == (View(), [])


def test_a_full_view_comes_back_the_same():
    assert parse(address(FULL)) == (FULL, [])


@given(views)
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_view_comes_back_the_same(view):
    assert parse(address(view)) == (view, [])


@given(st.dictionaries(st.sampled_from([*_KNOWN, "other"]), st.text(max_size=30)))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_address_breaks_the_page(params):
    view, notes = parse(params)
    assert isinstance(view, View) and all(note.endswith(".") for note in notes)
    assert parse(address(view)) == (view, []), "what was understood of it is stable"


@pytest.mark.parametrize(
    ("params", "word"),
    [
        ({"rule": "best"}, "calibrated"),
        ({"show": "<script>"}, "mask"),
        ({"explain": "nobody"}, "cls"),
        ({"example": "-1"}, "whole number"),
        ({"example": "1e3"}, "whole number"),
        ({"example": "first"}, "whole number"),
        ({"example": "٣"}, "whole number"),
        ({"seed": "9" * 5000}, "whole number"),
        ({"draws": "7"}, "20, 100, 500"),
        ({"tau": "0"}, "0.1 to 5"),
        ({"tau": "nan"}, "0.1 to 5"),
        ({"tau": "1e400"}, "0.1 to 5"),
        ({"painted": "12-<b>"}, "12-a3f"),
        ({"against": "cls,re"}, "teacher, cls"),
        ({"deeper": "down"}, "proof"),
        ({"methods": "Salience,KernelShap"}, "Salience"),
        ({"kept": "../../etc/passwd"}, "not on this server"),
        ({"kept": "0123456789abcdef"}, "not on this server"),
        ({"upload": "0123456789abcdef"}, "not on this server"),
        ({"batch": "0123456789abcdef"}, "not on this server"),
        ({"batch": "../../etc/passwd"}, "not on this server"),
        ({"row": "last"}, "whole number"),
        ({"sift": "best"}, "disagree"),
        ({"order": "size"}, "apart"),
        ({"utm_source": "mail"}, "utm_source"),
    ],
)
def test_what_is_not_understood_is_said_and_left_out(params, word):
    view, notes = parse(params)
    assert len(notes) == 1 and word in notes[0]
    assert view in (View(), View(methods=("KernelShap",)))


def test_a_note_never_repeats_a_whole_hostile_value():
    _, notes = parse({"rule": "x" * 5_000})
    assert len(notes[0]) < 200


@pytest.mark.parametrize("length", [state.IN_ADDRESS - 1, state.IN_ADDRESS, state.IN_ADDRESS + 1, 100_000])
def test_a_long_text_is_kept_on_the_server_and_a_short_one_travels(length):
    view = View(own=True, text="é" * length)
    params = address(view)
    assert ("text" in params) == (length <= state.IN_ADDRESS) == ("kept" not in params)
    assert parse(params) == (view, [])


def test_an_upload_travels_by_its_hash():
    name = keep.keep_image(np.zeros((2, 2, 3), np.uint8))
    view = View(own=True, upload=name)
    assert parse(address(view)) == (view, [])


def test_a_batch_travels_by_its_hash_and_only_where_it_is_shown():
    keep.keep_batch("0123456789abcdef", b"packed")
    view = View(own=True, many=True, batch="0123456789abcdef", row=3, text="nobody else's business")
    assert parse(address(view)) == (view, [])
    link = parse_qs(state.link(view).split("?")[1])
    assert link == {"own": ["1"], "many": ["1"], "batch": [view.batch], "row": ["3"]}
    assert "batch" not in state.link(View(own=True, text="a film", batch=view.batch, row=3))


def test_the_link_is_a_whole_address_with_the_text_in_it():
    link = state.link(FULL)
    base, query = link.split("?")
    assert base.endswith("/") and not base.endswith("//")
    assert parse_qs(query)["text"] == [FULL.text]


def test_an_own_text_that_is_not_shown_stays_out_of_address_and_link_and_is_there_after_a_reload():
    view = View(text="nobody else's business", upload=keep.keep_image(np.zeros((2, 2, 3), np.uint8)))
    assert "business" not in str(address(view)) and parse(address(view)) == (view, [])
    assert "?" in state.link(view) and parse_qs(state.link(view).split("?")[1]) == {}


def test_the_methods_offered_are_those_that_exist():
    from rekd.explanations.attributions import METHODS

    assert set(state.METHODS) == set(METHODS)
    assert set(state.DEFAULT_METHODS) == {name for name, spec in METHODS.items() if spec.default}


def test_the_rules_offered_are_those_that_exist():
    from rekd.types import MASK_RULES

    assert set(state.RULES) == set(MASK_RULES)


def test_an_empty_slot_is_written_as_a_dash_and_understood_as_a_word_too():
    for name in ("-", "none"):
        view, notes = parse({"teacher": name, "cls": "imdb-cls", "methods": name})
        assert (view.teacher, view.cls, view.methods, notes) == ("-", "imdb-cls", (), [])
    assert address(view) == {"teacher": "-", "cls": "imdb-cls", "methods": "-"}
