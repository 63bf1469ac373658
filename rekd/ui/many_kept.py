"""A batch of inputs kept on this server under its content hash, in one file. No Streamlit."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import asdict
from typing import Any

from rekd.pictures import MEGABYTES
from rekd.ui import keep
from rekd.ui.many_given import MOST, Inputs, pixels_of
from rekd.zips import ZipRefused, open_zip, read_member

MANIFEST = "inputs.json"
_MOST_BYTES = 256 * 2**20


def keep_inputs(inputs: Inputs) -> str:
    """Keep a batch; returns its content hash.

    Raises:
        OSError: no folder can be written.
    """
    about = asdict(inputs)
    pictures = about.pop("contents") if inputs.modality == "image" else ()
    manifest = json.dumps(about).encode()  # ASCII: lone surrogates come back as they were
    digests = (hashlib.sha256(each).digest() for each in (manifest, *pictures))
    name = hashlib.sha256(b"".join(digests)).hexdigest()[:16]
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MANIFEST, manifest)
        for number, picture in enumerate(pictures):
            archive.writestr(f"{number}.png", picture, zipfile.ZIP_STORED)
    keep.keep_batch(name, held.getvalue())
    return name


def find_inputs(name: str) -> Inputs | None:
    """The batch kept under a hash; None where there is none (another server, pruned, damaged, or no hash at all)."""
    packed = keep.find_batch(name)
    if packed is None:
        return None
    try:
        with open_zip(packed, most_files=MOST + 1) as archive:
            about = json.loads(read_member(archive, archive.getinfo(MANIFEST), _MOST_BYTES))
            if about["modality"] == "image":
                about["contents"] = [_picture(archive, number) for number in range(len(about["names"]))]
            return Inputs(**{field: _frozen(value) for field, value in about.items()})
    except (ZipRefused, OSError, KeyError, TypeError, ValueError):
        return None


def _picture(archive: zipfile.ZipFile, number: int) -> bytes:
    data = read_member(archive, archive.getinfo(f"{number}.png"), MEGABYTES * 2**20)
    pixels_of(data)  # a damaged one is found here, not where it is drawn
    return data


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
