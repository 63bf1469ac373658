"""An image on a card: selected patches stand out by more than colour, and the words beside it say which they are."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from rekd.types import Explanation, Units
from rekd.ui import figures, picture

BOXES = tuple((x, y, x + 2, y + 2) for y in (0, 2) for x in (0, 2))


def explanation(mask, scores=(0.1, 0.9, 0.4, 0.2)) -> Explanation:
    return Explanation("rationale", "m", Units("patches", BOXES), tuple(scores), tuple(mask), "calibrated", 0)


def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)


def inside(block: str) -> tuple[ET.Element, np.ndarray]:
    """The SVG of an <img> and the picture in it, (H, W, 4)."""
    svg = base64.b64decode(re.search(r"data:image/svg\+xml;base64,([^\"]+)", block)[1]).decode()
    root = ET.fromstring(svg)
    source = root.find("{http://www.w3.org/2000/svg}image").get("href")
    return root, np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))))


def paths(root: ET.Element) -> list[ET.Element]:
    return root.findall("{http://www.w3.org/2000/svg}path")


def test_selected_patches_keep_their_pixels_and_the_others_fade():
    given = pixels()
    root, drawn = inside(figures.on_image(given, explanation([True, False, False, False]), "Teacher", "teacher"))
    assert (drawn[:2, :2, :3] == given[:2, :2]).all() and (drawn[:2, :2, 3] == 255).all()
    assert (drawn[2:, 2:, 3] == picture.FADE).all()
    assert len(paths(root)) == 2, "a dark line under a coloured one"


def test_the_whole_image_is_shown_as_it_is():
    given = pixels()
    root, drawn = inside(figures.on_image(given, explanation([True] * 4), "CLS", "plain", "whole"))
    assert (drawn[..., :3] == given).all() and (drawn[..., 3] == 255).all() and not paths(root)


def test_the_alt_text_says_how_many_and_where():
    block = figures.on_image(pixels(), explanation([False, True, True, True]), "REKD", "student")
    alt = re.search(r'alt="([^"]*)"', block)[1]
    assert alt == "REKD: 3 of 4 patches selected. Row 1: 2. Row 2: 1, 2."


@pytest.mark.parametrize("show", ["mask", "select", "difference", "whole"])
def test_a_model_s_name_can_not_leave_the_alt_text(show):
    block = figures.on_image(pixels(), explanation([True] * 4), '"><script>x</script>', "student", show, [False] * 4)
    assert "<script" not in block and block.count("<img") == 1


def test_the_border_leaves_out_edges_between_two_selected_patches():
    one, two = picture.border(BOXES[:1]), picture.border(BOXES[:2])
    assert one.count("M") == 4
    assert two.count("M") == 6
    assert picture.border(BOXES).count("M") == 8
    assert picture.border([]) == "" and picture.outline([], "#fff", 1) == ""


def test_a_difference_tells_its_three_groups_apart_without_colour():
    block = figures.on_image(
        pixels(), explanation([True, True, False, False]), "RE", "student", "difference", [True, False, True, False]
    )
    root, _ = inside(block)
    dashed = [path for path in paths(root) if path.get("stroke-dasharray")]
    assert len(dashed) == 1 and dashed[0].get("stroke") == figures.TEACHER
    hatched = [path for path in paths(root) if path.get("stroke") == figures.STUDENT and path.get("stroke-opacity")]
    assert len(hatched) == 1
    assert "1 patches agreed with the teacher, 1 only the teacher," in block


def test_heat_veils_each_patch_by_its_probability():
    root, _ = inside(figures.on_image(pixels(), explanation([False] * 4), "RE", "student", "select"))
    veils = root.findall("{http://www.w3.org/2000/svg}rect")
    opacity = [float(veil.get("fill-opacity")) for veil in veils]
    assert opacity == sorted(opacity, key=lambda value: [0.1, 0.9, 0.4, 0.2].index(round(value / 0.85, 1)))
    assert max(opacity) == pytest.approx(0.85 * 0.9, abs=1e-3)


def test_attributions_are_drawn_by_the_strength_of_the_picture_itself():
    root, drawn = inside(figures.on_image(pixels(), explanation([False] * 4, (-1, 2, 1, 0)), "IG", "plain", "select"))
    assert not root.findall("{http://www.w3.org/2000/svg}rect")
    assert drawn[0, 2, 3] == 255 and drawn[0, 0, 3] == picture.FADE == drawn[2, 2, 3]
    assert picture.FADE < drawn[2, 0, 3] < 255


def test_small_pictures_keep_their_pixels_sharp():
    assert (
        "pixelated"
        in base64.b64decode(
            re.search(r"base64,([^\"]+)", figures.on_image(pixels(), explanation([True] * 4), "x", "plain"))[1]
        ).decode()
    )
