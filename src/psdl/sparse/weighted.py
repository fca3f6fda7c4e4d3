"""Weighted orthogonal matching pursuit: prepares the arguments for the kernel."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .arrays import Array, Signals, read_signals, real
from .codes import Codes
from .coding import finished, together
from .errors import SparseError
from .limits import limits_of
from .prepared import Prepared, prepare_lazily
from .pursuits.omp import dependence_tolerance, stop_tolerance
from .threads import split, worth


def pursue_weighted(
    signals: ArrayLike,
    weights: ArrayLike,
    dictionary: ArrayLike | Prepared,
    sparsity: ArrayLike | None,
    tolerance: ArrayLike | None,
    threads: int | None,
) -> Codes:
    """Returns the codes of `coding.weighted_omp`, with the same arguments."""
    values = real(np.ma.getdata(signals), "signals")
    roots = _roots(weights, values)
    ready = dictionary if isinstance(dictionary, Prepared) else None
    given = read_signals(np.where(roots > 0, values, 0), ready.dtype if ready else None)
    D = _own(dictionary, given)
    R = roots.astype(D.dtype).reshape(given.values.shape)
    Y = together(given._replace(values=given.values * R), D)
    limits = limits_of("omp", sparsity, tolerance, given, D)
    shape = (*Y.shape[:2], limits.sparsity)
    support, x = np.empty(shape, np.int32), np.empty(shape, Y.dtype)
    if x.size:
        from .pursuits.weighted_cpu import weighted_items

        rest = (D.atoms, D.transposed, D.squares), (stop_tolerance(Y.dtype), dependence_tolerance(Y.dtype))

        def work(first: int, last: int) -> None:
            weighted_items(Y, R.reshape(Y.shape), *rest, limits.enough, limits.atoms, support, x, first, last)

        flops = 2.0 * Y.size * D.shape[1] * (limits.sparsity + 3)
        split(work, Y.shape[0] * Y.shape[1], worth(flops, threads))
    if sparsity is None and x.size:
        used = max(1, int((support >= 0).sum(axis=2).max()))
        support, x = support[..., :used].copy(), x[..., :used].copy()
    return finished(support, x, given, D, limits)


def _roots(weights: ArrayLike, values: Array) -> Array:
    """Returns the square roots of the weights in the shape of the signals."""
    each = real(weights, "weights")
    if each.size and not (each.min() >= 0 and each.max() < np.inf):
        raise SparseError("weights must be finite and at least 0")
    try:
        return np.asarray(np.sqrt(np.broadcast_to(each, values.shape), dtype=values.dtype))
    except ValueError:
        raise SparseError(
            f"weights of shape {each.shape} do not fit signals of shape {values.shape}: expected one weight for"
            " each number"
        ) from None


def _own(dictionary: ArrayLike | Prepared, given: Signals) -> Prepared:
    """Returns the dictionary in the dtype of the kernel, not as float16."""
    if not isinstance(dictionary, Prepared):
        return prepare_lazily(dictionary, given.values.dtype)
    if dictionary.atoms.dtype == dictionary.dtype:
        return dictionary
    atoms = dictionary.atoms.astype(dictionary.dtype)
    wide = prepare_lazily(atoms[0] if dictionary.single else atoms, dictionary.dtype)
    return wide._replace(power=wide.power + dictionary.power)
