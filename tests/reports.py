"""A report's page as a browser would take it: its elements, attributes and texts, and whether all of it is harmless."""

from __future__ import annotations

from html.parser import HTMLParser

from helpers import MIXED_TEXT
from hypothesis import strategies as st

VOID = {"meta", "img", "br", "link", "input", "hr"}
TAGS = """
html head meta title style body header h1 h2 p b main div span mark i img figure svg text path rect polyline table thead
tbody tr th td br dl dt dd footer code a
"""
ATTRIBUTES = """
lang charset http-equiv content name class style title dir role tabindex aria-label src alt scope href rel xmlns viewbox
font-family font-size font-weight fill fill-opacity stroke stroke-opacity stroke-width stroke-dasharray x y d rx width
height points text-anchor
"""


class Seen(HTMLParser):
    """What a browser would make of a page: elements, their attributes, and the text in each passage."""

    def __init__(self, html: str):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.open = set(), {}, []
        self.passages: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        for name, value in attributes:
            self.attributes.setdefault(name, []).append(value or "")
        held = dict(attributes)
        if tag not in VOID:
            self.open.append((tag, held.get("class", "")))
        if tag == "div" and "rk-text" in held.get("class", "").split():
            self.passages.append("")

    def handle_endtag(self, tag):
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        kinds = [kind.split() for _, kind in self.open]
        if any("rk-text" in kind for kind in kinds) and not any("rk-more" in kind for kind in kinds):
            self.passages[-1] += data


def harmless(seen: Seen) -> None:
    assert seen.tags <= set(TAGS.split()), seen.tags - set(TAGS.split())
    assert set(seen.attributes) <= set(ATTRIBUTES.split()), set(seen.attributes) - set(ATTRIBUTES.split())
    assert all(source.startswith("data:image/svg+xml;base64,") for source in seen.attributes.get("src", ()))
    assert all(link.startswith(("http://", "https://")) for link in seen.attributes.get("href", ()))


WILD = st.one_of(
    MIXED_TEXT,
    st.lists(
        st.sampled_from(
            [
                "<script>alert(1)</script>",
                "</div>",
                "\"'&",
                "&amp;",
                "the",
                "שלום",
                "\u200b",
                "\u202e",
                "👩‍🚀",
                "中文",
                "\x1b[31m",
            ]
        ),
        max_size=9,
    ).map(" ".join),
)
