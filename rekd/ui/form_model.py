"""The sections Model and Teacher: backbone and size, where weights begin, who teaches and why others can't."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from rekd.data import TASKS
from rekd.training import blueprint, choices
from rekd.training.choices import Source
from rekd.ui.components import plain
from rekd.ui.form_check import millions
from rekd.ui.form_fields import bound, field, help_of, number, pick, put, said_below, shown_number, switch

Values = Mapping[str, Any]
VIT = "vit_tiny_patch16_224"
SIZES = {
    "48 wide, 2 layers": {"embed_dim": 48, "depth": 2, "num_heads": 4},
    "64 wide, 3 layers": {"embed_dim": 64, "depth": 3, "num_heads": 4},
    "128 wide, 4 layers": {"embed_dim": 128, "depth": 4, "num_heads": 4},
    "192 wide, 6 layers": {"embed_dim": 192, "depth": 6, "num_heads": 6},
}
"""Vision transformers that are trained from scratch."""
LAYERS = {"MiniLM, all six layers": (), "MiniLM, first and last layer": (0, 5)}
ANOTHER_IMAGE, ANOTHER_TEXT = "Another model of timm", "Another encoder"
FIRST_TEXT = "google/bert_uncased_L-4_H-256_A-4"


def model(values: Values, found: Sequence[Source]) -> None:
    """Backbone and size, where its weights begin, and what is seldom changed."""
    text = TASKS[values["task"]].modality == "text"
    (_text if text else _image)(values)
    _parameters(values)
    with st.expander("More of the model"):
        columns = st.columns(2)
        with columns[0]:
            start(values, found)
            if text:
                pick(
                    "Head reads", "pooling", values, {"mean": "the mean of what is visible", "first": "the class token"}
                )
        with columns[1]:
            number("Dropout", "dropout", values, 0.05)
            if text:
                switch("Train the word embeddings", "train_words", values)
            else:
                switch("Keep the last LayerNorm", "final_norm", values)


def _spread(values: Values) -> tuple[str, dict[str, Any]]:
    """Backbone and arguments, the data set's own where none were chosen."""
    spec = TASKS[values["task"]]
    named = values["backbone"] or spec.backbone
    return named, dict(values["backbone_args"] or ({} if values["backbone"] else spec.backbone_args))


def _image(values: Values) -> None:
    spec = TASKS[values["task"]]
    name, args = _spread(values)
    sizes = _sizes(name, args)
    size = next(iter(sizes)) if "embed_dim" in args and name == VIT else ANOTHER_IMAGE
    side = spec.image_size[0] or 64

    def take(title: str) -> None:
        if title == ANOTHER_IMAGE:
            put(backbone=VIT, backbone_args={"pretrained": True, "img_size": 224})
        else:
            patch = args.get("patch_size", max(1, side // 8)) if size != ANOTHER_IMAGE else max(1, side // 8)
            put(backbone="", backbone_args={"img_size": side, "patch_size": patch, **sizes[title]})

    columns = st.columns(2)
    with columns[0]:
        about = "Width and depth of a vision transformer from scratch, or a model that timm knows by name."
        st.selectbox("Size", [*sizes, ANOTHER_IMAGE], help=about, **bound("f_size", size, take))
    with columns[1]:
        if size != ANOTHER_IMAGE:
            about = "Sides of a patch in pixels; patches are the units that are selected."
            widget = bound(
                "f_patch",
                _side(args.get("patch_size"), max(1, side // 8)),
                lambda new: put(backbone_args={**args, "patch_size": int(new)}),
            )
            st.number_input("Patch, pixels a side", step=1, help=about, **widget)
            said_below(choices.fault_of_patches(values))
            return
        name_help = "A plain vit_* or deit_* model, such as vit_small_patch16_224."
        widget = bound("f_backbone", name, lambda new: put(backbone=new.strip() or VIT, backbone_args=args))
        st.text_input("Name in timm", help=name_help, **widget)
    if size == ANOTHER_IMAGE:
        _timm(name, args)


def _sizes(name: str, args: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The sizes that can be chosen, the present one first where it is one from scratch."""
    if name != VIT or "embed_dim" not in args:
        return SIZES
    present = {key: value for key, value in args.items() if key not in ("img_size", "patch_size", "pretrained")}
    own = f"{present['embed_dim']} wide, {present.get('depth', 12)} layers"
    return {own: present} | {title: each for title, each in SIZES.items() if title != own}


def _timm(name: str, args: dict[str, Any]) -> None:
    columns = st.columns(2, vertical_alignment="bottom")
    with columns[0]:
        about = "Pixels a side that pictures are scaled to; 224 is what most pretrained weights know."
        widget = bound(
            "f_img",
            _side(args.get("img_size"), 224),
            lambda new: put(backbone=name, backbone_args={**args, "img_size": int(new)}),
        )
        st.number_input("Picture, pixels a side", step=8, help=about, **widget)
    with columns[1]:
        about = "Weights from the Hugging Face Hub, by way of timm; off: from scratch."
        widget = bound(
            "f_pretrained",
            bool(args.get("pretrained")),
            lambda new: put(backbone=name, backbone_args={**args, "pretrained": bool(new)}),
        )
        st.toggle("Pretrained weights", help=about, **widget)


def _side(size: Any, usual: int) -> int:
    """Pixels from what timm takes as a length or as a pair of them, of which the first is shown; else the usual."""
    first = size[0] if isinstance(size, (list, tuple)) and size else size
    return shown_number(first) if isinstance(first, int) else usual


def _text(values: Values) -> None:
    spec = TASKS[values["task"]]
    name, args = _spread(values)
    layers = args.get("layers", ())
    layers = tuple(layers) if isinstance(layers, (list, tuple)) else None  # `faults` has said what is wrong with it
    own = name == spec.backbone
    size = next((title for title, each in LAYERS.items() if own and each == layers), ANOTHER_TEXT)

    def take(title: str) -> None:
        if title == ANOTHER_TEXT:
            put(backbone=FIRST_TEXT, backbone_args={})
        else:  # the name is said where no layer is left out, since an empty name takes the data set's own layers
            kept = LAYERS[title]
            put(backbone=spec.backbone, backbone_args={"layers": list(kept)} if kept else {})

    columns = st.columns(2)
    with columns[0]:
        about = "A pretrained text encoder, whole or with some of its layers."
        st.selectbox("Backbone", [*LAYERS, ANOTHER_TEXT], help=about, **bound("f_size", size, take))
        pick("Units", "units", {**values, "units": values["units"] or "words"}, _UNITS)
    with columns[1]:
        if size == ANOTHER_TEXT:
            about = "A model on the Hugging Face Hub, or a folder on this computer."
            widget = bound(
                "f_backbone",
                name,
                lambda new: put(backbone=os.path.expanduser(new.strip()) or spec.backbone, backbone_args=args),
            )
            st.text_input("Hub id or folder", help=about, **widget)
        number("Word pieces read", "max_tokens", values, 32)


_UNITS = {"words": "words", "pieces": "word pieces", "tokens": "tokens, padding too"}


def _parameters(values: Values) -> None:
    config = choices.built({**values, "kind": "re" if values["kind"] == "rekd" else values["kind"], "teacher": ""})
    if isinstance(config, str):
        return
    try:
        sizes, units = blueprint.parameters(config), blueprint.units_of(config)
        grid = blueprint.student(config).reader
    except (ValueError, OSError, RuntimeError, TypeError):
        return
    towers = f"generator {millions(sizes.generator)}, predictor" if sizes.generator else "predictor"
    said = f"Parameters: {towers} {millions(sizes.predictor)}"
    said += f"; a frozen word table of {millions(sizes.words)} beside them" if sizes.words else ""
    if grid.modality == "image":
        said += f". {grid.grid[0]} × {grid.grid[1]} = {units} patches a picture"
    st.caption(f"{said}.")


def start(values: Values, found: Sequence[Source]) -> None:
    """Whose weights training begins from."""
    fitting = [each for each, why in choices.starts(values, found) if not why]
    titles = {"": "the backbone's own weights"} | {each.value: _title(each) for each in fitting}
    if values["start"] not in titles:
        titles[values["start"]] = f"{values['start']} (does not fit)"
    widget = bound("f_start", values["start"], lambda new: put(start=new))
    st.selectbox("Begin from", list(titles), format_func=titles.get, help=help_of("start"), **widget)


def teacher(values: Values, found: Sequence[Source]) -> None:
    """The teachers that fit, and the reason for each that does not."""
    judged = choices.teachers(values, [each for each in found if each.config is None or each.config.kind != "cls"])
    titles = {each.value: _title(each) for each, why in judged if not why}
    unfit = [(each.name, why) for each, why in judged if why]
    if values["teacher"] not in titles:
        titles = {
            values["teacher"]: f"{values['teacher']} (does not fit)" if values["teacher"] else "none fits"
        } | titles
    columns = st.columns(2, vertical_alignment="bottom")
    with columns[0]:
        st.selectbox("Teacher", list(titles), format_func=titles.get, **field("teacher", values["teacher"]))
    with columns[1]:
        if unfit:
            count = f"{len(unfit)} other{'s' if len(unfit) > 1 else ''}"
            with st.popover(f"Why not {count}?", icon=":material/help:"):
                for why, names in _by_reason(unfit).items():
                    st.markdown(f"**{plain(', '.join(names))}**: {plain(why)}")
    with st.expander("A teacher from elsewhere"):
        about = "A checkpoint's folder on this computer; a run's is its folder and /checkpoint."
        widget = bound("f_teacher_folder", "", lambda new: new.strip() and put(teacher=new.strip()))
        st.text_input("Folder on this computer", help=about, placeholder="~/runs/mine/checkpoint", **widget)


def _by_reason(unfit: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Reason, without the name that it begins with -> the names that it holds for."""
    out: dict[str, list[str]] = {}
    for name, why in unfit:
        out.setdefault(why.removeprefix(name).strip(), []).append(name)
    return out


def _title(source: Source) -> str:
    kind = source.config.kind.upper() if source.config else ""
    parts = [source.name, f"Teacher ({kind})" if source.role == "teacher" and kind else kind]
    if source.accuracy is not None:
        parts.append(f"accuracy {source.accuracy:.2f}")
    if source.state and source.state != "done":
        parts.append(source.state)
    return " · ".join(filter(None, parts))
