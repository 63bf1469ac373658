"""Where the weights of a text tower come from: an encoder in a folder, all or some of its layers, a word table."""

from __future__ import annotations

import pytest
import torch
from helpers import TEXT_ARCHS, same, text_arch, text_config, tiny_tokenizer
from transformers import AutoConfig, AutoModel

from rekd.models import build
from rekd.models.embeddings import WordTable
from rekd.models.text import TextTower, pretrained, tokenizer_from

TOKENIZER = tiny_tokenizer()

each_arch = pytest.mark.parametrize("arch", TEXT_ARCHS)


def saved(folder, arch: str, layers: int):
    values = text_arch(arch, layers=layers)
    encoder = AutoModel.from_config(AutoConfig.for_model(values.pop("model_type"), **values)).eval()
    encoder.save_pretrained(folder)
    TOKENIZER.save_pretrained(folder)
    return encoder


def check_tower(folder, encoder, layers=()):
    """The tower made of these layers of the folder's encoder gives the hidden states of `encoder`."""
    values, weights, words = pretrained(str(folder), layers)
    tower = TextTower(values, WordTable.quantise(words), 0, "mean", 0.0)
    tower.encoder.load_state_dict(weights)
    ids = torch.randint(5, len(TOKENIZER), (2, 20))
    everything = torch.ones_like(ids)
    with torch.no_grad():
        expected = encoder(input_ids=ids, attention_mask=everything).last_hidden_state
        given = tower.encoder.eval()(inputs_embeds=words[ids], attention_mask=everything).last_hidden_state
    same(given, expected, atol=1e-5)


@each_arch
def test_a_folder_in_the_hubs_layout_gives_the_same_encoder(tmp_path, arch):
    check_tower(tmp_path, saved(tmp_path, arch, layers=2))
    assert tokenizer_from(tmp_path)("good film")["input_ids"] == TOKENIZER("good film")["input_ids"]


@each_arch
@pytest.mark.parametrize("layers", [[0], [0, 3], [0, 2, 3], [0, -1]])
def test_chosen_layers_stay_and_the_others_go(tmp_path, arch, layers):
    encoder = saved(tmp_path, arch, layers=4)
    stacks = [m for m in encoder.modules() if isinstance(m, torch.nn.ModuleList) and len(m) == 4]
    kept = [stacks[0][layer] for layer in layers]
    del stacks[0][:]
    stacks[0].extend(kept)
    encoder.config.num_hidden_layers = len(layers)
    if hasattr(encoder.config, "layer_types"):
        encoder.config.layer_types = [encoder.config.layer_types[layer] for layer in layers]
    check_tower(tmp_path, encoder, layers)


@pytest.mark.parametrize("layers", [[0, 4], [-5], [0, 0, 1, 2, 3]])
def test_layers_that_the_encoder_has_not_are_refused(tmp_path, layers):
    saved(tmp_path, "bert", layers=4)
    with pytest.raises(ValueError, match=r"layers is \[.*\]; the encoder has layers 0 to 3"):
        pretrained(str(tmp_path), layers)


def test_a_layer_that_does_not_fit_its_new_place_is_refused(tmp_path):
    saved(tmp_path, "modernbert", layers=4)
    with pytest.raises(ValueError, match=r"layers is \[1, 3\]; layer 1 is built unlike layer 0"):
        pretrained(str(tmp_path), [1, 3])


def test_word_table_rounds_each_row_within_half_a_step():
    weight = torch.randn(50, 16) * torch.logspace(-4, 2, 50)[:, None]
    weight[7] = 0.0
    table = WordTable.quantise(weight)
    error = (table(torch.arange(50)) - weight).abs()
    assert (error <= weight.abs().amax(1, keepdim=True) / 127 / 2 * (1 + 1e-5)).all()
    assert not table(torch.tensor([7])).any() and table.rows.dtype == torch.int8 and table.width == 16


def test_an_unpacked_table_says_what_the_table_says():
    table = WordTable.quantise(torch.randn(50, 16))
    ids = torch.tensor([[3, 3], [49, 0]])
    for kind in (torch.float32, torch.bfloat16):
        said = table.unpacked(kind)(ids)
        assert said.dtype == kind and torch.equal(said, table(ids).to(kind))


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
