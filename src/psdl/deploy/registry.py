"""Models that are kept loaded and replaced when their files change. A model is replaced as a whole or not at
all."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from psdl._util import plugins
from psdl.api import Detector
from psdl.calibrate.selftest import TOLERANCE
from psdl.deploy.loops import said
from psdl.errors import PsdlError
from psdl.model.file import Unreadable, content, damaged, parsed

__all__ = ["Held", "ModelRegistry", "loaded"]

LOG = logging.getLogger("psdl")
Mark = tuple[int, int, int, int]  # a file's inode, size, and times of change of its content and of its rights

NEVER = (-1, -1, -1, -1)  # no file's mark: it is read again at the next check


@dataclass(frozen=True)
class Held:
    """A loaded model. `mark` identifies the state of its file when it was read, `data` is the content that was
    read, and `digest` the SHA-256 of it in hexadecimal. `problem` is the reason why a newer file could not replace
    the model; it is empty if there is none."""

    file: Path
    detector: Detector
    mark: Mark
    data: bytes
    digest: str
    problem: str = ""


class ModelRegistry:
    """The loaded models by name, which is the stem of the file's name.

    `files` are model files, or folders of model files (*.psdl). `device` is "auto", "cpu" or "cuda". Raises
    PsdlError if a file is no model, if a model fails its self-test on this machine, if two files have the same
    stem, and if a folder holds no model files.
    """

    def __init__(self, files: Iterable[str], device: str = "auto") -> None:
        self.device = device
        self._held: dict[str, Held] = {}
        for file in _listed(files):
            if file.stem in self._held:
                other = self._held[file.stem].file
                raise PsdlError(f"{file} and {other} would both be the model {file.stem}: rename one")
            self._held[file.stem] = self._load(file)

    @property
    def held(self) -> dict[str, Held]:
        """The models as they are now, by name."""
        return dict(self._held)

    def named(self, name: str | None) -> tuple[str, Held]:
        """Returns the name and the model of that name; with None the only model there is. Raises PsdlError if
        there is no such model, or if `name` is None and there are several."""
        held = self._held
        if name is None and len(held) == 1:
            return next(iter(held.items()))
        if name is None:
            raise PsdlError(
                f"no model was named and there are {len(held)}: add ?model= with one of {', '.join(held)}"
            )
        if name not in held:
            raise plugins.unknown("model", name, sorted(held))
        return name, held[name]

    def refresh(self, every: bool = False) -> list[str]:
        """Reads the files that have changed, or with `every` all of them, and returns the names of the models that
        were replaced.

        If a file cannot be read or its model fails the self-test, the old model stays and its `problem` says why.
        That file is read again once it has changed; after an error that may pass by itself, such as a lack of
        memory, at the next call.
        """
        replaced = []
        for name, known in self.held.items():
            mark = _mark(known.file)
            if mark == known.mark and not every:
                continue
            try:
                self._held[name] = self._load(known.file)
                replaced.append(name)
                LOG.info("model %s: replaced by the new %s", name, known.file)
            except Exception as error:  # whatever a damaged file makes its readers stumble over
                for_a_moment = isinstance(error, (Unreadable, OSError, MemoryError))
                self._held[name] = replace(known, mark=NEVER if for_a_moment else mark, problem=said(error))
                if said(error) != known.problem:
                    LOG.warning("model %s: the old one goes on: %s", name, said(error))
        return replaced

    def _load(self, file: Path) -> Held:
        mark, data = _mark(file), content(file)
        detector = loaded(data, file, self.device)
        if detector.model.golden is not None:
            pairs = detector.selftest()
            worst = max(max(pair) for pair in pairs)
            if not all(value <= 1 for pair in pairs for value in pair):  # no number is not alike either
                raise PsdlError(
                    f"{file} judges its own images {worst * TOLERANCE:.1%} of the way to the threshold off"
                    f" here, where {TOLERANCE:.0%} is allowed: fit the model on this machine"
                )
        return Held(file, detector, mark, data, hashlib.sha256(data).hexdigest())


def loaded(data: bytes, file: Path, device: str) -> Detector:
    """Returns the detector of a model file with the content `data`. `file` is its name in messages. Raises
    PsdlError like `Detector.load`."""
    try:
        return Detector.of(parsed(data, file), device)
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(file, error) from None


def _mark(file: Path) -> Mark:
    try:
        found = os.stat(file)
    except OSError:
        return (0, 0, 0, 0)
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _listed(files: Iterable[str]) -> list[Path]:
    found: list[Path] = []
    for name in files:
        path = Path(name)
        inside = sorted(path.glob("*.psdl")) if path.is_dir() else [path]
        if not inside:
            raise PsdlError(f"no model files (*.psdl) in the folder {path}: give model files that fit wrote")
        found += inside
    return found
