"""The output of a method (`Coded`) as named arrays, and the outputs of many batches in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psdl.types import Coded

__all__ = ["FIELDS", "arrays", "joined", "of_arrays", "without_atoms"]

FIELDS = tuple(field.name for field in fields(Coded))


def arrays(coded: Coded) -> dict[str, NDArray[Any]]:
    """Returns the arrays that the method gave, by their names in `Coded`."""
    named = {name: getattr(coded, name) for name in FIELDS}
    return {name: values for name, values in named.items() if values is not None}


def of_arrays(named: Mapping[str, NDArray[Any]]) -> Coded:
    """Returns the `Coded` of such arrays. Raises TypeError on a name that is not in FIELDS."""
    return Coded(**named)


def without_atoms(coded: Coded) -> Coded:
    """Returns the same without the strongest atoms, which statistics do not need."""
    return replace(coded, atom=None)


def joined(batches: Sequence[Coded], places: NDArray[np.intp] | None = None) -> Coded:
    """Returns the outputs for several batches of images as one, with contiguous arrays whose rows are images.

    `places` (N,) is the row of each image in the result, in the order of the batches; None keeps that order.
    """
    named = [arrays(batch) for batch in batches]
    found = {}
    for name in named[0]:
        values = np.ascontiguousarray(np.concatenate([one[name] for one in named]))
        if places is not None:
            ordered = np.empty_like(values)
            ordered[places] = values
            values = ordered
        found[name] = values
    return of_arrays(found)
