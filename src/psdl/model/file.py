"""Model <-> one safetensors file: arrays, the graph's bytes, and all else as one JSON card. See FORMAT.md.

Every interface opens models by `read`. It proves the whole file by one digest, and the signature where a key is
trusted, before it believes anything in it; then it checks that all parts fit each other.
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
from psdl.model.card import FORMAT, card
from psdl.model.model import Model
from psdl.types import Network, Origin, Sample

KEY = "psdl"  # the one metadata key: safetensors writes several in random order
DIGEST, SIGNATURE = "digest", "signature"  # arrays that the digest leaves out
HEADER = 100_000_000  # bytes that a header may have
WRONG = (SafetensorError, msgspec.ValidationError, ArithmeticError, AttributeError, LookupError, RecursionError)


class Unreadable(PsdlError):
    """A model file whose bytes cannot be had, which says nothing of what they are."""


class Opened(NamedTuple):
    """A model file whose digest is right. card: its text; arrays: by name; digest: 32 bytes; signed: 64 bytes, the
    signature, or None."""

    card: str
    arrays: Mapping[str, NDArray[Any]]
    digest: bytes
    signed: bytes | None


def write(model: Model, path: str | Path) -> Path | None:
    """Writes atomically; the same model gives the same bytes. A file of other bytes that was there is kept beside
    it, and its new path returned (see `kept`)."""
    path = Path(path)
    check_target(path)
    text, arrays = json.dumps(card(model), sort_keys=True), stored.of(model)
    data = save({**arrays, DIGEST: np.frombuffer(digest(text, arrays), np.uint8)}, {KEY: text})
    with atomic_write(path) as temporary:
        _write_synced(temporary, data)
        return kept(path, data)  # only now: where the new model has no room the old one stays as it is


def kept(path: Path, data: bytes) -> Path | None:
    """Copies the file `path` to NAME.bak, or .bak2, .bak3, ... where that is taken; returns which. None, and no
    copy, where there is no file or it holds `data` already."""
    if not path.is_file() or (path.stat().st_size == len(data) and path.read_bytes() == data):
        return None
    n = 1
    while (copy := path.with_name(f"{path.name}.bak{n if n > 1 else ''}")).exists():
        n += 1
    with atomic_write(copy) as temporary:
        shutil.copy2(path, temporary)
    return copy


def write_whole(path: Path, data: bytes) -> None:
    """A file that is on the disk, whole, or not there at all."""
    with atomic_write(path) as temporary:
        _write_synced(temporary, data)


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def check_target(path: Path) -> None:
    """Raises PsdlError where no model file can be written: worth asking before an hour of learning."""
    if path.is_dir():
        raise PsdlError(f"{path} is a folder, but the model needs a file name: give {path / 'model.psdl'}")
    if not path.parent.is_dir():
        raise PsdlError(f"no folder {path.parent} for the model file {path.name}: make it first")


def read(path: str | Path) -> Model:
    """Reads a model file. Nothing in it is executed but the graph, by ONNX Runtime, see `graphs.check_runnable`.

    Raises PsdlError on a missing, damaged, newer or foreign file, on parts that do not fit each other, and, where
    a key is trusted, on a file that is not signed with it.
    """
    return parsed(content(path), path)


def parsed(data: bytes, path: str | Path) -> Model:
    """The model of a model file's bytes; path: what messages call it. Raises PsdlError like `read`."""
    path = Path(path)
    found = _unpacked(data, path)
    signature.check_trusted(found.signed, found.digest, path)
    try:
        return _model(cards.parsed(found.card), found.arrays)
    except (*WRONG, TypeError, ValueError, MemoryError) as error:
        raise damaged(path, error) from None


def opened(path: str | Path) -> Opened:
    """A file's card and arrays, the digest compared. Raises PsdlError like `read`."""
    return _unpacked(content(path), Path(path))


def _unpacked(data: bytes, path: Path) -> Opened:
    """The card and arrays of a model file's bytes. Raises PsdlError like `read`."""
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
    """The BLAKE3 digest (32 bytes) of a card's text and of all arrays: their names, types, shapes and bytes."""
    names = sorted(arrays)
    shapes = [[name, str(arrays[name].dtype), arrays[name].shape] for name in names]
    total = blake3.blake3(json.dumps([text, shapes]).encode())
    for name in names:
        total.update(np.ascontiguousarray(arrays[name]).reshape(-1).view(np.uint8).data)
    return bytes(total.digest())


def sign(path: str | Path, key: str | Path, out: str | Path | None = None) -> None:
    """Writes the model file with a signature of its digest by the private key file `key`, in place of the file
    itself if `out` is None. Raises PsdlError like `opened` and `signature.made`."""
    found, target = opened(path), Path(out or path)
    check_target(target)
    proof = {DIGEST: found.digest, SIGNATURE: signature.made(found.digest, key)}
    arrays = {**found.arrays, **{name: np.frombuffer(value, np.uint8) for name, value in proof.items()}}
    write_whole(target, save(arrays, {KEY: found.card}))


def damaged(path: str | Path, error: Exception) -> PsdlError:
    """The error for a model file whose parts do not fit together."""
    line = " ".join(str(error).split())[:120]
    return PsdlError(f"{path} is a damaged model file ({line}): copy it again or fit a new one")


def model_files(model: Path, samples: Iterable[Sample], each: bool) -> dict[str, Path]:
    """{category: its model file}: `model` for all jointly; with `each` CATEGORY.psdl in that folder.

    Raises PsdlError on a category that is no file name.
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
    """All bytes of a model file. Raises PsdlError where there is none that can be read."""
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
    """Raises PsdlError on another format than this: before the digest, which earlier ones lack."""
    try:
        known = cards.parsed(text).get("format")
    except (ValueError, RecursionError) as error:
        raise damaged(path, error) from None
    if known != FORMAT:
        newer = isinstance(known, int) and known > FORMAT
        raise PsdlError(
            f"{path} has model format {str(known)[:20]}, this psdl reads {FORMAT}:"
            f" {'install a newer psdl' if newer else 'fit a new one'}"
        )


def _model(values: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Model:
    known = cards.checked(values)
    stored.check_calibration(arrays, known)
    stored.check_learned(arrays, known)
    extra = defects.read(known, arrays)
    frame, recipe, net = stored.frame(arrays, known), known.recipe, known.network
    cuts = {int(n): stored.graph(arrays, f"{stored.GRAPH}/{n}") for n in net.cuts}
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
