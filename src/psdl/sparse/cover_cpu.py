"""The farthest-point rule on residuals, compiled: what `initialisers.cover` chooses."""

from __future__ import annotations

from .kernels import kernel
from .pursuits.scratch_cpu import FAST
from .pursuits.step_simd import largest
from .simd import product


@kernel(fastmath=FAST)
def cover_block(units, transposed, energy, left, mask, chosen):
    """chosen (count,) <- in turn the signal of which most is left, once one of those before it codes it.

    units (N,F) and transposed (F,W), normalised signals; energy (W,), their squared norms; mask (1,W), see
    `step_simd.largest`; left (2,W), in its first row what is left of each signal, its second is scratch.
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
