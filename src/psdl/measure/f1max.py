"""The best F1 score over all thresholds, and the threshold of the paper's masks."""

from __future__ import annotations

import numpy as np

from psdl.measure.ranks import Ranks


def f1max(ranks: Ranks) -> float:
    """Returns the maximum over thresholds of F1 = 2 tp / (tp + fp + positives), in 0..1."""
    return float(np.max(2 * ranks.tp / (ranks.tp + ranks.fp + ranks.positives)))


def oracle_threshold(ranks: Ranks) -> float:
    """Returns the threshold that maximises TPR - FPR on the labelled data themselves (Youden 1950).

    The paper draws its masks with it. It needs the labels of the test images, so no product can use it.
    """
    gain = ranks.tp / ranks.positives - ranks.fp / ranks.negatives
    return float(ranks.thresholds[np.argmax(gain)])
