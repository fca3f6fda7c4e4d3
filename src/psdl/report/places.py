"""Gives each sample a path for its files below a folder of results, like the path of its image."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from os.path import commonpath
from pathlib import PurePosixPath

from psdl.types import Sample

LONGEST = 120  # bytes of one name in a path; file systems take 255, some of them 143
Places = Mapping[Sample, PurePosixPath]


def places(samples: Sequence[Sample]) -> dict[Sample, PurePosixPath]:
    """Returns for each sample a relative path that ends in .png. The tree of the images' names is kept; x.jpg
    gives x.jpg.png.

    Names that start at a root, at a URL or above their folder lose what all of them share. A name too long for a
    file system ends in a digest. Where two samples would get one path, also on a file system that ignores case,
    later ones are numbered.
    """
    inner = {sample: _parts(sample.name) for sample in samples}
    outside = [parts for sample, parts in inner.items() if _outside(sample.name)]
    shared = len(PurePosixPath(commonpath(["/".join(p[:-1]) for p in outside])).parts) if outside else 0
    found: dict[Sample, PurePosixPath] = {}
    kept = {s: tuple(map(_short, p[shared:] if _outside(s.name) else p)) for s, p in inner.items()}
    taken = {tuple(part.casefold() for part in p[:n]) for p in kept.values() for n in range(1, len(p))}
    for sample, (*folders, name) in kept.items():
        stem, number, inside = name.removesuffix(".png"), 1, tuple(f.casefold() for f in folders)
        base = stem
        while not taken.isdisjoint({(*inside, f"{base}{end}".casefold()) for end in (".png", ".tiff")}):
            number += 1
            base = f"{stem}~{number}"
        taken |= {(*inside, f"{base}{end}".casefold()) for end in (".png", ".tiff")}
        found[sample] = PurePosixPath(*folders, f"{base}.png")
    return found


def _parts(name: str) -> list[str]:
    return [part for part in name.replace("://", "/").split("/") if part not in ("", ".", "..")] or ["image"]


def _outside(name: str) -> bool:
    return name.startswith("/") or "://" in name or ".." in name.split("/")


def _short(name: str) -> str:
    """Returns a name of at most LONGEST bytes, without the null characters that would end a file name early."""
    name = name.replace("\0", "_")
    data = name.encode("utf-8", "surrogateescape")
    if len(data) <= LONGEST:
        return name
    digest = hashlib.sha256(data).hexdigest()[:12]
    return f"{data[: LONGEST - 40].decode('utf-8', 'ignore')}~{digest}"
