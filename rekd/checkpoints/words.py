"""The word table that text towers share: a folder of its own, named by its content, with the tokeniser."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from rekd.checkpoints.folders import CheckpointError, roots
from rekd.files import replaced_folder


def words_folder(folder: Path, name: str) -> Path:
    """The word table's folder, inside the checkpoint or beside it (or among `roots()`).

    Raises:
        CheckpointError: it is nowhere.
    """
    for place in (folder / name, folder.parent / name, *(root / name for root in roots())):
        if (place / "words.safetensors").is_file():
            return place
    raise CheckpointError(
        f"{folder.name} needs the word table {name}, which is neither in {folder} nor beside it. Copy it there."
    )


def load_words(home: Path, device: str = "cpu"):
    """The shared word table, one copy a process for each file and device."""
    path = home.absolute() / "words.safetensors"
    return _load_words(path, path.stat().st_mtime_ns, str(device))


@functools.lru_cache(maxsize=4)
def _load_words(path: Path, _changed: int, device: str):
    from safetensors.torch import load as parse

    from rekd.models.embeddings import WordTable

    data = path.read_bytes()
    if _words_name(data) != path.parent.name:
        raise CheckpointError(
            f"{path} is not the word table that its folder is named after: damaged or foreign. Copy it again."
        )
    state = parse(data)
    table = WordTable(*state["rows"].shape)
    table.load_state_dict(state)
    return table.to(device)


def _words_name(data: bytes) -> str:
    return f"words-{hashlib.sha256(data).hexdigest()[:8]}"


def save_words(root: Path, words, tokenizer, card: str) -> str:
    """Write a word table with its tokeniser and card, unless it is there. Returns its name, `words-<hash>`."""
    from safetensors.torch import save

    data = save({"rows": words.rows.cpu().contiguous(), "scales": words.scales.cpu().contiguous()})
    name = _words_name(data)
    if not (root / name / "words.safetensors").is_file():
        with replaced_folder(root / name) as temp:
            (temp / "words.safetensors").write_bytes(data)
            tokenizer.save_pretrained(temp)
            (temp / "README.md").write_text(card, encoding="utf-8")
    return name
