"""Reads manifests of AWS Lookout for Vision and of Amazon SageMaker Ground Truth.

Each line of a manifest is a JSON object with the address of an image as `source-ref`. In labelled sets of Lookout
for Vision it also has `anomaly-label`, with the name of a class among the metadata, and perhaps
`anomaly-mask-ref`. In those of Ground Truth it has a label named after the labelling job, with the name of a class
or with boxes. Addresses in S3 stand for files near the manifest: the longest end of an address that is a file
there is taken.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from psdl.datasets import paths, rows, words
from psdl.datasets.tree import DEFECT, settled
from psdl.errors import PsdlError
from psdl.types import InputRule, Sample


def recognise(root: Path) -> str | None:
    """Returns "source-ref in a manifest" if `root` is a file with that key in its first line; None if not."""
    if not root.is_file() or root.suffix.lower() not in (".manifest", ".jsonl", ".json"):
        return None
    with root.open(encoding="utf-8", errors="replace") as file:
        return "source-ref in a manifest" if '"source-ref"' in file.readline() else None


def read(root: Path) -> Iterator[Sample]:
    """Yields the samples of a manifest; where labels are missing, names may label them, see `paths.labelled`.
    Raises PsdlError if an image or mask is missing, if a class is not known, and if labels contradict each
    other."""
    yield from paths.labelled(list(_samples(root)), root)


def _samples(root: Path) -> Iterator[Sample]:
    """Yields the samples as the manifest states them. The name of the manifest says their split, if it names one;
    else the folders in their addresses do."""
    found = list(rows.objects(root, rows.text_of(root).splitlines()))
    files = [_near(root, line, row.get("source-ref", "")) for line, row in found]
    named = paths.names(files, root.parent)
    sides = [words.meaning(root.stem).split or _side(row["source-ref"]) for _, row in found]
    for n, (line, row) in enumerate(found):
        label, kind = _label(root, line, row)
        mask = _near(root, line, row["anomaly-mask-ref"]) if label and row.get("anomaly-mask-ref") else None
        split = settled(sides[n], bool(label), "test" in sides)
        yield Sample(files[n], named[n], root.resolve().parent.name, split, label, kind, mask)


def rule(samples: Sequence[Sample]) -> InputRule:
    """Returns the input rule of the layout: both sides resized to 256 pixels."""
    return InputRule(resize=(256, 256), filter="lanczos")


def _side(address: str) -> words.Split | None:
    """Returns the split that the first folder in an address to name one names; None if none does."""
    return next((s for part in PurePosixPath(address).parts[:-1] if (s := words.meaning(part).split)), None)


def _label(root: Path, line: int, row: Mapping[str, str]) -> tuple[int | None, str]:
    """Returns the label and kind of an image, as the labelling jobs of a row say; (None, "") if there are none.
    Raises PsdlError if they contradict each other."""
    jobs = [key for key in row if key == "anomaly-label" or f"{key}-metadata" in row]
    said = {key: _said(root, line, row, key) for key in jobs if key != "anomaly-mask-ref"}
    if len(set(said.values())) > 1:
        raise PsdlError(f"{root} line {line}: {', '.join(said)} contradict each other: leave one out")
    found = next(iter(said.values()), None)
    return (None, "") if found is None else (1, DEFECT) if found == "bad" else (0, "good")


def _said(root: Path, line: int, row: Mapping[str, str], job: str) -> str:
    """Returns whether a job calls an image "good" or "bad".

    The name of its class says it; without one, boxes do, of which a good image has none; without either, the
    number of Lookout for Vision (0 for normal, 1 for anomaly). Raises PsdlError if the class or number is not
    known.
    """
    more = _json(root, line, row, f"{job}-metadata")
    name = str(more.get("class-name", "")) if isinstance(more, dict) else ""
    if not name and row.get(f"{job}.annotations"):
        return "bad" if _json(root, line, row, f"{job}.annotations") else "good"
    found = words.label(name or (row[job] if job == "anomaly-label" else ""))
    if found is None or words.meaning(name).doubtful:
        raise PsdlError(
            f"{root} line {line}: class {name!r} of {job}, expected normal or anomaly: give a table with the"
            " columns path and label"
        )
    return found


def _json(root: Path, line: int, row: Mapping[str, str], key: str) -> Any:
    """Returns a value of a row that is JSON, and None if the row does not have it. Raises PsdlError if it is no
    JSON."""
    try:
        return json.loads(row.get(key) or "null")
    except (ValueError, RecursionError) as error:
        raise PsdlError(f"{root} line {line}: {key} is no JSON ({error}): correct it or leave it out") from None


def _near(root: Path, line: int, address: str) -> str:
    """Returns the path of the file that an address stands for. It lies below the manifest's folder or the folder
    above. Raises PsdlError if there is none."""
    parts = PurePosixPath(address.split("://", 1)[-1]).parts
    for base in (root.parent, root.resolve().parent.parent):
        for n in range(len(parts)):
            if ".." not in parts[n:] and base.joinpath(*parts[n:]).is_file():
                return str(base.joinpath(*parts[n:]))
    raise PsdlError(f"{root} line {line}: no file for {address!r} near it: put the images beside the manifest")
