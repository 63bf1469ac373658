"""Strong augmentation: one random change of each image beside crop and flip, a batch at a time on the device.

The idea is TrivialAugment (Müller and Hutter 2021, arXiv:2103.10158): one operation an image, drawn evenly, of evenly
drawn strength. Operations and ranges are those of its space `fixed_standard`, which its authors recommend for small
models (the wide space, in which a shift can empty the picture, for large ones); as they do, images are changed before
they are cropped and flipped. Other than theirs, shears are about the centre, and lines are smoothed (bilinear).

Then one image in four loses a square, as much as a quarter of it. Such erasing (DeVries and Taylor 2017; Zhong et al.
2017) belongs to TrivialAugment's own runs on CIFAR (a square of 16 pixels in every image) and, at one image in four, to
those of small vision transformers from random weights (Lee et al. 2021, arXiv:2112.13492); a model that may read but a
share of the patches should know more than one place that tells the class.

A task's own permissions hold here too. Where mirroring would change the label (digits), shears and turns have half
their range: 15 degrees turn no 6 into a 9. Where nothing may be cropped off, nothing is shifted or erased.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from rekd.units import constant

OPERATIONS = (
    "identity",
    "shear x",
    "shear y",
    "translate x",
    "translate y",
    "rotate",
    "brightness",
    "colour",
    "contrast",
    "sharpness",
    "posterize",
    "solarize",
    "autocontrast",
    "equalize",
)
DRAWS = 6
"""Random numbers an image: operation, strength; whether a square is erased, its side, its row, its column."""
SHEAR, SHIFT, TURN = 0.3, 10 / 32, math.radians(30)
"""Largest shear, in pixels a pixel; shift, as a share of the side; and turn, either way."""
ENHANCEMENT = 0.9
"""Brightness, colour, contrast and sharpness are multiplied by 1 - this to 1 + this."""
BITS = (0b11111111, 0b11111110, 0b11111100, 0b11111000, 0b11110000)
"""Of each byte, that posterize keeps."""
ERASED, LARGEST = 1 / 4, 1 / 2
"""Share of the images that lose a square, and its longest side as a share of the image's shorter one."""


def strengthen(images: Tensor, draws: Tensor, fill: tuple[int, ...], *, crop: bool, flip: bool) -> Tensor:
    """Change each image in one way, all at once: no shape, branch or copy depends on what was drawn.

    Args:
        images: (B, 3, H, W) uint8. draws: (B, DRAWS) in [0, 1). fill: colour (3,) of what lies outside or is erased.
        crop, flip: whether cropping and mirroring keep the task's labels.

    Returns:
        (B, 3, H, W) uint8, equal bit for bit where the drawn operation is identity and nothing is erased.
    """
    from torchvision.transforms.v2.functional import equalize  # seconds to import, for strong runs alone

    operation = _each((draws[:, 0] * len(OPERATIONS)).long())
    strength = _each(2 * draws[:, 1].float() - 1)
    places = _places(operation, strength, images.shape, 1.0 if flip else 0.5, 1.0 if crop else 0.0)
    pixels = images.float()

    def where(first: str, last: str, changed: Tensor, others: Tensor) -> Tensor:
        return torch.where((operation >= _number(first)) & (operation <= _number(last)), changed, others)

    out = where("shear x", "rotate", _moved(pixels, places, fill), pixels)
    out = where("brightness", "sharpness", _enhanced(pixels, operation, strength), out)
    out = where("autocontrast", "autocontrast", _stretched(pixels), out)
    out = out.round_().clamp_(0, 255).to(torch.uint8)
    out = where("posterize", "posterize", _posterized(images, strength.abs()), out)
    out = where("solarize", "solarize", _solarized(images, strength.abs()), out)
    out = where("equalize", "equalize", equalize(images), out)
    return _erased(out, draws[:, 2:], fill) if crop else out


def _number(name: str) -> int:
    return OPERATIONS.index(name)


def _each(values: Tensor) -> Tensor:
    """(B,) -> (B, 1, 1, 1), a value for each image."""
    return values[:, None, None, None]


def _places(operation: Tensor, strength: Tensor, shape: torch.Size, bend: float, move: float) -> Tensor:
    """Where in the old image each pixel of the new one lies, as `grid_sample` has it: (B, H, W, 2) float32.

    No matrix product is in it, which lower precision would make inexact: operations that move nothing say the pixel's
    own place.

    Args:
        bend, move: shares of the range that shear and turn, and shifts, may use.
    """
    height, width = shape[-2:]
    ranges = (bend * SHEAR, bend * SHEAR, move * SHIFT * width, move * SHIFT * height, bend * TURN)
    first = _number("shear x")
    drawn = operation.flatten(1) == torch.arange(first, first + len(ranges), device=operation.device)
    amounts = drawn * strength.flatten(1) * constant(ranges, strength.dtype, strength.device)
    shear_x, shear_y, right, down, turn = amounts[..., None, None].unbind(1)
    x = torch.arange(width, device=operation.device) - (width - 1) / 2  # pixels from the centre
    y = torch.arange(height, device=operation.device)[:, None] - (height - 1) / 2
    cos, sin = turn.cos(), turn.sin()
    from_x = cos * x + (shear_x - sin) * y + right.round()  # shifts are whole pixels, which nothing blurs
    from_y = (shear_y + sin) * x + cos * y + down.round()
    return torch.stack([from_x * (2 / width), from_y * (2 / height)], -1)


def _moved(pixels: Tensor, places: Tensor, fill: tuple[int, ...]) -> Tensor:
    """Each image as `places` (B, H, W, 2) say, with `fill` where they lie outside."""
    outside = constant(fill, pixels.dtype, pixels.device)[:, None, None]
    return F.grid_sample(pixels - outside, places, align_corners=False) + outside  # what is sampled outside is 0


def _enhanced(pixels: Tensor, operation: Tensor, strength: Tensor) -> Tensor:
    """Brightness, colour, contrast or sharpness: all go from an image without any of it through the given one."""
    red, green, blue = pixels.split(1, 1)
    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    without = torch.where(operation == _number("colour"), grey, _blurred(pixels))
    without = torch.where(operation == _number("contrast"), grey.mean((1, 2, 3), keepdim=True), without)
    without = without.masked_fill_(operation == _number("brightness"), 0)
    return torch.lerp(without, pixels, 1 + ENHANCEMENT * strength)


def _blurred(pixels: Tensor) -> Tensor:
    """Each pixel as the mean of its neighbours and five times itself; the outermost as they are."""
    out = pixels.clone()
    rows = pixels[..., :-2, :] + pixels[..., 1:-1, :] + pixels[..., 2:, :]
    near = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    out[..., 1:-1, 1:-1].mul_(4).add_(near).div_(13)
    return out


def _stretched(pixels: Tensor) -> Tensor:
    """Each channel's darkest value made 0 and its brightest 255; a channel of one value stays."""
    low, high = (bound((2, 3), keepdim=True) for bound in (pixels.amin, pixels.amax))
    flat = low == high
    scale = (255 / (high - low)).masked_fill(flat, 1)
    return (pixels - low.masked_fill(flat, 0)) * scale


def _posterized(images: Tensor, strength: Tensor) -> Tensor:
    """The upper bits of each byte, one of `BITS`, the fewer the stronger."""
    which = (strength * len(BITS)).long().clamp(max=len(BITS) - 1)
    return images & constant(BITS, images.dtype, images.device)[which]


def _solarized(images: Tensor, strength: Tensor) -> Tensor:
    """Bytes from a threshold on inverted; the stronger, the lower it is."""
    inverted = 255 - images
    return torch.where(inverted <= (255 * strength).to(torch.uint8), inverted, images)


def _erased(images: Tensor, draws: Tensor, fill: tuple[int, ...]) -> Tensor:
    """A square of some images in one colour. draws: (B, 4) of whether, side, row and column."""
    height, width = images.shape[-2:]
    chosen, side, top, left = (_each(part) for part in draws.unbind(1))
    side = 1 + (side * int(LARGEST * min(height, width))).long()
    top, left = (top * (height + 1 - side)).long(), (left * (width + 1 - side)).long()
    row = torch.arange(height, device=images.device)[:, None]
    column = torch.arange(width, device=images.device)
    inside = (row >= top) & (row < top + side) & (column >= left) & (column < left + side)
    colour = constant(fill, images.dtype, images.device)[:, None, None]
    return torch.where(inside & (chosen < ERASED), colour, images)
