"""Assembles the model that a file holds from what was planned and learned."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version

import numpy as np

from psdl.calibrate.rates import record
from psdl.model.model import Model
from psdl.training.options import FitOptions
from psdl.training.plan import Plan
from psdl.training.train import LIBRARIES, Learned
from psdl.types import Sample

__all__ = ["assemble"]


def assemble(planned: Plan, learned: Learned, options: FitOptions) -> Model:
    """Returns the model, still without the images of its self-test (`golden` is None). `options` go into its
    record."""
    items, known = learned.items, learned.calibration
    unseen = dict(zip(known.images, known.scores, strict=True))
    origin = known.origin + (planned.grouping and f": {planned.grouping}")
    return Model(
        recipe=learned.recipe,
        network=planned.extractor.network,
        states=learned.states,
        calibration=replace(known, origin=origin),
        categories=tuple(sorted({s.category if isinstance(s, Sample) else "images" for s in items})),
        options=options.record(),
        versions={name: version(name) for name in LIBRARIES},
        learned=learned.origins,
        dropped=planned.dropped,
        album=learned.album,
        frame=planned.extractor.frame,
        image_statistics=learned.image_statistics,
        averages=learned.averages,
        unseen=np.array([unseen[where] for where in learned.origins]),
        history=({"what": "learned", "images": len(items), **record(known)},),
    )
