"""The area under the receiver operating characteristic."""

from __future__ import annotations

import numpy as np

from psdl.measure.ranks import Ranks


def auroc(ranks: Ranks) -> float:
    """Returns the probability, in 0..1, that a positive scores above a negative; ties count half (Hanley, McNeil
    1982)."""
    hits = np.diff(ranks.tp, prepend=0)
    lost = hits @ (ranks.fp + ranks.fp_above) / 2
    return float(1 - lost / (ranks.positives * ranks.negatives))
