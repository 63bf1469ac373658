"""Own pictures that are kept: one size, cropped as models crop, lossless, with what a model needs."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from rekd.config import ModelConfig, ReaderConfig
from rekd.data import encode, load_split, own
from rekd.data.own import OwnDataError, keeping
from rekd.pictures import open_image
from rekd.types import Example
from rekd.units import ImageReader


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("REKD_OWN", str(tmp_path / "own"))
    return tmp_path / "own"


def shapes(root, size=(90, 70), count=10):
    random = np.random.default_rng(0)
    for name, tint in (("dark", 40), ("light", 200)):
        (root / name).mkdir(parents=True)
        for i in range(count):
            pixels = np.clip(random.normal(tint, 20, (*size[::-1], 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{i}.png")
    return root


class TestImages:
    @pytest.fixture
    def kept(self, home, tmp_path):
        return own.keep(own.read_images(shapes(tmp_path / "shapes")), "Shapes", image_size=32)

    def test_are_cropped_as_a_model_crops_them_and_lose_nothing_more(self, kept, tmp_path):
        train = load_split("own-shapes", "train")
        assert train.images.shape == (16, 32, 32, 3) and train.classes == ("dark", "light")
        reader = ImageReader(ReaderConfig("image", "patches", image_size=(32, 32), patch_size=(4, 4)))
        sources = [open_image(path.read_bytes()).pixels for path in sorted((tmp_path / "shapes").rglob("*.png"))]
        wanted = reader.read([Example("x", image=pixels) for pixels in sources]).pictures
        for image in train.images:
            assert any(np.array_equal(image, other) for other in wanted)

    def test_their_mean_and_deviation_are_those_of_train(self, kept):
        pixels = load_split("own-shapes", "train").images.reshape(-1, 3) / 255
        assert np.allclose(kept.mean, pixels.mean(0), atol=1e-3)
        assert np.allclose(kept.std, pixels.std(0), atol=1e-3)

    def test_their_entry_describes_a_model_that_can_be_built(self, kept):
        from rekd.models import build

        assert kept.backbone_args == {"img_size": 32, "patch_size": 4, "embed_dim": 128, "depth": 4, "num_heads": 4}
        assert (kept.rate, kept.flip, kept.crop, kept.image_size) == (0.15, False, 0.0, (32, 32))
        reader = ImageReader(ReaderConfig("image", "patches", (32), (32, 32), (4, 4), kept.mean, kept.std))
        args = {"embed_dim": 16, "depth": 1, "num_heads": 2}
        model = build(
            ModelConfig("re", reader.config, kept.classes, {"name": kept.backbone, "args": args}), dropout=0.0
        )
        dev = encode(load_split("own-shapes", "dev"), reader)
        assert model.predictor is not None and dev.batch([0, 1]).content.shape == (2, 3, 32, 32)

    @pytest.mark.parametrize("side", own.SIZES)
    def test_every_size_has_the_same_grid(self, home, tmp_path, side):
        spec = own.keep(own.read_images(shapes(tmp_path / "x", count=3)), "x", image_size=side)
        assert spec.image_size == (side, side) and side // spec.backbone_args["patch_size"] == 8
        assert load_split("own-x", "test").images.shape[1:] == (side, side, 3)

    def test_another_size_and_too_many_pixels_are_refused_before_anything_is_written(self, home, tmp_path, monkeypatch):
        draft = own.read_images(shapes(tmp_path / "x", count=3))
        with pytest.raises(ValueError, match="image_size is 65; it must be one of 32, 64"):
            own.keep(draft, "x", image_size=65)
        monkeypatch.setattr(keeping, "MOST_PIXELS", 50_000)
        with pytest.raises(OwnDataError, match="6 pictures of 64 x 64 pixels are too many.*at that size 4 can be kept"):
            own.keep(draft, "x")
        assert own.names() == [] and not list(home.glob("*"))

    def test_a_picture_that_went_away_since_leaves_nothing_behind(self, home, tmp_path):
        draft = own.read_images(shapes(tmp_path / "x"))
        (tmp_path / "x" / "light" / "3.png").unlink()
        with pytest.raises(OwnDataError, match="light/3.png can't be read any more: .*Read the data again"):
            own.keep(draft, "x")
        assert not list(home.glob("*")) and not list(home.glob(".*"))

    def test_one_colour_alone_has_a_deviation_to_divide_by(self, home, tmp_path):
        for name in "ab":
            (tmp_path / "x" / name).mkdir(parents=True)
            for i in range(3):
                Image.new("RGB", (20, 20), (0, 0, 0)).save(tmp_path / "x" / name / f"{i}.png")
        assert own.keep(own.read_images(tmp_path / "x"), "x").std == (0.01,) * 3

    def test_progress_reaches_the_end(self, home, tmp_path):
        steps = []
        own.keep(own.read_images(shapes(tmp_path / "x")), "x", progress=lambda *step: steps.append(step))
        assert steps[-1] == (20, 20) and steps == sorted(steps)


def test_the_kept_pictures_are_png(home, tmp_path):
    import pyarrow.parquet as pq

    own.keep(own.read_images(shapes(tmp_path / "x", count=3)), "x", image_size=32)
    cell = pq.read_table(home / "x" / "test.parquet").column("image")[0].as_py()
    with Image.open(io.BytesIO(cell)) as image:
        assert image.format == "PNG" and image.size == (32, 32)
