"""Extends a model by new good images, without the images that it was learned from.

Of the old images the model keeps exemplars and atoms, statistics of what held-out images leave, and held-out
scores. The new images compete with the old exemplars for their places. Fold by fold, some of the new images are
judged by the old model extended with the others; the results join the statistics and scores. The old model alone
would not do: under a new lamp all images are anomalous to it, and no useful threshold would be left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from psdl.api import Detector
from psdl.calibrate import anew, strangers, thresholds
from psdl.errors import PsdlError
from psdl.features.extractor import Source, origin
from psdl.features.store import Store
from psdl.jobs.context import HERE, RunContext
from psdl.methods.base import ExtendableMethod, extendable, method_of, params_of
from psdl.model.model import Model
from psdl.scoring import normalise
from psdl.scoring.averages import averaged
from psdl.scoring.known import with_classifier
from psdl.scoring.scorer import Judge, check_grid
from psdl.training import crossval
from psdl.training.collect import Collected, collect
from psdl.training.copies import fresh, groups_of, once
from psdl.training.defects import learn_known
from psdl.training.learner import with_statistics
from psdl.training.train import scores
from psdl.types import F32, Calibration, Coded, Part, Run, State

__all__ = ["extended", "proved"]

STATISTICS = ("unseen", "code", "residual")  # names of the statistics that a state may hold


def extended(
    detector: Detector,
    items: Sequence[Source],
    by: str = "",
    run: RunContext = HERE,
    force: bool = False,
) -> Detector:
    """Returns a detector whose model has also learned from the good images `items`.

    `by` names the person, for the history. The log says how anomalous the images are to the present model. `force`
    accepts them however high they score, and marks all as confirmed good. Raises PsdlError if a part of the recipe
    cannot be extended, on images that cannot be read or that were learned from, and, without `force`, on images
    that score like another product or a defect.
    """
    model = detector.model
    for part in model.recipe.parts:
        _method(part)
    run.say(*_check_new(detector, items, run.work, force))
    with ExitStack() as open_stores:
        collected = collect(detector.extractor, items, run, open_stores)
        for part in model.recipe.parts:
            check_grid(collected.stores[part.name].grid, model.states[part.name].grid)
        items, collected = once(items, collected, run.say)
        groups = groups_of(items)
        states, more = _learned(model, collected, groups, run)
    new = Detector.of(_joined(model, states, collected, more, groups), detector.device)
    more = replace(more, confirmed=force)
    said = f"{len(items)} good images added{', confirmed good' if force else ''}"
    calibration = thresholds.extended(model.calibration, more, said)
    new.recorded(calibration, {"what": "extended", "images": len(items)}, by)
    return proved(_relearned(new, run), model)


def _learned(
    model: Model, collected: Collected, groups: Sequence[str], run: RunContext
) -> tuple[dict[str, State], Calibration]:
    """Returns the states of all parts with the new images, and the calibration from these images' held-out
    scores."""
    fold = crossval.folds(groups, model.recipe.folds, model.recipe.seed)
    states, distances = {}, {}
    for part in model.recipe.parts:
        work = _Work(model, part, collected.stores[part.name], run.work)
        found = crossval.judged(work.learn, work.judge, fold)
        states[part.name] = work.state(found)
        distances[part.name] = _measured(states[part.name], part, found.distance)
    return states, _scored(model, collected, distances, groups)


def _joined(
    model: Model, states: Mapping[str, State], collected: Collected, more: Calibration, groups: Sequence[str]
) -> Model:
    """Returns the model with the new states and what is kept of the new images. Its calibration is still the old
    one."""
    old, scored = model.image_statistics, dict(zip(more.images, more.scores, strict=True))
    first = old[:, -1].max(initial=-1) + 1
    new = collected.image_statistics(first + thresholds.numbered(groups))
    return replace(
        model,
        states=states,
        learned=(*model.learned, *collected.origins),
        album=(*model.album, *collected.album) if model.album else (),
        image_statistics=np.concatenate([old, new]) if len(old) else old,
        unseen=np.append(model.unseen, [scored[where] for where in collected.origins]),
        golden=None,
    )


def _method(part: Part) -> ExtendableMethod:
    """Returns the method of a part. Raises PsdlError if it cannot learn from more images."""
    method = method_of(part)
    if not extendable(method):
        raise PsdlError(f"the method {part.method} cannot be extended: learn again from old and new images")
    return method


def _relearned(detector: Detector, run: RunContext) -> Detector:
    """Returns the detector with its known defects judged and learned anew.

    Only defects whose files are still there, unchanged, are judged; the others keep their old values. A detector
    without known defects is returned as it is.
    """
    model, known = detector.model, detector.model.defects
    if known is None:
        return detector
    there = [n for n, where in enumerate(known.images) if Path(where.name).is_file()]
    there = [n for n in there if origin(known.images[n].name, n).sha256 == known.images[n].sha256]
    judged = list(detector.results([known.images[n].name for n in there], run.jobs, averages=True))
    anomaly, averages = known.anomaly.copy(), known.averages.copy()
    for n, result in zip(there, judged, strict=True):
        anomaly[n], averages[n] = result.anomaly, result.averages
    fresh = replace(known, anomaly=anomaly, averages=averages)
    new = learn_known(model, fresh).model if fresh.report else replace(model, defects=fresh)
    return Detector.of(new, detector.device)


def _scored(
    model: Model, collected: Collected, distances: Mapping[str, F32], groups: Sequence[object]
) -> Calibration:
    """Returns the calibration of the new images from their held-out distances (n,P) by part."""
    rates, origins = model.calibration.rates, collected.origins
    found = list(scores(distances, model.states, model.recipe))
    if model.averages is None:
        return thresholds.calibrate(found, rates, groups, origins)
    means = []
    for n in range(len(groups)):
        signals = {name: store.images(np.array([n])) for name, store in collected.stores.items()}
        each = {name: values[n : n + 1] for name, values in distances.items()}
        means.append(averaged(signals, each, model.averages, model.recipe))
    known = thresholds.calibrate(found, rates, groups, origins, np.array(means, np.float16))
    return with_classifier(known, model.classifier)


def _check_new(detector: Detector, items: Sequence[Source], run: Run, force: bool) -> list[str]:
    """Returns lines that say how anomalous images are to the present model. Raises PsdlError on images that it
    learned from and, unless forced, on those that score FAR beyond the threshold."""
    results = [result.without_map() for result in detector.results(items, run)]
    found, known = fresh(items, results, detector.model), detector.model.calibration
    same = sum(one.learned for one in found)
    if same:
        raise PsdlError(f"{same} of {len(items)} images are among those learned from: give new ones only")
    new = anew.strangers_of(found)
    cautions = strangers.check_far(known, new, force)
    order = np.argsort(new.scores)
    chance = thresholds.alike(known, replace(known, scores=new.scores[order], items=new.items[order]))
    above = new.scores > known.threshold
    return [
        *cautions,
        f"to the model so far {int(above.sum())} of {len(items)} images ({new.counted(above)}) score above the"
        f" threshold (rank test against those of the calibration, p = {chance:.2g}), the strangest"
        f" {new.strangest()}",
    ]


def _measured(state: State, part: Part, distances: F32) -> F32:
    return normalise.Unseen.of(state).measure(distances) if part.unseen else distances


@dataclass(frozen=True)
class _Work:
    """A part of the old model with the store of the new images' signals."""

    model: Model
    part: Part
    store: Store
    run: Run

    def learn(self, rows: NDArray[np.intp]) -> State:
        """Returns the old state extended by the new images `rows`; the old state if there are none."""
        old = self.model.states[self.part.name]
        if not len(rows):
            return old
        before = len(self.model.learned)
        return _method(self.part).extend(old, self.store, rows, params_of(self.part), self.run, before)

    def judge(self, state: State, rows: NDArray[np.intp]) -> Coded:
        """Says what a state makes of the new images `rows`; see `Judge.rows`."""
        return Judge(self.part, state, "cpu").rows(self.store, rows, self.run)

    def state(self, found: Coded) -> State:
        """Returns the state extended by all new images, with `found`, their held-out values, in its statistics."""
        old, before, count = self.model.states[self.part.name], len(self.model.learned), self.store.count
        state = self.learn(np.arange(count))
        added = with_statistics(state, self.part, found)
        for name in STATISTICS:
            if f"{name}_mean" in old.arrays:
                known, new = normalise.Unseen.of(old, name), normalise.Unseen.of(added, name)
                state = normalise.merged(known, before, new, count).into(state, name)
        return state


def proved(detector: Detector, old: Model) -> Detector:
    """Returns the detector with the images of the old model's self-test, scored anew."""
    if old.golden is None:
        return detector
    golden = detector.golden(list(old.golden.inputs), old.golden.maps.shape[1:])
    return Detector.of(replace(detector.model, golden=golden), detector.device)
