"""Writes the maps and masks of judged images as files, at the images' own size."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from psdl.report import heat
from psdl.report.places import Places
from psdl.report.tables import Judged


def write(judged: Judged, out: Path, where: Places) -> Iterator[tuple[int, int]]:
    """Writes three files for each image below `out`, and yields (1, number of images) after each image.

    PLACE is the image's path by `places`. maps/PLACE.tiff is the anomaly map as float32, NaN where the model does
    not see the image. heat/PLACE.png is the map in colours that have the same meaning on all images of a model.
    masks/PLACE.png is the defect mask, 255 inside.
    """
    for found, result in judged:
        values = result.map
        files = {
            "maps": Image.fromarray(values),
            "heat": Image.fromarray(heat.opaque(values, result.calibration)),
            "masks": Image.fromarray(result.mask.astype(np.uint8) * 255),
        }
        for folder, picture in files.items():
            path = out / folder / where[found]
            path = path.with_suffix(".tiff") if folder == "maps" else path
            path.parent.mkdir(parents=True, exist_ok=True)
            data = io.BytesIO()  # not by name: libtiff refuses names that are no text
            if folder == "maps":
                picture.save(data, "TIFF", compression="tiff_adobe_deflate")
            else:
                picture.save(data, "PNG")
            path.write_bytes(data.getvalue())
        yield 1, len(judged)
