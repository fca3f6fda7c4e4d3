"""The best F1 score over all thresholds."""

from __future__ import annotations

import numpy as np

from psdl.measure.ranks import Ranks


def f1max(ranks: Ranks) -> float:
    """max over thresholds of 2 tp / (tp + fp + positives). 0..1."""
    return float(np.max(2 * ranks.tp / (ranks.tp + ranks.fp + ranks.positives)))


def oracle_threshold(ranks: Ranks) -> float:
    """The threshold that maximises TPR - FPR on the labelled data themselves (Youden 1950): the paper's mask
    threshold, which no product can know."""
    gain = ranks.tp / ranks.positives - ranks.fp / ranks.negatives
    return float(ranks.thresholds[np.argmax(gain)])
