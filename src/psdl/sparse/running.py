"""Runs a pursuit on checked arguments: chooses the kernel, the number of threads, the dtype and the size of
blocks."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from .arrays import Array
from .errors import SparseError
from .limits import Limits
from .prepared import Prepared, bits, widened, with_gram
from .pursuits.omp import dependence_tolerance, stop_tolerance
from .threads import counted, split, worth

Found = tuple[Array, Array]
TIGHT = 2.0**-10  # of a signal's energy: smaller tolerances are beyond the precision of float32 sums
BLOCK = 4096  # signals a thread that are coded before their codes are trimmed to the places they use
GUESS = 16  # atoms a signal, to estimate work where a tolerance alone decides


def runs_on(device: str) -> bool:
    """Returns whether `omp`, `ormp` and `learn` can run on this device here: "cpu" always, others if torch finds
    them."""
    try:
        on_torch().on(device)
    except SparseError:
        return device == "cpu"
    return True


def on_torch() -> Any:
    """Returns the module `torch.py`. Raises SparseError if torch is not installed."""
    try:
        return import_module(f"{__package__}.torch")
    except ImportError:
        raise SparseError("a device other than 'cpu' needs torch: pip install torch, or device='cpu'") from None


def code(name: str, Y: Array, D: Prepared, limits: Limits, threads: int | None) -> Found:
    """Returns support and coefficients (P,N,T) of signals Y (P,N,F). The coefficients hold for the dictionaries D
    as they are stored, without their power of two."""
    shape = (*Y.shape[:2], limits.sparsity)
    support, x = np.empty(shape, np.int32), np.empty(shape, Y.dtype)
    if not limits.sparsity or not x.size:
        return support, x
    _run(name, Y, D, limits, (support, x), threads)
    recode_tight(name, Y, D, limits, (support, x), threads)
    return support, x


def code_trimmed(name: str, Y: Array, D: Prepared, limits: Limits, threads: int | None) -> Found:
    """Returns the same as `code`, with only as many places T as any signal uses. Works in blocks of signals, so
    that memory is needed for these places alone."""
    positions, count, _ = Y.shape
    block = BLOCK * counted(threads)
    if D.lazy and len(Y) == 1 and count > block:
        D = with_gram(D, threads)
    rows = max(1, min(count, block))
    at_once = max(1, block // rows) if rows == count else 1
    found: list[tuple[slice, slice, Found]] = []
    for p in range(0, positions, at_once):
        for n in range(0, count, rows):
            part = slice(p, p + at_once), slice(n, n + rows)
            here = limits._replace(atoms=limits.atoms[part].copy(), enough=limits.enough[part].copy())
            support, x = code(name, Y[part], _at(D, part[0]), here, threads)
            found.append((*part, trimmed(support, x)))
    width = max([1, *(f[2][0].shape[2] for f in found)]) if limits.sparsity else 0
    support, x = np.full((positions, count, width), -1, np.int32), np.zeros((positions, count, width), Y.dtype)
    for places, signals, (some, values) in found:
        support[places, signals, : some.shape[2]], x[places, signals, : some.shape[2]] = some, values
    return support, x


def trimmed(support: Array, x: Array) -> Found:
    """Returns copies of codes (P,N,T) with only as many places as any of them uses."""
    from .checks_cpu import widest

    width = max(min(1, support.shape[2]), int(widest(support)))
    return support[..., :width].copy(), x[..., :width].copy()


def _at(D: Prepared, places: slice) -> Prepared:
    """Returns the dictionaries of the positions `places`."""
    gram = None if D.gram is None else D.gram[places]
    return D._replace(atoms=D.atoms[places], transposed=D.transposed[places], squares=D.squares[places], gram=gram)


def _run(name: str, Y: Array, D: Prepared, limits: Limits, out: Found, threads: int | None) -> None:
    positions, count, length = Y.shape
    atoms = D.shape[1]
    T = min(limits.sparsity, GUESS) if limits.enough.flat[0] >= 0 else limits.sparsity
    direct = D.gram is None and not D.lazy
    reads = T if direct else 1  # of the dictionary, by each signal
    flops = Y.size * atoms * 2.0 * reads + count * positions * atoms * float(T * T)
    if not D.lazy:
        threads = worth(flops, threads)
        split(_kernel(name, Y, D, limits, out), positions * count, threads)
        return
    rows = min(atoms, count * T)
    threads = worth(flops + 2.0 * positions * atoms * length * rows, threads)
    if threads > positions:
        if count * T * 4 > atoms:
            D = with_gram(D, threads)
            split(_kernel(name, Y, D, limits, out), positions * count, threads)
            return
        threads = 1 if positions == 1 else positions
    work = _kernel(name, Y, D, limits, out)
    split(lambda first, last: work(first * count, last * count), positions, threads)


def _kernel(name: str, Y: Array, D: Prepared, limits: Limits, out: Found) -> Callable[[int, int], None]:
    """Returns a function work(first, last) that runs a pursuit on these signals, counted over all positions in
    turn."""
    stops = stop_tolerance(Y.dtype), dependence_tolerance(Y.dtype)
    atoms = bits(D.atoms), bits(D.transposed), D.squares
    given = stops, limits.enough, limits.atoms
    if D.gram is None and not D.lazy:
        if name != "omp":
            raise SparseError(f"{name} needs Gram matrices: prepare the dictionary with gram=True and half=False")
        from .pursuits.direct_cpu import direct_items

        return lambda first, last: direct_items(Y, atoms, *given, *out, first, last)
    gram = np.empty((0, *D.shape[1:2], D.transposed.shape[2]), D.dtype) if D.gram is None else D.gram
    if name in ("omp", "ormp"):
        from .pursuits.omp_cpu import omp_items

        best = True if name == "ormp" else None  # None, not False, so that OMP does not compile ORMP's branches
        return lambda first, last: omp_items(Y, atoms, gram, *given, best, *out, first, last)
    items = _items(name)
    return lambda first, last: items(Y, atoms, gram, *given, *out, first, last)


def _items(name: str) -> Callable[..., None]:
    """Returns the kernel of a pursuit that reads Gram matrices."""
    module = import_module(f"{__package__}.pursuits.{name}_cpu")
    found: Callable[..., None] = getattr(module, f"{name}_items")
    return found


def recode_tight(name: str, Y: Array, D: Prepared, limits: Limits, out: Found, threads: int | None) -> None:
    """Computes the codes in `out` again in float64 for signals whose tolerance is below the precision of float32
    sums."""
    if Y.dtype != np.float32 or not out[1].size or limits.enough.max() < 0:
        return
    from .checks_cpu import energies

    energy = np.empty(Y.shape[:2])
    energies(Y, energy)
    tight = (limits.enough >= 0) & (limits.enough < TIGHT * energy)
    for p in map(int, np.nonzero(tight.any(axis=1))[0]):
        at = np.nonzero(tight[p])[0]
        wide = widened(D, p)
        here = Limits(limits.sparsity, limits.atoms[p : p + 1, at], limits.enough[p : p + 1, at])
        support, x = code(name, Y[p : p + 1, at].astype(np.float64), wide, here, threads)
        out[0][p, at], out[1][p, at] = support[0], np.ldexp(x[0], D.power - wide.power)
