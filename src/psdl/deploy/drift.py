"""Drift detection: tests whether the images that a model judges still resemble those that it learned from, with a
stated probability of any false alarm.

Each test bets, image after image, that the p-values are smaller than those of images like the ones learned from.
As long as they are not, the capital of the test, which starts at 1, is a supermartingale: it ever reaches 1 /
delta with probability at most delta (Ville 1939; for conformal p-values Vovk et al., "Retrain or not retrain",
COPA 2021). The capital is put on the bets little by little, so that a change after months is found almost as fast
as one at the start.

The p-values come from the empirical distribution of N items. By chance they may all be a little too small, which a
test over months of images would take for a change. So they are raised by the bound on the deviation of an
empirical distribution (Dvoretzky, Kiefer, Wolfowitz; constant by Massart 1990). Half of delta is spent on this
bound and half on the bets. All tests share both halves equally.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psdl.calibrate.thresholds import weights
from psdl.input.statistics import ImageStatistics
from psdl.model.model import Model
from psdl.types import F32

__all__ = ["Alarm", "Bets", "Kind", "Monitor", "seen"]

DELTA = 0.01  # the chance of any alarm, ever, while images are like those learned from
SLACK = (
    0.02  # of the median: a statistic that differs by less is no stranger, however alike those learned from are
)
STAKES = (0.5, 1.0, 2.0)  # a bet's factor is 1 + stake * (1/2 - p)
RECENT = 30  # images that sentences speak of
MOST = 10.0  # capital is kept below so many times the bar, so that it falls soon when the cause is mended


@dataclass(frozen=True)
class Kind:
    """One kind of change that is tested for.

    - `field` is the field of `ImageStatistics` that is tested; None: the p-values of the scores.
    - `sign` says which values are strange: -1 smaller, 1 larger, 0 those that no image learned from has.
    - `word` is the word for the change, and `where` says what a person should check.
    """

    field: str | None
    sign: int
    word: str
    where: str


KINDS = (
    Kind("brightness", -1, "darker", "lamp and exposure"),
    Kind("brightness", 1, "brighter", "lamp and exposure"),
    Kind("sharpness", -1, "blurrier", "focus and lens"),
    Kind("sharpness", 1, "rougher", "focus, gain and noise"),
    Kind("height", 0, "of another size", "the camera's settings"),
    Kind(None, 1, "stranger", "what changed in the parts or their pictures"),
)


@dataclass(frozen=True)
class Alarm:
    """An alarm. `image` is the number of the image that raised it, from 1. `word` is the kind of change, such as
    "darker". `sentence` describes it for a person."""

    image: int
    word: str
    sentence: str


@dataclass
class Bets:
    """The capital of one test after `seen` images. `reserve` is not yet put on bets; `placed` has the capital on
    each of STAKES."""

    seen: int = 0
    reserve: float = 1.0
    placed: list[float] = field(default_factory=lambda: [0.0] * len(STAKES))

    def see(self, p: float, bar: float) -> None:
        """Updates the capital with the p-value `p` of one more image.

        With `seen` = t, the share 1/((t+1)(t+2)) of the initial capital moves from the reserve to the bets, in
        equal parts. Then the capital on each stake is multiplied by 1 + stake (1/2 - p). Together the bets keep at
        most MOST times `bar`, the capital at which an alarm is raised.
        """
        fresh = 1 / ((self.seen + 1) * (self.seen + 2))
        self.seen, self.reserve = self.seen + 1, self.reserve - fresh
        part = fresh / len(STAKES)
        won = [(one + part) * (1 + stake * (0.5 - p)) for one, stake in zip(self.placed, STAKES, strict=True)]
        scale = min(1.0, MOST * bar / max(sum(won), 1e-300))
        self.placed = [one * scale for one in won]

    @property
    def capital(self) -> float:
        """The capital of the test: the reserve and what is on the bets."""
        return self.reserve + sum(self.placed)


class Monitor:
    """Watches the images that a model judges for drift.

    The image statistics and the calibration of `model` are the standard. `delta` is the probability that the
    monitor ever raises an alarm while images are like those learned from. If a model learned from few items,
    p-values say little; `able` says whether an alarm is possible at all.
    """

    def __init__(self, model: Model, delta: float = DELTA) -> None:
        self.image_statistics = model.image_statistics
        self.novel = _novel(self.image_statistics)
        self.sizes = {tuple(row) for row in self.image_statistics[:, 2:4].tolist()}
        self.alpha = max(model.calibration.rates.false_reject, model.calibration.rates.review)
        kinds = [kind for kind in KINDS if kind.field is None or len(self.image_statistics)]
        self.bar = 2 * len(kinds) / delta
        self.tests = {kind: Bets() for kind in kinds}
        items = len(np.unique(self.image_statistics[:, -1])) if len(self.image_statistics) else 0
        counts = {kind: items if kind.field else model.calibration.groups for kind in kinds}
        self.raise_by = {kind: math.sqrt(math.log(self.bar) / (2 * n)) for kind, n in counts.items()}
        self.ranks = {kind: self._ranks(kind) for kind in kinds if kind.field and kind.sign}
        self.recent: deque[tuple[ImageStatistics, float | None]] = deque(maxlen=RECENT)
        self.images = 0
        self.alarms: list[Alarm] = []
        self._now: dict[str, Alarm] = {}

    @property
    def able(self) -> bool:
        """Whether the model learned from enough items for any bet to win."""
        return min(self.raise_by.values()) < 0.45

    @property
    def now(self) -> list[Alarm]:
        """The alarms whose cause persists: those whose test has not fallen below the square root of the alarm's
        bar."""
        return list(self._now.values())

    @property
    def evidence(self) -> float:
        """The evidence for drift, 0..1: the logarithm of the largest capital over that of the bar. An alarm is
        raised at 1."""
        most = max(bets.capital for bets in self.tests.values())
        return min(1.0, max(0.0, math.log(most) / math.log(self.bar)))

    def see(self, statistics: ImageStatistics, verdict: str, p_value: float) -> list[Alarm]:
        """Takes one more judged image into account and returns the alarms that it raises.

        `statistics`, `verdict` and `p_value` are those of the image's result. If the verdict is not OK, the
        p-value is ignored: defects are no drift. The image statistics always count.
        """
        self.images += 1
        known = (p_value - self.alpha) / (1 - self.alpha) if verdict == "OK" else None
        self.recent.append((statistics, known))
        raised = []
        for kind, bets in self.tests.items():
            p = known if kind.field is None else self._p_value(kind, statistics)
            if p is None:
                continue
            bets.see(min(1.0, max(0.0, p) + self.raise_by[kind]), self.bar)
            if bets.capital < math.sqrt(self.bar):
                self._now.pop(kind.word, None)
            elif bets.capital >= self.bar and kind.word not in self._now:
                self._now[kind.word] = Alarm(self.images, kind.word, self._sentence(kind))
                raised.append(self._now[kind.word])
        self.alarms += raised
        return raised

    def _p_value(self, kind: Kind, statistics: ImageStatistics) -> float:
        """Returns the share of items, the new one included, that have an image at least as strange in this
        respect."""
        if kind.sign == 0:
            return 1.0 if (statistics.height, statistics.width) in self.sizes else self.novel
        values, shares, slack = self.ranks[kind]
        above = shares[bisect_left(values, kind.sign * getattr(statistics, str(kind.field)) - slack)]
        return (1 + above) / (shares[0] + 1)

    def _ranks(self, kind: Kind) -> tuple[list[float], list[float], float]:
        """Returns the values learned from, times the sign and ascending; for each, the number of items that it and
        the larger values make up; and the difference that is too small to count."""
        values, items = kind.sign * self._column(kind), self.image_statistics[:, -1].astype(np.int32)
        order = np.argsort(values, kind="stable")
        shares = np.append(np.cumsum(weights(items)[order][::-1])[::-1], 0.0)
        return values[order].tolist(), shares.tolist(), SLACK * abs(float(np.median(values)))

    def _column(self, kind: Kind) -> NDArray[Any]:
        return self.image_statistics[:, ImageStatistics._fields.index(str(kind.field))].astype(np.float64)

    def _sentence(self, kind: Kind) -> str:
        if kind.field is None:
            p = float(np.median([p for _, p in self.recent if p is not None]))
            return (
                f"images that pass are stranger than good ones were: half of them have p-values below {p:.2g}:"
                f" look at {kind.where}"
            )
        if kind.sign == 0:
            last = self.recent[-1][0]
            size = f"{last.width:g} x {last.height:g} pixels"
            return f"images are {size}, unlike all learned from: look at {kind.where}"
        known = self._column(kind)
        value = float(np.median([getattr(statistics, kind.field) for statistics, _ in self.recent]))
        share = float(np.mean(kind.sign * known < kind.sign * value))
        than = "any" if share == 1 else f"{share:.0%} of those"
        return (
            f"images are {kind.word} than {than} learned from ({kind.field} {value:.3g} now,"
            f" {known.min():.3g} to {known.max():.3g} then): look at {kind.where}"
        )


def _novel(image_statistics: F32) -> float:
    """Returns the p-value of an image size that was not learned from: the share of items, the new one included,
    that have an image of a size no other item has."""
    if not len(image_statistics):
        return 1.0
    pairs = np.unique(image_statistics[:, 2:], axis=0)  # height, width, item
    _, place, items = np.unique(pairs[:, :2], axis=0, return_inverse=True, return_counts=True)
    alone = np.unique(pairs[items[place.ravel()] == 1, 2])
    return float((1 + len(alone)) / (len(np.unique(image_statistics[:, -1])) + 1))


def seen(monitor: Monitor, row: Mapping[str, Any]) -> list[Alarm]:
    """Shows a monitor one line `row` of images.jsonl and returns the alarms that it raises."""
    statistics = ImageStatistics(row["brightness"], row["sharpness"], row["height"], row["width"])
    return monitor.see(statistics, row["verdict"], row["p_value"])
