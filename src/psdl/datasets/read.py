"""Reads the samples of a folder, table or list by the layout that recognises it."""

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
)  # the most specific first; layouts not named here are tried before plain

TABLES = (".csv", ".tsv", ".jsonl", ".manifest", ".json", ".txt")  # extensions of files that name images


class Found(NamedTuple):
    """What was read.

    - `layout` is the name of the layout, and `reason` what it was recognised by.
    - `rule` says how its images become the network's input.
    - `left` are the pictures that are there and are no samples, with the reasons; they include the masks of
      samples. The samples and these are all pictures below the folder.
    """

    layout: str
    reason: str
    samples: tuple[Sample, ...]
    rule: InputRule
    left: tuple[Left, ...] = ()


class Listed(NamedTuple):
    """Images to judge, and the pictures beside them that are not judged, with the reasons."""

    samples: tuple[Sample, ...]
    left: tuple[Left, ...]


def read(
    root: str | Path,
    layout: str | None = None,
    good: Sequence[str] = (),
    bad: Sequence[str] = (),
    published: bool = False,
) -> Found:
    """Returns all samples below the folder `root`, or those that a table or list of images names, sorted by
    category and name.

    `root` may be a URL, see `remote`. `layout` names the layout; None: the first one that recognises the folder.
    The input rule keeps whole images, unless `layout` is given or `published` asks for the rule that was published
    for the layout, which may cut borders away. `good` and `bad` are patterns of names that label images, see
    `patterns.named`. Raises PsdlError if the folder is missing or holds no images so laid out, if a file is
    neither table nor list, and if the layout finds a fault.
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
    """Returns the rule, or, if it cuts images, the default one, which keeps them whole."""
    return InputRule() if rule.crop or rule.window else rule


def _left(root: Path, samples: Sequence[Sample], layout: str) -> tuple[Left, ...]:
    """Returns the pictures below a folder that are no samples, with the reasons. Masks of samples are among
    them."""
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
    """Returns what a folder without images holds instead, as part of a sentence; empty if it holds no pictures."""
    left = files.pictures(root).left if root.is_dir() else ()
    return f", but {len(left)} other pictures, such as {left[0].name}, {left[0].why}" if left else ""


def listed(paths: Sequence[str]) -> Listed:
    """Returns samples for images, folders and tables, in the order given, with their paths as names.

    Of a folder these are all pictures but masks, files of the system, psdl's own results, and kinds that are not
    read. Images behind URLs are not fetched, and their URLs become paths, unless the URL is chained, see
    `urls.chained`. Raises PsdlError if something does not exist.
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
    """Returns the samples of a folder or table, with pictures that are not part of the layout, and what is left
    out there."""
    found = read(path)
    others = [str(Path(path) / one.name) for one in found.left if one.kind == "other"]
    samples = [replace(sample, name=sample.path) for sample in found.samples]
    left = [one._replace(name=str(Path(path) / one.name)) for one in found.left if one.kind != "other"]
    return Listed((*samples, *(Sample(other, other, "images") for other in others)), tuple(left))


def _streamed(url: str) -> Listed:
    """Returns the samples below a URL, with URLs as paths and names, and what is left out there."""
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
    """Returns the names of all layouts in the order in which they are tried."""
    known = plugins.names("datasets/formats")
    others = [n for n in known if n not in ORDER]
    return [*ORDER[:-1], *others, ORDER[-1]]


def choose(samples: Sequence[Sample], categories: Sequence[str]) -> tuple[Sample, ...]:
    """Returns the samples of the named categories; all if none is named. Raises PsdlError on an unknown name."""
    known = sorted({s.category for s in samples})
    for name in categories:
        if name not in known:
            raise plugins.unknown("category", name, known)
    return tuple(s for s in samples if not categories or s.category in categories)


def with_parts(samples: Sequence[Sample], pattern: str | None) -> tuple[Sample, ...]:
    """Returns the samples with their parts: a sample is a view of the part that the first group of `pattern`, a
    regular expression, matches anywhere in its name. Samples without a match stay, and so do all if `pattern` is
    None. Raises PsdlError if the pattern is invalid, has no group, or matches no name."""
    found = _matches(samples, pattern, "parts", "part") if pattern else [None] * len(samples)
    return tuple(replace(s, part=name) if name else s for s, name in zip(samples, found, strict=True))


def with_items(samples: Sequence[Sample], pattern: str | None) -> tuple[Sample, ...]:
    """Returns the samples with the items that they show as groups. `pattern` and errors are those of
    `with_parts`."""
    found = _matches(samples, pattern, "items", "item") if pattern else [None] * len(samples)
    return tuple(replace(s, group=name) if name else s for s, name in zip(samples, found, strict=True))


def _matches(samples: Sequence[Sample], pattern: str, option: str, what: str) -> list[str | None]:
    """Returns what the first group of a pattern matches in each sample's name; None where it does not match.
    `option` and `what` are its names in messages. Raises PsdlError like `with_parts`."""
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
    """Returns the samples without those that `drop` names, and these names, sorted. `drop` is a list of names, a
    text file with one name a line, or None. Raises PsdlError if the file cannot be read or a name is unknown."""
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
    """Returns the lines of a text file. Raises PsdlError if it cannot be read."""
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PsdlError(f"{file} cannot be read ({error}): give a text file, one image name a line") from None
