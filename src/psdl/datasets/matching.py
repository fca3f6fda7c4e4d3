"""Decides which of the pictures below a folder are masks, and to which image each mask belongs."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from psdl.datasets import words
from psdl.datasets.words import meaning, plain
from psdl.input import levels

__all__ = ["Pairs", "divided", "in_masks", "is_lone_mask", "named_after", "pairs", "stem_of"]

# Words for masks in the names of files and folders.
WORD = r"(?:masks?|gt|ground[-_ ]?truths?|labels?|seg|segmentation|anno|annotation)"
COPY = r"(?: ?- ?copy| ?\(copy\)| ?\(\d+\))?"  # what systems add to the name of a copy
AFTER = re.compile(rf"(.+?)[-_. ]+{WORD}[-_. ]*\d*{COPY}", re.IGNORECASE)  # such as 000_mask, 000_mask2
BEFORE = re.compile(rf"{WORD}[-_. ]+(.+)", re.IGNORECASE)  # such as mask_000
ASIDE = frozenset(
    {"inv", "inverted", "inverse", "wrong", "draft", "auto"}
)  # words for masks that do not count beside others
NUMBERED = re.compile(r"(.+)[-_]\d+")  # such as 000_1
MORE = re.compile(r"(?<=[^\W_])(?=[-_. (][^\d])|(?<=\d)(?=[^\W\d_]+$)")  # where additions begin: 000-m, 000gt


def divided(root: Path, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns the names of the images and the names of the masks among the pictures `names`, in their order.

    A picture is a mask if it lies in a folder of masks or is called the mask of another picture, and it looks like
    a mask or cannot be read. It is also one if it looks like a mask and has the name of another picture, apart
    from the extension or an addition, that does not; see `_called_mask` and `_folders_of_masks`. If all pictures
    lie in folders of masks, the names of these say nothing.
    """
    stems: dict[str, list[str]] = defaultdict(list)
    for name in names:
        stems[stem_of(name)].append(name)
    inside = {name for name in names if in_masks(name)}
    if len(inside) == len(names):
        inside = set()  # all lie in such a folder, so its name says nothing
    masks = {
        name
        for name in names
        if (_lies_as_mask(root, name, stems) if name in inside else _called_mask(root, name, stems))
    }
    masks |= _folders_of_masks(root, [name for name in names if name not in masks])
    return [name for name in names if name not in masks], [name for name in names if name in masks]


def _folders_of_masks(root: Path, names: Sequence[str]) -> set[str]:
    """Returns the pictures of folders that hold only masks though their names do not say so: each has few grey
    levels and the stem of a picture in another folder, whose path differs in one part and where no such picture
    looks like a mask. If that part says good or bad of the other folder, all must look like masks."""
    inside: dict[str, dict[str, str]] = defaultdict(dict)
    for name in names:
        inside[_folder(name)][stem_of(name)] = name
    # By the rest of the path: whether the part of each folder says good or bad.
    beside: dict[str, dict[str, bool]] = defaultdict(dict)
    for folder in inside:
        for n, part in enumerate(folders := PurePosixPath(folder).parts):
            beside["/".join((*folders[:n], "*", *folders[n + 1 :]))][folder] = meaning(part).graded is not None
    found: set[str] = set()
    for some in (some for some in beside.values() if len(some) > 1):
        for own in (inside[folder] for folder, graded in some.items() if not graded):
            others = {f: g for f, g in some.items() if inside[f] is not own and own.keys() <= inside[f].keys()}
            clear = any(others.values()) and all(_marks(root / name) for name in own.values())
            fitting = [inside[folder] for folder, graded in others.items() if clear or not graded]
            if fitting and _all_masks(root, own, fitting):
                found |= set(own.values())
    return found


def _all_masks(root: Path, own: Mapping[str, str], others: Sequence[Mapping[str, str]]) -> bool:
    """Returns whether all pictures `own` of a folder have few grey levels and, in one of the `others`, no picture
    of the same stems looks like a mask. Folders are given as names by stems."""
    return all(levels.few(str(root / name)) for name in own.values()) and any(
        not any(_marks(root / other[stem]) for stem in own) for other in others
    )


def in_masks(name: str) -> bool:
    """Returns whether a file lies below a folder whose name says mask."""
    return any(meaning(part).role == "mask" for part in PurePosixPath(name).parts[:-1])


def _lies_as_mask(root: Path, name: str, stems: Mapping[str, Sequence[str]]) -> bool:
    """Returns whether a picture in a folder of masks is a mask, or a copy of an image that lies beside its
    mask."""
    found = levels.like_mask(str(root / name))
    if found is None:  # not readable: a folder that says a defect too holds images
        return not any(meaning(part).role == "mask" and meaning(part).graded == "bad" for part in _folders(name))
    return found or _copied(root, name, stems)


def _copied(root: Path, name: str, stems: Mapping[str, Sequence[str]]) -> bool:
    """Returns whether a photograph in a folder of masks has the bytes of an image elsewhere, and lies beside a
    mask that is called after it."""
    stem = stem_of(name)
    same = [one for one in stems[stem] if not in_masks(one)]
    return any(_equal(root / name, root / one) for one in same) and any(
        named_after(other) == stem and any(_folder(one) == _folder(name) for one in some)
        for other, some in stems.items()
    )


def _equal(path: Path, other: Path) -> bool:
    """Returns whether two files hold the same bytes; false if one cannot be read."""
    try:
        return path.stat().st_size == other.stat().st_size and path.read_bytes() == other.read_bytes()
    except OSError:
        return False


def _called_mask(root: Path, name: str, stems: Mapping[str, Sequence[str]]) -> bool:
    """Returns whether a picture is the mask of another one, by its name and its grey levels. `stems` has the names
    of all pictures by their stems."""
    stem = stem_of(name)
    base = named_after(stem) or ""
    if any(_folder(one) == _folder(name) for one in stems.get(base, ())):
        return levels.like_mask(str(root / name)) is not False
    if base in stems:
        return _marks(root / name) and any(not _marks(root / one) for one in stems[base])
    others = [one for one in stems[stem] if one != name and _folder(one) == _folder(name)]
    others += [one for shorter in _shorter(stem) for one in stems.get(shorter, ())]
    if numbered := NUMBERED.fullmatch(stem):
        others += [one for one in stems.get(numbered[1], ()) if _folder(one) == _folder(name)]
    return bool(others) and levels.few(str(root / name)) and any(not _marks(root / one) for one in others)


def _marks(path: Path) -> bool:
    """Returns whether a picture looks like a mask; false if it cannot be read."""
    return levels.like_mask(str(path)) is True


class Pairs(NamedTuple):
    """`of` has the masks of each image that has any; `lost` are the masks of which it is not known to which image
    they belong."""

    of: dict[str, tuple[str, ...]]
    lost: tuple[str, ...]


def pairs(root: Path, images: Iterable[str], masks: Iterable[str], bad: Collection[str]) -> Pairs:
    """Returns which masks belong to which image: to one of the same stem, apart from what marks a mask, and in a
    folder that fits. If several images fit, one in `bad`, the defective images, is preferred."""
    stems: dict[str, list[str]] = defaultdict(list)
    for name in images:
        stems[stem_of(name)].append(name)
    places = frozenset(part.casefold() for some in stems.values() for one in some for part in _folders(one))
    masks = list(masks)
    known = _Images(stems, bad, places, _of_folders(masks, stems, places))
    found: dict[str, list[str]] = defaultdict(list)
    lost = []
    for mask in masks:
        image = _image(mask, known)
        if image is None:
            lost.append(mask)
        else:
            found[image].append(mask)
    return Pairs({image: tuple(_true(root, some)) for image, some in found.items()}, tuple(lost))


class _Images(NamedTuple):
    """The images that masks can belong to. `stems` has them by their stems, and `bad` are the defective ones.
    `places` are the names of their folders in small letters. `holders` are the folders that hold one folder of
    masks for each image, called after it."""

    stems: Mapping[str, Sequence[str]]
    bad: Collection[str]
    places: Collection[str]
    holders: Collection[str]


def _of_folders(masks: Sequence[str], stems: Mapping[str, Sequence[str]], places: Collection[str]) -> set[str]:
    """Returns the folders that hold folders of masks which are called by the stems of images and hold no images
    themselves. A single one counts only below a folder of masks, since it may hold the masks of all images."""
    inside = {_folder(mask) for mask in masks}
    named = [f for f in inside if (stem := PurePosixPath(f).name.casefold()) in stems and stem not in places]
    counts = Counter(_folder(folder) for folder in named)
    return {folder for folder, count in counts.items() if count > 1 or in_masks(f"{folder}/mask")}


def _image(mask: str, images: _Images) -> str | None:
    """Returns the image that a mask belongs to; None if it is not certain which. The image's stem may be the
    mask's without a word for masks, the mask's, the name of its folder, or the mask's without a number or addition
    at the end. The first of these counts that leads to one image."""
    stem, folders = stem_of(mask), _folders(mask)
    numbered = NUMBERED.fullmatch(stem)
    own = (folders[-1].casefold() if folders else None, folders[:-1])
    tries = [
        (named_after(stem), folders),
        (stem, folders),
        own,
        (numbered[1] if numbered else None, folders),
        *((shorter, folders) for shorter in _shorter(stem)),
    ]
    if folders and own[0] not in images.places and _folder(_folder(mask)) in images.holders:
        tries = [own]  # as in MVTec LOCO, where the masks' own names say nothing about images
    for base, where in tries:
        if base is not None and base in images.stems:
            image = _nearest(images.stems[base], where, images.bad, images.places)
            if image is not None:
                return image
    return None


def _nearest(
    images: Sequence[str], folders: Sequence[str], bad: Collection[str], places: Collection[str]
) -> str | None:
    """Returns that one of several images whose folders fit the `folders` of a mask best; None if none fits or two
    fit equally well. Best is the same folder, then more names in common with the folders of masks (such as
    `mask_hole` and `hole`), then a defective image, then a test image."""
    wanted = _wanted(folders, places)
    split = next((meaning(f).split for f in folders if meaning(f).split), None)
    bare_names = {
        plain(re.sub(WORD, "", f, flags=re.IGNORECASE)) for f in folders if meaning(f).role == "mask"
    } - {""}

    def fits(image: str) -> bool:
        inside = _folders(image)
        own = next((meaning(f).split for f in inside if meaning(f).split), None)
        return wanted <= {f.casefold() for f in inside} and split in (None, own)

    def near(image: str) -> tuple[bool, int, bool, bool]:
        inside = _folders(image)
        shared = len(bare_names & {plain(f) for f in inside})
        return inside == tuple(folders), shared, image in bad, any(meaning(f).split == "test" for f in inside)

    chosen = sorted((image for image in images if fits(image)), key=near, reverse=True)
    if len(chosen) > 1 and near(chosen[0]) == near(chosen[1]):
        return None
    return chosen[0] if chosen else None


def _wanted(folders: Sequence[str], places: Collection[str]) -> set[str]:
    """Returns the names of those folders of a mask, in small letters, that its image must also have: those that
    name a kind of defect, and those that images have too, such as `cam2`. The folder of masks itself, splits, and
    names that only say that pictures lie there do not count."""
    own = len(folders) - 1 if folders and folders[-1].casefold() not in places else len(folders)
    top = next((n for n, f in enumerate(folders) if meaning(f).role == "mask"), own)
    found = set()
    for n, f in enumerate(folders):
        said = meaning(f)
        holds = set(words.parts(f)) <= words.NOUNS
        there = f.casefold() in places and not holds and n != top
        lone = n == top and not said.role  # a folder whose name does not say that it holds masks
        if not said.split and not lone and (there or not (said.role == "mask" or said.neutral)):
            found.add(f.casefold())
    return found


def _true(root: Path, masks: list[str]) -> list[str]:
    """Returns the masks of one image without those that do not count beside others, such as `000_mask_old`, and
    without a copy of the image that lies among them under its own name."""
    masks = [mask for mask in masks if not _kept_aside(mask)] or masks
    if len(masks) == 1 or all(named_after(stem_of(mask)) is None for mask in masks):
        return masks
    return [mask for mask in masks if named_after(stem_of(mask)) is not None or _marks(root / mask)]


def _kept_aside(mask: str) -> bool:
    """Returns whether the name of a mask or of its folders has a word for what does not count."""
    path = PurePosixPath(mask)
    return any(set(words.parts(part)) & (words.ASIDE | ASIDE) for part in (*path.parts[:-1], path.stem))


def is_lone_mask(root: Path, name: str) -> bool:
    """Returns whether a picture is called a mask and looks like one, whether its image is there or not."""
    return named_after(stem_of(name)) is not None and _marks(root / name)


def named_after(stem: str) -> str | None:
    """Returns the stem of the image that a mask's stem is made of, as `000` in `000_mask`; None if it is no mask's
    stem."""
    found = AFTER.fullmatch(stem) or BEFORE.fullmatch(stem)
    return found[1] if found else None


def _shorter(stem: str) -> list[str]:
    """Returns a stem without additions at its end, such as `-m` in `000-m` and `gt` in `000gt`; the longest
    first."""
    return [stem[: found.start()] for found in MORE.finditer(stem)][::-1]


def _folder(name: str) -> str:
    """Returns the path of the folder of a file; empty for the root."""
    return name.rpartition("/")[0]


def _folders(name: str) -> tuple[str, ...]:
    """Returns the names of the folders of a file, the topmost first."""
    return PurePosixPath(name).parts[:-1]


def stem_of(name: str) -> str:
    """Returns the name of a file without its folders and its extension, in small letters."""
    return PurePosixPath(name).stem.casefold()
