"""The exported page in a real Chromium: it asks for nothing, runs nothing, complains of nothing, and fits a phone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from records import painted, record
from test_browser import chromium

from rekd.explanations.record import settled
from rekd.ui.report import page

__all__ = ["chromium"]
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
