"""Picture files of every kind: the right picture upright, or a sentence that names the file."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from rekd import pictures
from rekd.pictures import PictureError, open_image

RED, BLUE = (220, 30, 20), (10, 40, 200)


def halves(width: int = 40, height: int = 20) -> Image.Image:
    """Left half red, right half blue: which side is which tells whether it stands upright."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image


def saved(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    held = io.BytesIO()
    image.save(held, kind, **options)
    return held.getvalue()


def near(pixel, colour, tolerance: int = 12) -> bool:
    return bool(np.abs(np.asarray(pixel, int) - colour).max() <= tolerance)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_common_formats_give_their_pixels(kind):
    pixels = open_image(saved(halves(), kind)).pixels
    assert pixels.shape == (20, 40, 3) and pixels.dtype == np.uint8
    assert near(pixels[10, 5], RED, 24) and near(pixels[10, 35], BLUE, 24)


def test_transparency_is_read_on_white_and_said():
    image = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    image.putpixel((0, 0), (255, 0, 0, 255))
    opened = open_image(saved(image))
    assert tuple(opened.pixels[0, 0]) == (255, 0, 0) and tuple(opened.pixels[3, 3]) == (255, 255, 255)
    assert any("white" in note for note in opened.notes)


def test_an_opaque_alpha_channel_needs_no_note():
    assert open_image(saved(halves().convert("RGBA"))).notes == ()


def test_grey_with_alpha_and_palette_with_a_transparent_colour():
    assert tuple(open_image(saved(Image.new("LA", (2, 2), (9, 0)))).pixels[0, 0]) == (255, 255, 255)
    palette = halves().quantize(4)
    opened = open_image(saved(palette, transparency=palette.getpixel((0, 0))))
    assert near(opened.pixels[10, 5], (255, 255, 255)) and near(opened.pixels[10, 35], BLUE)


def test_a_palette_gives_its_colours():
    assert near(open_image(saved(halves().quantize(4))).pixels[10, 35], BLUE)


def test_sixteen_bit_grey_is_scaled_not_clipped():
    values = np.linspace(0, 65535, 16, dtype=np.uint16).reshape(4, 4)
    opened = open_image(saved(Image.fromarray(values)))
    assert opened.pixels[0, 0].max() == 0 and opened.pixels[3, 3].min() == 255
    assert 100 < opened.pixels[1, 3, 0] < 140
    assert any("16-bit" in note for note in opened.notes)


def test_floats_from_0_to_1_are_brightness():
    opened = open_image(saved(Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32)), "TIFF"))
    assert opened.pixels[0, :, 0].tolist() == [0, 128, 255]


def test_cmyk_becomes_rgb():
    opened = open_image(saved(halves().convert("CMYK"), "JPEG", quality=95))
    assert near(opened.pixels[10, 35], BLUE, 40) and any("CMYK" in note for note in opened.notes)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_camera_orientation_stands_upright(orientation):
    upright = halves()
    undo = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    stored = upright
    for step in undo.get(orientation, []):
        stored = stored.transpose(step)
    exif = Image.Exif()
    exif[0x0112] = orientation
    opened = open_image(saved(stored, "JPEG", exif=exif, quality=95))
    assert opened.pixels.shape == (20, 40, 3)
    assert near(opened.pixels[10, 5], RED, 24) and near(opened.pixels[10, 35], BLUE, 24)
    assert bool(opened.notes) == (orientation != 1)


def test_an_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, BLUE, RED)]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    opened = open_image(data)
    assert near(opened.pixels[0, 0], RED) and opened.notes == ("The first of 3 frames is read.",)


def test_a_large_picture_is_read_smaller_and_said():
    opened = open_image(saved(halves(3000, 1500), "JPEG"))
    assert opened.pixels.shape == (512, 1024, 3) and any("3,000" in note for note in opened.notes)


def test_a_very_long_picture_keeps_one_pixel():
    assert open_image(saved(halves(4000, 1))).pixels.shape == (1, 1024, 3)


def test_one_pixel_is_a_picture():
    assert open_image(saved(Image.new("RGB", (1, 1), RED))).pixels.shape == (1, 1, 3)


def bomb(side: int) -> bytes:
    """A small PNG that claims side x side pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [8_000, 50_000])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(side):
    with pytest.raises(PictureError, match="megapixels"):
        open_image(bomb(side), "bomb.png")


def test_too_many_bytes_are_refused(monkeypatch):
    monkeypatch.setattr(pictures, "MEGABYTES", 0)
    with pytest.raises(PictureError, match="MB are read"):
        open_image(saved(halves()), "photo.png")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_a_file_cut_short_is_a_sentence(kind):
    data = saved(Image.effect_noise((64, 64), 90).convert("RGB"), kind)
    with pytest.raises(PictureError, match=r"^holiday\.png (is damaged|is no picture)"):
        open_image(data[: len(data) // 2], "holiday.png")


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"%PDF-1.7", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"<svg/>", b"\x89PNG\r\n\x1a\n"]
)
def test_what_is_no_picture_is_a_sentence_with_its_name(data):
    with pytest.raises(PictureError, match=r"^notes\.txt .+\.$"):
        open_image(data, "notes.txt")
