"""Good images -> what each part learned, and the calibration from their scores as if unseen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psdl import calibrate, heldout, plugins
from psdl import score as scoring
from psdl.backbone.session import Session
from psdl.errors import PsdlError
from psdl.extract import Source, extract, name_of
from psdl.store import Store
from psdl.types import F32, Calibration, Network, Part, Recipe, Run, Sample, Score, Signals, State

Progress = Callable[[str, int, int], None]  # stage, how many are done now, how many there are in all


def learn(
    recipe: Recipe,
    network: Network,
    items: Sequence[Source],
    alarm: float,
    session: Session,
    run: Run,
    tell: Progress,
    device: str = "cpu",
    review: float = 0.0,
) -> tuple[dict[str, State], Calibration]:
    """States by part, learned on all items, and the calibration at the false-reject rate `alarm`
    and the rate `review`.

    One pass through the network fills a store for each part. Then, part after part, each fold's images are judged
    by a state learned without them, and the state that is kept is learned on all. Raises PsdlError on images
    that cannot be read or do not share one grid, and when all belong to one group.
    """
    groups = groups_of(items)
    fold = heldout.folds(groups, recipe.folds, recipe.seed)
    if fold.max() < 1:
        raise PsdlError("all good images belong to one group, so none can be held out: give at least two groups")
    with ExitStack() as open_stores:
        stores = _fill(recipe, network, items, session, run, tell, open_stores)
        work = sum(store.grid.positions for store in stores.values()) * (int(fold.max()) + 2)
        unseen, states = {}, {}
        for part in recipe.parts:
            learner = _Learner(part, stores[part.name], run, lambda n: tell("dictionaries", n, work), device)
            found = heldout.distances(learner.fit, learner.judge, len(items), fold)
            state = learner.fit(np.arange(len(items)))
            unseen[part.name] = heldout.measured(found, fold) if part.unseen else found
            states[part.name] = heldout.statistics(found).into(state) if part.unseen else state
    return states, calibrate.calibrate(_scores(unseen, states, recipe), alarm, groups, review)


@dataclass(frozen=True)
class _Learner:
    """A part's method at work on its store."""

    part: Part
    store: Store
    run: Run
    done: Callable[[int], None]
    device: str

    def fit(self, rows: NDArray[np.intp]) -> State:
        method = method_of(self.part)
        state: State = method.fit(self.store, rows, params_of(self.part), self.run, self.done, self.device)
        return state

    def judge(self, state: State, rows: NDArray[np.intp]) -> F32:
        """Distances (len(rows),P) of the store's images `rows`."""
        method = method_of(self.part)
        ready = method.ready(state, params_of(self.part), self.device)
        batches = np.array_split(rows, max(1, -(-len(rows) // heldout.BATCH)))
        return np.concatenate(
            list(self.run(lambda batch: method.distance(ready, self.store.images(batch)), batches))
        )


def method_of(part: Part) -> Any:
    """The module of a part's method."""
    return plugins.load("methods", part.method)


def params_of(part: Part) -> Any:
    """The parameters of a part's method; raises TypeError on a name that the method does not know."""
    return method_of(part).Params(**part.params)


def groups_of(items: Sequence[Source]) -> list[str]:
    """What must stay on one side of a fold: the item's group where it is known, else the image itself."""
    known = [f"{s.category}/{s.group}" if isinstance(s, Sample) and s.group else None for s in items]
    return [group or f"#{i}" for i, group in enumerate(known)]


def _fill(
    recipe: Recipe,
    network: Network,
    items: Sequence[Source],
    session: Session,
    run: Run,
    tell: Progress,
    open_stores: ExitStack,
) -> dict[str, Store]:
    """The signals of all items, one store for each part."""
    stores: dict[str, Store] = {}
    look = partial(extract, session=session, network=network, recipe=recipe)
    for n, (found, _) in enumerate(run(look, items)):
        for name, signals in found.items():
            if name not in stores:
                store = Store(len(items), signals.grid, signals.values.shape[2])
                stores[name] = open_stores.enter_context(store)
            _same_grid(signals, stores[name], items, n)
            stores[name].write(n, signals)
        tell("network", 1, len(items))
    return stores


def _same_grid(signals: Signals, store: Store, items: Sequence[Source], n: int) -> None:
    found, expected = signals.grid.input, store.grid.input
    if found != expected:
        raise PsdlError(
            f"{name_of(items[n])} gives an input of {found[1]} x {found[0]} pixels, {name_of(items[0])} one of"
            f" {expected[1]} x {expected[0]}: one model needs images of one shape, or a rule that makes them so"
        )


def _scores(distances: Mapping[str, F32], states: Mapping[str, State], recipe: Recipe) -> Iterator[Score]:
    """The score of each image, one at a time: N maps at once would not fit for large N."""
    grids = {name: state.grid for name, state in states.items()}
    for n in range(len(next(iter(distances.values())))):
        yield scoring.score({name: d[n : n + 1] for name, d in distances.items()}, grids, recipe)
