"""Online dictionary learning, compiled: what `online.absorb` does after the pursuit."""

from __future__ import annotations

import numpy as np

from ..kernels import kernel
from ..pursuits.scratch_cpu import FAST


@kernel(fastmath=FAST)
def absorb_block(signals, support, x, keep, fixed, dictionary, moments, products, new):
    """Takes one chunk of signals (N,F) of one position, with their codes, into dictionary (K,F), moments (K,K) and
    products (K,F), all in place; the first `fixed` atoms do not change. Scratch: new (F,)."""
    moments *= keep
    products *= keep
    for n in range(signals.shape[0]):
        for t in range(support.shape[1]):
            k = support[n, t]
            if k < 0:
                continue
            value = np.float64(x[n, t])
            for u in range(support.shape[1]):
                if support[n, u] >= 0:
                    moments[k, support[n, u]] += value * x[n, u]
            for f in range(signals.shape[1]):
                products[k, f] += value * signals[n, f]
    for k in range(fixed, dictionary.shape[0]):
        if not moments[k, k] > 0:
            continue
        for f in range(new.shape[0]):
            new[f] = products[k, f] + moments[k, k] * dictionary[k, f]
        for j in range(dictionary.shape[0]):
            weight = moments[k, j]
            if weight != 0:
                for f in range(new.shape[0]):
                    new[f] -= weight * dictionary[j, f]
        energy = 0.0
        for f in range(new.shape[0]):
            energy += np.float64(new[f]) * np.float64(new[f])
        if energy > 0:
            scale = 1 / np.sqrt(energy)
            for f in range(new.shape[0]):
                dictionary[k, f] = new[f] * scale
