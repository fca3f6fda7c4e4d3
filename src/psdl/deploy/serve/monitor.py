"""Drift detection for a server: one monitor for each of its models."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from psdl.api import Detector
from psdl.deploy.client import Scored, Unscored
from psdl.deploy.drift import Monitor
from psdl.deploy.serve.line import Answered

LOG = logging.getLogger("psdl")


class Monitors:
    """The monitors by model name. A model that is replaced gets a new monitor."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[Detector, Monitor]] = {}

    def seen(
        self, name: str, detector: Detector, found: Sequence[Answered]
    ) -> tuple[list[Scored | Unscored], float]:
        """Shows the monitor of the model `name` the images in `found`; returns the answers and the monitor's
        evidence for drift.

        `drift` of each answer has the sentences of the alarms that persist after its image. New alarms are also
        logged. Images without a verdict are passed on and not shown. The evidence, 0..1, is that of
        `Monitor.evidence`.
        """
        if name not in self._of or self._of[name][0] is not detector:
            self._of[name] = detector, Monitor(detector.model)
        monitor = self._of[name][1]
        answers: list[Scored | Unscored] = []
        for one in found:
            if isinstance(one, Unscored):
                answers.append(one)
                continue
            answer, seen = one
            for alarm in monitor.see(*seen):
                LOG.warning("model %s: %s", name, alarm.sentence)
            answers.append(replace(answer, drift=[alarm.sentence for alarm in monitor.now]))
        return answers, monitor.evidence
