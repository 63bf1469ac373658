"""Text towers of five kinds of encoder: what is absent leaves no trace, and batching changes nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from helpers import TEXT_ARCHS, same, text_arch, text_config, tiny_tokenizer
from transformers import AutoConfig, AutoModel

from rekd.models import build, spread_to_tokens
from rekd.models.text import TextTower, WordTable, pretrained, tokenizer_from
from rekd.types import Example
from rekd.units import TextReader

TOKENIZER = tiny_tokenizer()
MASKINGS = ("drop", "zero", "mask-token")
TEXTS = (
    "this film is great and lovely, not dull at all but slow and weak in one way: it is long with unbelievable acting",
    "a bad movie",
    "worst plot, never funny film and great warm story, well fine",
)


def make(sharpen, arch: str = "bert", **options):
    model = build(text_config(arch, **options), blank_id=TOKENIZER.mask_token_id)
    return sharpen(model), TextReader(model.config.reader, TOKENIZER)


def read(reader: TextReader, *texts: str):
    return reader.read([Example(f"t/{i}", text) for i, text in enumerate(texts)]).batch


def some_units(batch, seed: int = 0) -> torch.Tensor:
    return (torch.rand(batch.unit_mask.shape, generator=torch.Generator().manual_seed(seed)) > 0.6) & batch.unit_mask


def scrambled(batch, mask):
    """The batch with random word pieces in place of everything but selected units and special tokens."""
    keep = (spread_to_tokens(mask, batch) > 0.5) | ~batch.token_mask
    noise = torch.randint(5, len(TOKENIZER), batch.content.shape)
    return replace(batch, content=torch.where(keep, batch.content, noise))


each_arch = pytest.mark.parametrize("arch", TEXT_ARCHS)
each_masking = pytest.mark.parametrize("masking", MASKINGS)


@torch.no_grad()
@each_arch
@each_masking
@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_scrambling_what_was_not_selected_moves_no_logit_at_all(sharpen, arch, masking, pooling):
    model, reader = make(sharpen, arch, masking=masking, pooling=pooling)
    batch = read(reader, *TEXTS)
    mask = some_units(batch)
    logits, other = model.predict(batch, mask), scrambled(batch, mask)
    assert not torch.equal(other.content, batch.content)
    assert torch.equal(model.predict(other, mask), logits)
    assert (model.predict(other) - model.predict(batch)).abs().min() > 1e-4  # the check can fail


@each_arch
@each_masking
def test_the_scramble_check_holds_where_gradients_are_recorded_too(sharpen, arch, masking):
    model, reader = make(sharpen, arch, masking=masking)
    batch = read(reader, *TEXTS)
    mask = some_units(batch)
    training = [model.predict(b, mask.float().requires_grad_()).detach() for b in (batch, scrambled(batch, mask))]
    assert torch.equal(*training)
    with torch.no_grad():  # where the sequence is cut instead of masked
        same(model.predict(batch, mask), training[0], atol=1e-5)


@torch.no_grad()
@each_arch
@each_masking
def test_an_all_ones_mask_is_the_unmasked_model(sharpen, arch, masking):
    model, reader = make(sharpen, arch, masking=masking)
    batch = read(reader, *TEXTS)
    same(model.predict(batch, batch.unit_mask), model.predict(batch), atol=1e-6)


@torch.no_grad()
@each_arch
@each_masking
def test_an_empty_mask_tells_two_texts_of_a_length_apart_in_nothing(sharpen, arch, masking):
    model, reader = make(sharpen, arch, masking=masking)
    first, second = (read(reader, text) for text in ("a good film", "the worst plot"))
    nothing = torch.zeros_like(first.unit_mask)
    assert model.predict(first, nothing).isfinite().all()
    assert torch.equal(model.predict(first, nothing), model.predict(second, nothing))


@torch.no_grad()
@each_arch
@each_masking
def test_a_batch_is_each_text_alone_in_any_order(sharpen, arch, masking):
    model, reader = make(sharpen, arch, masking=masking)
    batch = read(reader, *TEXTS)
    mask, logits = some_units(batch), model.select(batch)
    predicted = model.predict(batch, mask)
    order = torch.tensor([2, 0, 1])
    same(model.predict(batch.rows(order), mask[order]), predicted[order], atol=1e-5, what="order")
    same(model.select(batch.rows(order)), logits[order], atol=1e-5, what="order of selection")
    for row, text in enumerate(TEXTS):
        alone = read(reader, text)
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
    model, reader = make(sharpen, arch)
    batch = read(reader, *TEXTS)
    mask = some_units(batch)
    padded = replace(batch, token_mask=batch.token_mask & (spread_to_tokens(mask, batch) > 0.5))
    same(model.predict(batch, mask), model.predict(padded), atol=1e-5)
    assert (model.predict(batch, mask) - model.predict(batch)).abs().max() > 1e-2


def test_cut_sequences_keep_robertas_positions_which_begin_behind_its_padding_id(sharpen):
    config = text_config("roberta", pooling="first")
    model = sharpen(build(replace(config, arch={**config.arch, "pad_token_id": 1})))
    batch = read(TextReader(config.reader, TOKENIZER), *TEXTS)
    mask = some_units(batch)
    masked = model.predict(batch, mask.float().requires_grad_()).detach()
    with torch.no_grad():
        same(model.predict(batch, mask), masked, atol=1e-5)


@each_arch
def test_bf16_autocast_trains_with_a_float32_mask_and_logits(sharpen, arch):
    model, reader = make(sharpen, arch)
    batch = read(reader, *TEXTS)
    exact, mask = model.select(batch).detach(), some_units(batch)
    with torch.autocast("cpu", torch.bfloat16):
        selected, visible = model.select(batch), mask.float().requires_grad_()
        logits = model.predict(batch, visible)
    assert selected.dtype == logits.dtype == torch.float32
    same(selected, exact, atol=0.1)
    logits.sum().backward()
    assert visible.grad.isfinite().all() and visible.grad[batch.unit_mask].any()


# Encoders from a folder


def saved(folder, arch: str, layers: int):
    values = text_arch(arch, layers=layers)
    encoder = AutoModel.from_config(AutoConfig.for_model(values.pop("model_type"), **values)).eval()
    encoder.save_pretrained(folder)
    TOKENIZER.save_pretrained(folder)
    return encoder


def hidden(tower: TextTower, words: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        mask = torch.ones_like(ids)
        return tower.encoder.eval()(inputs_embeds=words[ids], attention_mask=mask).last_hidden_state


@each_arch
def test_a_folder_in_the_hubs_layout_gives_the_same_encoder(tmp_path, arch):
    encoder = saved(tmp_path, arch, layers=2)
    values, weights, words = pretrained(str(tmp_path))
    tower = TextTower(values, WordTable.quantise(words), 0, "mean", 0.0)
    tower.encoder.load_state_dict(weights)
    ids = torch.randint(5, len(TOKENIZER), (2, 20))
    with torch.no_grad():
        expected = encoder(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
    same(hidden(tower, words, ids), expected, atol=1e-5)
    assert tokenizer_from(tmp_path)("good film")["input_ids"] == TOKENIZER("good film")["input_ids"]


@each_arch
@pytest.mark.parametrize("layers", [[0], [0, 3], [0, 2, 3], [0, -1]])
def test_chosen_layers_stay_and_the_others_go(tmp_path, arch, layers):
    encoder = saved(tmp_path, arch, layers=4)
    values, weights, words = pretrained(str(tmp_path), layers)
    tower = TextTower(values, WordTable.quantise(words), 0, "mean", 0.0)
    tower.encoder.load_state_dict(weights)
    stacks = [m for m in encoder.modules() if isinstance(m, torch.nn.ModuleList) and len(m) == 4]
    kept = [stacks[0][layer] for layer in layers]
    ids = torch.randint(5, len(TOKENIZER), (2, 20))
    del stacks[0][:]
    stacks[0].extend(kept)
    encoder.config.num_hidden_layers = len(layers)
    if hasattr(encoder.config, "layer_types"):
        encoder.config.layer_types = [encoder.config.layer_types[layer] for layer in layers]
    with torch.no_grad():
        expected = encoder(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
    same(hidden(tower, words, ids), expected, atol=1e-5)


@pytest.mark.parametrize("layers", [[0, 4], [-5], [0, 0, 1, 2, 3]])
def test_layers_that_the_encoder_has_not_are_refused(tmp_path, layers):
    saved(tmp_path, "bert", layers=4)
    with pytest.raises(ValueError, match=r"layers is \[.*\]; the encoder has layers 0 to 3"):
        pretrained(str(tmp_path), layers)


def test_a_layer_that_does_not_fit_its_new_place_is_refused(tmp_path):
    saved(tmp_path, "modernbert", layers=4)
    with pytest.raises(ValueError, match=r"layers is \[1, 3\]; layer 1 is built unlike layer 0"):
        pretrained(str(tmp_path), [1, 3])


@each_arch
def test_more_tokens_than_positions_are_refused(arch):
    build(text_config(arch, max_tokens=71))
    with pytest.raises(ValueError, match=f"max_tokens is 73; this {arch} encoder has positions for 7[12]. Lower it"):
        build(text_config(arch, max_tokens=73))


# The shared word table


def test_word_table_rounds_each_row_within_half_a_step():
    weight = torch.randn(50, 16) * torch.logspace(-4, 2, 50)[:, None]
    weight[7] = 0.0
    table = WordTable.quantise(weight)
    error = (table(torch.arange(50)) - weight).abs()
    assert (error <= weight.abs().amax(1, keepdim=True) / 127 / 2 * (1 + 1e-5)).all()
    assert not table(torch.tensor([7])).any() and table.rows.dtype == torch.int8 and table.width == 16


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_rounding_a_rounded_table_changes_nothing(dtype):
    weight = torch.randn(200, 32).to(dtype)
    weight[0] = 0.0  # BERT's padding row
    once = WordTable.quantise(weight)
    twice = WordTable.quantise(once(torch.arange(200)))
    assert torch.equal(twice.rows, once.rows)
    same(twice.scales, once.scales, atol=0.0, rtol=1e-6)
    assert once(torch.arange(200)).isfinite().all() and not once(torch.tensor(0)).any()


def test_a_shared_table_is_held_once_and_never_trained():
    table = WordTable.quantise(torch.randn(len(TOKENIZER), 16))
    model = build(text_config(train_words=False), table)
    keys = [key for key in model.state_dict() if "words" in key]
    assert keys == ["words.rows", "words.scales"]
    assert not any(value is table.rows for value in model.parameters())
    ids = torch.randint(0, len(TOKENIZER), (2, 5))
    assert torch.equal(model.generator.embed(ids), table(ids)) and torch.equal(model.predictor.embed(ids), table(ids))
