"""The detector: learns from good images and judges new ones; with learning.py it sees every stage."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psdl.backbone.session import Session, resolve_device
from psdl.calibrate import selftest, thresholds
from psdl.calibrate.rates import rates, record, renewed
from psdl.datasets import check, duplicates
from psdl.errors import PsdlError
from psdl.features.extractor import Source, extract, origin
from psdl.jobs import near, remote, runner
from psdl.model import file, recipes
from psdl.model.model import Golden, Model
from psdl.scoring.inference import Through, as_unseen, result_of, through
from psdl.scoring.known import calibration_of
from psdl.scoring.result import Result
from psdl.scoring.scorer import Judge, coder
from psdl.training import alignment, defects, memory
from psdl.training import roi as regions
from psdl.training.lesson import Lesson
from psdl.training.train import LIBRARIES, groups_of, learn
from psdl.types import Calibration, InputRule, Progress, Recipe, Run, Sample


class Detector:
    """Learns from good images and judges new ones.

        detector = Detector().fit("good/")
        result = detector.score("new.png")      # result.score, result.map, result.verdict
        detector.save("part.psdl")

    recipe: "default", "paper" or a Recipe (see `psdl.recipe`). alarm: the share of good images the threshold may
    reject, between 0 and 1. review: the share that a person may look at, rejected ones included; five times alarm
    if None, and no such verdict if 0. confidence: how sure the threshold must be to keep alarm for all new items;
    if 0 it keeps it on average. device: auto, cpu or cuda.
    """

    def __init__(
        self,
        recipe: str | Recipe = "default",
        *,
        alarm: float = 0.01,
        review: float | None = None,
        confidence: float = 0.0,
        device: str = "auto",
    ) -> None:
        self.rates = rates(alarm, review, confidence)
        self.recipe = recipes.recipe(recipe) if isinstance(recipe, str) else recipe
        self.device = resolve_device(device)
        self._coder = coder(self.device, device)
        self._model: Model | None = None
        self._judges: dict[str, Judge] = {}
        self._sessions: dict[int, Session] = {}
        self._strangest: tuple[tuple[Source, Result], ...] = ()

    @property
    def model(self) -> Model:
        """What was learned. Raises PsdlError before `fit` or `load`."""
        if self._model is None:
            raise PsdlError("the detector has learned nothing yet: call fit(images) or Detector.load(file)")
        return self._model

    @property
    def strangest(self) -> tuple[tuple[Source, Result], ...]:
        """After `fit`: the good images that look least like the rest, strangest first, judged as if unseen."""
        return self._strangest

    @property
    def alignment(self) -> str:
        """How images are registered to the good ones' mean: none, shift or rigid."""
        return self.recipe.input.align if self.recipe.input else "none"

    def fit(
        self,
        images: Any,
        *,
        weights: str | None = None,
        jobs: int | Run | None = None,
        options: Mapping[str, Any] | None = None,
        dropped: Sequence[str] = (),
        groups: str = "auto",
        roi: regions.Roi | None = None,
        align: str = "none",
        max_memory: int | None = None,
        going: Path | None = None,
        say: Callable[[str], None] = lambda _: None,
        progress: Progress = lambda *_: None,
    ) -> Detector:
        """Learns from good images: a folder, or a list of paths, file bytes, PIL images, arrays or samples.

        groups: which images of a folder, or samples, show one item, see `duplicates.grouped`; roi: the region of
        interest, see `regions.frame`; align: see `alignment.settled`; max_memory: bytes, see `memory.plan`, which
        `say` is told in words; going: a folder that lets a run that is broken off go on, see `checkpoint.opened`;
        weights: a file for backbones that are exported; jobs: images and positions at a time (all cores if None),
        or where work runs, see `jobs.opened`; options, dropped: for the model's record, the latter names of images
        left out; progress(stage, now done, in all). Returns itself.
        """
        items, rule = check.given(images)
        work = runner(jobs)
        run = near(work)
        rule = check.levelled(self.recipe.input or rule, items, run)
        recipe, net = recipes.with_network(replace(self.recipe, input=rule), weights)
        session = Session(net, device=self.device)
        items, said = duplicates.grouped(items, groups, run, progress, rule.white)
        recipe = alignment.settled(recipe, align, net, items, session, run, progress)
        frame = regions.frame(items, recipe.input or rule, roi, run)
        first = extract(items[0], session, net, recipe, frame).signals
        planned = memory.plan(recipe, first, len(items), max_memory)
        say(planned.words())
        here = planned.in_memory and not remote(work)
        learned = learn(
            recipe, net, items, self.rates, session, work, progress, self._coder, frame, here, going, say
        )
        say(f"reading images took {learned.reading:.0%} of their way through the network")
        model = Model(
            recipe=learned.recipe,
            network=net,
            states=learned.states,
            calibration=replace(learned.calibration, origin=learned.calibration.origin + (said and f": {said}")),
            categories=tuple(sorted({s.category if isinstance(s, Sample) else "images" for s in items})),
            options=dict(options or {}),
            versions={name: version(name) for name in LIBRARIES},
            learned=learned.origins,
            dropped=tuple(dropped),
            album=learned.album,
            frame=frame,
            looks=learned.looks,
            averages=learned.averages,
            history=({"what": "learned", "images": len(items), **record(learned.calibration)},),
        )
        self._take(model)
        chosen = [extract(items[n], session, net, recipe, frame) for n in learned.golden]
        golden = self.golden([found.inputs for found in chosen], chosen[0].geometry.input)
        self._model = replace(model, golden=golden)
        self._strangest = tuple(
            (items[n], as_unseen(score, geometry, look, model)) for n, score, geometry, look in learned.strangest
        )
        return self

    def calibrate(
        self,
        images: Any,
        *,
        alarm: float | None = None,
        review: float | None = None,
        confidence: float | None = None,
        by: str = "",
        jobs: int | Run | None = None,
        progress: Progress = lambda *_: None,
    ) -> Detector:
        """Sets the thresholds anew, from good images that it has not learned from; rates not given stay.

        images: as `fit` takes them, at least 2. by: who does it, for the record. Nothing is learned again. Returns
        itself.
        """
        self.rates = renewed(self.model.calibration.rates, alarm, review, confidence)
        items, _ = check.given(images)
        found = []
        for result in self.results(items, jobs, averages=True):
            found.append(result)
            progress("scores", 1, len(items))
        origins = [origin(item, n) for n, item in enumerate(items)]
        known = calibration_of(found, self.rates, groups_of(items), origins)
        known = replace(known, origin=f"{len(found)} separate good images")
        return self.recorded(known, {"what": "calibrated", "images": len(found)}, by)

    def learn_defects(self, images: Any, *, by: str = "", jobs: int | Run | None = None) -> Lesson:
        """Learns known defects: images of them, as `fit` takes good ones, the kind of each as its sample names it.

        They are used only if more of those left out are found with them; the thresholds keep their promise. by:
        who names them, for the record. Returns what it came to; raises PsdlError like `defects.taught`.
        """
        items = check.given_defects(images)
        judged = list(self.results(items, jobs, averages=True))
        new = defects.known_of(items, judged)
        self._model, lesson = defects.taught(self.model, defects.joined(self.model.known, new))
        if (golden := self._model.golden) is not None:
            self._model = replace(self._model, golden=self.golden(list(golden.inputs), golden.maps.shape[1:]))
        self.recorded(self._model.calibration, {"what": "known defects learned", "images": len(items)}, by)
        return lesson

    def edit(
        self,
        *,
        alarm: float | None = None,
        review: float | None = None,
        confidence: float | None = None,
        threshold: float | None = None,
        by: str = "",
    ) -> Detector:
        """Sets other rates, or a threshold by hand, on the calibration there is. Returns itself."""
        self.rates = renewed(self.model.calibration.rates, alarm, review, confidence)
        known = thresholds.edited(self.model.calibration, self.rates, threshold)
        return self.recorded(known, {"what": "rates set" if threshold is None else "threshold set by hand"}, by)

    def recorded(self, calibration: Calibration, what: Mapping[str, Any], by: str) -> Detector:
        """The model with this calibration, and in its history who set it, when (UTC), and from what."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        entry = {**what, "by": by, "on": now, "psdl": version("psdl"), **record(calibration)}
        self._model = replace(self.model, calibration=calibration, history=(*self.model.history, entry))
        return self

    def selftest(self) -> list[tuple[float, float]]:
        """For each good image that the model carries: how far its score and its map lie, here, from what they were
        where the model was made, in shares of the tolerance. Raises PsdlError if the model carries none."""
        golden = self.model.golden
        if golden is None:
            raise PsdlError("the model carries no images for a self-test: fit a new one")
        now = self.golden(list(golden.inputs), golden.maps.shape[1:])
        return selftest.deviations(golden, now, self.model.calibration)

    def score(self, images: Any, threads: int | None = None) -> Any:
        """The Result of one image, or a list of Results of a list, tuple or array (n,h,w,3) of them.

        An image is a path, file bytes, a PIL image or an array (h,w), (h,w,3). It scores the same alone, in
        any batch, and from any door. threads: for one image, all cores if None. Raises PsdlError on images that
        cannot be read.
        """
        if isinstance(images, (list, tuple)) or (isinstance(images, np.ndarray) and images.ndim == 4):
            return list(self.results(images))
        return self._one(images, threads=threads or os.cpu_count() or 1)

    def results(
        self, images: Iterable[Source], jobs: int | Run | None = None, *, averages: bool = False
    ) -> Iterator[Result]:
        """Results in the order of `images`, computed `jobs` at a time (all cores if None); with their averages if
        these are asked for."""
        self.model  # noqa: B018 says what is missing before any work
        run = runner(jobs)
        if not remote(run):
            yield from run(partial(self._one, threads=1, averages=averages), images)
            return
        for found in run(partial(self._bare, averages=averages), images):  # models do not travel with results
            yield replace(found, model=self.model)

    def save(self, path: str | Path) -> None:
        """Writes the model file, atomically. Raises PsdlError if its folder is not there."""
        file.write(self.model, path)

    @classmethod
    def load(cls, path: str | Path, device: str = "auto") -> Detector:
        """The detector of a model file. Raises PsdlError if the file is not whole or not a model."""
        try:
            return cls.of(file.read(path), device)
        except (ValueError, KeyError, TypeError) as error:
            raise file.damaged(path, error) from None

    @classmethod
    def of(cls, model: Model, device: str = "auto") -> Detector:
        """The detector of a model."""
        detector = cls(model.recipe, device=device)
        detector.rates = model.calibration.rates
        return detector._take(model)

    def _take(self, model: Model) -> Detector:
        self._model, self.recipe, self._sessions = model, model.recipe, {}
        parts = model.recipe.parts
        self._judges = {part.name: Judge(part, model.states[part.name], self._coder) for part in parts}
        for judge in self._judges.values():
            judge.ready  # noqa: B018 says what does not fit before any work
        self.session(1)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Detector.of, (self.model, self.device)

    def session(self, threads: int) -> Session:
        """The network with that many threads an image; results do not depend on it."""
        if threads not in self._sessions:
            self._sessions[threads] = Session(self.model.network, threads=threads, device=self.device)
        return self._sessions[threads]

    def _through(self, source: Source, recipe: Recipe, threads: int, averages: bool = False) -> Through:
        return through(source, self.model, recipe, self.session, self._judges, threads, averages)

    def _one(self, source: Source, threads: int, averages: bool = False) -> Result:
        return result_of(self._through(source, self.recipe, threads, averages), self.model, averages)

    def _bare(self, source: Source, averages: bool = False) -> Result:
        return replace(self._one(source, threads=1, averages=averages), model=None)  # type: ignore[arg-type]

    def golden(self, inputs: Sequence[NDArray[np.uint8]], size: tuple[int, ...]) -> Golden:
        """What images (h,w,3), brought to inputs of `size` (H,W) and their other scales, score here."""
        recipe = replace(self.recipe, input=InputRule(resize=(size[0], size[1])))
        found = [self._through(pixels, recipe, 1).score for pixels in inputs]
        maps = np.concatenate([score.map for score in found])
        return Golden(np.stack(inputs), np.concatenate([score.image for score in found]), maps)
