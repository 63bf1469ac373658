"""Select, then predict: units and tokens, masking, baselines, gradients and what training may move."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from helpers import image_config, same, text_config, tiny_tokenizer

from rekd import masks
from rekd.models import build, spread_to_tokens
from rekd.models.embeddings import WordTable
from rekd.models.rationale import RationaleModel
from rekd.types import Batch, Example
from rekd.units import ImageReader, TextReader

TOKENIZER = tiny_tokenizer()


def text_batch(reader_config=None, *texts: str) -> Batch:
    reader = TextReader(reader_config or text_config().reader, TOKENIZER)
    return reader.read([Example(f"t/{i}", t) for i, t in enumerate(texts or ("an unbelievable film", "dull"))]).batch


def image_batch(config) -> Batch:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (2, *config.reader.image_size, 3), generator=generator, dtype=torch.uint8).numpy()
    return ImageReader(config.reader).read([Example(f"i/{i}", image=image) for i, image in enumerate(images)]).batch


def either(modality: str, sharpen, **options) -> tuple[RationaleModel, Batch]:
    config = text_config(**options) if modality == "text" else image_config(size=(16, 24), patch=(4, 8), **options)
    model = sharpen(build(config, blank_id=TOKENIZER.mask_token_id))
    return model, text_batch() if modality == "text" else image_batch(config)


both = pytest.mark.parametrize("modality", ["text", "image"])
each_masking = pytest.mark.parametrize("masking", ["drop", "zero", "mask-token"])


# Units and tokens


def test_a_mask_spreads_over_each_units_tokens_with_specials_seen_and_padding_not():
    batch = text_batch()  # [CLS] an un ##believ ##able film [SEP] and [CLS] dull [SEP]
    mask = torch.tensor([[False, True, False], [True, True, True]])
    spread = spread_to_tokens(mask, batch)
    assert spread[0].tolist() == [1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0]
    assert spread[1].tolist() == batch.token_mask[1].float().tolist()
    weight = mask.float().requires_grad_()
    spread_to_tokens(weight, batch).sum().backward()
    assert weight.grad[0].tolist() == [1.0, 3.0, 1.0] and weight.grad[1].tolist() == [1.0, 0.0, 0.0]


def test_padding_is_never_seen_even_where_it_is_a_unit():
    batch = text_batch(text_config(units="tokens", max_tokens=12).reader)
    assert torch.equal(spread_to_tokens(batch.unit_mask, batch), batch.token_mask.float())
    assert not spread_to_tokens(torch.zeros_like(batch.unit_mask), batch).any()


@torch.no_grad()
def test_a_words_logit_is_the_mean_over_its_pieces():
    model, batch = build(text_config()).eval(), text_batch()
    pieces = replace(batch, token_units=torch.arange(7).expand(2, 7) * batch.token_mask, unit_mask=batch.token_mask)
    tokens, logits = model.select(pieces)[0], model.select(batch)[0]
    same(logits, torch.stack([tokens[1], tokens[2:5].mean(), tokens[5]]), atol=1e-6)
    assert tokens[2:5].std() > 0


@torch.no_grad()
@both
def test_padding_units_have_logit_0(sharpen, modality):
    model, batch = either(modality, sharpen)
    logits = model.select(batch)
    assert logits.shape == batch.unit_mask.shape and logits.dtype == torch.float32
    assert not logits[~batch.unit_mask].any() and logits[batch.unit_mask].all()


@pytest.mark.parametrize("rate", [0.05, 0.15, 0.5, 1.0])
@torch.no_grad()
def test_an_untrained_generator_selects_about_its_rate(rate):
    model = build(text_config(rate=rate)).eval()
    batch = text_batch()
    probs = model.select(batch).sigmoid()[batch.unit_mask]
    same(probs, torch.full_like(probs, rate), atol=0.05)
    assert model.selector.bias.isfinite().all()


@pytest.mark.parametrize("kind", ["cls", "random"])
def test_a_model_without_a_generator_says_so_and_still_predicts(kind):
    model, batch = build(text_config(kind=kind)).eval(), text_batch()
    with pytest.raises(ValueError, match=f"'{kind}' model has no generator.*'re' or 'rekd'"):
        model.select(batch)
    assert model.generator is None and model.selector is None
    assert model.predict(batch).shape == (2, 2) and model.predict(batch, batch.unit_mask).isfinite().all()


# Masking


@torch.no_grad()
@both
def test_a_mask_of_bools_and_of_floats_is_the_same(sharpen, modality):
    model, batch = either(modality, sharpen)
    mask = torch.rand(batch.unit_mask.shape) > 0.5
    assert torch.equal(model.predict(batch, mask), model.predict(batch, mask.float()))


@torch.no_grad()
@both
def test_masking_modes_differ_and_mask_token_is_its_own_embedding(sharpen, modality):
    drop, batch = either(modality, sharpen)
    state, mask = drop.state_dict(), torch.zeros_like(batch.unit_mask)
    mask[:, 0] = True
    outputs = {"drop": drop.predict(batch, mask)}
    for masking in ("zero", "mask-token"):
        other = either(modality, sharpen, masking=masking)[0]
        other.load_state_dict(state, strict=False)
        outputs[masking] = other.predict(batch, mask)
        if masking == "mask-token":
            other.mask_embedding.zero_()
            same(other.predict(batch, mask), outputs["zero"], atol=1e-5, what="an embedding of 0")
    assert (outputs["drop"] - outputs["zero"]).abs().max() > 1e-3
    assert (outputs["zero"] - outputs["mask-token"]).abs().max() > 1e-3


@both
@each_masking
def test_a_training_step_reaches_generator_predictor_and_nothing_that_is_frozen(sharpen, modality, masking):
    words = WordTable.quantise(torch.randn(len(TOKENIZER), 16)) if modality == "text" else None
    config = text_config(train_words=False, masking=masking) if modality == "text" else image_config(masking=masking)
    model = sharpen(build(config, words)).train()
    batch = text_batch() if modality == "text" else image_batch(config)
    logits = model.select(batch)
    noise = masks.logistic_noise(0, 0, batch.ids, logits.shape[1])
    mask = masks.straight_through(masks.perturb(logits, noise, 1.0), batch.unit_mask)
    torch.nn.functional.cross_entropy(model.predict(batch, mask), torch.tensor([0, 1])).backward()
    grads = {name: value.grad for name, value in model.named_parameters()}
    moved = {name for name, grad in grads.items() if grad is not None and grad.any()}
    assert all(grad is None or grad.isfinite().all() for grad in grads.values())
    assert {"selector.weight", "selector.bias"} <= moved
    assert any(name.startswith("generator.") for name in moved) and any(name.startswith("predictor.") for name in moved)
    assert ("mask_embedding" in moved) == (masking == "mask-token")
    assert not any(name.startswith("words") for name in grads)


def test_the_gradient_for_an_absent_unit_points_where_its_return_leads(sharpen):
    model, batch = either("image", sharpen)
    batch = batch.rows(torch.zeros(8, dtype=torch.long))
    mask = (torch.rand(batch.unit_mask.shape, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    visible = mask.clone().requires_grad_()
    logits = model.predict(batch, visible)[:, 0]
    logits.sum().backward()
    row, unit = (mask == 0).nonzero(as_tuple=True)
    back = mask[row]
    back[torch.arange(len(row)), unit] = 1.0
    with torch.no_grad():
        change = model.predict(batch.rows(torch.zeros(len(row), dtype=torch.long)), back)[:, 0] - logits[row]
    agree = torch.sign(change) == torch.sign(visible.grad[row, unit])
    assert len(row) > 40 and agree.float().mean() > 0.7


# What explainers use


@torch.no_grad()
@both
@each_masking
def test_predicting_from_features_is_predicting(sharpen, modality, masking):
    model, batch = either(modality, sharpen, masking=masking)
    mask = torch.rand(batch.unit_mask.shape) > 0.5
    for chosen in (None, mask):
        assert torch.equal(model.predict_from(batch, model.features(batch), chosen), model.predict(batch, chosen))


@both
def test_features_carry_gradients_and_absent_ones_carry_none(sharpen, modality):
    model, batch = either(modality, sharpen)
    mask = torch.zeros_like(batch.unit_mask)
    mask[:, 0] = True
    features = model.features(batch).detach().requires_grad_()
    model.predict_from(batch, features, mask).sum().backward()
    scores = model.unit_scores(batch, features.grad.abs())
    assert (scores[:, 0] > 0).all() and not scores[:, 1:].any()


def test_a_text_baseline_blanks_every_word_piece_and_keeps_the_specials():
    model, batch = build(text_config(), blank_id=TOKENIZER.mask_token_id), text_batch()
    ids = batch.content.clone()
    ids[(batch.token_units >= 0) & batch.token_mask] = TOKENIZER.mask_token_id
    assert torch.equal(model.baseline(batch), model.predictor.embed(ids))
    assert model.baseline(batch).shape == model.features(batch).shape
    assert "mask token" in model.baseline_name


def test_an_image_baseline_is_the_mean_colour():
    config = image_config()
    model, batch = build(config), image_batch(config)
    assert not model.baseline(batch).any() and model.baseline(batch).shape == batch.content.shape
    assert model.baseline_name == "mean colour"


def test_unit_scores_sum_over_the_pieces_of_a_word_and_skip_specials():
    model, batch = build(text_config()), text_batch()
    values = torch.arange(1.0, 8.0)[None, :, None].expand(2, 7, 2) / 2
    assert model.unit_scores(batch, values)[0].tolist() == [2.0, 3.0 + 4.0 + 5.0, 6.0]


def test_unit_scores_sum_over_the_pixels_of_a_patch():
    config = image_config(size=(8, 12), patch=(4, 3))
    model, batch = build(config), image_batch(config)
    pixels = torch.zeros(2, 3, 8, 12)
    left, top, right, bottom = ImageReader(config.reader).units.places[6]
    pixels[1, :, top:bottom, left:right] = 1.0
    scores = model.unit_scores(batch, pixels)
    assert not scores[0].any() and scores[1].tolist() == [36.0 if unit == 6 else 0.0 for unit in range(8)]


@both
def test_nothing_is_left_behind(sharpen, modality):
    model, batch = either(modality, sharpen)
    before, content = {k: v.clone() for k, v in model.state_dict().items()}, batch.content.clone()
    with torch.no_grad():
        mask = masks.evaluation_mask("top-k", model.select(batch), batch.unit_mask, rate=0.3)[0]
        first = model.predict(batch, mask)
        model.predict_from(batch, model.baseline(batch), mask)
        assert torch.equal(model.predict(batch, mask), first)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert torch.equal(batch.content, content) and not model.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert all(value.grad is None for value in model.parameters()) and math.isfinite(float(first.sum()))
