"""The farthest-point rule on residuals, compiled: the choice of `initialisers.covering`."""

from __future__ import annotations

from .kernels import kernel
from .pursuits.scratch_cpu import FAST
from .pursuits.step_simd import largest
from .simd import product


@kernel(fastmath=FAST)
def cover_block(units, transposed, energy, left, mask, chosen):
    """chosen (count,) <- in turn the index of the signal with the largest residual when the best one of those
    chosen before codes it.

    units (N,F) and transposed (F,W) are the normalised signals, energy (W,) their squared norms. mask (1,W): see
    `step_simd.largest`. The first row of left (2,W) has the energies of the residuals, the second is scratch.
    """
    width = left.shape[1]
    one, zero = left.dtype.type(1), left.dtype.type(0)
    for i in range(chosen.shape[0]):
        j = largest(left, 0, mask, 0)
        chosen[i] = j
        mask[0, j] = 0
        product(left, 1, units, j, transposed, 0, units.shape[1])
        for n in range(width):
            rest = energy[n] * max(zero, one - left[1, n] * left[1, n])
            left[0, n] = min(left[0, n], rest)
