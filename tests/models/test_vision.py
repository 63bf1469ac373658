"""Vision towers with class token, distillation token, registers and average pooling, at any image and patch size."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from helpers import IMAGE_ARCHS, image_arch, image_config, same
from timm.layers import PatchEmbed

from rekd.config import ModelConfig, ReaderConfig
from rekd.models import build
from rekd.models.backbone import masked_mean
from rekd.models.feedforward import Feedforward, joins
from rekd.models.vision import PatchProduct, create
from rekd.types import Batch

SHAPES = {
    "square": ((16, 16), (4, 4)),
    "wide": ((16, 32), (4, 8)),
    "tall": ((40, 16), (8, 4)),
    "large": ((64, 64), (8, 8)),
}
MASKINGS = ("drop", "zero", "mask-token")

each_arch = pytest.mark.parametrize("arch", IMAGE_ARCHS)
each_shape = pytest.mark.parametrize("shape", SHAPES)
each_masking = pytest.mark.parametrize("masking", MASKINGS)


def make(sharpen, arch: str, shape: str = "square", **options):
    size, patch = SHAPES[shape]
    model = build(image_config(arch, size=size, patch=patch, **options))
    return sharpen(model), images(model.config.reader)


def images(reader: ReaderConfig, count: int = 3) -> Batch:
    units = reader.grid[0] * reader.grid[1]
    everything = torch.ones(count, units, dtype=torch.bool)
    order = torch.arange(units).expand(count, -1)
    return Batch(
        torch.randn(count, 3, *reader.image_size),
        everything,
        order,
        everything,
        *torch.arange(2 * count).reshape(2, -1),
    )


def some_units(batch: Batch) -> torch.Tensor:
    mask = torch.rand(batch.unit_mask.shape, generator=torch.Generator().manual_seed(3)) > 0.7
    mask[:, 0] = True
    return mask


def scrambled(batch: Batch, mask: torch.Tensor, reader: ReaderConfig) -> Batch:
    """The batch with noise in every pixel that no selected patch holds."""
    keep = mask.reshape(-1, 1, *reader.grid).float()
    keep = torch.nn.functional.interpolate(keep, reader.image_size, mode="nearest") > 0.5
    return replace(batch, content=torch.where(keep, batch.content, 5 * torch.randn_like(batch.content)))


@torch.no_grad()
@each_arch
@each_shape
def test_seeing_everything_is_timms_own_forward(sharpen, arch, shape):
    model, batch = make(sharpen, arch, shape)
    expected = model.predictor.vit(batch.content)
    same(model.predict(batch), expected, atol=1e-5)
    same(model.predict(batch, batch.unit_mask), expected, atol=1e-5)


@torch.no_grad()
@each_arch
@each_shape
@each_masking
def test_scrambling_what_was_not_selected_moves_no_logit_at_all(sharpen, arch, shape, masking):
    model, batch = make(sharpen, arch, shape, masking=masking)
    mask = some_units(batch)
    other = scrambled(batch, mask, model.config.reader)
    assert torch.equal(model.predict(other, mask), model.predict(batch, mask))
    assert (model.predict(other) - model.predict(batch)).abs().min() > 1e-3  # the check can fail


@each_arch
@each_masking
def test_the_scramble_check_holds_where_gradients_are_recorded_too(sharpen, arch, masking):
    model, batch = make(sharpen, arch, masking=masking)
    mask = some_units(batch)
    other = scrambled(batch, mask, model.config.reader)
    training = [model.predict(b, mask.float().requires_grad_()) for b in (batch, other)]
    assert torch.equal(training[0].detach(), training[1].detach())
    with torch.no_grad():  # where the sequence is cut instead of masked
        same(model.predict(batch, mask), training[0].detach(), atol=1e-5)


@torch.no_grad()
@each_arch
@each_masking
def test_an_empty_mask_tells_two_images_apart_in_nothing(sharpen, arch, masking):
    model, batch = make(sharpen, arch, masking=masking)
    nothing = torch.zeros_like(batch.unit_mask[:1])
    first, second = (model.predict(batch.rows(slice(row, row + 1)), nothing) for row in (0, 1))
    assert first.isfinite().all()
    assert torch.equal(first, second)


@each_arch
def test_an_empty_mask_has_finite_gradients(sharpen, arch):
    model, batch = make(sharpen, arch)
    mask = torch.zeros(batch.unit_mask.shape).requires_grad_()
    model.predict(batch, mask).sum().backward()
    assert mask.grad.isfinite().all() and mask.grad.any()
    assert all(value.grad is None or value.grad.isfinite().all() for value in model.parameters())


@torch.no_grad()
@each_arch
@each_masking
def test_a_batch_is_each_image_alone_in_any_order(sharpen, arch, masking):
    model, batch = make(sharpen, arch, masking=masking)
    mask = some_units(batch)
    mask[1] = False
    logits, selected = model.predict(batch, mask), model.select(batch)
    order = torch.tensor([2, 0, 1])
    same(model.predict(batch.rows(order), mask[order]), logits[order], atol=1e-5)
    for row in range(3):
        alone = batch.rows(slice(row, row + 1))
        same(model.predict(alone, mask[row : row + 1])[0], logits[row], atol=1e-5)
        same(model.select(alone)[0], selected[row], atol=1e-5)


@torch.no_grad()
def test_average_pooling_counts_kept_patches_only(sharpen):
    model, batch = make(sharpen, "avg-pool")
    tower, mask = model.predictor, some_units(batch)
    hidden = tower.encode(tower.content(batch.content), batch, mask.float())
    logits = model.predict(batch, mask)
    for row in range(3):
        kept = hidden.tokens[row][hidden.seen[row] > 0.5]
        assert len(kept) == mask[row].sum()
        same(tower.vit.head(tower.vit.fc_norm(kept.mean(0))), logits[row], atol=1e-5)


@torch.no_grad()
def test_a_pool_that_includes_prefix_tokens_keeps_them(sharpen):
    arch = image_arch("vit")
    arch["args"] |= {"global_pool": "avg", "pool_include_prefix": True, "reg_tokens": 2}
    model = sharpen(build(replace(image_config(), arch=arch)))
    batch = images(model.config.reader)
    same(model.predict(batch, batch.unit_mask), model.predictor.vit(batch.content), atol=1e-5)
    tower, mask = model.predictor, some_units(batch)
    hidden = tower.encode(tower.content(batch.content), batch, mask.float())
    pooled = (hidden.prefix.sum(1) + masked_mean(hidden.tokens, hidden.seen) * mask.sum(1, keepdim=True)) / (
        3 + mask.sum(1, keepdim=True)
    )
    same(tower.vit.head(tower.vit.fc_norm(pooled)), model.predict(batch, mask), atol=1e-5)


@torch.no_grad()
@each_arch
def test_the_final_norm_is_left_out_of_the_predictor_alone(sharpen, arch):
    model, batch = make(sharpen, arch, final_norm=False)
    normed = sharpen(build(replace(model.config, final_norm=True)))
    normed.load_state_dict(model.state_dict())
    same(normed.select(batch), model.select(batch), atol=0.0)
    if arch != "avg-pool":  # its norm stands behind the pool
        assert (normed.predict(batch) - model.predict(batch)).abs().max() > 1e-3


@pytest.mark.parametrize(
    "side, patch, bias", [((16, 16), (4, 4), True), ((12, 20), (4, 2), False), ((15, 18), (4, 4), True)]
)
def test_patches_as_one_product_are_timms_convolution_with_its_gradients(side, patch, bias):
    torch.manual_seed(0)
    embed, found = PatchProduct(side, patch, 3, 8, bias=bias).double(), []
    for way in (PatchEmbed.forward, PatchProduct.product):
        pixels = torch.randn(
            2, 3, *side, dtype=torch.double, generator=torch.Generator().manual_seed(1)
        ).requires_grad_()
        tokens = way(embed, pixels)
        found.append((tokens, *torch.autograd.grad((tokens**3).sum(), (pixels, *embed.parameters()))))
    for conv, product in zip(*found, strict=True):
        torch.testing.assert_close(product, conv)


@each_arch
def test_every_tower_embeds_patches_so(sharpen, arch):
    model, _ = make(sharpen, arch)
    assert {type(tower.vit.patch_embed) for tower in (model.generator, model.predictor)} == {PatchProduct}


@each_arch
def test_every_layer_may_take_its_gelu_along(sharpen, arch):
    model, _ = make(sharpen, arch)
    layers = [block.mlp for tower in (model.generator, model.predictor) for block in tower.blocks()]
    assert all(type(layer) is Feedforward and joins(layer) for layer in layers)


@each_arch
def test_a_query_always_sees_something_where_tokens_stand_before_the_patches_alone(sharpen, arch):
    model, _ = make(sharpen, arch)
    for tower in (model.generator, model.predictor):
        assert {block.attn.always for block in tower.blocks()} == {tower.prefix > 0}


@pytest.mark.parametrize("arch", ["vit", "avg-pool"])
def test_bf16_autocast_trains_with_float32_logits(sharpen, arch):
    model, batch = make(sharpen, arch)
    mask = some_units(batch).float().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        selected, logits = model.select(batch), model.predict(batch, mask)
    assert selected.dtype == logits.dtype == torch.float32
    logits.sum().backward()
    assert mask.grad.isfinite().all() and mask.grad.any()


def config(name: str, **args) -> ModelConfig:
    reader = ReaderConfig("image", "patches", image_size=(32, 32), patch_size=(8, 8))
    return ModelConfig("cls", reader, ("a", "b"), {"name": name, "args": args})


@pytest.mark.parametrize(
    "name, args, said",
    [
        ("resnet18", {}, "resnet18"),
        ("vit_huge_imaginary", {}, "'vit_huge_imaginary' is no model that timm knows; .*vit_tiny_patch16_224"),
        ("hf-hub:someone/else", {}, "'hf-hub:someone/else' is no model that timm knows"),
        ("swin_tiny_patch4_window7_224", {}, "is a SwinTransformer; choose a timm VisionTransformer"),
        (
            "vit_relpos_small_patch16_224",
            {"depth": 1, "embed_dim": 16, "num_heads": 2},
            "VisionTransformerRelPos; choose",
        ),
        ("vit_large_patch14_xp_224", {"depth": 1, "embed_dim": 16, "num_heads": 2}, "attention can't leave tokens out"),
        ("vit_tiny_r_s16_p8_224", {"depth": 1}, "begins with HybridEmbed, which looks past a patch's border"),
        (
            "vit_tiny_patch16_224",
            {"depth": 1, "global_pool": "map"},
            "pools by 'map'; choose global_pool 'token' or 'avg'",
        ),
        ("vit_tiny_patch16_224", {"depth": 1, "patch_size": 16}, r"a grid of \(2, 2\) patches and the reader \(4, 4\)"),
        ("vit_tiny_patch16_224", {"dept": 1}, "vit_tiny_patch16_224 can't be made with dept; give .*depth"),
        ("vit_tiny_patch16_224", {"depth": 1, "act_layer": "no"}, "vit_tiny_patch16_224 with .*'act_layer': 'no'"),
        ("vit_tiny_patch16_224", {"depth": 1, "img_size": [32]}, "index out of range"),
    ],
)
def test_a_model_that_cannot_leave_patches_out_is_refused_with_what_can(name, args, said):
    with pytest.raises(ValueError, match=said):
        build(config(name, **args))


@pytest.fixture
def trap(monkeypatch):
    """Whatever timm is asked for fails the test."""
    monkeypatch.setattr("timm.create_model", lambda *args, **more: pytest.fail("timm was asked"))


REFUSED = {
    "checkpoint_path": "weights.pth",
    "pretrained_cfg": {"url": "http://127.0.0.1:9/x.pth"},
    "pretrained_cfg_overlay": {"file": "weights.pth"},
    "cache_dir": "elsewhere",
    "pruned": True,
    "device": "cpu",
    "num_classes": 3,
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("pretrained", [False, True])
def test_arguments_that_name_a_file_an_address_or_a_device_never_reach_timm(trap, name, pretrained):
    args = {"depth": 1, name: REFUSED[name]}
    with pytest.raises(ValueError, match=f"can't be made with {name}; give what shapes the model"):
        create("vit_tiny_patch16_224", args, pretrained=pretrained)
    with pytest.raises(ValueError, match=f"can't be made with {name}"):
        build(config("vit_tiny_patch16_224", **args))


def test_a_checkpoint_that_asks_for_pretrained_weights_is_built_without(monkeypatch):
    monkeypatch.setattr("timm.models._builder.load_pretrained", lambda *args, **more: pytest.fail("weights were asked"))
    build(config("vit_tiny_patch16_224", depth=1, pretrained=True))


def test_weights_that_could_not_be_had_are_told_from_wrong_arguments(monkeypatch):
    def gone(*args, **more):
        raise FileNotFoundError("no such repository")

    monkeypatch.setattr("timm.create_model", gone)
    with pytest.raises(FileNotFoundError):
        create("vit_tiny_patch16_224", {}, pretrained=True)
    with pytest.raises(ValueError, match="timm can't make vit_tiny_patch16_224"):
        create("vit_tiny_patch16_224", {})
