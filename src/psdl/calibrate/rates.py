"""Checks the rates that are asked of a threshold, and records what a calibration set."""

from __future__ import annotations

import hashlib
from numbers import Real
from typing import Any, TypedDict

from psdl.errors import PsdlError
from psdl.model import card
from psdl.types import Calibration, Rates

__all__ = ["Asked", "rates", "record", "renewed"]


def rates(false_reject: float, review: float | None, confidence: float = 0.0) -> Rates:
    """Returns checked rates.

    `false_reject` is above 0 and below 1. `review` is 0, or at least `false_reject` and below 1, because rejected
    images count in it; None means five times `false_reject`, but at most a half and at least `false_reject`.
    `confidence` is from 0 up and below 1. Raises PsdlError on other values.
    """
    _check_numbers(false_reject, review, confidence)
    if not 0 < false_reject < 1:
        raise PsdlError(
            f"the false-reject rate is {false_reject}: give a share between 0 and 1, such as 0.01 for one in a"
            " hundred"
        )
    review = max(false_reject, min(5 * false_reject, 0.5)) if review is None else review
    if review and not false_reject <= review < 1:
        raise PsdlError(
            f"the review rate is {review}, but rejected images count in it: give a share from {false_reject} up,"
            " or 0"
        )
    if not 0 <= confidence < 1:
        raise PsdlError(f"the confidence is {confidence}: give a share from 0 up and below 1, such as 0.95")
    return Rates(false_reject, review, confidence)


def _check_numbers(false_reject: Any, review: Any, confidence: Any) -> None:
    """Raises PsdlError if a rate is neither a number nor None."""
    for what, value in (("false-reject rate", false_reject), ("review rate", review), ("confidence", confidence)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, Real)):
            raise PsdlError(f"the {what} is {value!r}: give a number, a share such as 0.01")


def record(calibration: Calibration) -> dict[str, Any]:
    """Returns what a calibration set, for the record: the rates, the threshold, and a digest of its images.

    The digest `sha256` is the SHA-256 of the images' own SHA-256, sorted.
    """
    digests = "".join(sorted(where.sha256 for where in calibration.images))
    return {
        **card.rates(calibration.rates),
        "threshold": calibration.threshold,
        "sha256": hashlib.sha256(digests.encode()).hexdigest(),
    }


class Asked(TypedDict, total=False):
    """The rates that are asked for, as shares; None keeps the rate so far."""

    false_reject: float | None
    review: float | None
    confidence: float | None


def renewed(
    known: Rates,
    false_reject: float | None = None,
    review: float | None = None,
    confidence: float | None = None,
) -> Rates:
    """Returns the rates `known` with those that are given in their place.

    If `review` is not given, the review rate is raised to the new false-reject rate where it would be smaller; 0
    stays. Raises PsdlError like `rates`.
    """
    _check_numbers(false_reject, review, confidence)
    false_reject = known.false_reject if false_reject is None else false_reject
    review = (max(known.review, false_reject) if known.review else 0.0) if review is None else review
    return rates(false_reject, review, known.confidence if confidence is None else confidence)
