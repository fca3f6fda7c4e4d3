"""Registers an image to a reference by an affine transform: phase correlation, then ECC, both by OpenCV.

ECC: Evangelidis, Psarakis, "Parametric image alignment using enhanced correlation coefficient maximization", PAMI
2008. It follows the gradient and needs a start near the solution. The start is the best of several rotations, each
shifted by phase correlation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from psdl.errors import PsdlError
from psdl.types import F32, Affine

__all__ = ["reference", "register"]

Grey = NDArray[np.uint8]

SIDE = 128  # pixels of the longer side at which images are registered
TURNS = tuple(range(-30, 31, 5))  # degrees from which a rigid registration starts
BLUR = 5  # pixels of ECC's own smoothing
STEPS, ENOUGH = 50, 1e-4  # of ECC
FARTHEST = 1 / 3  # of the input's sides that a picture may be shifted
ROUNDS = 3  # of the reference's making


def register(grey: Grey, reference: Grey, mode: str) -> Affine | None:
    """Returns the affine transform that registers a grey image (H,W) uint8 to the reference (h,w) uint8, see
    `reference`.

    `mode` is "shift", or "rigid", which includes rotations up to about 30 degrees. The transform is in pixels of
    the image: it maps a point of the registered image to the point of the given image that it shows (see
    `affine`). None is returned if no transform makes the two more alike, or if the one found shifts the image's
    centre by more than a third of a side. Raises PsdlError if OpenCV is not installed.
    """
    found = _register(_small(grey, reference.shape), reference, mode)
    if found is None:
        return None
    tall, wide = grey.shape[0] / reference.shape[0], grey.shape[1] / reference.shape[1]
    (a, b, c), (d, e, f) = found.astype(float)
    # OpenCV's pixels have their middles at whole numbers.
    c, f = c + 0.5 - 0.5 * (a + b), f + 0.5 - 0.5 * (d + e)
    return a, b * wide / tall, c * wide, d * tall / wide, e, f * tall


def reference(greys: Sequence[Grey], mode: str) -> Grey:
    """Returns the reference (h,w) uint8 for images of one size: their mean after registration, its longer side at
    most SIDE pixels.

    It is computed in ROUNDS rounds, in each of which all images are registered to the mean of the round before.
    The first round uses the image nearest to the mean of all. `mode` is as in `register`.
    """
    cv2 = _opencv()
    longest = max(greys[0].shape)
    shape = tuple(max(16, round(side * min(1.0, SIDE / longest))) for side in greys[0].shape)
    small = [_small(grey, shape) for grey in greys]
    mean = np.mean(small, axis=0)
    found = small[int(np.argmin([np.square(grey - mean).sum() for grey in small]))]
    for _ in range(ROUNDS):
        total = np.zeros(shape)
        for grey in small:
            transform = _register(grey, found, mode)
            total += grey if transform is None else _warped(cv2, grey, transform)
        found = np.clip(np.round(total / len(small)), 0, 255).astype(np.uint8)
    return found


def _register(grey: Grey, reference: Grey, mode: str) -> F32 | None:
    """Returns the affine matrix (2,3) that maps a point of the reference to its point in the grey image of the
    same size, in OpenCV's pixel coordinates; None as for `register`."""
    cv2 = _opencv()
    before = _alike(grey, reference)
    start = max(
        (_shifted(cv2, grey, reference, degrees) for degrees in (TURNS if mode == "rigid" else (0,))),
        key=lambda transform: _alike(_warped(cv2, grey, transform), reference),
    )
    kind = cv2.MOTION_EUCLIDEAN if mode == "rigid" else cv2.MOTION_TRANSLATION
    until = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, STEPS, ENOUGH)
    try:
        _, transform = cv2.findTransformECC(reference, grey, start.copy(), kind, until, None, BLUR)
    except cv2.error:  # nothing to follow: a flat image, or one that has nothing in common with the reference
        return None
    middle = np.array([grey.shape[1] / 2, grey.shape[0] / 2, 1.0])
    far = np.abs(transform @ middle - middle[:2]) / (grey.shape[1], grey.shape[0])
    if far.max() > FARTHEST or _alike(_warped(cv2, grey, transform), reference) <= before:
        return None
    return np.asarray(transform, np.float32)


def _shifted(cv2: Any, grey: Grey, reference: Grey, degrees: float) -> F32:
    """Returns the affine matrix (2,3) that combines a rotation by `degrees` about the centre with the shift that
    phase correlation finds after it."""
    height, width = grey.shape
    turned = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0).astype(np.float32)
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    moved = _warped(cv2, grey, turned).astype(np.float32)
    (x, y), _ = cv2.phaseCorrelate(reference.astype(np.float32), moved, window)
    turned[:, 2] += turned[:, :2] @ np.array([x, y], np.float32)
    return np.asarray(turned, np.float32)


def _warped(cv2: Any, grey: Grey, transform: F32) -> Grey:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved: Grey = cv2.warpAffine(grey, transform, grey.shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return moved


def _alike(one: Grey, other: Grey) -> float:
    """Returns the correlation coefficient of two images of one size, or 0 if one of them is constant."""
    a, b = one.astype(np.float32) - one.mean(), other.astype(np.float32) - other.mean()
    size = float(np.sqrt(np.square(a).sum() * np.square(b).sum()))
    return float((a * b).sum()) / size if size > 0 else 0.0


def _small(grey: Grey, shape: tuple[int, ...]) -> Grey:
    small: Grey = _opencv().resize(grey, shape[::-1], interpolation=_opencv().INTER_AREA)
    return small


def _opencv() -> Any:
    try:
        import cv2
    except ImportError:
        raise PsdlError(
            "images are aligned by OpenCV, which is not installed: pip install 'psdl[align]', or use `align` none"
        ) from None
    return cv2
