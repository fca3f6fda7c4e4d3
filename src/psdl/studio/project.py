"""A project: a folder of plain files with all that a studio knows. The process may be killed at any moment."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from psdl._util.atomic import atomic_write
from psdl.datasets.read import choose, read
from psdl.errors import PsdlError
from psdl.studio import labels, masks
from psdl.studio.labels import Image

FORMAT = 1
SETTINGS: dict[str, Any] = {"recipe": "default", "false_reject": None, "size": None}
Values = dict[str, Any]


class Project:
    """The folder `root`, which is made if needed.

    project.json holds name, settings and the model in use; roi.json the region of interest; labels.csv the images;
    images/ those that were dropped in; masks/ those that people painted; models/ a model file and its description
    for each version; results/ verdicts and small pictures for each version; jobs.json the jobs. `changed` is
    called after each change with its kind. Raises PsdlError if the folder cannot be used.
    """

    def __init__(self, root: Path, changed: Callable[[str], None] = lambda _: None) -> None:
        self.root, self.changed = root.resolve(), changed
        self._lock = threading.RLock()
        try:
            for name in ("", "images", "models", "results"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PsdlError(f"{root} cannot be a project ({error}): give a folder that can be written") from None
        self._values: Values = {"format": FORMAT, "name": self.root.name, "settings": SETTINGS, "roi": None}
        self._values |= _values(self.root / "project.json")
        self._images = labels.read(self.table)
        self._places = {image.key: n for n, image in enumerate(self._images)}

    @property
    def table(self) -> Path:
        return self.root / labels.NAME

    @property
    def category(self) -> str:
        return str(self._values["name"])

    @property
    def images(self) -> Sequence[Image]:
        """All images, in the order in which they were added."""
        return self._images

    def image(self, key: str) -> Image:
        """Returns the image with that key. Raises PsdlError if there is none."""
        place = self._places.get(key)
        if place is None:
            raise PsdlError("no such image in this project: load the page again")
        return self._images[place]

    def used(self, use: str) -> list[Image]:
        """Returns the images of one use: "learn", "check" or "out"."""
        return [image for image in self._images if image.use == use]

    @property
    def values(self) -> Values:
        """The content of project.json."""
        return dict(self._values)

    @property
    def settings(self) -> Values:
        return {**SETTINGS, **self._values["settings"]}

    def set(self, **values: Any) -> None:
        """Sets values of project.json."""
        with self._lock:
            self._values |= values
            _write(self.root / "project.json", self._values)
        self.changed("project")

    @property
    def roi_file(self) -> Path | None:
        """The file of the region of interest, as `psdl fit --roi` reads it; None if the whole image counts."""
        file = self.root / "roi.json"
        return file if file.is_file() else None

    def look_at(self, polygons: Sequence[Any]) -> None:
        """Sets the region of interest: polygons in pixels of an image. With none the whole image counts."""
        if polygons:
            _write(self.root / "roi.json", list(polygons))
        else:
            (self.root / "roi.json").unlink(missing_ok=True)
        self.set(roi=polygons or None)

    def add(self, images: Iterable[Image]) -> int:
        """Adds the images that are not there yet, and returns their number."""
        with self._lock:
            before = len(self._images)
            self._replace(labels.joined(self._images, images))
        self.changed("images")
        return len(self._images) - before

    def add_folder(
        self, folder: Path, use: str | None, category: str | None = None, within: Sequence[Path] = ()
    ) -> Values:
        """Adds the images of a folder whose layout is recognised; returns the layout and how many images are new.

        If the folder holds several categories and none is named, their names are returned and nothing is added.
        `within` are the folders in which every file must lie, wherever a table or a link points; without any it is
        the folder itself. Raises PsdlError if the folder cannot be read or a file lies elsewhere.
        """
        found = read(folder)
        kinds = sorted({sample.category for sample in found.samples})
        if category is None and len(kinds) > 1:
            return {"choose": kinds, "layout": found.layout}
        samples = choose(found.samples, [category] if category else [])
        images, roots = [labels.of(sample, use) for sample in samples], within or (folder.resolve(),)
        for path in (path for image in images for path in (image.path, *image.masks)):
            if not any(Path(path).is_relative_to(root) for root in roots):
                raise PsdlError(f"{folder} names {path}, which lies outside what this studio may show: remove it")
        added = self.add(images)
        left: dict[str, list[str]] = {}
        for one in found.left:
            left.setdefault(one.why, []).append(one.name)
        said = {"layout": found.layout, "reason": found.reason, "left": left}
        return {"added": added, "found": len(samples), **said}

    def mark(self, keys: Iterable[str], use: str | None, label: str | None) -> int:
        """Sets use or label of images, and returns their number. Raises PsdlError on an unknown image or use."""
        if use is not None and use not in labels.USES:
            raise PsdlError(f"an image cannot be used for {use!r}: {', '.join(labels.USES)} are known")
        with self._lock:
            images, places = list(self._images), [self._places[self.image(key).key] for key in keys]
            for place in places:
                images[place] = labels.marked(images[place], use, label)
            self._replace(images)
        self.changed("images")
        return len(places)

    def set_mask(self, key: str, content: bytes) -> bool:
        """Keeps a painted mask of an image (see `masks.painted`), and returns whether anything is marked in it."""
        with self._lock:
            images, place = list(self._images), self._places[self.image(key).key]
            path = masks.painted(self.root, images[place], content)
            images[place] = masks.with_mask(images[place], path)
            self._replace(images)
        self.changed("images")
        return bool(path)

    def forget(self, keys: Iterable[str]) -> int:
        """Removes images from the project, and returns their number; only files in images/ are deleted."""
        with self._lock:
            gone = {self.image(key).key for key in keys}
            for image in self._images:
                if image.key in gone and Path(image.path).is_relative_to(self.root / "images"):
                    Path(image.path).unlink(missing_ok=True)
                if image.key in gone:
                    masks.file_of(self.root, image).unlink(missing_ok=True)
            self._replace([image for image in self._images if image.key not in gone])
        self.changed("images")
        return len(gone)

    def _replace(self, images: list[Image]) -> None:
        labels.write(self.table, images)
        self._images = images
        self._places = {image.key: n for n, image in enumerate(images)}

    def model_file(self, version: str) -> Path:
        """Returns the model file of a version such as "003"."""
        return self.root / "models" / f"{version}.psdl"

    def models(self) -> list[Values]:
        """Returns the descriptions of all versions whose model file exists, the oldest first."""
        found = []
        for file in sorted((self.root / "models").glob("[0-9]*.json")):
            if self.model_file(file.stem).is_file():
                found.append(_values(file))
        return [values for values in found if values]

    def model(self, version: str) -> Values:
        """Returns the description of a version. Raises PsdlError if there is none."""
        found = _values(self._described(version))
        if not found or not self.model_file(version).is_file():
            raise PsdlError(f"there is no model {version}: load the page again")
        return found

    def _described(self, version: str) -> Path:
        if not version.isdigit():
            raise PsdlError(f"{version!r} is no version of a model: load the page again")
        return self.root / "models" / f"{version}.json"

    def describe(self, version: str, values: Mapping[str, Any]) -> None:
        """Writes the description of a version."""
        _write(self._described(version), values)

    def next_version(self) -> str:
        """Returns the version of the next model."""
        known = [int(file.stem) for file in (self.root / "models").glob("[0-9]*.psdl")]
        return f"{max(known, default=0) + 1:03}"

    def remove_model(self, version: str) -> None:
        """Removes a version and its verdicts. Raises PsdlError if it is in use or another version shows its
        verdicts."""
        others = [model for model in self.models() if model["version"] != version]
        if version == self.current or any(model["base"] == version for model in others):
            raise PsdlError(f"model {version} is needed by the one in use or a later one: it stays")
        self.model(version)
        self.model_file(version).unlink(missing_ok=True)
        self._described(version).unlink(missing_ok=True)
        shutil.rmtree(self.root / "results" / version, ignore_errors=True)
        self.changed("models")

    @property
    def current(self) -> str | None:
        """The version in use: the chosen one, or the newest; None if there is none."""
        chosen = self._values.get("model")
        if chosen and self.model_file(str(chosen)).is_file():
            return str(chosen)
        known = self.models()
        return str(known[-1]["version"]) if known else None


def _values(file: Path) -> Values:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise PsdlError(f"{file} cannot be read ({error}): remove it, or bring back its last good copy") from None
    return found if isinstance(found, dict) else {}


def _write(file: Path, values: Any) -> None:
    with atomic_write(file) as temporary, temporary.open("w", encoding="utf-8") as target:
        json.dump(values, target, indent=1)
        target.flush()
        os.fsync(target.fileno())
