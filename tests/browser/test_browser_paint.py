"""Painting in a real Chromium: by mouse and by keyboard, on a text that is hard to draw."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from visitor import Visitor

from rekd.ui import paint
from rekd.units import words

pytestmark = pytest.mark.browser

WILD = (
    'A "good" film: <script>alert(1)</script> &amp; 👩‍👩‍👧 é\u0301!\n'
    "  two  spaces, שלום עולם سلام,\n"
    "这部电影很好看, not\u200bgood and never dull."
)
N, HARD = len(words(WILD)), quote(WILD)
FOCUSED = """() => {
  const host = [...document.querySelectorAll("*")].find((e) => e.shadowRoot?.activeElement);
  return host ? Number(host.shadowRoot.activeElement.dataset.number) : null;
}"""
SHOWN = """() => {
  const host = [...document.querySelectorAll("*")].find((e) => e.shadowRoot?.querySelector(".flow"));
  return host.shadowRoot.querySelector(".flow").textContent;
}"""


class Painter(Visitor):
    """A person who paints."""

    @property
    def units(self):
        return self.page.locator("[data-number]")

    def on(self) -> list[int]:
        checked = self.units.evaluate_all("nodes => nodes.map((node) => node.getAttribute('aria-checked'))")
        return [number for number, state in enumerate(checked) if state == "true"]

    def told(self) -> str:
        return self.page.locator(".rk-answers").inner_text()

    def comes(self, mask: list[int]) -> None:
        """Wait until the board, the server's count and the address all say this mask."""
        n = self.units.count()
        packed = paint.pack([i in mask for i in range(n)])
        self.page.wait_for_url(lambda url: f"painted={packed}" in url)
        self.page.locator(".rk-answers .rk-count", has_text=f"{len(mask)} of {n} painted").first.wait_for()
        self.page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
        assert self.on() == mask

    def middle(self, number: int) -> tuple[float, float]:
        self.units.nth(number).scroll_into_view_if_needed()  # a pointer reaches only what is in the window
        box = self.units.nth(number).bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def clear(self) -> None:
        self.page.get_by_role("button", name="Clear", exact=True).click()
        self.comes([])


@pytest.fixture(scope="module")
def windows():
    """Painters whose tests have passed; opening a window takes longer than most of them."""
    kept = []
    yield kept
    for painter in kept:
        painter.leave()


@pytest.fixture
def painter(chromium, address, windows, request):
    """A board on which nothing is painted."""
    failed = request.session.testsfailed
    visitor = windows.pop() if windows else Painter(chromium, f"{address}?deeper=paint&task=imdb&own=1&text={HARD}")
    visitor.units.first.wait_for()
    visitor.clear()
    yield visitor
    if request.session.testsfailed > failed:
        visitor.context.close()
    else:
        visitor.settle()
        assert visitor.complaints == []
        windows.append(visitor)


def test_every_character_is_shown_and_each_word_has_a_name(painter):
    assert painter.page.evaluate(SHOWN) == WILD
    assert painter.units.count() == N
    for number, (start, stop) in enumerate(words(WILD)):
        assert painter.units.nth(number).inner_text() == WILD[start:stop]
        assert painter.units.nth(number).get_attribute("aria-label") == f"{WILD[start:stop]}, word {number + 1} of {N}"


def test_by_mouse_press_drag_erase_undo_and_the_models_follow(painter):
    nothing = painter.told()
    painter.units.nth(2).click()
    painter.comes([2])
    assert painter.page.evaluate(FOCUSED) == 2
    assert painter.told() != nothing and "said from nothing" not in painter.told()
    painter.page.mouse.move(*painter.middle(4))
    painter.page.mouse.down()
    painter.page.mouse.move(*painter.middle(7))  # one jump: what lies between is painted too
    painter.page.mouse.up()
    painter.comes([2, 4, 5, 6, 7])
    painter.page.mouse.move(*painter.middle(7))
    painter.page.mouse.down()
    painter.page.mouse.move(*painter.middle(6))
    painter.page.mouse.up()
    painter.comes([2, 4, 5])
    painter.page.get_by_role("button", name="Undo").click()
    painter.comes([2, 4, 5, 6, 7])
    painter.page.get_by_role("button", name="Redo").click()
    painter.comes([2, 4, 5])
    painter.page.reload()
    painter.units.first.wait_for()
    painter.comes([2, 4, 5])


def test_a_drag_that_begins_between_two_words_paints_from_the_nearer_one(painter):
    before, after = (painter.units.nth(number).bounding_box() for number in (21, 22))
    gap = before["x"] + before["width"], after["x"]
    assert gap[1] - gap[0] > 2, "two words of one line with a space between them"
    y = after["y"] + after["height"] / 2
    painter.page.mouse.move(gap[1] - 0.5, y)
    painter.page.mouse.down()
    painter.page.mouse.move(*painter.middle(23))
    painter.page.mouse.up()
    painter.comes([22, 23])
    painter.page.mouse.click(gap[0] + 0.5, y)
    painter.comes([21, 22, 23])
    box = painter.page.locator(".flow").bounding_box()
    painter.page.mouse.click(box["x"] + box["width"] - 20, box["y"] + box["height"] - 12)
    painter.settle()
    assert painter.on() == [21, 22, 23], "far from every word nothing is painted"


def test_by_keyboard_and_focus_stays_on_the_word_after_each_press(painter):
    painter.units.first.focus()
    press, focused = painter.page.keyboard.press, lambda: painter.page.evaluate(FOCUSED)
    for number in range(3):
        press("Space")
        painter.comes(list(range(number + 1)))
        assert focused() == number
        press("ArrowRight")
        assert focused() == number + 1
    press("ArrowLeft")
    press("Enter")
    painter.comes([0, 1])
    assert focused() == 2
    press("ArrowDown")
    below = focused()
    assert painter.middle(below)[1] > painter.middle(2)[1] + 5
    press("Space")
    painter.comes([0, 1, below])
    press("Shift+ArrowRight")
    painter.comes([0, 1, below, below + 1])
    press("Control+z")
    painter.comes([0, 1, below])
    assert focused() == below + 1
    press("ArrowUp")
    assert painter.middle(focused())[1] < painter.middle(below)[1] - 5
    press("End")
    assert focused() == N - 1
    press("Home")
    assert focused() == 0


def test_quick_presses_are_all_kept(painter):
    painter.units.first.focus()
    for _ in range(8):  # faster than any answer
        painter.page.keyboard.press("Space")
        painter.page.keyboard.press("ArrowRight")
    assert painter.on() == list(range(8))
    painter.comes(list(range(8)))


def test_started_from_the_teacher_and_looked_away(painter):
    painter.page.get_by_role("button", name="Start from").click()
    painter.page.get_by_text("Teacher's mask", exact=True).last.click()
    painter.page.get_by_text("Started from Teacher's mask").wait_for()
    painter.settle()
    mask = painter.on()
    painter.comes(mask)
    painter.page.get_by_text("Take away", exact=True).click()
    painter.units.first.wait_for(state="detached")
    painter.page.get_by_text("Paint", exact=True).click()
    painter.units.first.wait_for()
    painter.comes(mask)
    changed = sorted(set(mask) ^ {0})
    painter.units.nth(0).click()
    painter.comes(changed)


def test_patches_by_mouse_and_keyboard(chromium, address):
    painter = Painter(chromium, f"{address}?deeper=paint&task=digits&painted=64-8000000000000000")
    painter.units.first.wait_for()
    painter.comes([0])
    assert painter.units.nth(9).get_attribute("aria-label") == "patch in row 2, column 2"
    painter.page.mouse.move(*painter.middle(9))
    painter.page.mouse.down()
    painter.page.mouse.move(*painter.middle(12))
    painter.page.mouse.up()
    painter.comes([0, 9, 10, 11, 12])
    painter.page.keyboard.press("ArrowDown")
    painter.page.keyboard.press("ArrowDown")
    assert painter.page.evaluate(FOCUSED) == 25
    painter.page.keyboard.press("Space")
    painter.comes([0, 9, 10, 11, 12, 25])
    assert painter.page.evaluate(FOCUSED) == 25
    painter.leave()
