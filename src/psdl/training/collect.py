"""Collects the signals of all parts and what else is kept of each good image, in one pass through the network. The
pass can be continued where it was broken off if the signals are in files."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from psdl.errors import PsdlError
from psdl.features.extractor import FeatureExtractor, Source, below, name_of, origin
from psdl.features.store import Store
from psdl.input import preprocess
from psdl.input.statistics import ImageStatistics
from psdl.jobs.context import RunContext
from psdl.training.checkpoint import NOTHING, Checkpoint
from psdl.types import F32, Geometry, Origin, Signals

__all__ = ["Collected", "Seen", "collect"]

ALBUM, ALBUM_IMAGES = (
    256,
    1000,
)  # pixels of the longer side in the album; halved so that it holds as much as so many


class Seen(NamedTuple):
    """What is kept of an image beside its signals. `picture` is a small JPEG file. `reading` and `seconds` are the
    times in seconds that reading the image, and its extraction as a whole, took."""

    origin: Origin
    geometry: Geometry
    picture: bytes
    statistics: ImageStatistics
    reading: float
    seconds: float

    def card(self) -> dict[str, Any]:
        """Returns the values in a form that JSON can hold."""
        return self._asdict() | {
            "origin": asdict(self.origin),
            "geometry": asdict(self.geometry),
            "picture": base64.b64encode(self.picture).decode(),
        }

    @classmethod
    def of(cls, card: Mapping[str, Any]) -> Self:
        """Makes the value again from what `card` returned, after it was read from JSON."""
        return cls(
            Origin(**card["origin"]),
            preprocess.geometry_of(card["geometry"]),
            base64.b64decode(card["picture"]),
            ImageStatistics(*card["statistics"]),
            card["reading"],
            card["seconds"],
        )


@dataclass(frozen=True)
class Collected:
    """The signals of all images in one store for each part, and what else was kept of the images, in their
    order."""

    stores: dict[str, Store]
    seen: tuple[Seen, ...]

    @property
    def origins(self) -> tuple[Origin, ...]:
        return below([one.origin for one in self.seen])

    def distinct(self) -> NDArray[np.intp]:
        """Returns the indices of the images that are no copy of an earlier image."""
        first: dict[str, int] = {}
        for n, one in enumerate(self.seen):
            first.setdefault(one.origin.seen, n)
        return np.array([*first.values()], np.intp)

    def only(self, rows: NDArray[np.intp]) -> Collected:
        """Returns what was collected of the images `rows` alone, numbered anew."""
        stores = {name: store.only(rows) for name, store in self.stores.items()}
        return Collected(stores, tuple(self.seen[n] for n in rows))

    @property
    def album(self) -> tuple[bytes, ...]:
        return tuple(one.picture for one in self.seen)

    def image_statistics(self, items: NDArray[np.integer[Any]]) -> F32:
        """Returns (N,5) float32: each image's four `ImageStatistics`, and the number of the item that it shows,
        from `items` (N,)."""
        found = np.array([one.statistics for one in self.seen], np.float32)
        return np.column_stack([found, items]).astype(np.float32)

    @property
    def reading(self) -> float:
        """The share of the extraction's time that reading the images took."""
        return sum(one.reading for one in self.seen) / sum(one.seconds for one in self.seen)


def collect(
    extractor: FeatureExtractor,
    items: Sequence[Source],
    run: RunContext,
    open_stores: ExitStack,
    in_memory: bool = True,
    kept: Checkpoint = NOTHING,
) -> Collected:
    """Extracts the signals of all items into one store for each part, and returns them with what else is kept of
    each item.

    The stores are in memory, or in files if `in_memory` is False; `open_stores` closes them. `kept` is the
    checkpoint that an earlier run may have filled. Raises PsdlError on images that cannot be read and on inputs of
    several shapes.
    """
    side = _album_side(len(items))

    def extract(numbered: tuple[int, Source]) -> tuple[Seen, dict[str, Signals]]:
        n, source = numbered
        found = extractor.extract(source)
        picture = preprocess.thumbnail(found.inputs, side)
        where = replace(origin(source, n), seen=found.seen)
        seen = Seen(where, found.geometry, picture, found.statistics, found.reading, found.seconds)
        return seen, found.signals

    first = extract((0, items[0]))
    folder = None if in_memory else kept.signals()
    stores: dict[str, Store] = {}
    for name, signals in first[1].items():
        file = folder / f"{name}.f32" if folder else None
        store = Store(len(items), signals.grid, signals.values.shape[2], in_memory=in_memory, file=file)
        stores[name] = open_stores.enter_context(store)
    journal = _Journal(folder, stores)
    seen = list(journal.known())
    run.progress("network", len(seen), len(items))
    rest = run.work(extract, islice(enumerate(items), max(1, len(seen)), None))
    for known, found in rest if seen else chain([first], rest):
        for name, signals in found.items():
            _same_grid(signals, stores[name], items, len(seen))
            stores[name].write(len(seen), signals)
        journal.add(known, found)
        seen.append(known)
        run.progress("network", 1, len(items))
    return Collected(stores, tuple(seen))


def _album_side(images: int) -> int:
    side = ALBUM
    while images * (side / ALBUM) ** 2 > ALBUM_IMAGES:
        side //= 2
    return side


def _same_grid(signals: Signals, store: Store, items: Sequence[Source], n: int) -> None:
    found, expected = signals.grid.input, store.grid.input
    if found != expected:
        raise PsdlError(
            f"{name_of(items[n])} gives an input of {found[1]} x {found[0]} pixels, {name_of(items[0])} one of"
            f" {expected[1]} x {expected[0]}: one model needs images of one shape, or a rule that makes them so"
        )


class _Journal:
    """A file with one line for each image whose signals are written. The line holds the signals' checksums, since
    after a power failure the line may be there and the signals not."""

    def __init__(self, folder: Path | None, stores: Mapping[str, Store]) -> None:
        self.file = folder / "images.jsonl" if folder else None
        self.stores = stores

    def known(self) -> Iterator[Seen]:
        """Yields what was kept of the first images as far as their signals are intact; later lines are removed."""
        if self.file is None or not self.file.is_file():
            return
        good = 0
        with self.file.open("rb") as lines:
            for n, line in enumerate(lines):
                if not line.endswith(b"\n"):
                    break
                card = json.loads(line)
                if card.pop("checksums") != self._checksums(n):
                    break
                good += len(line)
                yield Seen.of(card)
        with self.file.open("r+b") as lines:
            lines.truncate(good)

    def add(self, seen: Seen, signals: Mapping[str, Signals]) -> None:
        if self.file is not None:
            checksums = {name: zlib.crc32(found.values.data) for name, found in signals.items()}
            with self.file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(seen.card() | {"checksums": checksums}) + "\n")

    def _checksums(self, n: int) -> dict[str, int]:
        row = np.array([n])
        return {name: zlib.crc32(store.images(row).values.data) for name, store in self.stores.items()}
