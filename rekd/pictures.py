"""Image files of any kind as RGB arrays, or a sentence that says why not."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rekd.errors import reason

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
"""Read by Pillow itself; formats that start another program (EPS) or rarely used parsers stay closed."""
MEGAPIXELS = 60
MEGABYTES = 32
SIDE = 1024
"""Longest side kept, in pixels: far above any model's input, small enough to keep and to hash."""


class PictureError(ValueError):
    """A file that can't be shown as a picture; the message is a sentence for the person who chose it."""


@dataclass(frozen=True, eq=False)
class Picture:
    """pixels: (H, W, 3) uint8, upright, at most SIDE, or what was asked, a side. notes: what was changed."""

    pixels: np.ndarray
    notes: tuple[str, ...] = ()


def open_image(data: bytes, name: str = "The file", side: int = SIDE) -> Picture:
    """Decode an image file: first frame, turned as its camera says, transparency on white, 8 bits a channel.

    Args:
        side: longest side kept, in pixels.

    Raises:
        PictureError: no image, an unknown format, damaged, cut short, or too large.
    """
    if not data:
        raise PictureError(f"{name} is empty. Choose a PNG, JPEG, WebP, GIF, BMP or TIFF picture.")
    if len(data) > MEGABYTES * 2**20:
        raise PictureError(
            f"{name} has {len(data) / 2**20:.0f} MB; up to {MEGABYTES} MB are read. Save it smaller first."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata and sizes; sizes are checked below
        try:
            return _decode(data, name, side)
        except PictureError:
            raise
        except Exception as error:  # decoders raise many kinds on damaged files, and none may reach the page
            raise PictureError(
                f"{name} is damaged or cut short ({reason(error)[:120]}). Save or copy it again."
            ) from error


def _decode(data: bytes, name: str, side: int) -> Picture:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise PictureError(
            f"{name} is no picture that can be read here. Choose PNG, JPEG, WebP, GIF, BMP or TIFF."
        ) from None
    except Image.DecompressionBombError:
        raise PictureError(f"{name} is far too large to open. Save it with at most {MEGAPIXELS} megapixels.") from None
    width, height = image.size
    if width * height > MEGAPIXELS * 1_000_000:
        raise PictureError(
            f"{name} has {width:,} x {height:,} pixels; up to {MEGAPIXELS} megapixels are read. Save it smaller first."
        )
    notes = []
    if getattr(image, "n_frames", 1) > 1:
        notes.append(f"The first of {image.n_frames} frames is read.")
    image.draft("RGB", (2 * side, 2 * side))  # JPEG alone: decode at a fraction of the size
    image.load()
    turned = ImageOps.exif_transpose(image)
    if image.getexif().get(0x0112, 1) not in (0, 1):
        notes.append("Turned upright as the camera noted.")
    rgb = _to_rgb(turned, notes)
    if max(rgb.size) > side:
        notes.append(f"Read at {side} pixels on the longer side, from {max(width, height):,}.")
        scale = side / max(rgb.size)
        rgb = rgb.resize([max(1, round(length * scale)) for length in rgb.size], Image.Resampling.LANCZOS)
    return Picture(np.array(rgb, np.uint8), tuple(notes))


def _to_rgb(image: Image, notes: list[str]) -> Image:
    from PIL import Image as Pillow

    if image.mode.startswith("I") or image.mode == "F":
        notes.append("16-bit grey, shown with 8 bits.")
        return Pillow.fromarray(_eight_bits(np.asarray(image, np.float64))).convert("RGB")
    if image.mode == "CMYK":
        notes.append("Print colours (CMYK), shown as RGB.")
        return image.convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        if layer.getextrema()[3][0] < 255:
            notes.append("Transparent parts are read as white.")
        paper = Pillow.new("RGBA", layer.size, "white")
        return Pillow.alpha_composite(paper, layer).convert("RGB")
    return image.convert("RGB")


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """Grey levels to 0-255: 16 bits scaled where they are used, 8 bits as they are, floats from 0 to 1 times 255."""
    values = np.nan_to_num(values)
    top = values.max(initial=0)
    scale = 255.0 if top <= 1.0 else 1.0 if top <= 255 else 255 / 65535
    return (values * scale).clip(0, 255).round().astype(np.uint8)
