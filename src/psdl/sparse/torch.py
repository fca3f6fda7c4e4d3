"""The same functions as batched torch operations, for a GPU: OMP, ORMP and approximate K-SVD.

Tested on torch's CPU device against the compiled functions; never timed on a GPU. Positions and signals are worked
on in chunks that fit into the memory that is free. Results equal the CPU's within rounding, not to the bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from psdl.sparse.errors import SparseError
from psdl.sparse.pursuits.omp import NEVER, dependence_tolerance, stop_tolerance

SHARE = 0.5  # of the free memory that a chunk may take
PLAIN = 2 << 30  # bytes a chunk may take where a device does not tell what is free


def on(device: str) -> torch.device:
    """The torch device of that name; raises SparseError if there is none."""
    try:
        found = torch.device(device)
        torch.empty(1, device=found)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise SparseError(f"torch finds no device {device!r} ({reason}): use device='cpu'") from None
    return found


def pursue(
    Y: np.ndarray[Any, Any],
    D: np.ndarray[Any, Any],
    sparsity: int,
    enough: float,
    optimised: bool,
    device: str,
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """support (P,N,T) int32 and coefficients (P,N,T) of signals (P,N,F), as `pursuits/omp.py` or, if `optimised`,
    `pursuits/ormp.py` defines them; dictionary (P,K,F)."""
    where = on(device)
    support = np.empty((*Y.shape[:2], sparsity), np.int32)
    x = np.empty((*Y.shape[:2], sparsity), Y.dtype)
    for positions, rows in _chunks(Y.shape[0], Y.shape[1], _bytes_each(D, sparsity), where):
        signals = torch.from_numpy(Y[positions, rows]).to(where)
        atoms = torch.from_numpy(D[positions]).to(where)
        found, values = _pursue(signals, atoms, sparsity, enough, optimised)
        support[positions, rows] = found.to(torch.int32).cpu().numpy()
        x[positions, rows] = values.cpu().numpy()
    return support, x


def _bytes_each(D: np.ndarray[Any, Any], sparsity: int) -> int:
    """Memory that one signal takes while it is coded."""
    return int((sparsity + 6) * D.shape[1] + sparsity * sparsity + D.shape[2]) * D.itemsize


def _chunks(positions: int, signals: int, bytes_each: int, device: torch.device) -> list[tuple[slice, slice]]:
    """Slices of positions and of signals whose products fit into the memory that is free."""
    free = torch.cuda.mem_get_info(device)[0] * SHARE if device.type == "cuda" else PLAIN
    at_once = max(1, int(free / bytes_each))
    rows = min(signals, at_once)
    places = max(1, at_once // max(rows, 1))
    return [
        (slice(p, min(p + places, positions)), slice(n, min(n + rows, signals)))
        for p in range(0, positions, places)
        for n in range(0, signals, max(rows, 1))
    ]


def _pursue(Y: Tensor, D: Tensor, sparsity: int, enough: float, optimised: bool) -> tuple[Tensor, Tensor]:
    """One chunk: see `pursuits/omp_cpu.py`, whose recursion this is, over all signals at once.

    rows (P,N,T,K) are the correlations of all atoms with the directions found, h (P,N,T,T) the chosen atoms'
    coordinates in them and c (P,N,T) the signals'.
    """
    (P, N), K = Y.shape[:2], D.shape[1]
    dtype = _dtype(Y)
    gram = D @ D.transpose(1, 2)
    diagonal = gram.diagonal(dim1=1, dim2=2)[:, None]
    floor = dependence_tolerance(dtype) * diagonal
    a = Y @ D.transpose(1, 2)
    energy = Y.double().square().sum(-1)
    length = energy.sqrt().clamp_min(torch.finfo(Y.dtype).tiny)
    smallest = (stop_tolerance(dtype) * length).to(Y.dtype)
    left = diagonal.expand(P, N, K).clone() if optimised else None
    alive = torch.ones_like(a, dtype=torch.bool)
    going = energy > enough
    support = torch.full((P, N, sparsity), -1, dtype=torch.int64, device=Y.device)
    rows, h, c = Y.new_zeros(P, N, sparsity, K), Y.new_zeros(P, N, sparsity, sparsity), Y.new_zeros(P, N, sparsity)
    for t in range(min(sparsity, K)):
        j = _choice(a, alive, left, floor, length)
        at = j[..., None]
        value, own = a.gather(2, at)[..., 0], diagonal.expand(P, N, K).gather(2, at)[..., 0]
        along = rows[:, :, :t].gather(3, j[..., None, None].expand(P, N, t, 1))[..., 0]
        norm2 = own - along.square().sum(-1)
        going = going & (value.abs() > smallest) & (norm2 > dependence_tolerance(dtype) * own)
        if not bool(going.any()):
            break
        norm = torch.where(going, norm2, 1).sqrt()
        new = gram.gather(1, at.expand(P, N, K)) - torch.einsum("pnt,pntk->pnk", along, rows[:, :, :t])
        new = torch.where(going[..., None], new / norm[..., None], 0)
        rows[:, :, t], h[:, :, t, :t] = new, torch.where(going[..., None], along, 0)
        h[:, :, t, t] = norm
        c[:, :, t] = torch.where(going, value / norm, 0)
        a = a - c[:, :, t, None] * new
        left = left - new.square() if left is not None else None
        support[:, :, t] = torch.where(going, j, -1)
        alive.scatter_(2, at, False)
        energy = energy - c[:, :, t].double().square()
        going = going & (energy > enough)
    unfinished = h.diagonal(dim1=2, dim2=3)
    unfinished += (unfinished == 0).to(h.dtype)
    x = torch.linalg.solve_triangular(h.transpose(2, 3), c[..., None], upper=True)[..., 0]
    return support, torch.where(support >= 0, x, 0)


def _dtype(values: Tensor) -> np.dtype[Any]:
    """NumPy's name of a tensor's dtype."""
    return np.dtype(str(values.dtype).removeprefix("torch."))


def _choice(a: Tensor, alive: Tensor, left: Tensor | None, floor: Tensor, length: Tensor) -> Tensor:
    """The atoms (P,N) to take next; the lower index where two are equal."""
    if left is None:
        return torch.where(alive, a.abs(), -1).argmax(-1)
    share = a / length[..., None].to(a.dtype)
    counts = alive & (left > floor)
    return torch.where(counts, share.square() / torch.where(counts, left, 1), -1).argmax(-1)


def learn(
    Y: np.ndarray[Any, Any], D: np.ndarray[Any, Any], sparsity: int, rounds: int, replace: bool, device: str
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Approximate K-SVD, as `learners/ksvd.py` defines it: D (P,K,F), the start, is overwritten; returns the
    codes, support (P,N,T) int32 and coefficients (P,N,T), of signals (P,N,F)."""
    where = on(device)
    support = np.empty((*Y.shape[:2], sparsity), np.int32)
    x = np.empty((*Y.shape[:2], sparsity), Y.dtype)
    bytes_each = _bytes_each(D, sparsity) + (D.shape[1] + 4 * D.shape[2]) * D.itemsize
    for positions, _ in _chunks(len(Y), 1, bytes_each * Y.shape[1], where):
        signals, atoms = torch.from_numpy(Y[positions]).to(where), torch.from_numpy(D[positions]).to(where)
        for _ in range(rounds):
            found, values = _coded(signals, atoms, sparsity, bytes_each)
            values = _update(signals, atoms, found, values, replace)
        support[positions] = found.to(torch.int32).cpu().numpy()
        x[positions] = values.cpu().numpy()
        D[positions] = atoms.cpu().numpy()
    return support, x


def _coded(signals: Tensor, atoms: Tensor, sparsity: int, bytes_each: int) -> tuple[Tensor, Tensor]:
    """Codes by OMP, chunk by chunk of signals."""
    chunks = _chunks(1, signals.shape[1], bytes_each * len(signals), signals.device)
    parts = [_pursue(signals[:, rows], atoms, sparsity, NEVER, False) for _, rows in chunks]
    return torch.cat([p[0] for p in parts], 1), torch.cat([p[1] for p in parts], 1)


def _update(Y: Tensor, D: Tensor, support: Tensor, x: Tensor, replace: bool) -> Tensor:
    """The second half of a round, for all positions at once: atoms D (P,K,F), in place; returns the
    coefficients."""
    P, N, _ = support.shape
    X = Y.new_zeros(P, N, D.shape[1] + 1)
    X.scatter_(2, torch.where(support >= 0, support, D.shape[1]), x)
    X[..., -1] = 0
    R = Y - X[..., :-1] @ D
    serving = torch.ones(P, N, dtype=torch.bool, device=Y.device)
    for k in range(D.shape[1]):
        g, old = X[..., k], D[:, k].clone()
        users = g != 0
        used = users.any(1, keepdim=True)
        new = torch.einsum("pn,pnf->pf", g, R) + g.square().sum(1, keepdim=True) * old
        norm = new.norm(dim=1, keepdim=True)
        moved = used & (norm > 0)
        new = torch.where(moved, new / norm.clamp_min(torch.finfo(Y.dtype).tiny), old)
        values = torch.einsum("pnf,pf->pn", R, new) + g * (old * new).sum(1, keepdim=True)
        values = torch.where(users & moved, values, g)
        R += g[..., None] * old[:, None] - values[..., None] * new[:, None]
        X[..., k], D[:, k] = values, new
        if replace:
            _replace(Y, D, R, k, ~used[:, 0], serving)
    found = X.gather(2, support.clamp_min(0))
    return torch.where(support >= 0, found, 0)


def _replace(Y: Tensor, D: Tensor, R: Tensor, k: int, unused: Tensor, serving: Tensor) -> None:
    """Atom k of the positions where it is unused becomes the signal that is coded worst, normalised."""
    tolerance = stop_tolerance(_dtype(Y))
    left = torch.where(serving, R.norm(dim=-1), 0)
    left = torch.where(left > tolerance * Y.norm(dim=-1), left, 0)
    worst = left.argmax(1)
    places = torch.arange(len(Y), device=Y.device)
    chosen = unused & (left[places, worst] > 0)
    atom = Y[places, worst]
    D[:, k] = torch.where(chosen[:, None], atom / atom.norm(dim=1, keepdim=True).clamp_min(1e-38), D[:, k])
    serving[places[chosen], worst[chosen]] = False
