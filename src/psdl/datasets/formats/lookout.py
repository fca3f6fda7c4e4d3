"""A manifest of AWS Lookout for Vision (or of SageMaker Ground Truth): an object a line with `source-ref`, and in
labelled sets `anomaly-label` with its class name, and `anomaly-mask-ref`.

Addresses in S3 stand for files near the manifest: the longest end of an address that is there is taken.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from psdl.datasets import paths, rows, words
from psdl.datasets.tree import DEFECT, settled
from psdl.errors import PsdlError
from psdl.types import InputRule, Sample


def recognise(root: Path) -> str | None:
    if not root.is_file() or root.suffix.lower() not in (".manifest", ".jsonl", ".json"):
        return None
    with root.open(encoding="utf-8", errors="replace") as file:
        return "source-ref in a manifest" if '"source-ref"' in file.readline() else None


def read(root: Path) -> Iterator[Sample]:
    """The samples; what they are for is said by the manifest's name, if that says train or test, or by folders."""
    found = list(rows.objects(root, root.read_text(encoding="utf-8-sig").splitlines()))
    files = [_near(root, line, row.get("source-ref", "")) for line, row in found]
    named = paths.names(files, root.parent)
    sides = [words.meaning(root.stem).split or _side(row["source-ref"]) for _, row in found]
    for n, (line, row) in enumerate(found):
        label, kind = _label(root, line, row)
        mask = _near(root, line, row["anomaly-mask-ref"]) if label and row.get("anomaly-mask-ref") else None
        split = settled(sides[n], bool(label), "test" in sides)
        yield Sample(files[n], named[n], root.resolve().parent.name, split, label, kind, mask)


def rule(samples: Sequence[Sample]) -> InputRule:
    return InputRule(resize=(256, 256), filter="lanczos")


def _side(address: str) -> words.Split | None:
    return next((s for part in PurePosixPath(address).parts[:-1] if (s := words.meaning(part).split)), None)


def _label(root: Path, line: int, row: Mapping[str, str]) -> tuple[int | None, str]:
    """Label and kind, by the class name where there is one, else by the number: 0 normal, 1 anomaly."""
    if "anomaly-label" not in row:
        return None, ""
    name = json.loads(row.get("anomaly-label-metadata", "{}")).get("class-name", "")
    said = words.label(name or row["anomaly-label"])
    if said is None:
        raise PsdlError(f"{root} line {line}: class {name!r}, expected normal or anomaly")
    return (1, DEFECT) if said == "bad" else (0, "good")


def _near(root: Path, line: int, address: str) -> str:
    """The file that an address stands for. Raises PsdlError if there is none near the manifest."""
    parts = PurePosixPath(address.split("://", 1)[-1]).parts
    for base in (root.parent, root.resolve().parent.parent):
        for n in range(len(parts)):
            if ".." not in parts[n:] and base.joinpath(*parts[n:]).is_file():
                return str(base.joinpath(*parts[n:]))
    raise PsdlError(f"{root} line {line}: no file for {address!r} near it: put the images beside the manifest")
