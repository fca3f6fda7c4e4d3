"""Sparse codes: the atoms that signals use and their coefficients, also as matrices and multiplied with a
dictionary."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import Array, real
from .errors import SparseError
from .prepared import Prepared, as_given


class _Pair(NamedTuple):
    support: NDArray[np.int32]
    coefficients: Array


class Codes(_Pair):
    """Sparse codes, a pair: `support, coefficients = codes`. `support` (..., N,T) int32 has the indices of the
    atoms, -1 where unused; `coefficients` (..., N,T) are 0 where unused. `atoms` is the number K of the
    dictionary's atoms; None if it is not known."""

    atoms: int | None = None

    def __new__(cls, support: Any, coefficients: Any, atoms: int | None = None) -> Codes:
        """Returns codes of a dictionary with `atoms` atoms."""
        self = super().__new__(cls, support, coefficients)
        self.atoms = atoms
        return self

    def to_dense(self, atoms: int | None = None) -> Array:
        """Returns the codes as a matrix X (..., N,K), so that signals are X D plus a residual. `atoms` is K; it
        may be left out for codes that a pursuit returned. Raises SparseError if it is not known or too small."""
        support, coefficients, count = self._matrix(atoms)
        dense = np.zeros((*support.shape[:-1], count + 1), coefficients.dtype)
        places = np.where(support >= 0, support, count)
        np.put_along_axis(dense, places, coefficients, axis=-1)
        return np.ascontiguousarray(dense[..., :count])

    def to_csr(self, atoms: int | None = None) -> Any:
        """Returns the codes as a matrix X (N,K) in scipy.sparse.csr_array, with indices in ascending order;
        `atoms` is as in `to_dense`.

        Raises SparseError if SciPy is not installed, and for codes with positions; convert one position at a time.
        """
        try:
            from scipy.sparse import csr_array
        except ImportError:
            raise SparseError("a matrix in CSR format needs SciPy: pip install scipy, or use to_dense()") from None
        support, coefficients, count = self._matrix(atoms)
        if support.ndim == 3:
            raise SparseError(
                f"a matrix has rows and columns, but the codes have {len(support)} positions: take one of them,"
                " Codes(codes.support[p], codes.coefficients[p], codes.atoms).to_csr()"
            )
        support, coefficients = np.atleast_2d(support), np.atleast_2d(coefficients)
        used = support >= 0
        ends = np.concatenate([[0], np.cumsum(used.sum(axis=1))])
        matrix = csr_array((coefficients[used], support[used], ends), shape=(len(support), count))
        matrix.sort_indices()
        return matrix

    def _matrix(self, atoms: int | None) -> tuple[NDArray[np.int32], Array, int]:
        count = self.atoms if atoms is None else atoms
        if count is None:
            raise SparseError("how many atoms the dictionary has is not known here: give atoms=len(dictionary)")
        support, coefficients = checked(self, None, count)
        return support, coefficients, count


def checked(codes: Codes | tuple[Any, Any], leading: tuple[int, ...] | None, atoms: int) -> tuple[Array, Array]:
    """Returns support int32 and coefficients of one shape, C-contiguous. Raises SparseError if they are not codes
    of signals with these leading axes (if given) and of a dictionary with K = `atoms` atoms."""
    try:
        support, coefficients = codes
    except (TypeError, ValueError):
        raise SparseError("codes must be a pair of support and coefficients, as pursuits return them") from None
    support, coefficients = np.asarray(support), real(coefficients, "coefficients")
    if support.dtype.kind not in "iu":
        raise SparseError(f"the codes' support must be integers, not {support.dtype}")
    if support.shape != coefficients.shape or support.ndim not in (1, 2, 3):
        raise SparseError(
            f"the codes' support of shape {support.shape} does not fit coefficients of shape {coefficients.shape}"
        )
    if leading is not None and support.shape[:-1] != leading:
        raise SparseError(
            f"codes of shape {support.shape} are not those of signals of shape {leading}:"
            " expected one row for each signal"
        )
    if support.size and support.max() >= atoms:
        raise SparseError(
            f"the codes use atom {support.max()}, but the dictionary has {atoms}: give its own codes"
        )
    if support.size and support.min() < -1:
        raise SparseError(f"the codes' support holds {support.min()}: expected atoms, or -1 where unused")
    if not np.isfinite(coefficients).all():
        raise SparseError("the codes' coefficients must be finite")
    return np.ascontiguousarray(support, np.int32), coefficients


def reconstruct(codes: Codes, dictionary: ArrayLike | Prepared, *, threads: int | None = None) -> Array:
    """Returns codes times dictionary, the approximation of the signals: (N,F) for codes (N,T) and a dictionary
    (K,F), or (P,N,F), or (F,).

    Raises SparseError if codes and dictionary do not fit each other.
    """
    from .residuals import residual

    support, coefficients = codes
    values = real(coefficients, "coefficients")
    D = dictionary if isinstance(dictionary, Prepared) else as_given(dictionary, values.dtype)
    nothing = np.zeros((*np.shape(support)[:-1], D.shape[2]), values.dtype)
    return nothing - residual(nothing, D, codes, threads=threads)
