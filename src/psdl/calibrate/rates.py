"""What is asked of a threshold, checked; and what a calibration set, for the record."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Any

from psdl.errors import PsdlError
from psdl.types import Calibration, Rates


def rates(alarm: float, review: float | None, confidence: float = 0.0) -> Rates:
    """All three, checked; the review rate, if None, is five times the other and at most a half. Raises
    PsdlError."""
    if not 0 < alarm < 1:
        raise PsdlError(
            f"the false-reject rate is {alarm}: give a share between 0 and 1, such as 0.01 for one in a hundred"
        )
    review = max(alarm, min(5 * alarm, 0.5)) if review is None else review
    if review and not alarm <= review < 1:
        raise PsdlError(
            f"the review rate is {review}, but rejected images count in it: give a share from {alarm} up, or 0"
        )
    if not 0 <= confidence < 1:
        raise PsdlError(f"the confidence is {confidence}: give a share from 0 up and below 1, such as 0.95")
    return Rates(alarm, review, confidence)


def record(calibration: Calibration) -> dict[str, Any]:
    """What a calibration sets, for the record; sha256: of the images' own, sorted."""
    digests = "".join(sorted(where.sha256 for where in calibration.images))
    return {
        **asdict(calibration.rates),
        "threshold": calibration.threshold,
        "sha256": hashlib.sha256(digests.encode()).hexdigest(),
    }


def renewed(known: Rates, alarm: float | None, review: float | None, confidence: float | None) -> Rates:
    """The rates with those that are given in their place; the review rate rises with the other. Raises PsdlError
    like `rates`."""
    alarm = known.alarm if alarm is None else alarm
    review = (max(known.review, alarm) if known.review else 0.0) if review is None else review
    return rates(alarm, review, known.confidence if confidence is None else confidence)
