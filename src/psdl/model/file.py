"""Writes and reads model files.

A model file is one safetensors file with arrays, the bytes of the graph, and everything else as one JSON card;
FORMAT.md describes it. Every interface opens models by `read`. It verifies the digest of the whole file, and the
signature where a key is trusted, before it uses the content. Then it checks that all values fit each other.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import blake3
import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from psdl._util.atomic import atomic_write
from psdl.errors import PsdlError
from psdl.model import arrays as stored
from psdl.model import card as cards
from psdl.model import known as defects
from psdl.model import signature
from psdl.model.card import FORMAT, READ, card
from psdl.model.model import Model
from psdl.types import Network, Origin, Sample

KEY = "psdl"  # the one metadata key: safetensors writes several in random order
DIGEST, SIGNATURE = "digest", "signature"  # arrays that the digest leaves out
HEADER = 100_000_000  # bytes that a header may have
WRONG = (SafetensorError, msgspec.ValidationError, ArithmeticError, AttributeError, LookupError, RecursionError)


class Unreadable(PsdlError):
    """The bytes of a model file cannot be read; this does not say that the file is damaged."""


class Opened(NamedTuple):
    """The content of a model file whose digest is right.

    `card` is the JSON text, `arrays` are the arrays by name, `digest` has 32 bytes, and `signed` is the signature
    of 64 bytes, or None.
    """

    card: str
    arrays: Mapping[str, NDArray[Any]]
    digest: bytes
    signed: bytes | None


def write(model: Model, path: str | Path) -> Path | None:
    """Writes a model file atomically, and returns the path of the backup of an earlier file, if one was made.

    The same model always gives the same bytes. A different file at `path` is first copied beside it, see `kept`.
    Raises PsdlError like `check_target`.
    """
    path = Path(path)
    check_target(path)
    text, arrays = json.dumps(card(model), sort_keys=True), stored.of(model)
    data = save({**arrays, DIGEST: np.frombuffer(digest(text, arrays), np.uint8)}, {KEY: text})
    with atomic_write(path) as temporary:
        _write_synced(temporary, data)
        return kept(path, data)  # only now: where the new model has no room the old one stays as it is


def kept(path: Path, data: bytes) -> Path | None:
    """Copies the file `path` to NAME.bak, or to NAME.bak2, NAME.bak3 and so on if that exists; returns the copy's
    path.

    Returns None, without a copy, if there is no such file or if it holds `data` already.
    """
    if not path.is_file() or (path.stat().st_size == len(data) and path.read_bytes() == data):
        return None
    n = 1
    while (copy := path.with_name(f"{path.name}.bak{n if n > 1 else ''}")).exists():
        n += 1
    with atomic_write(copy) as temporary:
        shutil.copy2(path, temporary)
    return copy


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file atomically: afterwards it is complete on the disk, or it is not there at all."""
    with atomic_write(path) as temporary:
        _write_synced(temporary, data)


def _write_synced(path: Path, data: bytes) -> None:
    """Writes a file and waits until it is on the disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def check_target(path: Path) -> None:
    """Raises PsdlError if `path` is a folder or its folder does not exist; callers ask before they start to
    learn."""
    if path.is_dir():
        raise PsdlError(f"{path} is a folder, but the model needs a file name: give {path / 'model.psdl'}")
    if not path.parent.is_dir():
        raise PsdlError(f"no folder {path.parent} for the model file {path.name}: make it first")


def read(path: str | Path) -> Model:
    """Returns the model of a file.

    Nothing in the file is executed except the graph, by ONNX Runtime, and only if `graphs.check_runnable` accepts
    it. Raises PsdlError if the file is missing, damaged, of a newer or older format, or no model file; if its
    values do not fit each other; and, where a key is trusted, if it is not signed with that key.
    """
    return parsed(content(path), path)


def parsed(data: bytes, path: str | Path) -> Model:
    """Returns the model of the bytes of a model file; messages call it `path`. Raises PsdlError like `read`."""
    path = Path(path)
    found = _unpacked(data, path)
    signature.check_trusted(found.signed, found.digest, path)
    try:
        return _model(cards.parsed(found.card), found.arrays)
    except (*WRONG, TypeError, ValueError, MemoryError) as error:
        raise damaged(path, error) from None


def opened(path: str | Path) -> Opened:
    """Returns the card and the arrays of a model file after comparing the digest. They are not checked otherwise.

    Raises PsdlError if the file is missing, damaged, of another format, or no model file.
    """
    return _unpacked(content(path), Path(path))


def _unpacked(data: bytes, path: Path) -> Opened:
    """Returns the card and the arrays of the bytes of a model file after comparing the digest."""
    text = _card_text(data, path)
    _check_format(text, path)
    try:
        arrays = dict(load(data))
        stated, signed = arrays.pop(DIGEST).tobytes(), arrays.pop(SIGNATURE, None)
    except (*WRONG, TypeError, ValueError, MemoryError) as error:
        raise damaged(path, error) from None
    found = digest(text, arrays)
    if found != stated:
        raise PsdlError(
            f"{path} is damaged: its content gives the digest {found.hex()[:12]}..., it states"
            f" {stated.hex()[:12]}...; copy it again or fit a new one"
        )
    return Opened(text, arrays, found, None if signed is None else signed.tobytes())


def digest(text: str, arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Returns the BLAKE3 digest (32 bytes) of a card's text and of the names, types, shapes and bytes of all
    arrays."""
    names = sorted(arrays)
    shapes = [[name, str(arrays[name].dtype), arrays[name].shape] for name in names]
    total = blake3.blake3(json.dumps([text, shapes]).encode())
    for name in names:
        total.update(np.ascontiguousarray(arrays[name]).reshape(-1).view(np.uint8).data)
    return bytes(total.digest())


def sign(path: str | Path, key: str | Path, out: str | Path | None = None) -> None:
    """Writes the model file with a signature of its digest.

    `key` is a PEM file with an Ed25519 private key. `out` is the file to write; None replaces the file itself.
    Raises PsdlError like `opened`, `check_target` and `signature.made`.
    """
    found, target = opened(path), Path(out or path)
    check_target(target)
    proof = {DIGEST: found.digest, SIGNATURE: signature.made(found.digest, key)}
    arrays = {**found.arrays, **{name: np.frombuffer(value, np.uint8) for name, value in proof.items()}}
    write_whole(target, save(arrays, {KEY: found.card}))


def damaged(path: str | Path, error: Exception) -> PsdlError:
    """Returns the error for a model file whose content does not fit together; `error` is the cause."""
    line = " ".join(str(error).split())[:120]
    return PsdlError(f"{path} is a damaged model file ({line}): copy it again or fit a new one")


def model_files(model: Path, samples: Iterable[Sample], each: bool) -> dict[str, Path]:
    """Returns {category: path of its model file} for the categories of the samples.

    Without `each` all categories share the file `model`; with it the file is CATEGORY.psdl in the folder `model`.
    Raises PsdlError if a category cannot be a file name.
    """
    categories = sorted({sample.category for sample in samples})
    for name in categories if each else ():
        if not name or name[0] in ". " or set(name) & set("/\\\0:") or len(name.encode("utf-8", "replace")) > 200:
            raise PsdlError(
                f"the category {name!r} cannot name a model file: give it a name without slashes, colons and a dot"
                " at its start"
            )
    return {name: model / f"{name}.psdl" if each else model for name in categories}


def content(path: str | Path) -> bytes:
    """Returns the bytes of a model file. Raises PsdlError if `path` is a folder or does not exist, and its
    subclass Unreadable if the file cannot be read."""
    path = Path(path)
    if path.is_dir():
        raise PsdlError(f"{path} is a folder, but a model file was expected: give the file that fit wrote")
    if not path.is_file():
        raise PsdlError(f"no model file {path}: give the file that `psdl fit --model` wrote")
    try:
        return path.read_bytes()
    except (OSError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or "not enough memory"
        raise Unreadable(f"{path} cannot be read ({reason}): allow it, or copy it again") from None


def _card_text(data: bytes, path: Path) -> str:
    """Returns the text of the card in the bytes of a model file; raises PsdlError if they are no whole model
    file."""
    foreign = f"{path} is not a psdl model file"
    # A model's first eight bytes are a length and may be any; its ninth is always a brace.
    if data[8:9] != b"{" and (data[:1] == b"\x80" or data[:2] == b"PK"):
        raise PsdlError(
            f"{foreign} but a pickle or zip archive, which psdl never opens: give a model that fit wrote"
        )
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > HEADER or data[8:9] not in (b"{", b""):
        raise PsdlError(f"{foreign}: give the file that `psdl fit --model` wrote")
    if len(data) < 8 + size:
        raise PsdlError(f"{path} is cut short inside its header: copy it again or fit a new one")
    try:
        header = json.loads(data[8 : 8 + size])
        end = max((v["data_offsets"][1] for k, v in header.items() if k != "__metadata__"), default=0)
        text = header["__metadata__"][KEY]
        short = len(data) < 8 + size + end
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise PsdlError(f"{foreign} (no card): give the file that `psdl fit --model` wrote") from None
    if short:
        raise PsdlError(
            f"{path} is cut short ({len(data)} of {8 + size + end} bytes): copy it again or fit a new one"
        )
    if not isinstance(text, str):
        raise PsdlError(f"{foreign} (no card): give the file that `psdl fit --model` wrote")
    return text


def _check_format(text: str, path: Path) -> None:
    """Raises PsdlError if the card is of another format.

    This is checked before the digest, which files of earlier formats lack.
    """
    try:
        known = cards.parsed(text).get("format")
    except (ValueError, RecursionError) as error:
        raise damaged(path, error) from None
    if known not in READ:
        newer = isinstance(known, int) and known > FORMAT
        raise PsdlError(
            f"{path} has model format {str(known)[:20]}, this psdl reads {READ[0]} and {FORMAT}:"
            f" {'install a newer psdl' if newer else 'fit a new one'}"
        )


def _model(values: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Model:
    """Returns the model of a card's plain values and the arrays; raises if they do not fit."""
    known = cards.checked(values)
    stored.check_calibration(arrays, known)
    stored.check_learned(arrays, known)
    extra = defects.read(known, arrays)
    frame, recipe, net = stored.frame(arrays, known), known.recipe, known.network
    cuts = {cards.cut_taps(n, net.taps): stored.graph(arrays, f"{stored.GRAPH}/{n}") for n in net.cuts}
    network = Network(**{**msgspec.structs.asdict(net), "graph": stored.graph(arrays, stored.GRAPH), "cuts": cuts})
    grids = {name: cards.grid(sides, frame.roi) for name, sides in known.grids.items()}
    return Model(
        recipe=recipe,
        network=network,
        states={p.name: stored.state(arrays, p, grids[p.name], known) for p in recipe.parts},
        calibration=cards.calibration(known.calibration, arrays),
        categories=known.categories,
        options=known.options,
        versions=known.versions,
        learned=tuple(Origin(*one) for one in known.learned),
        dropped=known.dropped,
        album=stored.album(arrays, known),
        golden=stored.golden(arrays, known),
        history=tuple(values["history"]),
        frame=frame,
        image_statistics=arrays["looks"],
        unseen=arrays["unseen"],
        **extra,
    )
