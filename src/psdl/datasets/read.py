"""A folder -> its samples: finds the layout that recognises it, reads it, says which one it was."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from psdl._util import plugins
from psdl.datasets import files, matching, patterns, remote
from psdl.datasets.files import Left
from psdl.errors import PsdlError
from psdl.input import urls
from psdl.types import InputRule, Sample

__all__ = ["Found", "Listed", "choose", "listed", "read", "with_items", "with_parts", "without"]

ORDER = (
    "mtd",
    "kolektor",
    "visa",
    "manifest",
    "btad",
    "kolektor2",
    "mvtec",
    "plain",
)  # the most particular first; others come before plain

TABLES = (".csv", ".tsv", ".jsonl", ".manifest", ".json", ".txt")  # files that name images


class Found(NamedTuple):
    """layout: its name; reason: what it was recognised by; rule: how its images become the network's input; left:
    the pictures that are there and no samples, each with the reason: samples and these are all pictures below a
    folder."""

    layout: str
    reason: str
    samples: tuple[Sample, ...]
    rule: InputRule
    left: tuple[Left, ...] = ()


class Listed(NamedTuple):
    """Images to judge, and the pictures beside them that are not judged, each with the reason."""

    samples: tuple[Sample, ...]
    left: tuple[Left, ...]


def read(
    root: str | Path,
    layout: str | None = None,
    good: Sequence[str] = (),
    bad: Sequence[str] = (),
    published: bool = False,
) -> Found:
    """All samples below the folder `root`, or those that a table or list of images names, by name.

    The input rule keeps whole images, unless `layout` is given or `published` asks for the rule that was published
    for the layout, which may cut their borders away. The root may be a URL, see `remote`. good, bad: patterns of
    names or folders that say what is good and what is defective, see `patterns.named`. Raises PsdlError on a
    missing or empty folder, and on a file that is neither table nor list.
    """
    url, root = str(root), remote.local(root)
    if not root.exists():
        raise PsdlError(f"no folder {root}: give the folder that holds the images")
    if root.is_file() and root.suffix.lower() not in TABLES:
        raise PsdlError(
            f"{root} is a file, but a folder of images was expected: give its folder, or a table of images"
            f" ({', '.join(TABLES)})"
        )
    for name in [layout] if layout else _order():
        module = plugins.load("datasets/formats", name)
        reason = module.recognise(root)
        if reason:
            samples = tuple(sorted(module.read(root), key=lambda s: (s.category, s.name)))
            if not samples:
                break
            if urls.is_url(url):
                remote.confined(samples, root if root.is_dir() else root.parent, url)
            samples, rule = patterns.named(samples, good, bad), module.rule(samples)
            rule = rule if layout or published else _whole(rule)
            return Found(name, reason, samples, rule, _left(root, samples, name))
    kind = f" laid out as {layout!r}" if layout else ""
    raise PsdlError(
        f"no images{kind} in {root}{_instead(root)}: expected {', '.join(sorted(files.EXTENSIONS))} files,"
        " or folders CATEGORY/train/good and CATEGORY/test/KIND"
    )


def _whole(rule: InputRule) -> InputRule:
    """The rule, unless it cuts images; then the one of layouts that keep them whole."""
    return InputRule() if rule.crop or rule.window else rule


def _left(root: Path, samples: Sequence[Sample], layout: str) -> tuple[Left, ...]:
    """The pictures below a folder that are no samples, and why."""
    if not root.is_dir():
        return ()
    there = files.pictures(root)
    names = {os.path.abspath(sample.path) for sample in samples}
    masks = {
        os.path.abspath(mask): sample.name
        for sample in samples
        for mask in ((sample.mask,) if isinstance(sample.mask, str) else sample.mask or ())
    }
    paths = {name: os.path.abspath(root / name) for name in there.images}
    used = [Left(name, f"the mask of {masks[path]}", "mask") for name, path in paths.items() if path in masks]
    unused = [name for name, path in paths.items() if path not in masks and path not in names]
    others = set(matching.divided(root, there.images)[1]) if unused else set()
    for name in unused:
        if name in others:
            used.append(Left(name, "a mask, of no defective image", "mask"))
        else:
            used.append(Left(name, f"not part of the layout {layout}", "other"))
    return tuple(sorted((*there.left, *used)))


def _instead(root: Path) -> str:
    """What a folder without images holds instead, in words."""
    left = files.pictures(root).left if root.is_dir() else ()
    return f", but {len(left)} other pictures, such as {left[0].name}, {left[0].why}" if left else ""


def listed(paths: Sequence[str]) -> Listed:
    """Samples of image files and of folders, in the order given, named by their paths.

    All pictures of a folder but masks, those of the system, psdl's own results, and kinds that are not read.

    What URLs name stays there, to be read as it is needed, unless they are chained; see `urls`. Raises PsdlError
    on a missing one.
    """
    found: list[Sample] = []
    left: list[Left] = []
    for path in paths:
        if urls.is_url(path) and not urls.chained(path):
            inside = _streamed(path)
            found += inside.samples
            left += inside.left
            continue
        path = str(remote.local(path))
        if Path(path).is_dir() or (Path(path).is_file() and Path(path).suffix.lower() in TABLES):
            inside = _below(path)
            found += inside.samples
            left += inside.left
        elif Path(path).is_file():
            found.append(Sample(path, path, "images"))
        else:
            raise PsdlError(f"no file or folder {path}: give the path of an image or of a folder of images")
    return Listed(tuple(found), tuple(left))


def _below(path: str) -> Listed:
    """The samples below a folder, or those that a table names, and what is left out there."""
    found = read(path)
    others = [str(Path(path) / one.name) for one in found.left if one.kind == "other"]
    samples = [replace(sample, name=sample.path) for sample in found.samples]
    left = [one._replace(name=str(Path(path) / one.name)) for one in found.left if one.kind != "other"]
    return Listed((*samples, *(Sample(other, other, "images") for other in others)), tuple(left))


def _streamed(url: str) -> Listed:
    """The samples below a URL, with URLs for paths and names, and what is left out there."""
    with remote.names(url) as root:
        if root.is_file() and files.is_image(root):
            return Listed((Sample(url, url, "images"),), ())
        found = _below(str(root))
        remote.confined(found.samples, root, url)

        def there(path: str) -> str:
            return f"{url.rstrip('/')}/{Path(path).relative_to(root).as_posix()}"

        samples = [replace(s, path=there(s.path), name=there(s.path), mask=None) for s in found.samples]
        return Listed(tuple(samples), tuple(one._replace(name=there(one.name)) for one in found.left))


def _order() -> list[str]:
    known = plugins.names("datasets/formats")
    others = [n for n in known if n not in ORDER]
    return [*ORDER[:-1], *others, ORDER[-1]]


def choose(samples: Sequence[Sample], categories: Sequence[str]) -> tuple[Sample, ...]:
    """The samples of the named categories; all if none is named. Raises PsdlError on an unknown name."""
    known = sorted({s.category for s in samples})
    for name in categories:
        if name not in known:
            raise plugins.unknown("category", name, known)
    return tuple(s for s in samples if not categories or s.category in categories)


def with_parts(samples: Sequence[Sample], pattern: str | None) -> tuple[Sample, ...]:
    """The samples, those whose name `pattern` matches (anywhere) being views of the part that its first group
    names. Raises PsdlError on a pattern that is none, that has no group, or that matches no name."""
    found = _matches(samples, pattern, "parts", "part") if pattern else [None] * len(samples)
    return tuple(replace(s, part=name) if name else s for s, name in zip(samples, found, strict=True))


def with_items(samples: Sequence[Sample], pattern: str | None) -> tuple[Sample, ...]:
    """The samples, those whose name `pattern` matches (anywhere) showing the item that its first group names.
    Raises PsdlError like `with_parts`."""
    found = _matches(samples, pattern, "items", "item") if pattern else [None] * len(samples)
    return tuple(replace(s, group=name) if name else s for s, name in zip(samples, found, strict=True))


def _matches(samples: Sequence[Sample], pattern: str, option: str, what: str) -> list[str | None]:
    """What the first group of a pattern matches of each sample's name, None where it does not match."""
    try:
        found = re.compile(pattern)
    except re.error as error:
        raise PsdlError(f"`{option}` {pattern!r} is no regular expression ({error}): correct it") from None
    if found.groups < 1:
        raise PsdlError(
            f"`{option}` {pattern!r} has no group that names the {what}: put (round brackets) about it"
        )
    matches = [found.search(sample.name) for sample in samples]
    if not any(matches):
        raise PsdlError(
            f"`{option}` {pattern!r} matches none of {len(samples)} names, such as {samples[0].name!r}"
        )
    return [match[1] if match else None for match in matches]


def without(
    samples: Sequence[Sample], drop: str | Path | Sequence[str] | None
) -> tuple[tuple[Sample, ...], tuple[str, ...]]:
    """The samples but for those that `drop` names: a list of names, or a text file with one name a line; and the
    names. Raises PsdlError on a file that cannot be read and on a name that is not there."""
    if drop is None:
        return tuple(samples), ()
    lines = _names_in(Path(drop)) if isinstance(drop, (str, Path)) else drop
    names, known = {line.strip() for line in lines if line.strip()}, {s.name for s in samples}
    where = drop if isinstance(drop, (str, Path)) else "the list of images to leave out"
    for name in sorted(names - known):
        near = difflib.get_close_matches(name, known, n=1, cutoff=0) or [""]
        raise PsdlError(
            f"{where} names {name!r}, which is no image to learn from: the nearest name is {near[0]!r}"
        )
    return tuple(s for s in samples if s.name not in names), tuple(sorted(names))


def _names_in(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PsdlError(f"{file} cannot be read ({error}): give a text file, one image name a line") from None
