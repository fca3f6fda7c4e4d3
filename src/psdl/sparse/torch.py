"""OMP, ORMP and approximate K-SVD as batched torch operations, for GPUs.

Positions and signals are processed in chunks that fit into the free memory. Results equal the CPU's within
rounding, not to the bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from .errors import SparseError
from .learners.ksvd import ALIKE, FEW
from .limits import Limits
from .pursuits.omp import dependence_tolerance, stop_tolerance
from .torch_kernels import directions

Numbers = np.ndarray[Any, Any]
SHARE = 0.5  # of the free memory that a chunk may take
PLAIN = 2 << 30  # bytes a chunk may take where a device does not report what is free
ASKED = 8  # steps between two checks whether all signals are done, for which the device must be waited for
BLOCK = 32  # atoms of a K-SVD round between two updates of the residuals in memory
LONG = 96  # atoms a signal from which their triangle costs less to read than the rows of correlations


def on(device: str) -> torch.device:
    """Returns the torch device of that name. Raises SparseError if there is none."""
    try:
        found = torch.device(device)
        torch.empty(1, device=found)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise SparseError(f"torch finds no device {device!r} ({reason}): use device='cpu'") from None
    return found


def pursue(Y: Numbers, D: Numbers, limits: Limits, optimised: bool, device: str) -> tuple[Numbers, Numbers]:
    """Returns support (P,N,T) int32 and coefficients (P,N,T) of signals Y (P,N,F) with dictionaries D (P,K,F), as
    `pursuits/omp.py` or, if `optimised`, `pursuits/ormp.py` defines them."""
    where = on(device)
    shape = (*Y.shape[:2], limits.sparsity)
    support, x = np.empty(shape, np.int32), np.empty(shape, Y.dtype)
    if not x.size:
        return support, x
    for positions, rows in _chunks(Y.shape[0], Y.shape[1], _bytes_each(D, limits.sparsity), where):
        signals = torch.from_numpy(Y[positions, rows]).to(where)
        ends = [torch.from_numpy(np.ascontiguousarray(each[positions, rows])).to(where) for each in limits[1:]]
        found = _pursue(signals, torch.from_numpy(D[positions]).to(where), limits.sparsity, ends, optimised)
        support[positions, rows] = found[0].to(torch.int32).cpu().numpy()
        x[positions, rows] = found[1].cpu().numpy()
    return support, x


def _bytes_each(D: Numbers, sparsity: int) -> int:
    """Returns the number of bytes that one signal takes while it is coded."""
    rows = D.shape[1] if sparsity < LONG else 0
    return int(sparsity * (rows + sparsity + 8) + 8 * D.shape[1] + D.shape[2]) * D.itemsize


def _chunks(positions: int, signals: int, bytes_each: int, device: torch.device) -> list[tuple[slice, slice]]:
    """Returns pairs of slices, of positions and of signals, each of which fits into the free memory."""
    free = torch.cuda.mem_get_info(device)[0] * SHARE if device.type == "cuda" else PLAIN
    at_once = max(1, int(free / bytes_each))
    rows = max(1, min(signals, at_once))
    places = max(1, at_once // rows)
    return [
        (slice(p, min(p + places, positions)), slice(n, min(n + rows, signals)))
        for p in range(0, positions, places)
        for n in range(0, signals, rows)
    ]


class _Pursuit:
    """The state of a chunk of signals (P,N,F) during coding: the correlations a (P,N,K) of all atoms with the
    residual, and the chosen atoms (P,N,T).

    The correlations of all atoms with the next orthonormal direction, see `pursuits/omp_cpu.py`, are computed in
    one of two ways: from those with all directions so far, rows (P,N,T,K); or, for many atoms, by multiplying the
    Gram matrix with the direction's coordinates in the chosen atoms, a row of the triangle M (P,N,T,T).
    """

    def __init__(self, Y: Tensor, D: Tensor, sparsity: int) -> None:
        self.sparsity, self.gram = sparsity, D @ D.transpose(1, 2)
        self.diagonal = self.gram.diagonal(dim1=1, dim2=2)[:, None].contiguous()
        self.a = Y @ D.transpose(1, 2)
        (P, N, K), T = self.a.shape, sparsity
        self.chosen = torch.zeros(P, N, T, dtype=torch.int64, device=Y.device)
        self.x, self.long = Y.new_zeros(P, N, T), sparsity >= LONG
        self.triangle = Y.new_zeros(P, N, T, T)
        self.rows = Y.new_empty(0) if self.long else Y.new_empty(P, N, T, K)
        self.dense = torch.zeros_like(self.a) if self.long else Y.new_empty(0)
        self.before = Y.new_empty(0)

    def along(self, t: int, at: Tensor) -> Tensor:
        """Returns the coordinates (P,N,t) of the atoms `at` (P,N,1) in the t directions found so far."""
        P, N, _ = self.a.shape
        if not self.long:
            return self.rows[:, :, :t].gather(3, at[..., None].expand(P, N, t, 1))[..., 0]
        places = (at * self.gram.shape[2] + self.chosen[:, :, :t]).view(P, -1)
        products = self.gram.view(P, -1).gather(1, places).view(P, N, t)
        along, self.before = directions(self.triangle, products)
        return along

    def row(self, t: int, at: Tensor, along: Tensor, inverse: Tensor) -> Tensor:
        """Returns the correlations (P,N,K) of all atoms with the next direction. `inverse` (P,N) is the reciprocal
        norm of the direction, 0 where there is none. `along` must have been called for the same atoms just
        before."""
        if not self.long:
            new = self._gram_rows(at)
            if t:
                new = new - (along[:, :, None] @ self.rows[:, :, :t])[:, :, 0]
            torch.mul(new, inverse[..., None], out=self.rows[:, :, t])
            self.triangle[:, :, t, :t] = torch.where(inverse[..., None] > 0, along, 0)
            return self.rows[:, :, t]
        self.triangle[:, :, t, :t] = -self.before * inverse[..., None]
        self.triangle[:, :, t, t] = inverse
        self.dense.scatter_(2, self.chosen[:, :, : t + 1], self.triangle[:, :, t, : t + 1])
        return self.dense @ self.gram

    def _gram_rows(self, at: Tensor) -> Tensor:
        P, N, K = self.a.shape
        if P == 1:
            return self.gram[0].index_select(0, at.reshape(-1)).view(1, N, K)
        return self.gram.gather(1, at.expand(P, N, K))

    def coefficients(self, along: Tensor, norms: Tensor) -> Tensor:
        """Returns x (P,N,T) from the coordinates `along` (P,N,T) of the signals in the directions and from the
        directions' norms before normalisation."""
        if self.long:
            return (along[:, :, None] @ self.triangle)[:, :, 0]
        self.triangle.diagonal(dim1=2, dim2=3).copy_(norms)
        upper = self.triangle.transpose(2, 3)
        return torch.linalg.solve_triangular(upper, along[..., None], upper=True)[..., 0]


def _pursue(Y: Tensor, D: Tensor, sparsity: int, limits: list[Tensor], optimised: bool) -> tuple[Tensor, Tensor]:
    """Returns support and coefficients (P,N,T) of one chunk. `limits` are the numbers of atoms and the energies
    (P,N) at which coding stops."""
    most, enough = limits
    state, dtype = _Pursuit(Y, D, sparsity), _dtype(Y)
    a, diagonal = state.a, state.diagonal
    (P, N), K = Y.shape[:2], D.shape[1]
    dependent = dependence_tolerance(dtype)
    energy = Y.double().square().sum(-1)
    length = energy.sqrt().clamp_min(torch.finfo(Y.dtype).tiny)
    bar = (stop_tolerance(dtype) * length).to(Y.dtype)
    uneven = bool(diagonal.amax() > 1.001 * diagonal.amin())
    left = diagonal.expand(P, N, K).clone() if optimised else None
    active = (energy > enough) & (most > 0)
    support = torch.full((P, N, sparsity), -1, dtype=torch.int64, device=Y.device)
    c, norms = Y.new_zeros(P, N, sparsity), Y.new_ones(P, N, sparsity)
    score = torch.empty_like(a)
    for t in range(min(sparsity, K)):
        torch.abs(a, out=score)
        if uneven:
            score *= score > bar[..., None] * diagonal.sqrt()
        if left is not None:
            _gain(score, left, dependent * diagonal, length)
        score.scatter_(2, state.chosen[:, :, :t], -1)
        at = score.argmax(-1, keepdim=True)
        value, own = a.gather(2, at)[..., 0], diagonal.expand(P, N, K).gather(2, at)[..., 0]
        along = state.along(t, at)
        norm2 = own - along.square().sum(-1)
        active = active & (value.abs() > bar * own.sqrt()) & (norm2 > dependent * own)
        if t % ASKED == 0 and not bool(active.any()):
            break
        norm = torch.where(active, norm2, 1).sqrt()
        inverse = torch.where(active, 1 / norm, 0)
        state.chosen[:, :, t] = at[..., 0]
        new = state.row(t, at, along, inverse)
        norms[:, :, t], c[:, :, t] = norm, value * inverse
        a.addcmul_(new, -c[:, :, t, None])
        if left is not None:
            left -= new.square()
        support[:, :, t] = torch.where(active, at[..., 0], -1)
        energy = energy - c[:, :, t].double().square()
        active = active & (energy > enough) & (most > t + 1)
    return support, torch.where(support >= 0, state.coefficients(c, norms), 0)


def _dtype(values: Tensor) -> np.dtype[Any]:
    """Returns the NumPy dtype of a tensor."""
    return np.dtype(str(values.dtype).removeprefix("torch."))


def _gain(score: Tensor, left: Tensor, floor: Tensor, length: Tensor) -> None:
    """Replaces `score` (P,N,K), correlations, by ORMP's criterion: by how much each atom would reduce the energy
    of the residual, relative to the signal's."""
    counts = left > floor
    score /= length[..., None].to(score.dtype)
    score.copy_(torch.where(counts, score.square() / torch.where(counts, left, 1), 0))


def learn(
    Y: Numbers, D: Numbers, limits: Limits, rounds: int, replace: bool, fixed: int, device: str
) -> tuple[Numbers, Numbers]:
    """Approximate K-SVD, as `learners/ksvd.py` defines it, for signals Y (P,N,F). The start dictionary D (P,K,F)
    is overwritten. Returns the codes: support (P,N,T) int32 and coefficients (P,N,T)."""
    where = on(device)
    shape = (*Y.shape[:2], limits.sparsity)
    support, x = np.empty(shape, np.int32), np.empty(shape, Y.dtype)
    kept = (D.shape[1] + 4 * D.shape[2] + 3 * limits.sparsity) * D.itemsize
    for positions, _ in _chunks(len(Y), 1, kept * Y.shape[1], where):
        signals, atoms = torch.from_numpy(Y[positions]).to(where), torch.from_numpy(D[positions]).to(where)
        ends = [torch.from_numpy(np.ascontiguousarray(each[positions])).to(where) for each in limits[1:]]
        for done in range(rounds):
            found, values = _coded(signals, atoms, limits.sparsity, ends, _bytes_each(D, limits.sparsity))
            values, residual = _update(signals, atoms, found, values, fixed)
            if replace and done + 1 < rounds:
                _replace(signals, atoms, residual, found, fixed)
        support[positions] = found.to(torch.int32).cpu().numpy()
        x[positions] = values.cpu().numpy()
        D[positions] = atoms.cpu().numpy()
    return support, x


def _coded(
    signals: Tensor, atoms: Tensor, sparsity: int, limits: list[Tensor], bytes_each: int
) -> tuple[Tensor, Tensor]:
    """Returns codes by OMP, computed in chunks of signals."""
    chunks = _chunks(1, signals.shape[1], bytes_each * len(signals), signals.device)
    ends = [[each[:, rows] for each in limits] for _, rows in chunks]
    parts = [
        _pursue(signals[:, rows], atoms, sparsity, end, False) for (_, rows), end in zip(chunks, ends, strict=True)
    ]
    return torch.cat([p[0] for p in parts], 1), torch.cat([p[1] for p in parts], 1)


def _update(Y: Tensor, D: Tensor, support: Tensor, x: Tensor, fixed: int) -> tuple[Tensor, Tensor]:
    """The second half of a round, for all positions at once: updates the atoms D (P,K,F) in place; returns the
    coefficients and the residuals (P,N,F)."""
    P, N, _ = support.shape
    X = Y.new_zeros(P, D.shape[1] + 1, N)
    X.scatter_(1, torch.where(support >= 0, support, D.shape[1]).transpose(1, 2), x.transpose(1, 2))
    X[:, -1] = 0
    R = torch.baddbmm(Y, X[:, :-1].transpose(1, 2), D, alpha=-1)
    for first in range(fixed, D.shape[1], BLOCK):
        _update_block(X, D, R, slice(first, min(first + BLOCK, D.shape[1])))
    found = X.transpose(1, 2).gather(2, support.clamp_min(0))
    return torch.where(support >= 0, found, 0), R


def _update_block(X: Tensor, D: Tensor, R: Tensor, block: slice) -> None:
    """Updates the atoms of a block one after another, in place. Their changes of the residuals R (P,N,F) are kept
    as products U V of (P,N,2B) and (P,2B,F) and added at the end, so that each atom reads R only once."""
    (P, N, F), B, tiny = R.shape, block.stop - block.start, torch.finfo(R.dtype).tiny
    U, V = R.new_zeros(P, N, 2 * B), R.new_zeros(P, 2 * B, F)
    sums = X[:, block] @ R
    for j, k in enumerate(range(block.start, block.stop)):
        g, old, so_far = X[:, k].clone(), D[:, k].clone(), 2 * j
        new = sums[:, j] + g.square().sum(1, keepdim=True) * old
        if j:
            new += ((g[:, None] @ U[:, :, :so_far]) @ V[:, :so_far])[:, 0]
        norm = new.norm(dim=1, keepdim=True)
        new = torch.where(norm > 0, new / norm.clamp_min(tiny), old)  # atoms without users have norm 0
        values = R @ new[..., None]
        if j:
            values += U[:, :, :so_far] @ (V[:, :so_far] @ new[..., None])
        values = values[..., 0] + g * (old * new).sum(1, keepdim=True)
        values = torch.where((g != 0) & (norm > 0), values, g)
        U[:, :, so_far], U[:, :, so_far + 1] = g, -values
        V[:, so_far], V[:, so_far + 1] = old, new
        X[:, k], D[:, k] = values, new
    R.baddbmm_(U, V)


def _replace(Y: Tensor, D: Tensor, R: Tensor, support: Tensor, fixed: int) -> None:
    """The end of a round: replaces atoms as `ksvd.replaced` does."""
    P, K = D.shape[:2]
    places = torch.arange(P, device=Y.device)
    flat = torch.where(support >= 0, support, K).reshape(P, -1)
    users = torch.zeros(P, K + 1, dtype=torch.int64, device=Y.device)
    users = users.scatter_add_(1, flat, torch.ones_like(flat))[:, :K]
    few = (users.sum(1).double() / K * FEW).floor().clamp_min(1)
    left, norms = R.norm(dim=-1), Y.norm(dim=-1)
    left = torch.where(left > stop_tolerance(_dtype(Y)) * norms, left, 0)
    cosines = (D @ D.transpose(1, 2)).abs()
    cosines.diagonal(dim1=1, dim2=2).zero_()
    for k in range(fixed, K):
        asked = (users[:, k] < few) | (cosines[:, k].amax(1) > ALIKE)
        if not bool(asked.any()):
            continue
        worst = left.argmax(1)
        asked = asked & (left[places, worst] > 0)
        atom = Y[places, worst] / norms[places, worst].clamp_min(torch.finfo(Y.dtype).tiny)[:, None]
        D[:, k] = torch.where(asked[:, None], atom, D[:, k])
        left[places, worst] = torch.where(asked, 0, left[places, worst])
        row = (D @ D[:, k, :, None])[..., 0].abs()
        row[:, k] = 0
        cosines[:, k], cosines[:, :, k] = row, row
