"""The public entry point: the detector, which learns from good images and judges new ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from psdl._util.machine import cores
from psdl.backbone.session import resolve_device
from psdl.calibrate import anew, selftest, thresholds
from psdl.calibrate.rates import Asked, record, renewed
from psdl.datasets import check
from psdl.errors import PsdlError
from psdl.features.extractor import FeatureExtractor, Source
from psdl.jobs import remote, runner
from psdl.jobs.context import HERE, RunContext
from psdl.model import file
from psdl.model.model import Golden, Model
from psdl.scoring.inference import Inference, Known, held_out, infer, judged
from psdl.scoring.result import Result
from psdl.scoring.results import Results
from psdl.scoring.scorer import Judge, coder
from psdl.training import defects
from psdl.training.assemble import assemble
from psdl.training.copies import fresh
from psdl.training.lesson import Lesson
from psdl.training.near import marked
from psdl.training.options import FitOptions
from psdl.training.plan import plan
from psdl.training.train import Learned, learn
from psdl.types import Calibration, InputRule, Rates, Recipe, Run

__all__ = ["Detector"]


class Detector:
    """Learns from good images and judges new ones.

        detector = Detector().fit("good/")
        result = detector.predict("new.png")      # result.score, result.map, result.verdict
        detector.save("part.psdl")

    `recipe` is a name ("default", "fast", "paper", ...) or a Recipe (see `psdl.recipe`). `options` holds all
    settings of learning (see `FitOptions`); the arguments `recipe`, `false_reject`, `review` and `confidence`
    override them. `false_reject` in (0, 1) is the share of good images that may be judged NG. `review` is the
    share that may be judged NG or REVIEW; 0: no verdict REVIEW. `confidence` in [0, 1) is the probability with
    which new items keep the rate `false_reject`; at 0 they keep it on average. `device` is "auto", "cpu" or
    "cuda". Raises PsdlError on wrong values."""

    def __init__(
        self,
        recipe: str | Recipe | None = None,
        options: FitOptions | None = None,
        *,
        false_reject: float | None = None,
        review: float | None = None,
        confidence: float | None = None,
        device: str = "auto",
    ) -> None:
        given = {"recipe": recipe, "false_reject": false_reject, "review": review, "confidence": confidence}
        wanted = {name: value for name, value in given.items() if value is not None}
        self.options = (options or FitOptions()).replaced(**wanted)
        self.options.chosen_recipe(), self.options.rates
        self.device = resolve_device(device)
        self._coder = coder(self.device, device)
        self._model: Model | None = None
        self._judges: dict[str, Judge] = {}
        self._extractor: FeatureExtractor | None = None
        self._strangest: tuple[tuple[Source, Result], ...] = ()

    def __repr__(self) -> str:
        state = "not fitted" if self._model is None else f"{len(self._model.learned)} good images"
        return f"Detector(recipe={self.recipe.name!r}, {state})"

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Returns the options and the device by name, as scikit-learn's tools expect. `deep` is ignored."""
        return {one.name: getattr(self.options, one.name) for one in fields(FitOptions)} | {"device": self.device}

    @property
    def model(self) -> Model:
        """The model that was learned or loaded. Raises PsdlError before `fit` or `load`."""
        if self._model is None:
            raise PsdlError("the detector has learned nothing yet: call fit(images) or Detector.load(file)")
        return self._model

    @property
    def recipe(self) -> Recipe:
        """The recipe of the model; before `fit` or `load` the one that was chosen."""
        return self.options.chosen_recipe() if self._model is None else self._model.recipe

    @property
    def rates(self) -> Rates:
        """The rates that the thresholds keep; before `fit` or `load` those that were chosen."""
        return self.options.rates if self._model is None else self._model.calibration.rates

    @property
    def extractor(self) -> FeatureExtractor:
        """The feature extractor, which turns an image into signals. Raises PsdlError before `fit` or `load`."""
        return self._extractor or FeatureExtractor(self.model.recipe, self.model.network)

    @property
    def strangest(self) -> tuple[tuple[Source, Result], ...]:
        """After `fit`: up to 24 good images and their held-out results, the highest score first; else empty."""
        return self._strangest

    @property
    def alignment(self) -> str:
        """How images are registered to the mean of the good ones: "none", "shift" or "rigid"."""
        return self.recipe.input.align if self.recipe.input else "none"

    def fit(self, images: Any, run: RunContext = HERE) -> Detector:
        """Learns from good images and returns the detector itself. Every call learns anew.

        `images` is a folder, a table, a list file, or what `psdl.read` returned; or a list of paths, file bytes,
        PIL images, arrays (h,w) or (h,w,3), or samples. At least 2 are needed. `run` says where work runs and
        where progress and findings go; its device is replaced by the detector's. Raises PsdlError on images that
        cannot be used."""
        if not isinstance(run, RunContext):
            raise PsdlError(f"`run` is given as {type(run).__name__}: fit learns from good images, without labels")
        run = replace(run, device=self.device)
        planned = plan(images, self.options, run)
        extractor, context = planned.extractor, replace(run, device=self._coder)
        learned = learn(extractor, planned.items, self.options.rates, context, planned.in_memory)
        run.say(f"reading images took {learned.reading:.0%} of their way through the network")
        model = assemble(planned, learned, self.options)
        self._take(model)
        self._prove(extractor, learned)
        run.say(model.calibration.origin)
        return self

    def _prove(self, extractor: FeatureExtractor, learned: Learned) -> None:
        """Puts the self-test into the model, and keeps the good images with the highest held-out scores."""
        items = learned.items
        chosen = [extractor.extract(items[n]) for n in learned.golden]
        size, good = chosen[0].geometry.input, [found.inputs for found in chosen]
        proof = selftest.chosen(good, extractor.frame.roi, lambda image: self.golden([image], size))
        self._model = replace(self.model, golden=self.golden(proof, size))
        self._strangest = tuple(
            (items[n], held_out(score, geometry, statistics, self.model))
            for n, score, geometry, statistics in learned.strangest
        )

    def calibrate(
        self,
        images: Any,
        *,
        join: bool = False,
        force: bool = False,
        by: str = "",
        run: RunContext = HERE,
        **rates: Unpack[Asked],
    ) -> Detector:
        """Sets the thresholds anew from good images that were not learned from. Returns the detector itself.

        `images` are given as to `fit`; those learned from, and copies of them, are left out. Rates not given stay.
        With `join` they are added to the images of the present calibration if a rank test finds no difference
        between the scores; otherwise they replace those, and the log says so. `by` names the person, for the
        history. Nothing is learned again. Raises PsdlError where images cannot be read or fewer than 2 are left,
        and, without `force`, where they score as high as defects or as low as images learned from. See
        `anew.calibrated`."""
        wanted = renewed(self.model.calibration.rates, **rates)
        items, _ = check.given(images)
        found = []
        for result in self.results(items, run.jobs, averages=True):
            found.append(result)
            run.progress("scores", 1, len(items))
        new = marked(fresh(items, found, self.model), items, self.extractor, self.model.album, run.work)
        known = anew.calibrated(self.model, new, wanted, join, run.say, force)
        return self.recorded(known, {"what": "calibrated", "images": len(known.scores)}, by)

    def learn_defects(self, images: Any, by: str = "", run: RunContext = HERE) -> Lesson:
        """Learns known defects from a folder, a table or a list of images, and returns what came of it. They are
        used only if more of the defects left out of learning are found with them. `by` names the person, for the
        history. Raises PsdlError like `defects.learn_known`."""
        items = check.given_defects(images)
        new = defects.known_of(items, list(self.results(items, run.jobs, averages=True)))
        self._take(defects.learn_known(self.model, defects.joined(self.model.defects, new)).model)
        old = self.model.golden
        self._model = replace(self.model, golden=old and self.golden(list(old.inputs), old.maps.shape[1:]))
        self.recorded(self.model.calibration, {"what": "known defects learned", "images": len(items)}, by)
        return Lesson.of(self.model)

    def edit(self, *, threshold: float | None = None, by: str = "", **rates: Unpack[Asked]) -> Detector:
        """Sets other rates or a threshold on the present calibration. Returns the detector itself.
        `by` names the person, for the history. Raises PsdlError on values out of range."""
        wanted = renewed(self.model.calibration.rates, **rates)
        known = thresholds.edited(self.model.calibration, wanted, threshold)
        return self.recorded(known, {"what": "rates set" if threshold is None else "threshold set by hand"}, by)

    def recorded(self, calibration: Calibration, what: Mapping[str, Any], by: str) -> Detector:
        """Sets the calibration and adds who did `what`, and when (UTC), to the history. Returns itself."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        entry = {**what, "by": by, "on": now, "psdl": version("psdl"), **record(calibration)}
        model = replace(self.model, calibration=calibration, history=(*self.model.history, entry))
        self._model = replace(model, golden=model.golden and selftest.judged(model.golden, calibration))
        return self

    def selftest(self) -> list[tuple[float, float]]:
        """Compares this machine's scores of the images in the model with those stored with them.
        Returns for each image |difference| / tolerance of its score and of its map: at most 1 where it passes,
        infinite where the verdict differs. Raises PsdlError if the model carries no images. See
        `calibrate.selftest`."""
        golden = self.model.golden
        if golden is None:
            raise PsdlError("the model carries no images for a self-test: fit a new one")
        now = self.golden(list(golden.inputs), golden.maps.shape[1:])
        return selftest.deviations(golden, now, self.model.calibration)

    @overload
    def predict(self, images: list[Any] | tuple[Any, ...], threads: int | None = None) -> Results: ...

    @overload
    def predict(self, images: str | Path | bytes, threads: int | None = None) -> Result: ...

    @overload
    def predict(self, images: Any, threads: int | None = None) -> Any: ...

    def predict(self, images: Any, threads: int | None = None) -> Any:
        """Judges one image (a Result), or a list, tuple or array (n,h,w,3) of images (Results, a list).

        An image is a path, file bytes, a PIL image or an array (h,w) or (h,w,3). Its score does not depend on the
        images beside it. `threads`, for one image: None uses all cores. Raises PsdlError on images that cannot be
        read."""
        if isinstance(images, (list, tuple)) or (isinstance(images, np.ndarray) and images.ndim == 4):
            return Results.of(images, self.results(images))
        return replace(self._one(images, threads=threads or cores()), source=images)

    score = predict

    def results(
        self, images: Iterable[Source], jobs: int | Run | None = None, *, averages: bool = False
    ) -> Iterator[Result]:
        """Yields a Result for each image, in their order. `jobs` images are judged at a time, as many as there are
        cores if None. With `averages` a Result also holds the averages (D+1,) that known defects are recognised
        by."""
        self.model  # noqa: B018 says what is missing before any work
        run = runner(jobs)
        judge = partial(self._bare if remote(run) else self._one, threads=1, averages=averages)
        for found in run(judge, images):
            yield replace(found, model=self.model)

    def save(self, path: str | Path) -> Path | None:
        """Writes the model file atomically. A different file of that name is kept as NAME.bak, and that path is
        returned. Raises PsdlError if the folder does not exist."""
        return file.write(self.model, path)

    @classmethod
    def load(cls, path: str | Path, device: str = "auto") -> Detector:
        """Reads a detector from a model file. Raises PsdlError if the file is damaged or is not a model."""
        try:
            return cls.of(file.read(path), device)
        except (ValueError, KeyError, TypeError) as error:
            raise file.damaged(path, error) from None

    @classmethod
    def of(cls, model: Model, device: str = "auto") -> Detector:
        """Makes a detector of a model. Its options are those that the model was learned with."""
        return cls(options=FitOptions.of_record(model.options, model.recipe), device=device)._take(model)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.options, self.device, self._model)

    def _take(self, model: Model) -> Detector:
        self._model = model
        self._extractor = FeatureExtractor(model.recipe, model.network, model.frame, self.device)
        self._judges = {p.name: Judge(p, model.states[p.name], self._coder) for p in model.recipe.parts}
        for judge in self._judges.values():
            judge.ready  # noqa: B018 says what does not fit before any work
        self._extractor.session(1)
        return self

    def _infer(self, source: Source, extractor: FeatureExtractor, threads: int, asked: bool = False) -> Inference:
        return infer(source, extractor, self._judges, threads, Known.of(self.model, asked))

    def _one(self, source: Source, threads: int, averages: bool = False) -> Result:
        return judged(self._infer(source, self.extractor, threads, averages), self.model)

    def _bare(self, source: Source, threads: int, averages: bool) -> Result:  # models do not travel with results
        return replace(self._one(source, threads, averages), model=None)  # type: ignore[arg-type]

    def golden(self, inputs: Sequence[NDArray[np.uint8]], size: tuple[int, ...]) -> Golden:
        """Scores images (h,w,3) uint8, each resized to an input of `size` (H,W), for the self-test."""
        recipe = replace(self.recipe, input=InputRule(resize=(size[0], size[1])))
        extractor = replace(self.extractor, recipe=recipe)
        found = [self._infer(pixels, extractor, 1).score for pixels in inputs]
        return selftest.proved(inputs, found, self.model.calibration)


def _restored(options: FitOptions, device: str, model: Model | None) -> Detector:
    """Makes the detector again in another process, for pickle."""
    detector = Detector(options=options, device=device)
    return detector if model is None else detector._take(model)
