"""Tiny random models, their tokenizer, wild texts and one way to compare numbers; nothing is downloaded."""

from __future__ import annotations

import atexit
import json
import math
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from rekd import checkpoints
from rekd.config import ModelConfig, ReaderConfig
from rekd.models import RationaleModel, build
from rekd.models.embeddings import WordTable

SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = """
a an and at but by dull fine film for funny good great in is it long lovely movie never not of on one plot slow story
the this to warm was weak well with world worst un ##believ ##able ##ing ##ed ##ly ##s act ##or
"""
CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
MARKS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
# Every script and plane, and often what is hard to cut: joiners, voicing marks, lone surrogates, nothing but space.
MIXED_TEXT = st.text(
    st.one_of(st.characters(), st.sampled_from("ab 中か\u3099\u0301\u200d\ufe0f'-.\n👩\x00é\ud800ع")), max_size=40
)

TEXT_ARCHS: dict[str, dict[str, Any]] = {
    "bert": {},
    "roberta": {},
    # Embeddings narrower than the layers, as in ELECTRA's small model.
    "electra": {"embedding_size": 12},
    "distilbert": {},
    # Local attention in every second layer, with a window narrower than the texts, as in the full-size model.
    "modernbert": {"global_attn_every_n_layers": 2, "local_attention": 8},
}

IMAGE_ARCHS: dict[str, tuple[str, dict[str, Any]]] = {
    "vit": ("vit_tiny_patch16_224", {}),
    "distilled": ("deit_tiny_distilled_patch16_224", {}),
    "registers": ("vit_tiny_patch16_224", {"reg_tokens": 3}),
    "avg-pool": ("vit_tiny_patch16_224", {"global_pool": "avg", "class_token": False}),
}


def same(actual: Any, expected: Any, *, atol: float, rtol: float = 0.0, what: str = "value") -> None:
    """Assert equal shapes and |actual - expected| <= atol + rtol * |expected| everywhere; NaN equals nothing.

    Takes tensors, arrays, numbers and sequences of them. A failure prints both sides, whole when they are small and
    otherwise at the five worst places.
    """
    left, right = (np.asarray(_plain(value)) for value in (actual, expected))
    assert left.shape == right.shape, f"{what}: shape {left.shape} is not {right.shape}\n{left}\n  against\n{right}"
    exact = atol == rtol == 0 or left.dtype.kind in "OUSb" or right.dtype.kind in "OUSb"
    wrong = left != right if exact else ~np.isclose(left, right, atol=atol, rtol=rtol)
    if not np.any(wrong):
        return
    report = f"{what}: {int(np.sum(wrong))} of {wrong.size} differ by more than atol {atol:g}, rtol {rtol:g}"
    if left.size <= 24:
        raise AssertionError(f"{report}\nactual:   {left.tolist()}\nexpected: {right.tolist()}")
    with np.errstate(invalid="ignore"):
        gap = wrong.astype(float) if left.dtype.kind in "OUSb" else np.abs(left.astype(float) - right.astype(float))
    worst = sorted(np.argwhere(wrong).tolist(), key=lambda place: -np.nan_to_num(gap[tuple(place)], nan=np.inf))[:5]
    lines = [f"  at {tuple(p)}: actual {left[tuple(p)]!r}, expected {right[tuple(p)]!r}" for p in worst]
    raise AssertionError("\n".join([report, *lines]))


def _plain(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().float().numpy() if value.is_floating_point() else value.detach().cpu().numpy()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """A lower-casing WordPiece tokenizer of about 150 pieces: some words, some pieces of words, every letter."""
    pieces = [*SPECIALS, *WORDS.split(), *CHARACTERS, *(f"##{c}" for c in CHARACTERS), *MARKS]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    core = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    core.normalizer = normalizers.BertNormalizer(lowercase=True)
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(piece, vocabulary[piece]) for piece in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=64,
    )


def text_arch(name: str = "bert", *, width: int = 16, layers: int = 2, vocabulary: int | None = None) -> dict[str, Any]:
    """A transformers configuration as a dict, for one of TEXT_ARCHS."""
    size = {"hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": 2, "intermediate_size": 2 * width}
    if name == "distilbert":
        size = {"dim": width, "n_layers": layers, "n_heads": 2, "hidden_dim": 2 * width}
    special = {"pad_token_id": 0}
    if name == "modernbert":  # its defaults lie beyond a small vocabulary
        special |= {"cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}
    return {
        "model_type": name,
        "vocab_size": vocabulary or len(tiny_tokenizer()),
        "max_position_embeddings": 72,
        **TEXT_ARCHS[name],
        **size,
        **special,
    }


def text_config(
    arch: str = "bert",
    *,
    kind: str = "re",
    units: str = "words",
    max_tokens: int = 64,
    layers: int = 2,
    **more: Any,
) -> ModelConfig:
    """A tiny text ModelConfig with two classes; `more` are fields of ModelConfig. Words are trained unless said."""
    reader = ReaderConfig(modality="text", units=units, max_tokens=max_tokens)
    values = {"classes": ("negative", "positive"), "rate": 0.25, "train_words": True, **more}
    return ModelConfig(kind=kind, reader=reader, arch=text_arch(arch, layers=layers), **values)


def image_arch(name: str = "vit", *, size: tuple[int, int] = (16, 16), patch: tuple[int, int] = (4, 4)):
    """A timm name and arguments for one of IMAGE_ARCHS, 16 wide, two layers."""
    timm_name, extra = IMAGE_ARCHS[name]
    shape = {"img_size": list(size), "patch_size": list(patch), "embed_dim": 16, "depth": 2, "num_heads": 2}
    return {"name": timm_name, "args": {**shape, **extra}}


def image_config(
    arch: str = "vit",
    *,
    kind: str = "re",
    size: tuple[int, int] = (16, 16),
    patch: tuple[int, int] = (4, 4),
    **more: Any,
) -> ModelConfig:
    """A tiny image ModelConfig with three classes; `more` are fields of ModelConfig."""
    reader = ReaderConfig(modality="image", units="patches", image_size=size, patch_size=patch)
    values = {"classes": ("red", "green", "blue"), "arch": image_arch(arch, size=size, patch=patch), **more}
    return ModelConfig(kind=kind, reader=reader, **values)


ROLES = ("teacher", "cls", "re", "rekd", "random")
DIGITS = tuple("0123456789")


def tiny_checkpoints(
    root: Path, *, task: str = "imdb", roles: Sequence[str] = ROLES, metrics: dict | None = None
) -> Path:
    """Checkpoints of random weights as REKD_CHECKPOINTS finds them: root/<task>-<role>, text with a shared word table.

    `imdb` is read as words with two classes, `digits` as the 8 x 8 patches of 64 x 64 images. A text teacher has one
    layer more than its students. Returns root.
    """
    shutil.copytree(_drawn(task, tuple(roles), json.dumps(metrics)), root, dirs_exist_ok=True)
    return root


@cache
def _drawn(task: str, roles: tuple[str, ...], metrics: str) -> Path:
    """A folder of such checkpoints, made once in this process; each test has a copy to itself."""
    root = Path(tempfile.mkdtemp(prefix="tiny-checkpoints-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    with torch.random.fork_rng():
        torch.manual_seed(7)
        words, tokenizer = WordTable.quantise(torch.randn(len(tiny_tokenizer()), 16)), tiny_tokenizer()
        name = (
            checkpoints.save_words(root, words, tokenizer, "Random word pieces for tests.") if task != "digits" else ""
        )
        for role in roles:
            kind = "re" if role == "teacher" else role
            shape = {"kind": kind, "rate": 0.2, "cut": math.log(0.2 / 0.8)}
            if task == "digits":
                model = build(image_config(size=(64, 64), patch=(8, 8), classes=DIGITS, **shape))
            else:
                config = text_config(train_words=False, words=name, layers=3 if role == "teacher" else 2, **shape)
                model = build(config, words, blank_id=tokenizer.mask_token_id)
            given = {"task": task, "role": role, "metrics": json.loads(metrics), "card": "# Test"}
            checkpoints.save(root / f"{task}-{role}", _opinionated(model), **given)
    return root


def _opinionated(model: RationaleModel) -> RationaleModel:
    """Random weights, but selections and predictions that differ from unit to unit and from input to input."""
    with torch.no_grad():
        if model.selector is not None:
            model.selector.weight.mul_(25)
        head = model.predictor.head if hasattr(model.predictor, "head") else model.predictor.vit.head
        head.weight.normal_(std=1.0)
    return model.eval()
