"""What a teacher says of its split, kept: read back as it was, checked, and made anew where it can't be trusted."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from helpers import IMAGE_ARCHS, image_config, same, text_config, tiny_tokenizer
from stepping import images, texts

from rekd import masks
from rekd.config import TrainConfig
from rekd.data import encode
from rekd.models import build
from rekd.models.backbone import fixed_shapes
from rekd.training import kept
from rekd.training.kept import keep, own_view, pays
from rekd.units import ImageReader, TextReader


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("REKD_CACHE", str(tmp_path))
    return tmp_path / "teachers"


@pytest.fixture(scope="module")
def data():
    return encode(texts(), TextReader(text_config().reader, tiny_tokenizer()))


def teacher(name="one"):
    torch.manual_seed(1)
    model = build(text_config(cut=-1.0)).eval()
    model.selector.weight.data.mul_(20)
    return SimpleNamespace(model=model, info=SimpleNamespace(hash=name))


class Told:
    """Counts the passes that a teacher makes."""

    def __init__(self):
        self.heard = []

    def __call__(self, done, of):
        self.heard.append((done, of))


def test_each_example_has_the_teachers_logits_and_what_it_says_from_its_calibrated_mask(folder, data):
    asked = teacher()
    found = keep(asked, data, "no")
    for row in (0, 1, 2, 11, 23):
        batch = data.batch([row])
        logits = asked.model.select(batch)
        mask, _ = masks.evaluation_mask("calibrated", logits, batch.unit_mask, rate=0.25, cut=-1.0)
        same(found.selection[row, : logits.shape[1]], logits[0], atol=1e-4)
        same(found.label[row], asked.model.predict(batch, mask)[0], atol=1e-4)


@pytest.mark.parametrize("arch", IMAGE_ARCHS)
@pytest.mark.parametrize("share", [0.05, 1.0])
def test_of_an_image_a_teacher_sees_its_mask_and_no_more_patches_than_a_step_computes(arch, share):
    torch.manual_seed(2)
    config = image_config(arch, size=(64, 64), patch=(8, 8), rate=0.1)
    model = build(config).eval()
    batch = encode(images(12), ImageReader(config.reader)).batch(range(12))
    logits, lengths = model.select(batch).detach(), []
    model.config = replace(config, cut=float(logits.quantile(1 - share)) - 1e-6)
    mask, _ = masks.evaluation_mask("calibrated", logits, batch.unit_mask, rate=0.1, cut=model.config.cut)
    mask &= masks.top_k_mask(logits, batch.unit_mask, 17 / 64)
    assert (mask.sum(1) == 17).all() == (share == 1)
    wanted = model.predict(batch, mask)
    model.predictor.blocks()[0].register_forward_hook(lambda _, given, __: lengths.append(given[0].shape[1]))
    same(own_view(model, batch, logits), wanted, atol=1e-5)
    with fixed_shapes():
        same(own_view(model, batch, logits), wanted, atol=1e-5)
    assert lengths[-1] == 17 + model.predictor.prefix, "twice the rate and four, whatever the masks hold"


def test_answers_under_another_bound_of_what_a_teacher_selects_are_not_taken(folder, data, monkeypatch):
    keep(teacher(), data, "no")
    monkeypatch.setattr(kept, "MOST_SELECTED", 3)
    told = Told()
    keep(teacher(), data, "no", told)
    assert told.heard == [(24, 24)]


def test_it_is_computed_once_for_a_teacher_a_split_and_a_precision(folder, data):
    first, again, told = keep(teacher(), data, "no"), Told(), Told()
    second = keep(teacher(), data, "no", again)
    assert not again.heard and torch.equal(first.selection, second.selection) and torch.equal(first.label, second.label)
    other = replace(data, content=data.content.flip(1))
    for who, what, how in ((teacher("two"), data, "no"), (teacher(), other, "no"), (teacher(), data, "bf16")):
        keep(who, what, how, told)
    assert told.heard == [(24, 24)] * 3 and len(list(folder.iterdir())) == 4


@pytest.mark.parametrize("spoil", ["cut", "changed"])
def test_a_damaged_file_is_made_anew(folder, data, spoil):
    first, told = keep(teacher(), data, "no"), Told()
    (path,) = folder.iterdir()
    held = bytearray(path.read_bytes())
    if spoil == "changed":
        held[-3] ^= 1
    path.write_bytes(held if spoil == "changed" else held[:-40])
    assert torch.equal(keep(teacher(), data, "no", told).label, first.label) and told.heard
    told.heard.clear()
    keep(teacher(), data, "no", told)
    assert not told.heard


def test_whoever_ends_it_leaves_nothing_half_done(folder, data):
    def stop(done, of):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        keep(teacher(), data, "no", stop)
    assert not folder.exists()


def test_a_cache_that_can_not_be_written_costs_time_alone(folder, data):
    folder.parent.joinpath("teachers").write_text("a file")
    assert keep(teacher(), data, "no").selection.shape == data.unit_mask.shape


def test_a_stand_in_of_random_weights_is_not_kept_on_disk(folder, data):
    keep(teacher(""), data, "no")
    assert not folder.exists()


def test_the_newest_files_stay(folder, data, monkeypatch):
    monkeypatch.setattr(kept, "MOST_FILES", 2)
    for name in "abc":
        keep(teacher(name), data, "no")
    assert len(list(folder.iterdir())) == 2


def test_keeping_pays_where_each_example_is_read_and_reads_the_same(data):
    config = TrainConfig("imdb", "rekd", teacher="t", steps=3, batch_size=8)
    assert pays(config, data, 24)
    assert not pays(replace(config, steps=2), data, 24), "a third of the examples would be read for nothing"
    from helpers import image_config

    pictures = encode(images(), ImageReader(image_config().reader))
    assert not pays(config, pictures, 24), "crops and flips make each image another"
    assert pays(replace(config, augment=False), pictures, 24)
