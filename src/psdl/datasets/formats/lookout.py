"""A manifest of AWS Lookout for Vision (or of SageMaker Ground Truth): an object a line with `source-ref`, and in
labelled sets `anomaly-label` with its class name, and `anomaly-mask-ref`; or the label by the name of a labelling
job, with its class name or its boxes.

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
    yield from paths.labelled(list(_samples(root)), root)


def _samples(root: Path) -> Iterator[Sample]:
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
    """Label and kind, by what the jobs of a row say. Raises PsdlError where they contradict each other."""
    jobs = [key for key in row if key == "anomaly-label" or f"{key}-metadata" in row]
    said = {key: _said(root, line, row, key) for key in jobs if key != "anomaly-mask-ref"}
    if len(set(said.values())) > 1:
        raise PsdlError(f"{root} line {line}: {', '.join(said)} contradict each other: leave one out")
    found = next(iter(said.values()), None)
    return (None, "") if found is None else (1, DEFECT) if found == "bad" else (0, "good")


def _said(root: Path, line: int, row: Mapping[str, str], job: str) -> str:
    """What a job says of an image, by its class name where there is one, else by the number of Lookout (0 normal,
    1 anomaly) or by its boxes: without any it is good. Raises PsdlError on a class that is not known."""
    more = json.loads(row.get(f"{job}-metadata") or "{}")
    name = str(more.get("class-name", "")) if isinstance(more, dict) else ""
    boxes = row.get(f"{job}.annotations", "")
    if not name and boxes:
        return "bad" if json.loads(boxes) else "good"
    found = words.label(name or (row[job] if job == "anomaly-label" else ""))
    if found is None or words.meaning(name).doubtful:
        raise PsdlError(
            f"{root} line {line}: class {name!r} of {job}, expected normal or anomaly: give a table with the"
            " columns path and label"
        )
    return found


def _near(root: Path, line: int, address: str) -> str:
    """The file that an address stands for. Raises PsdlError if there is none near the manifest."""
    parts = PurePosixPath(address.split("://", 1)[-1]).parts
    for base in (root.parent, root.resolve().parent.parent):
        for n in range(len(parts)):
            if ".." not in parts[n:] and base.joinpath(*parts[n:]).is_file():
                return str(base.joinpath(*parts[n:]))
    raise PsdlError(f"{root} line {line}: no file for {address!r} near it: put the images beside the manifest")
