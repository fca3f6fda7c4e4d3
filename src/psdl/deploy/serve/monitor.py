"""One monitor for each model that answers: does it still see the world it learned?"""

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
    """Monitors by model name; a model that was replaced gets a new one."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[Detector, Monitor]] = {}

    def seen(
        self, name: str, detector: Detector, found: Sequence[Answered]
    ) -> tuple[list[Scored | Unscored], float]:
        """The answers with what the model's monitor says after them, and the evidence that it has. Alarms are
        logged as they are raised. Images that were not judged say nothing."""
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
