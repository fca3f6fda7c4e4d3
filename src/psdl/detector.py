"""The detector: learns from good images and judges new ones; with learning.py it sees every stage."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psdl import calibrate, check, heldout, image, modelfile, plugins, recipes, sparse
from psdl import score as scoring
from psdl.backbone.session import Session, resolve_device
from psdl.errors import PsdlError
from psdl.extract import Source, extract
from psdl.learning import Progress, groups_of, learn, method_of, params_of
from psdl.types import (
    F32,
    Calibration,
    Geometry,
    InputRule,
    Model,
    Part,
    Recipe,
    Region,
    Run,
    Sample,
    Score,
    Signals,
    Verdict,
)

LIBRARIES = ("psdl", "numpy", "numba", "onnxruntime", "pillow", "safetensors")


@dataclass(frozen=True)
class Result:
    """One image judged. score: larger is stranger; verdict: OK, REVIEW or NG with p-value; input_map
    (H,W) float32 at the network's input size, and geometry: how the image became that input."""

    score: float
    verdict: Verdict
    input_map: F32
    geometry: Geometry
    calibration: Calibration

    @property
    def map(self) -> F32:
        """(h,w) float32 at the image's own size; NaN where the input rule cuts the image away."""
        return image.map_to_source(self.input_map, self.geometry)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(h,w) bool: where the defect is; empty on an image whose map stays below the thresholds."""
        found = calibrate.defect_mask(self.input_map, self.calibration)
        return image.mask_to_source(found, self.geometry)

    @property
    def regions(self) -> tuple[Region, ...]:
        """The connected parts of the mask, in pixels of the image, the highest peak first."""
        mask = self.mask
        return calibrate.regions(self.map, mask) if mask.any() else ()


class Detector:
    """Learns from good images and judges new ones.

        detector = Detector().fit("good/")
        result = detector.score("new.png")      # result.score, result.map, result.verdict
        detector.save("part.psdl")

    recipe: "default", "paper" or a Recipe (see `psdl.recipe`). alarm: the share of good images the threshold may
    reject, between 0 and 1. review: the share that a person may look at, rejected ones included; five times alarm
    if None, and no such verdict if 0. device: auto, cpu or cuda.
    """

    def __init__(
        self,
        recipe: str | Recipe = "default",
        *,
        alarm: float = 0.01,
        review: float | None = None,
        device: str = "auto",
    ) -> None:
        self.alarm, self.review = rates(alarm, review)
        self.recipe = recipes.recipe(recipe) if isinstance(recipe, str) else recipe
        self.device = resolve_device(device)
        self._coder = _coder(self.device, device)
        self._model: Model | None = None
        self._ready: dict[str, Mapping[str, Any]] = {}
        self._sessions: dict[int, Session] = {}

    @property
    def model(self) -> Model:
        """What was learned. Raises PsdlError before `fit` or `load`."""
        if self._model is None:
            raise PsdlError("the detector has learned nothing yet: call fit(images) or Detector.load(file)")
        return self._model

    def fit(
        self,
        images: Any,
        *,
        weights: str | None = None,
        jobs: int | None = None,
        options: Mapping[str, Any] | None = None,
        progress: Progress = lambda *_: None,
    ) -> Detector:
        """Learns from good images: a folder, or a list of paths, file bytes, PIL images, arrays or samples.

        weights: a file for backbones that are exported; jobs: images and positions at a time (all cores if
        None); options: kept in the model for the record; progress(stage, now done, in all). Returns itself.
        """
        from psdl.backbone.graphs import network

        items, rule = _given(images)
        recipe = self.recipe if self.recipe.input else replace(self.recipe, input=rule)
        taps = tuple({tap: None for part in recipe.parts for tap in part.taps})
        net = network(recipe.arch, taps, weights)
        session = Session(net, device=self.device)
        states, calibration = learn(
            recipe, net, items, self.alarm, session, _runner(jobs), progress, self._coder, self.review
        )
        model = Model(
            recipe=recipe,
            network=net,
            states=states,
            calibration=calibration,
            categories=tuple(sorted({s.category if isinstance(s, Sample) else "images" for s in items})),
            options=dict(options or {}),
            versions={name: version(name) for name in LIBRARIES},
        )
        return self._take(model)

    def calibrate(
        self,
        images: Any,
        *,
        alarm: float | None = None,
        review: float | None = None,
        jobs: int | None = None,
        progress: Progress = lambda *_: None,
    ) -> Detector:
        """Sets the thresholds anew, from good images that it has not learned from; rates not given stay.

        images: as `fit` takes them, at least 2. Nothing is learned again. Returns itself.
        """
        self._set_rates(alarm, review)
        items, _ = _given(images)
        found = []
        for result in self.results(items, jobs):
            found.append(Score(result.input_map[None], np.array([result.score]), {}))
            progress("scores", 1, len(items))
        origin = f"{len(found)} separate good images"
        known = calibrate.calibrate(found, self.alarm, groups_of(items), self.review)
        return self._take(replace(self.model, calibration=replace(known, origin=origin)))

    def edit(
        self, *, alarm: float | None = None, review: float | None = None, threshold: float | None = None
    ) -> Detector:
        """Sets other rates, or a threshold by hand, on the calibration there is. Returns itself."""
        self._set_rates(alarm, review)
        known = calibrate.edited(self.model.calibration, self.alarm, self.review, threshold)
        return self._take(replace(self.model, calibration=known))

    def _set_rates(self, alarm: float | None, review: float | None) -> None:
        """Rates that are given replace those of the calibration; its review rate rises with the other."""
        known = self.model.calibration
        alarm = known.alarm if alarm is None else alarm
        review = (max(known.review, alarm) if known.review else 0.0) if review is None else review
        self.alarm, self.review = rates(alarm, review)

    def score(self, images: Any) -> Any:
        """The Result of one image, or a list of Results of a list, tuple or array (n,h,w,3) of them.

        An image is a path, file bytes, a PIL image or an array (h,w), (h,w,3) uint8. It scores the same alone, in
        any batch, and from any door. Raises PsdlError on images that cannot be read.
        """
        if isinstance(images, (list, tuple)) or (isinstance(images, np.ndarray) and images.ndim == 4):
            return list(self.results(images))
        return self._one(images, threads=os.cpu_count() or 1)

    def results(self, images: Iterable[Source], jobs: int | None = None) -> Iterator[Result]:
        """Results in the order of `images`, computed `jobs` at a time (all cores if None)."""
        self.model  # noqa: B018 says what is missing before any work
        yield from _runner(jobs)(partial(self._one, threads=1), images)

    def save(self, path: str | Path) -> None:
        """Writes the model file, atomically. Raises PsdlError if its folder is not there."""
        modelfile.write(self.model, path)

    @classmethod
    def load(cls, path: str | Path, device: str = "auto") -> Detector:
        """The detector of a model file. Raises PsdlError if the file is not whole or not a model."""
        model = modelfile.read(path)
        detector = cls(model.recipe, device=device)
        detector.alarm, detector.review = model.calibration.alarm, model.calibration.review
        try:
            return detector._take(model)
        except (ValueError, KeyError, TypeError) as error:
            raise modelfile.damaged(path, error) from None

    def _take(self, model: Model) -> Detector:
        self._model, self.recipe, self._sessions = model, model.recipe, {}
        self._ready = {
            part.name: method_of(part).ready(model.states[part.name], params_of(part), self._coder)
            for part in model.recipe.parts
        }
        self._session(1)
        return self

    def _session(self, threads: int) -> Session:
        """The network with that many threads an image; results do not depend on it."""
        if threads not in self._sessions:
            self._sessions[threads] = Session(self.model.network, threads=threads, device=self.device)
        return self._sessions[threads]

    def _distance(self, part: Part, found: Signals, threads: int) -> F32:
        """(1,P): the part's raw distances, measured against unseen good images where the part asks for it."""
        raw: F32 = method_of(part).distance(self._ready[part.name], found, threads)
        return heldout.Unseen.of(self.model.states[part.name]).measure(raw) if part.unseen else raw

    def _one(self, source: Source, threads: int) -> Result:
        model = self.model
        found, geometry = extract(source, self._session(threads), model.network, model.recipe)
        distances = {part.name: self._distance(part, found[part.name], threads) for part in model.recipe.parts}
        grids = {name: part_signals.grid for name, part_signals in found.items()}
        scored = scoring.score(distances, grids, model.recipe)
        value = float(scored.image[0])
        return Result(
            score=value,
            verdict=calibrate.verdict(value, model.calibration),
            input_map=scored.map[0],
            geometry=geometry,
            calibration=model.calibration,
        )


def rates(alarm: float, review: float | None) -> tuple[float, float]:
    """Both rates, checked: review None is five times alarm, at most a half. Raises PsdlError."""
    if not 0 < alarm < 1:
        raise PsdlError(f"the false-reject rate is {alarm}: give a share between 0 and 1, such as 0.01")
    review = max(alarm, min(5 * alarm, 0.5)) if review is None else review
    if review and not alarm <= review < 1:
        raise PsdlError(
            f"the review rate is {review}, but rejected images count in it: give a share from {alarm} up, or 0"
        )
    return alarm, review


def _coder(device: str, asked: str) -> str:
    """Where sparse coding runs: on the backbone's device, or on the CPU where torch finds no such device and none
    was asked for by name. Raises PsdlError if one was."""
    if device == "cpu" or sparse.runs_on(device):
        return device
    if asked == device:
        raise PsdlError(
            f"--device {asked} was asked for, but sparse coding finds no torch with it: install the extra [torch]"
            " with CUDA, or use --device cpu"
        )
    return "cpu"


def _given(images: Any) -> tuple[Sequence[Source], InputRule]:
    """What `fit` was given -> images or samples, and the input rule of their layout."""
    if isinstance(images, (str, Path)):
        from psdl.data.read import read

        found = read(images)
        return check.learning(found.samples), found.rule
    chosen = list(images)
    if len(chosen) < 2:
        raise PsdlError(f"{len(chosen)} good images were given: at least 2 are needed, better 50 or more")
    return chosen, InputRule()


def _runner(jobs: int | None) -> Run:
    if jobs is not None and jobs < 1:
        raise PsdlError(
            f"--jobs is {jobs}: give the number of images and positions to work on at a time, at least 1"
        )
    workers = jobs or os.cpu_count() or 1
    run: Run = plugins.load("jobs", "inline" if workers == 1 else "threads").runner(workers)
    return run
