"""The exported page in a real Chromium: it asks for nothing, runs nothing, complains of nothing, and fits a phone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from records import model, painted, record

from rekd.explanations.record import settled
from rekd.ui.report import page

pytestmark = pytest.mark.browser

WILD = "A <script>document.title='run'</script> film & 'more' שלום עולם 👩‍🚀 中文, the the the end \"quoted\"."


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("text", [WILD, None])
def test_an_exported_page_stands_alone(chromium, tmp_path, text, scheme):
    path = tmp_path / "view.html"
    made = record(text)
    path.write_text(page(settled(replace(made, painted=painted(made.models)))), encoding="utf-8")
    context = chromium.new_context(viewport={"width": 390, "height": 800}, color_scheme=scheme)
    tab, complaints, asked = context.new_page(), [], []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url) if not request.url.startswith("data:") else None)
    tab.goto(path.as_uri())
    tab.wait_for_load_state("networkidle")
    assert complaints == [] and asked == [path.as_uri()]
    assert tab.title().startswith("own/") and tab.evaluate("document.scripts.length") == 0
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390, "nothing may be cut off on a phone"
    if text is None:
        shown = "[...document.images].map(image => image.complete && image.naturalWidth > 0)"
        assert tab.evaluate(shown) == [True] * 6, "the policy must not forbid the page its own pictures"
    else:
        assert set(tab.locator(".rk-text").all_text_contents()) == {text}
    paper, ink = (tab.evaluate(f"getComputedStyle(document.body).{name}") for name in ("backgroundColor", "color"))
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light") and paper != ink
    context.close()


@pytest.fixture
def written(tmp_path) -> str:
    """Address of an exported page of a text and four models."""
    three = record(WILD).models
    four = (*three, replace(model("rekd", three[0].shown.units), stop=len(WILD)))
    path, made = tmp_path / "view.html", record(WILD, models=four)
    path.write_text(page(settled(replace(made, painted=painted(four)))), encoding="utf-8")
    return path.as_uri()


def rows_of(tab) -> list[int]:
    """How many of the models' cards stand in each row."""
    tops = tab.locator(".rk-cards").first.evaluate("grid => [...grid.children].map(card => card.offsetTop)")
    return [tops.count(top) for top in dict.fromkeys(tops)]


@pytest.mark.parametrize(("width", "rows"), [(1400, [4]), (1200, [4]), (800, [2, 2]), (390, [1, 1, 1, 1])])
def test_no_card_of_four_stands_alone_beside_an_empty_place(chromium, written, width, rows):
    tab = chromium.new_page(viewport={"width": width, "height": 900})
    tab.goto(written)
    assert rows_of(tab) == rows
    tab.close()


def test_it_prints_dark_letters_on_white_with_every_card_whole(chromium, written):
    context = chromium.new_context(color_scheme="dark", viewport={"width": 700, "height": 990})
    tab = context.new_page()
    tab.goto(written)
    tab.emulate_media(media="print", color_scheme="dark")
    paper, ink = (tab.evaluate(f"getComputedStyle(document.body).{name}") for name in ("backgroundColor", "color"))
    assert paper == "rgb(255, 255, 255)" and max(map(int, ink[4:-1].split(","))) < 60
    assert rows_of(tab) == [2, 2]
    whole = (
        "[...document.querySelectorAll('.rk-cards>*,.rk-chart,.rk-table')].map(e => getComputedStyle(e).breakInside)"
    )
    assert set(tab.evaluate(whole)) == {"avoid"}
    cut = """[...document.querySelectorAll('.rk-text,.rk-scroll,.rk-cards>*')].filter(e =>
      getComputedStyle(e).overflow !== 'visible' || e.scrollWidth > document.documentElement.clientWidth).length"""
    assert tab.evaluate(cut) == 0
    assert tab.pdf(format="A4").startswith(b"%PDF")
    context.close()
