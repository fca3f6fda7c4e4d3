"""labels.csv: the images of a project and what people say of them, as a table that `psdl fit` reads."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from psdl._util.atomic import atomic_write
from psdl.datasets.tables import SEVERAL
from psdl.errors import PsdlError
from psdl.types import Sample

NAME = "labels.csv"
COLUMNS = ("path", "mask", "label", "split", "group", "use", "name", "said", "unused")
USES = ("learn", "check", "out")
DEFECTIVE = "defective"


@dataclass(frozen=True)
class Image:
    """One image of a project.

    `path` is absolute; `name` is for people. `use` is "learn" (a good image to learn from), "check" (to be judged)
    or "out" (neither). `label` is "good", the name of a defect, or "" if nobody said. `mask` and `group` are as in
    `psdl.types.Sample`. `said` is, if a person set the label in the studio, the label before, or "yes" if there
    was none.
    """

    path: str
    name: str
    use: str
    label: str = ""
    mask: str = ""
    group: str = ""
    said: str = ""

    @property
    def key(self) -> str:
        """The page's name for the image: 16 hexadecimal digits that do not reveal its path."""
        return key_of(self.path)

    @property
    def masks(self) -> tuple[str, ...]:
        """The files of its mask; there may be several."""
        return tuple(self.mask.split(SEVERAL)) if self.mask else ()

    @property
    def marked(self) -> bool:
        """Whether a mask says where it is defective."""
        return bool(self.mask) and self.good is False

    @property
    def good(self) -> bool | None:
        """Whether a person or the data set calls it good; None if nobody said."""
        return self.label == "good" if self.label else None

    def sample(self, category: str) -> Sample:
        """Returns the image as a sample of the library."""
        label = None if not self.label else int(self.label != "good")
        split: Literal["train", "test"] = "train" if self.use == "learn" else "test"
        kind = "" if self.label == "good" else self.label
        return Sample(
            self.path,
            self.name,
            category,
            split,
            label,
            kind,
            (self.masks or None) if label else None,
            self.group or None,
        )


def key_of(path: str) -> str:
    """Returns the key of the image at an absolute path."""
    return hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def of(sample: Sample, use: str | None = None) -> Image:
    """Returns the image of a data set's sample. `use` applies if the data set does not say what the image is for.
    A defective image is never learned from."""
    if sample.label == 1:
        said = "check"
    elif sample.split == "none":
        said = use or "learn"
    else:
        said = "learn" if sample.split == "train" and use != "check" else "check"
    label = "" if sample.label is None else "good" if sample.label == 0 else sample.kind or DEFECTIVE
    if said == "learn" and not label:
        label = "good"
    path = str(Path(sample.path).resolve())
    masks = (sample.mask,) if isinstance(sample.mask, str) else sample.mask or ()
    mask = SEVERAL.join(str(Path(one).resolve()) for one in masks)
    return Image(path, sample.name, said, label, mask, sample.group or "")


def read(file: Path) -> list[Image]:
    """Returns the images of a table; none if there is no table. Raises PsdlError on a table that cannot be
    read."""
    if not file.is_file():
        return []
    try:
        with file.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as lines:
            rows = list(csv.DictReader(lines))
        return [_image(row, file.parent) for row in rows]
    except (OSError, csv.Error, KeyError, TypeError) as error:
        raise PsdlError(
            f"{file} cannot be read ({error}): its columns must be {', '.join(COLUMNS)}; correct it or remove it"
        ) from None


def _image(row: dict[str, str], root: Path) -> Image:
    use = row.get("use", "")
    if use not in USES:
        use = "learn" if row["split"] == "train" and row["label"] in ("good", "") else "check"
    mask = SEVERAL.join(str(root / one) for one in row.get("mask", "").split(SEVERAL) if one)
    name = row.get("name") or row["path"]
    kept = (row.get("unused") or "") if use == "out" else ""
    label = row["label"] or kept
    return Image(str(root / row["path"]), name, use, label, mask, row.get("group", ""), row.get("said", ""))


def write(file: Path, images: Iterable[Image]) -> None:
    """Writes the table atomically. Paths below its folder are written relative to it."""
    root = file.parent
    with (
        atomic_write(file) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as target,
    ):
        table = csv.writer(target)
        table.writerow(COLUMNS)
        table.writerows(_row(image, root) for image in images)


def _row(image: Image, root: Path) -> tuple[str, ...]:
    """Returns a row with a label and split for `psdl fit`: an image that is left out has no label there, only in
    the column `unused`, and is for test."""
    out = image.use == "out"
    split = "train" if image.use == "learn" else "test"
    return (
        _below(image.path, root),
        SEVERAL.join(_below(one, root) for one in image.masks if image.good is not True),
        "" if out else image.label,
        split,
        image.group,
        image.use,
        image.name,
        image.said,
        image.label if out else "",
    )


def _below(path: str, root: Path) -> str:
    if path and Path(path).is_relative_to(root):
        return Path(path).relative_to(root).as_posix()
    return path


def marked(image: Image, use: str | None, label: str | None) -> Image:
    """Returns the image with the use or label that a person set. A defective image is never learned from, and an
    image that is learned from is good. A label of "" without a use takes back what the person said."""
    if label is not None:
        image = _taken_back(image) if not label and use is None else _called(image, label)
    if use is not None:
        image = replace(image, use=use)
    if image.use == "learn":
        if label not in (None, "good"):
            return replace(image, use="check")
        image = replace(image, label="good", said="")
    return image


def _called(image: Image, label: str) -> Image:
    """Returns the image with another label; one known to be defective keeps the name of its defect."""
    if label == DEFECTIVE and image.good is False:
        label = image.label
    said = image.said or image.label or "yes"
    return replace(image, label=label, said=said if label and image.use != "learn" else "")


def _taken_back(image: Image) -> Image:
    """Returns the image as it was before a person labelled it."""
    return replace(image, label="" if image.said in ("", "yes") else image.said, said="")


def joined(known: Sequence[Image], new: Iterable[Image]) -> list[Image]:
    """Returns the known images, followed by those of `new` with other paths."""
    paths = {image.path: None for image in known}
    found = list(known)
    for image in new:
        if image.path not in paths:
            paths[image.path] = None
            found.append(image)
    return found
