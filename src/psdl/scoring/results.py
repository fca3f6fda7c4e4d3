"""The results of several images, as a list that can be turned into a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from importlib import import_module
from typing import Any

from psdl.errors import PsdlError
from psdl.features.extractor import Source, name_of
from psdl.scoring.result import Result

__all__ = ["Results"]


class Results(list[Result]):
    """The results of several images in their order. It is a list in all respects; slices of it are plain lists."""

    @classmethod
    def of(cls, images: Iterable[Source], results: Iterable[Result]) -> Results:
        """Returns the results of these images, each with its image as `source`.

        Raises ValueError if there are not as many images as results.
        """
        return cls(replace(one, source=image) for image, one in zip(images, results, strict=True))

    def to_dicts(self) -> list[dict[str, Any]]:
        """Returns each result as plain values, see `Result.to_dict`, with the key `image`.

        That is the image's path, or its index in the list if it was given without one.
        """
        return [{"image": _named(one, n), **one.to_dict()} for n, one in enumerate(self)]

    def to_pandas(self) -> Any:
        """Returns a pandas DataFrame with one row for each image and one column for each key of `to_dicts`.

        Raises PsdlError if pandas is not installed.
        """
        try:
            pandas = import_module("pandas")
        except ImportError:
            raise PsdlError("pandas is not installed: pip install pandas") from None
        return pandas.DataFrame(self.to_dicts())


def _named(result: Result, number: int) -> str:
    name = name_of(result.source)
    return str(number) if name == "image" else name
