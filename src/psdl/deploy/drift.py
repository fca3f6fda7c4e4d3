"""Has the world of a model changed? Tests that watch the images go by, with a stated chance of a false alarm.

Each test bets, image after image, that its p-values are smaller than those of images like the ones learned from.
While they are not, its capital is a supermartingale, which from 1 ever reaches 1 / delta with probability at most
delta (Ville 1939; for conformal p-values Vovk et al., "Retrain or not retrain", COPA 2021). Money is put on the
bets little by little, so that a change after months is found almost as fast as one today.

p-values from N items learned from are too small by luck as often as too large, and months of images would find
that out. So they are raised by what the empirical distribution of N items may lie off (Dvoretzky, Kiefer,
Wolfowitz; Massart 1990). Half of delta is spent on that, half on the bets; both are shared by all tests.
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
    """One thing that may change: the field of the image statistics (None: the p-values of scores), whether smaller
    (-1), larger (1) or new (0) values are strange, the word for it, and what to look at."""

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
    """image: the number of the image that raised it, from 1; word: what changed, such as darker; sentence."""

    image: int
    word: str
    sentence: str


@dataclass
class Bets:
    """The capital of one test: `reserve` not yet put on bets, `placed` on each stake, after `seen` images."""

    seen: int = 0
    reserve: float = 1.0
    placed: list[float] = field(default_factory=lambda: [0.0] * len(STAKES))

    def see(self, p: float, bar: float) -> None:
        """One more image: 1/((t+1)(t+2)) of the first capital is put on the bets, which then win or lose."""
        fresh = 1 / ((self.seen + 1) * (self.seen + 2))
        self.seen, self.reserve = self.seen + 1, self.reserve - fresh
        part = fresh / len(STAKES)
        won = [(one + part) * (1 + stake * (0.5 - p)) for one, stake in zip(self.placed, STAKES, strict=True)]
        scale = min(1.0, MOST * bar / max(sum(won), 1e-300))
        self.placed = [one * scale for one in won]

    @property
    def capital(self) -> float:
        return self.reserve + sum(self.placed)


class Monitor:
    """Watches the images that a model judges. model: whose image statistics and calibration are the standard;
    delta: the chance that it ever raises an alarm while images are like those learned from.

    Where a model was learned from few items, p-values say little: `able` says whether an alarm is possible.
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
        """Whether the model knows enough items for any bet to win."""
        return min(self.raise_by.values()) < 0.45

    @property
    def now(self) -> list[Alarm]:
        """The alarms whose cause still shows."""
        return list(self._now.values())

    @property
    def evidence(self) -> float:
        """The largest capital's logarithm over the bar's, 0..1: an alarm is raised at 1."""
        most = max(bets.capital for bets in self.tests.values())
        return min(1.0, max(0.0, math.log(most) / math.log(self.bar)))

    def see(self, statistics: ImageStatistics, verdict: str, p_value: float) -> list[Alarm]:
        """One more image judged; returns the alarms that it raises. The p-values of images that were not judged OK
        do not count: defects are no change of the world."""
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
        """The share of items learned from whose images are at least as strange, the new one among them."""
        if kind.sign == 0:
            return 1.0 if (statistics.height, statistics.width) in self.sizes else self.novel
        values, shares, slack = self.ranks[kind]
        above = shares[bisect_left(values, kind.sign * getattr(statistics, str(kind.field)) - slack)]
        return (1 + above) / (shares[0] + 1)

    def _ranks(self, kind: Kind) -> tuple[list[float], list[float], float]:
        """The values learned from, the least strange first; how many items each and those after it make up; and
        what difference is too small to count."""
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
    """The p-value of a size that no item learned from has: the share of items that have one of their own."""
    if not len(image_statistics):
        return 1.0
    pairs = np.unique(image_statistics[:, 2:], axis=0)  # height, width, item
    _, place, items = np.unique(pairs[:, :2], axis=0, return_inverse=True, return_counts=True)
    alone = np.unique(pairs[items[place.ravel()] == 1, 2])
    return float((1 + len(alone)) / (len(np.unique(image_statistics[:, -1])) + 1))


def seen(monitor: Monitor, row: Mapping[str, Any]) -> list[Alarm]:
    """Shows a monitor one line of images.jsonl; returns the alarms that it raises."""
    statistics = ImageStatistics(row["brightness"], row["sharpness"], row["height"], row["width"])
    return monitor.see(statistics, row["verdict"], row["p_value"])
