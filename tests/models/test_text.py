"""Text towers of five kinds of encoder: what is absent leaves no trace, and batching changes nothing."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from helpers import TEXT_ARCHS, same, text_config, tiny_tokenizer

from rekd.models import build, spread_to_tokens
from rekd.models.backbone import fixed_shapes
from rekd.models.bert import Joined
from rekd.models.text import LAYERS_OF_BERT
from rekd.types import Example
from rekd.units import TextReader

TOKENIZER = tiny_tokenizer()
MASKINGS = ("drop", "zero", "mask-token")
TEXTS = (
    "this film is great and lovely, not dull at all but slow and weak in one way: it is long with unbelievable acting",
    "a bad movie",
    "worst plot, never funny film and great warm story, well fine",
)


def make(sharpen, arch: str, **options):
    """A tiny model of this kind of encoder, and its reader."""
    model = build(text_config(arch, **options), blank_id=TOKENIZER.mask_token_id)
    return sharpen(model), TextReader(model.config.reader, TOKENIZER)


def read(reader: TextReader, *texts: str):
    return reader.read([Example(f"t/{i}", text) for i, text in enumerate(texts)]).batch


def case(sharpen, arch: str, **options):
    """A model, TEXTS as it reads them, and a mask of some of their units."""
    model, reader = make(sharpen, arch, **options)
    batch = read(reader, *TEXTS)
    return model, batch, some_units(batch)


def some_units(batch, seed: int = 0) -> torch.Tensor:
    return (torch.rand(batch.unit_mask.shape, generator=torch.Generator().manual_seed(seed)) > 0.6) & batch.unit_mask


def scrambled(batch, mask):
    """The batch with random word pieces in place of everything but selected units and special tokens."""
    keep = (spread_to_tokens(mask, batch) > 0.5) | ~batch.token_mask
    noise = torch.randint(5, len(TOKENIZER), batch.content.shape)
    return replace(batch, content=torch.where(keep, batch.content, noise))


each_arch = pytest.mark.parametrize("arch", TEXT_ARCHS)
each_masking = pytest.mark.parametrize("masking", MASKINGS)


def each_tower(test):
    """The test for each kind of encoder and each way to mask, as it is used: without gradients."""
    return torch.no_grad()(each_arch(each_masking(test)))


@each_tower
@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_scrambling_what_was_not_selected_moves_no_logit_at_all(sharpen, arch, masking, pooling):
    model, batch, mask = case(sharpen, arch, masking=masking, pooling=pooling)
    logits, other = model.predict(batch, mask), scrambled(batch, mask)
    assert not torch.equal(other.content, batch.content)
    assert torch.equal(model.predict(other, mask), logits)
    assert (model.predict(other) - model.predict(batch)).abs().min() > 1e-4  # the check can fail


@each_arch
@each_masking
def test_the_scramble_check_holds_where_gradients_are_recorded_too(sharpen, arch, masking):
    model, batch, mask = case(sharpen, arch, masking=masking)
    training = [model.predict(b, mask.float().requires_grad_()).detach() for b in (batch, scrambled(batch, mask))]
    assert torch.equal(*training)
    with torch.no_grad():  # where the sequence is cut instead of masked
        same(model.predict(batch, mask), training[0], atol=1e-5)


@each_tower
def test_an_all_ones_mask_is_the_unmasked_model(sharpen, arch, masking):
    model, batch, _ = case(sharpen, arch, masking=masking)
    same(model.predict(batch, batch.unit_mask), model.predict(batch), atol=1e-6)


@each_tower
def test_an_empty_mask_tells_two_texts_of_a_length_apart_in_nothing(sharpen, arch, masking):
    model, reader = make(sharpen, arch, masking=masking)
    first, second = (read(reader, text) for text in ("a good film", "the worst plot"))
    nothing = torch.zeros_like(first.unit_mask)
    assert model.predict(first, nothing).isfinite().all()
    assert torch.equal(model.predict(first, nothing), model.predict(second, nothing))


@each_tower
def test_a_batch_is_each_text_alone_in_any_order(sharpen, arch, masking):
    model, batch, mask = case(sharpen, arch, masking=masking)
    logits, predicted = model.select(batch), model.predict(batch, mask)
    order = torch.tensor([2, 0, 1])
    same(model.predict(batch.rows(order), mask[order]), predicted[order], atol=1e-5, what="order")
    same(model.select(batch.rows(order)), logits[order], atol=1e-5, what="order of selection")
    for row, text in enumerate(TEXTS):
        alone = read(TextReader(model.config.reader, TOKENIZER), text)
        units = alone.unit_mask.shape[1]
        same(model.select(alone)[0], logits[row, :units], atol=1e-5, what="selection")
        same(model.predict(alone, mask[row : row + 1, :units])[0], predicted[row], atol=1e-5, what="prediction")
        same(model.predict(alone)[0], model.predict(batch)[row], atol=1e-5, what="whole input")


@torch.no_grad()
@each_arch
def test_padding_far_beyond_a_text_changes_nothing(sharpen, arch):
    model, reader = make(sharpen, arch)
    padded, alone = read(reader, "good film", "this film is great " * 15), read(reader, "good film")
    same(model.select(padded)[0, :2], model.select(alone)[0], atol=1e-5)
    same(model.predict(padded)[0], model.predict(alone)[0], atol=1e-5)
    for mask in torch.tensor([[True, False], [False, True], [False, False]]):
        wide = torch.zeros_like(padded.unit_mask)
        wide[0, :2] = mask
        same(model.predict(padded, wide)[0], model.predict(alone, mask[None])[0], atol=1e-5)


@torch.no_grad()
@each_arch
def test_dropping_is_reading_the_sequence_without_those_tokens(sharpen, arch):
    """Absent tokens are as padding is: no key to anyone, no part of the mean, and the others keep their positions."""
    model, batch, mask = case(sharpen, arch)
    padded = replace(batch, token_mask=batch.token_mask & (spread_to_tokens(mask, batch) > 0.5))
    same(model.predict(batch, mask), model.predict(padded), atol=1e-5)
    assert (model.predict(batch, mask) - model.predict(batch)).abs().max() > 1e-2


@torch.no_grad()
@each_arch
@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_what_is_prepared_once_gives_the_logits_of_every_mask(sharpen, arch, pooling):
    model, reader = make(sharpen, arch, pooling=pooling)
    batch, tower = read(reader, TEXTS[0]), model.predictor
    prepared = tower.prepare(tower.features(batch))
    if arch not in LAYERS_OF_BERT:
        assert prepared is None
        return
    masks = torch.rand(9, batch.unit_mask.shape[1], generator=torch.Generator().manual_seed(1)) > 0.5
    masks[0], masks[1] = True, False
    for some in (masks, masks[:1], masks[1:2]):  # of many lengths, and of one, where no key has to be masked
        rows = batch.rows(torch.zeros(len(some), dtype=torch.long))
        logits = tower.classify(tower.encode_prepared(prepared, spread_to_tokens(some, rows))).float()
        same(logits, model.predict(rows, some), atol=1e-6)
    assert (logits - model.predict(batch)).abs().max() > 1e-3


def test_cut_sequences_keep_robertas_positions_which_begin_behind_its_padding_id(sharpen):
    config = text_config("roberta", pooling="first")
    model = sharpen(build(replace(config, arch={**config.arch, "pad_token_id": 1})))
    batch = read(TextReader(config.reader, TOKENIZER), *TEXTS)
    mask = some_units(batch)
    masked = model.predict(batch, mask.float().requires_grad_()).detach()
    with torch.no_grad():
        same(model.predict(batch, mask), masked, atol=1e-5)


@pytest.mark.parametrize("arch, pad", [*((arch, 0) for arch in LAYERS_OF_BERT), ("roberta", 1)])
def test_rows_of_tables_give_what_looking_them_up_gives(arch, pad):
    """The numbers themselves, and gradients in tables of which other rows learn nothing."""
    config = text_config(arch)
    tower = build(replace(config, arch={**config.arch, "pad_token_id": pad})).predictor.eval()
    content, found = torch.randn(3, 9, tower.content_width), []
    for way in (nullcontext, fixed_shapes):
        with way():
            out = tower.before()[0](inputs_embeds=content)
        (out * torch.arange(out.numel()).view_as(out)).sum().backward()
        found.append((out, [p.grad.clone() for p in tower.before()[0].parameters()]))
        tower.zero_grad()
    (out, gradients), (rows, of_rows) = found
    assert torch.equal(rows, out)
    for (name, _), one, other in zip(tower.before()[0].named_parameters(), gradients, of_rows, strict=True):
        assert one.any(), name
        same(other, one, atol=1e-4, rtol=1e-5, what=name)


@pytest.mark.parametrize("arch", LAYERS_OF_BERT)
@pytest.mark.parametrize("fixed", [nullcontext, fixed_shapes])
def test_one_product_gives_what_three_give_and_their_gradients(sharpen, monkeypatch, arch, fixed):
    """Queries, keys and values, as a GPU computes them: of texts of several lengths, and of masks that learn."""
    model, batch, mask = case(sharpen, arch)
    found, used, three_products = [], [], Joined.forward

    def as_one(self, hidden_states, attention_mask=None, visible=None, **others):
        used.append(self)
        return self.joined(hidden_states, attention_mask, visible), None

    for way in (three_products, as_one):
        monkeypatch.setattr(Joined, "forward", way)
        visible = mask.float().requires_grad_()
        with fixed():
            logits = torch.cat([model.select(batch), model.predict(batch, visible)], 1)
        wanted = {"mask": visible} | dict(model.named_parameters())
        gradients = torch.autograd.grad((logits**3).sum(), wanted.values(), allow_unused=True)
        found.append(dict(zip(wanted, gradients, strict=True)) | {"logits": logits})
    assert len(set(used)) == 2 * len(model.generator.encoder.encoder.layer), "each layer of both towers"
    for name, three in found[0].items():
        assert (three is None) == (found[1][name] is None), name
        if three is not None:
            same(found[1][name], three, atol=1e-4, rtol=1e-4, what=name)


@each_arch
def test_bf16_autocast_trains_with_a_float32_mask_and_logits(sharpen, arch):
    model, batch, mask = case(sharpen, arch)
    exact = model.select(batch).detach()
    with torch.autocast("cpu", torch.bfloat16):
        selected, visible = model.select(batch), mask.float().requires_grad_()
        logits = model.predict(batch, visible)
    assert selected.dtype == logits.dtype == torch.float32
    same(selected, exact, atol=0.1)
    logits.sum().backward()
    assert visible.grad.isfinite().all() and visible.grad[batch.unit_mask].any()


@each_arch
def test_more_tokens_than_positions_are_refused(arch):
    build(text_config(arch, max_tokens=71))
    with pytest.raises(ValueError, match=f"max_tokens is 73; this {arch} encoder has positions for 7[12]. Lower it"):
        build(text_config(arch, max_tokens=73))
