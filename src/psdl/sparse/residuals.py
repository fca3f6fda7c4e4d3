"""The residuals of codes and their norms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from .arrays import Array, read_signals, unscaled
from .codes import Codes, checked
from .coding import together
from .prepared import Prepared, as_given, bits
from .threads import split, worth

SLICE = 256  # signals of a position that a thread takes at once, at least


def residual(
    signals: ArrayLike, dictionary: ArrayLike | Prepared, codes: Codes, *, threads: int | None = None
) -> Array:
    """Returns the residuals, signals - codes dictionary, in the shape of the signals.

    Signals are (F,) or (N,F) with a dictionary (K,F), or (P,N,F) with (K,F) or (P,K,F); `codes` are those of these
    signals. `threads` is the number of threads; -1 or None: all cores. Raises SparseError if the shapes do not fit
    each other, and if the codes belong to other signals or to a larger dictionary.
    """
    from .residuals_cpu import residual_items

    return _of_residuals(residual_items, signals, dictionary, codes, True, threads)


def residual_norms(
    signals: ArrayLike, dictionary: ArrayLike | Prepared, codes: Codes, *, threads: int | None = None
) -> Array:
    """Returns the Euclidean norms of the residuals: (), (N,) or (P,N). The residuals themselves are not kept.
    Arguments and errors are those of `residual`."""
    from .residuals_cpu import residual_norm_items

    return _of_residuals(residual_norm_items, signals, dictionary, codes, False, threads)


def _of_residuals(
    kernel: Callable[..., None],
    signals: ArrayLike,
    dictionary: ArrayLike | Prepared,
    codes: Codes,
    whole: bool,
    threads: int | None,
) -> Array:
    """Returns what `kernel` writes for each signal: its residual if `whole`, else one number."""
    given = read_signals(signals)
    D = dictionary if isinstance(dictionary, Prepared) else as_given(dictionary, given.dtype)
    Y = together(given, D)
    support, x = checked(codes, given.leading, D.shape[1])
    shape = (*Y.shape[:2], support.shape[-1])
    support, x = support.reshape(shape), x.reshape(shape)
    power = np.int32(D.power) - (0 if given.powers is None else given.powers.reshape(Y.shape[:2])[..., None])
    x = (np.ldexp(x, power) if np.any(power) else x).astype(Y.dtype, copy=False)
    out = np.empty(Y.shape if whole else Y.shape[:2], Y.dtype)

    def work(first: int, last: int) -> None:
        kernel(Y, bits(D.atoms), support, x, out, first, last)

    split(work, Y.shape[0] * Y.shape[1], worth(2.0 * support.size * Y.shape[2], threads))
    powers = None if given.powers is None else given.powers.reshape(Y.shape[:2])
    return unscaled(out, powers, given.dtype, "residuals").reshape(
        given.leading + ((Y.shape[2],) if whole else ())
    )
