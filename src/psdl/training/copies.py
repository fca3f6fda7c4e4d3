"""Finds images that show one item or are copies of one picture. Copies count once in learning, in the folds and in
the calibration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from psdl.calibrate.anew import Fresh
from psdl.errors import PsdlError
from psdl.features.extractor import Source, below, origin
from psdl.model.model import Model
from psdl.scoring.result import Result
from psdl.training.collect import Collected
from psdl.types import Sample, Score

__all__ = ["fresh", "groups_of", "once"]


def groups_of(items: Sequence[Source]) -> list[str]:
    """Returns for each image a name that is the same for all images that must share a fold: the category with the
    item's group or part if that is known, else a name of its own."""
    named = [(s.category, s.group or s.part) if isinstance(s, Sample) else ("", None) for s in items]
    known = ["/".join((category, name)) if name else None for category, name in named]
    return [group or f"#{i}" for i, group in enumerate(known)]


def once(
    items: Sequence[Source], collected: Collected, say: Callable[[str], None] = lambda _: None
) -> tuple[Sequence[Source], Collected]:
    """Returns the images without later copies of earlier ones, and what was collected of them. `say` is called
    with the number of copies. Raises PsdlError if all images are copies of one picture."""
    rows, count = collected.distinct(), len(items)
    if len(rows) == count:
        return items, collected
    if len(rows) < 2:
        raise PsdlError(
            f"all {count} good images are copies of one picture, which says nothing of how good ones differ: give"
            " pictures of different good parts, at least 2, better 50 or more"
        )
    say(f"{count - len(rows)} of {count} good images are copies of others among them: each picture counts once")
    return [items[n] for n in rows], collected.only(rows)


def fresh(items: Sequence[Source], results: Sequence[Result], model: Model) -> list[Fresh]:
    """Combines good images (`items`) with the model's results on them in the form that `calibrate.anew` takes."""
    hashes = {where.sha256 for where in model.learned}
    origins = below([origin(item, n) for n, item in enumerate(items)])
    return [
        Fresh(
            Score(result.input_map[None], np.array([result.score])),
            replace(where, seen=result.digest),
            item,
            result.learned or where.sha256 in hashes,
            result.anomaly,
            result.averages,
        )
        for where, item, result in zip(origins, groups_of(items), results, strict=True)
    ]
