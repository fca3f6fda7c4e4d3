"""The counts of a server in the text format of Prometheus, by its official client."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from psdl.deploy.client import Scored, Unscored
from psdl.deploy.loops import Loops

RECENT = 1000  # scores whose quantiles are reported
QUANTILES = (0.5, 0.9, 0.99)
SECONDS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48)


class Telemetry:
    """The counts of one server. `waiting` returns the number of requests that are being answered. `loops` are the
    background loops, whose failures are reported."""

    def __init__(self, waiting: Callable[[], int], loops: Loops) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self.waiting, self.loops = waiting, loops
        self.recent: dict[str, deque[float]] = {}
        self.drifts: dict[str, float] = {}
        self.requests = Counter(
            "psdl_requests", "Requests by path and status.", ["path", "status"], registry=self.registry
        )
        self.verdicts = Counter("psdl_verdicts", "Images judged.", ["model", "verdict"], registry=self.registry)
        self.unscored = Counter(
            "psdl_unscored", "Images that no verdict came of.", ["model", "status"], registry=self.registry
        )
        self.reloads = Counter("psdl_reloads", "Models replaced while serving.", ["model"], registry=self.registry)
        self.seconds = Histogram(
            "psdl_request_seconds",
            "From a request's head to its answer, of those that were answered.",
            registry=self.registry,
            buckets=SECONDS,
        )
        self.registry.register(self)

    def judged(self, model: str, results: Sequence[Scored | Unscored], drift: float) -> None:
        """Counts the verdicts and scores of images that a model judged. `drift` is the evidence of its monitor,
        0..1."""
        recent = self.recent.setdefault(model, deque(maxlen=RECENT))
        for one in results:
            if isinstance(one, Unscored):
                self.unscored.labels(model, str(one.status)).inc()
                continue
            self.verdicts.labels(model, one.verdict).inc()
            recent.append(one.score)
        self.drifts[model] = drift

    def text(self) -> bytes:
        """Returns all counts in the text format of Prometheus."""
        found: bytes = generate_latest(self.registry)
        return found

    def collect(self) -> Iterator[Any]:
        """Yields the gauges and the failures of loops, as a collector of the Prometheus client does."""
        waiting = GaugeMetricFamily("psdl_queue", "Requests taken on and not answered yet.")
        waiting.add_metric([], self.waiting())
        yield waiting
        scores = GaugeMetricFamily(
            "psdl_score", f"Quantiles of the last {RECENT} scores.", labels=["model", "quantile"]
        )
        for model, recent in self.recent.items():
            if not recent:
                continue
            for share, value in zip(QUANTILES, np.quantile(recent, QUANTILES), strict=True):
                scores.add_metric([model, str(share)], float(value))
        yield scores
        drifts = GaugeMetricFamily(
            "psdl_drift",
            "Evidence against images being like those learned from; 1 raises the alarm.",
            labels=["model"],
        )
        for model, value in self.drifts.items():
            drifts.add_metric([model], value)
        yield drifts
        failures = CounterMetricFamily(
            "psdl_loop_failures", "Rounds of background loops that ended in an error.", labels=["loop"]
        )
        for name, loop in self.loops.state.items():
            failures.add_metric([name], loop.failures)
        yield failures
