"""The one file that sees every stage: good images -> Model, Model and images -> scores."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psdl import calibrate, check, heldout, image, modelfile, plugins, recipes, signals
from psdl import score as scoring
from psdl.backbone.session import Session, resolve_device
from psdl.errors import PsdlError
from psdl.store import Store
from psdl.types import (
    F32,
    Calibration,
    Geometry,
    InputRule,
    Model,
    Part,
    Recipe,
    Run,
    Sample,
    Score,
    State,
    Verdict,
)

Progress = Callable[[str, int, int], None]  # stage, done now, total
LIBRARIES = ("psdl", "numpy", "numba", "onnxruntime", "pillow", "safetensors")


@dataclass(frozen=True)
class Result:
    """One image judged. score: larger is stranger; map (h,w) float32 at the image's own size, NaN where the
    input rule cuts the image away; input_map (H,W) at the network's input size; verdict with its threshold and
    p-value; mask (h,w) bool: the defect's outline filled."""

    score: float
    verdict: Verdict
    input_map: F32
    geometry: Geometry
    calibration: Calibration

    @property
    def map(self) -> F32:
        return image.map_to_source(self.input_map, self.geometry)

    @property
    def mask(self) -> NDArray[np.bool_]:
        return calibrate.defect_mask(self.map, self.calibration)


class Detector:
    """Learns from good images and judges new ones.

        detector = Detector("paper").fit("good/")
        result = detector.score("new.png")      # result.score, result.map, result.verdict
        detector.save("part.psdl")

    recipe: a name or a Recipe (see `psdl.recipe`). alarm: the share of good images the threshold may reject.
    """

    def __init__(self, recipe: str | Recipe = "paper", *, alarm: float = 0.01, device: str = "auto") -> None:
        if not 0 < alarm < 1:
            raise PsdlError(f"the false-reject rate is {alarm}: give a share between 0 and 1, such as 0.01")
        self.recipe = recipes.recipe(recipe) if isinstance(recipe, str) else recipe
        self.alarm = alarm
        self.device = resolve_device(device)
        self._model: Model | None = None
        self._ready: dict[str, Mapping[str, Any]] = {}
        self._session: Session | None = None

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
        """Learns from good images: a folder, a list of paths, PIL images, arrays or samples. Returns itself."""
        from psdl.backbone.graphs import network

        samples, rule = _given(images)
        recipe = self.recipe if self.recipe.input else replace(self.recipe, input=rule)
        taps = tuple({tap: None for part in recipe.parts for tap in part.taps})
        net = network(recipe.arch, taps, weights)
        session = Session(net, device=self.device)
        run = _runner(jobs)
        stores = _fill(session, net, recipe, samples, run, progress)
        try:
            model = _learn(stores, recipe, samples, self.alarm, run, progress)
        finally:
            for store in stores.values():
                store.close()
        categories = tuple(sorted({_category(s) for s in samples}))
        versions = {name: version(name) for name in LIBRARIES}
        model = replace(model, network=net, categories=categories, options=dict(options or {}), versions=versions)
        return self._take(model)

    def score(self, images: Any) -> Any:
        """Result of one image (a path, file bytes, PIL image or array (h,w[,3]) uint8), or a list of Results of
        a list of them. An image scores the same alone, in any batch and from any door."""
        if isinstance(images, (list, tuple)):
            return list(self.results(images))
        return self._one(images, threads=os.cpu_count() or 1)

    def results(self, images: Iterable[Any], jobs: int | None = None) -> Iterator[Result]:
        """Results in the order of `images`, computed `jobs` at a time (all cores if None)."""
        self.model  # noqa: B018 says what is missing before any work
        yield from _runner(jobs)(partial(self._one, threads=1), images)

    def save(self, path: str | Path) -> None:
        """Writes the model file, atomically."""
        modelfile.write(self.model, path)

    @classmethod
    def load(cls, path: str | Path, device: str = "auto") -> Detector:
        """The detector of a model file. Raises PsdlError if the file is not whole or not a model."""
        model = modelfile.read(path)
        return cls(model.recipe, alarm=model.calibration.alarm, device=device)._take(model)

    def _take(self, model: Model) -> Detector:
        self._model, self.recipe = model, model.recipe
        self._session = Session(model.network, device=self.device)
        self._ready = {
            part.name: _method(part).ready(model.states[part.name], _params(part)) for part in model.recipe.parts
        }
        return self

    def _one(self, source: Any, threads: int) -> Result:
        model = self.model
        assert self._session is not None
        rule = model.recipe.input or InputRule()
        source = source.path if isinstance(source, Sample) else source
        inputs, geometry = image.to_input(image.pixels(source), rule, str(source)[:200])
        maps = self._session.maps(image.normalise(inputs[None], model.network.mean, model.network.std))
        distances, grids = {}, {}
        for part in model.recipe.parts:
            found = signals.assemble(maps, _in_order(part, model.network.taps), geometry.input)
            grids[part.name] = found.grid
            distances[part.name] = _method(part).distance(self._ready[part.name], found, threads)
        scored = scoring.score(distances, grids, model.recipe)
        value = float(scored.image[0])
        verdict = calibrate.verdict(value, model.calibration)
        return Result(value, verdict, scored.map[0], geometry, model.calibration)


def _given(images: Any) -> tuple[Sequence[Any], InputRule]:
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
    workers = jobs or os.cpu_count() or 1
    run: Run = plugins.load("jobs", "inline" if workers == 1 else "threads").runner(workers)
    return run


def _method(part: Part) -> Any:
    return plugins.load("methods", part.method)


def _params(part: Part) -> Any:
    return _method(part).Params(**part.params)


def _in_order(part: Part, taps: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(tap for tap in taps if tap in part.taps)


def _category(item: Any) -> str:
    return item.category if isinstance(item, Sample) else "images"


def _groups(items: Sequence[Any]) -> list[str]:
    """Items that must not stand on both sides: the group where it is known, else the image itself."""
    return [
        f"{s.category}/{s.group}" if isinstance(s, Sample) and s.group else f"#{i}" for i, s in enumerate(items)
    ]


def _fill(
    session: Session, net: Any, recipe: Recipe, items: Sequence[Any], run: Run, progress: Progress
) -> dict[str, Store]:
    """One pass through the network fills one store for each part."""
    rule = recipe.input or InputRule()

    def look(item: Any) -> dict[str, Any]:
        source = item.path if isinstance(item, Sample) else item
        inputs, geometry = image.to_input(image.pixels(source), rule, str(source)[:200])
        maps = session.maps(image.normalise(inputs[None], net.mean, net.std))
        return {
            part.name: signals.assemble(maps, _in_order(part, net.taps), geometry.input) for part in recipe.parts
        }

    stores: dict[str, Store] = {}
    for n, found in enumerate(run(look, items)):
        for name, value in found.items():
            if name not in stores:
                stores[name] = Store(len(items), value.grid, value.values.shape[2])
            if value.grid != stores[name].grid:
                raise PsdlError(
                    f"image {n + 1} gives an input of {value.grid.input[1]} x {value.grid.input[0]} pixels, the first"
                    f" {stores[name].grid.input[1]} x {stores[name].grid.input[0]}: use images of one shape"
                )
            stores[name].write(n, value)
        progress("network", 1, len(items))
    return stores


def _learn(
    stores: dict[str, Store],
    recipe: Recipe,
    items: Sequence[Any],
    alarm: float,
    run: Run,
    progress: Progress,
) -> Model:
    """Held-out distances of all parts, scored like any new image; then the states learned on all images."""
    groups = _groups(items)
    fold = heldout.folds(groups, recipe.folds, recipe.seed)
    count = int(fold.max()) + 1
    if count < 2:
        raise PsdlError("all good images belong to one group, so none can be held out: give at least two groups")
    unseen, states, grids = {}, {}, {}
    for part in recipe.parts:
        store, method, params = stores[part.name], _method(part), _params(part)
        total = store.grid.positions * (count + 1)

        def fit(rows: NDArray[np.intp], store: Store = store, method: Any = method, params: Any = params) -> State:
            state: State = method.fit(store, rows, params, run, lambda n: progress("dictionaries", n, total))  # noqa: B023
            return state

        judge = partial(_judge, part, store, run)
        unseen[part.name] = heldout.distances(fit, judge, store, fold)
        states[part.name] = fit(np.arange(len(store)))
        grids[part.name] = store.grid
    unseen_scores = _in_batches(unseen, grids, recipe)
    calibration = calibrate.calibrate(unseen_scores, alarm, len(set(groups)))
    return Model(recipe, None, states, calibration, ())  # type: ignore[arg-type] # fit adds the network


def _judge(part: Part, store: Store, run: Run, state: State, rows: NDArray[np.intp]) -> F32:
    method = _method(part)
    ready = method.ready(state, _params(part))
    batches = np.array_split(rows, max(1, -(-len(rows) // heldout.BATCH)))
    return np.concatenate(list(run(lambda b: method.distance(ready, store.images(b)), batches)))


def _in_batches(distances: dict[str, F32], grids: dict[str, Any], recipe: Recipe) -> Score:
    count = len(next(iter(distances.values())))
    scores = [scoring.score({k: v[n : n + 1] for k, v in distances.items()}, grids, recipe) for n in range(count)]
    maps = np.concatenate([s.map for s in scores])
    return Score(maps, np.concatenate([s.image for s in scores]), distances)
