"""Finds which images show the same item: at another exposure, with a small shift, cut otherwise, or saved as
another JPEG.

Each image becomes a small map of whitened activations, minus their mean over its positions, which depends on the
light. The similarity of two images is the correlation of their maps at the best shift. docs/data.md has figures on
real data sets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from psdl._util import plugins
from psdl._util.blas import one_thread
from psdl.backbone.graphs import network
from psdl.backbone.session import Session
from psdl.input import decode, preprocess, room
from psdl.types import F32, F64, Network, Progress, Run, Sample

# The lowest and the highest correlation from which two images are taken for one item; see `_bar`.
ALIKE = (0.5, 0.8)
# The correlation from which two pictures are copies. Copies as JPEG of quality 50 to 95 have .976 or more,
# and other parts .947 at most on real data sets, except for one, a series of pictures of a moving part.
COPY = 0.96
SPREAD = 3  # times the lower spread above the median of all similarities: as far as different items reach
SIDE = 192  # pixels to which the median image's mean side is brought; all images by one factor
TAP, STRIDE, LENGTH = "layer2", 8, 16  # where activations are taken; the whitened numbers at each position
BASIS = 100  # images that the whitening is fitted on
OVERLAP = 0.4  # of the smaller map that two maps must share at a shift
MANY = 2000  # images above which comparing all pairs takes longer than a user expects
LARGEST = 1 / 3  # share of all images that a group which was found may hold
NEAREST = 8  # images, most similar at half resolution, that are compared at full resolution

Spectra = NDArray[np.complex64]


class Pair(NamedTuple):
    """Two images by their indices, first < second, and their correlation at the best shift, -1 to 1."""

    first: int
    second: int
    alike: float


def pairs(
    samples: Sequence[Sample],
    run: Run,
    progress: Progress = lambda *_: None,
    white: float | None = None,
) -> list[Pair]:
    """Returns the pairs of images that show one item, the most similar first.

    A small network sees all images once. Then every pair is compared at low resolution, and each image with its
    nearest few at full resolution. `progress` is called with a stage, the number just done and the number in all.
    `white` is as in `decode.pixels`. Raises PsdlError if an image cannot be read.
    """
    if len(samples) < 2:
        return []
    sizes = [decode.header(sample.path) for sample in samples]
    factor = SIDE / float(np.median([np.sqrt(h * w) for h, w in sizes]))
    net = network("efficientnet_lite0", (TAP,), None)
    activations = partial(_activations, Session(net), net, factor, white)
    some = np.unique(np.linspace(0, len(samples) - 1, BASIS).astype(int))
    mean, basis = _whitening(run(activations, [samples[n] for n in some]))
    maps: list[F32] = []
    for found in run(lambda sample: _whitened(activations(sample), mean, basis), samples):
        maps.append(found)
        progress("pairs", 1, 2 * len(samples))
    return _nearest(maps, run, lambda n: progress("pairs", n, 2 * len(samples)))


class Grouped(NamedTuple):
    """The samples, with one group for those that show one item, and a sentence about how many items they show."""

    samples: tuple[Any, ...]
    said: str


def grouped(
    samples: Sequence[Any],
    how: str,
    run: Run,
    progress: Progress = lambda *_: None,
    white: float | None = None,
) -> Grouped:
    """Returns the samples with the item that each shows as its group. Images that are no samples are returned as
    they are.

    `how` is "given": the items are those that the data set states; "found": images that are near-duplicates show
    one item, too; or "auto": "given" if the data set states any item or there are more than MANY images, else
    "found". If no item is stated and one found would have more than the share LARGEST of all images, the images
    resemble each other too much. Then only those are joined that are as similar as a picture and its copy of lower
    quality, COPY; and none if that joins no images or most of them. Raises PsdlError on other values of `how`.
    """
    if how not in ("auto", "given", "found"):
        raise plugins.unknown("value of `groups`", how, ("auto", "given", "found"))
    if not all(isinstance(sample, Sample) for sample in samples):
        return Grouped(tuple(samples), "")
    known = [f"{s.category}/{s.group or s.part}" if s.group or s.part else None for s in samples]
    items = len({name for name in known if name}) + known.count(None)
    given = Grouped(tuple(samples), f"{len(samples)} images of {items} items, as the data set says")
    if how == "given" or (how == "auto" and any(known)):
        return given
    if how == "auto" and len(samples) > MANY:
        return given._replace(said=f"{len(samples)} images, each taken for an item: `groups` found looks for more")
    first = {name: n for n, name in reversed(list(enumerate(known))) if name}
    known_pairs = [Pair(first[name], n, 1.0) for n, name in enumerate(known) if name and first[name] < n]
    found = pairs(samples, run, progress, white)
    joined, why = groups(len(samples), known_pairs + found), "as far as they can be told apart"
    if not any(known) and max(Counter(joined).values()) > LARGEST * len(samples):
        joined = groups(len(samples), [pair for pair in found if pair.alike >= COPY])
        largest = max(Counter(joined).values())
        if largest == 1 or largest > 2 * LARGEST * len(samples):
            return given._replace(said=f"{len(samples)} images, too much alike to tell items apart: each is one")
        why = "too much alike to tell items apart: pictures that are all but the same count as one"
    named = tuple(replace(s, group=samples[root].name) for s, root in zip(samples, joined, strict=True))
    return Grouped(named, f"{len(samples)} images of {len(set(joined))} items, {why}")


def groups(count: int, found: Sequence[Pair]) -> list[int]:
    """Returns, for each of `count` images, the index of the first image to which pairs join it, directly or by
    others; its own if none does."""
    root = list(range(count))

    def top(n: int) -> int:
        while root[n] != n:
            root[n] = root[root[n]]
            n = root[n]
        return n

    for first, second, _ in found:
        low, high = sorted((top(first), top(second)))
        root[high] = low
    return [top(n) for n in range(count)]


def _activations(session: Session, net: Network, factor: float, white: float | None, sample: Sample) -> F32:
    """Returns the activations (C,h,w) of an image whose sides are brought to `factor` times their length."""
    with room.held(sample.path):
        return _activations_of(session, net, factor, decode.pixels(sample.path, white=white))


def _activations_of(session: Session, net: Network, factor: float, pixels: decode.Pixels) -> F32:
    """Returns the activations (C,h,w) of pixels (H,W,3), as `_activations`."""
    h, w = (STRIDE * max(6, round(side * factor / STRIDE)) for side in pixels.shape[:2])
    small = np.asarray(Image.fromarray(pixels).resize((w, h), Image.Resampling.BILINEAR, reducing_gap=3.0))
    whole = np.pad(small, ((0, -h % 32), (0, -w % 32), (0, 0)), mode="edge")
    maps: F32 = session.maps(preprocess.normalise(whole[None], net.mean, net.std))[TAP]
    return maps[0, :, : h // STRIDE, : w // STRIDE]


@one_thread
def _whitening(maps: Iterator[F32]) -> tuple[F32, F32]:
    """Returns the mean (C,) and the basis (LENGTH,C) of a whitening: the directions of most variance, scaled to
    unit variance, but weak ones less."""
    signals = np.concatenate([m.reshape(len(m), -1) for m in maps], axis=1)
    values, vectors = np.linalg.eigh(np.cov(signals))
    scaled = (vectors / np.sqrt(values + 0.02 * values.mean()))[:, ::-1][:, :LENGTH]
    return signals.mean(axis=1), np.ascontiguousarray(scaled.T, np.float32)


def _whitened(maps: F32, mean: F32, basis: F32) -> F32:
    """Returns a map (C,h,w) in the basis, (LENGTH,h,w), minus its mean over the positions."""
    found = np.tensordot(basis, maps - mean[:, None, None], 1)
    return np.asarray(found - found.mean(axis=(1, 2), keepdims=True), np.float32)


class _Bank(NamedTuple):
    """Spectra of N maps that are padded with zeros to `side` S.

    `signals` are those of the maps (N,LENGTH,S,S/2+1), `energy` those of their squared norms at each position, and
    `extent` those of ones at each position, both (N,S,S/2+1). `areas` (N,) are the numbers of positions.
    """

    side: int
    signals: Spectra
    energy: Spectra
    extent: Spectra
    areas: F64

    @classmethod
    def of(cls, maps: Sequence[F32]) -> _Bank:
        """Returns the spectra of maps (LENGTH,h,w), with twice the longest side for S, so that no shift wraps
        around."""
        side = 2 * max(max(m.shape[1:]) for m in maps)
        padded = np.zeros((LENGTH + 2, side, side), np.float32)
        spectra = np.empty((len(maps), LENGTH + 2, side, side // 2 + 1), np.complex64)
        for n, m in enumerate(maps):
            padded[:] = 0
            padded[:, : m.shape[1], : m.shape[2]] = [*m, (m * m).sum(axis=0), np.ones_like(m[0])]
            spectra[n] = np.fft.rfft2(padded)
        areas = np.array([m[0].size for m in maps], np.float64)
        return cls(side, spectra[:, :-2], spectra[:, -2], spectra[:, -1], areas)

    def alike(self, n: int, others: slice) -> F32:
        """Returns the correlation of map n with each of the others, at the shift where it is largest; -1 if no
        shift leaves enough overlap."""

        def correlated(spectra: Spectra) -> F32:
            return np.fft.irfft2(spectra, (self.side, self.side)).astype(np.float32)

        energy, extent = np.conj(self.energy[n]), np.conj(self.extent[n])
        product = correlated(np.einsum("lxy,nlxy->nxy", np.conj(self.signals[n]), self.signals[others]))
        mine, theirs = correlated(energy * self.extent[others]), correlated(extent * self.energy[others])
        shared = correlated(extent * self.extent[others])
        enough = shared >= OVERLAP * np.minimum(self.areas[n], self.areas[others])[:, None, None]
        found = np.where(enough, product / np.sqrt(np.maximum(mine * theirs, 1e-6)), -1.0)
        return np.asarray(found.max(axis=(1, 2)), np.float32)


def _nearest(maps: Sequence[F32], run: Run, progress: Callable[[int], None]) -> list[Pair]:
    """Returns the pairs of similar maps (LENGTH,h,w), the most similar first. All pairs are compared at half
    resolution, and then each map with its NEAREST most similar ones at full resolution."""
    count = len(maps)
    table = np.full((count, count), -1.0, np.float32)
    coarse = _Bank.of([_halved(m) for m in maps])

    def roughly(n: int) -> F32:
        blocks = [slice(start, start + 64) for start in range(n + 1, count, 64)]
        return np.concatenate([coarse.alike(n, block) for block in blocks])

    for n, row in enumerate(run(roughly, range(count - 1))):
        table[n, n + 1 :] = table[n + 1 :, n] = row
        progress(1)
    progress(1)
    bar = _bar(table[np.triu_indices(count, 1)])
    few = min(NEAREST, count - 1)
    near = [{int(m) for m in row} for row in np.argpartition(-table, few - 1, axis=1)[:, :few]]
    chosen = [sorted(m for m in row if m > n or n not in near[m]) for n, row in enumerate(near)]

    def closely(n: int) -> list[Pair]:
        if not chosen[n]:
            return []
        values = _Bank.of([maps[n], *(maps[m] for m in chosen[n])]).alike(0, slice(1, None))
        return [Pair(min(n, m), max(n, m), float(v)) for m, v in zip(chosen[n], values, strict=True) if v >= bar]

    found = [pair for some in run(closely, range(count)) for pair in some]
    return sorted(found, key=lambda pair: (-pair.alike, pair))


def _bar(alike: F32) -> float:
    """Returns how similar two images must be to show one item, from the similarities of all pairs. Most pairs show
    two items, so their distribution bounds what different items have in common."""
    low, middle = np.quantile(alike, [0.05, 0.5])
    return float(np.clip(middle + SPREAD * (middle - low), *ALIKE))


def _halved(maps: F32) -> F32:
    """Returns the means of a map (L,h,w) over 2 x 2 positions; an odd last row or column is left out."""
    h, w = maps.shape[1] // 2, maps.shape[2] // 2
    blocks = maps[:, : 2 * h, : 2 * w].reshape(len(maps), h, 2, w, 2)
    return np.asarray(blocks.mean(axis=(2, 4)), np.float32)
