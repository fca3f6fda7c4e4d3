"""Pictures below a folder -> which of them are masks, and of which images."""

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

WORD = r"(?:masks?|gt|ground[-_ ]?truths?|labels?|seg|segmentation|anno|annotation)"
COPY = r"(?: ?- ?copy| ?\(copy\)| ?\(\d+\))?"  # what systems add to the names of copies
AFTER = re.compile(rf"(.+?)[-_. ]+{WORD}[-_. ]*\d*{COPY}", re.IGNORECASE)  # 000_mask, 000_mask2, Part0_label
BEFORE = re.compile(rf"{WORD}[-_. ]+(.+)", re.IGNORECASE)  # mask_000
ASIDE = frozenset(
    {"inv", "inverted", "inverse", "wrong", "draft", "auto"}
)  # masks that do not count beside others
NUMBERED = re.compile(r"(.+)[-_]\d+")  # 000_1, below a folder of masks
MORE = re.compile(r"(?<=[^\W_])(?=[-_. (][^\d])|(?<=\d)(?=[^\W\d_]+$)")  # before what names add: 000-m, 000gt


def divided(root: Path, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The names of images and of masks.

    Masks are what lies in a folder of masks, and what is called the mask of a picture, if it looks like one, or if
    it cannot be read; and, of pictures of one name but for the ending or for more at the end, those that look like
    masks where the others do not."""
    stems: dict[str, list[str]] = defaultdict(list)
    for name in names:
        stems[stem_of(name)].append(name)
    inside = {name for name in names if in_masks(name)}
    if len(inside) == len(names):
        inside = set()  # a folder called so holds everything: it is none of masks
    masks = {
        name
        for name in names
        if (_lies_as_mask(root, name, stems) if name in inside else _called_mask(root, name, stems))
    }
    masks |= _folders_of_masks(root, [name for name in names if name not in masks])
    return [name for name in names if name not in masks], [name for name in names if name in masks]


def _folders_of_masks(root: Path, names: Sequence[str]) -> set[str]:
    """The pictures of folders called by no word for masks that hold nothing else: each looks like one, and has the
    name of a picture in a folder beside its own that does not."""
    inside: dict[str, dict[str, str]] = defaultdict(dict)
    for name in names:
        inside[_folder(name)][stem_of(name)] = name
    beside: dict[str, list[str]] = defaultdict(list)
    for folder in inside:
        for n, part in enumerate(folders := PurePosixPath(folder).parts):
            if not meaning(part).graded:
                beside["/".join((*folders[:n], "*", *folders[n + 1 :]))].append(folder)
    found: set[str] = set()
    for some in beside.values():
        for folder in some if len(some) > 1 else ():
            own = inside[folder]
            others = [inside[other] for other in some if other != folder and own.keys() <= inside[other].keys()]
            if others and _all_masks(root, own, others):
                found |= set(own.values())
    return found


def _all_masks(root: Path, own: Mapping[str, str], others: Sequence[Mapping[str, str]]) -> bool:
    """Whether all pictures of a folder are masks of those of the same stems in another one."""
    return all(levels.few(str(root / name)) for name in own.values()) and any(
        not any(_marks(root / other[stem]) for stem in own) for other in others
    )


def in_masks(name: str) -> bool:
    """Whether a file lies below a folder of masks, by its name."""
    return any(meaning(part).role == "mask" for part in PurePosixPath(name).parts[:-1])


def _lies_as_mask(root: Path, name: str, stems: Mapping[str, Sequence[str]]) -> bool:
    """Whether a picture in a folder of masks is one, or a copy of an image that lies beside its mask."""
    found = levels.like_mask(str(root / name))
    if found is None:  # such as a file that is not fetched: a folder that says a defect too is one of images
        return not any(meaning(part).role == "mask" and meaning(part).graded == "bad" for part in _folders(name))
    return found or _copied(root, name, stems)


def _copied(root: Path, name: str, stems: Mapping[str, Sequence[str]]) -> bool:
    """Whether a photograph in a folder of masks has the bytes of an image elsewhere, and a mask beside it."""
    stem = stem_of(name)
    same = [one for one in stems[stem] if not in_masks(one)]
    return any(_equal(root / name, root / one) for one in same) and any(
        named_after(other) == stem and any(_folder(one) == _folder(name) for one in some)
        for other, some in stems.items()
    )


def _equal(path: Path, other: Path) -> bool:
    """Whether two files hold the same bytes."""
    try:
        return path.stat().st_size == other.stat().st_size and path.read_bytes() == other.read_bytes()
    except OSError:
        return False


def _called_mask(root: Path, name: str, stems: Mapping[str, Sequence[str]]) -> bool:
    """Whether a picture beside images is the mask of one, by its name and by what it looks like."""
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
    return levels.like_mask(str(path)) is True


class Pairs(NamedTuple):
    """of: the masks of each image that has any; lost: those of which it is not known which image they are of."""

    of: dict[str, tuple[str, ...]]
    lost: tuple[str, ...]


def pairs(root: Path, images: Iterable[str], masks: Iterable[str], bad: Collection[str]) -> Pairs:
    """The masks of images: by the folders that both have, then by the stem. bad: the images that are defective,
    which masks are rather of than of others of the same stem."""
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
    """stems: the images of each stem; bad: those that are defective; places: the folders of images, in small
    letters; holders: the folders in which masks lie in a folder for each image, called as it is."""

    stems: Mapping[str, Sequence[str]]
    bad: Collection[str]
    places: Collection[str]
    holders: Collection[str]


def _of_folders(masks: Sequence[str], stems: Mapping[str, Sequence[str]], places: Collection[str]) -> set[str]:
    """The folders in which masks lie in folders that have the stems of images, and are no folders of images: in
    several, or below a folder of masks, since one alone may hold the masks of all."""
    inside = {_folder(mask) for mask in masks}
    named = [f for f in inside if (stem := PurePosixPath(f).name.casefold()) in stems and stem not in places]
    counts = Counter(_folder(folder) for folder in named)
    return {folder for folder, count in counts.items() if count > 1 or in_masks(f"{folder}/mask")}


def _image(mask: str, images: _Images) -> str | None:
    """The one image that a mask is of."""
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
        tries = [own]  # as MVTec LOCO has them: what masks are called inside says nothing of images
    for base, where in tries:
        if base is not None and base in images.stems:
            image = _nearest(images.stems[base], where, images.bad, images.places)
            if image is not None:
                return image
    return None


def _nearest(
    images: Sequence[str], folders: Sequence[str], bad: Collection[str], places: Collection[str]
) -> str | None:
    """The one of several images that lies where a mask below `folders` says; None if that does not tell one."""
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
    """The folders of a mask that its image must lie in too: what names a kind, and what images' folders are
    called besides, as `cam2`; but not that of the masks, splits, and what only says that pictures lie there."""
    own = len(folders) - 1 if folders and folders[-1].casefold() not in places else len(folders)
    top = next((n for n, f in enumerate(folders) if meaning(f).role == "mask"), own)
    found = set()
    for n, f in enumerate(folders):
        said = meaning(f)
        holds = set(words.parts(f)) <= words.NOUNS
        there = f.casefold() in places and not holds and n != top
        lone = n == top and not said.role  # a folder of masks by what it holds
        if not said.split and not lone and (there or not (said.role == "mask" or said.neutral)):
            found.add(f.casefold())
    return found


def _true(root: Path, masks: list[str]) -> list[str]:
    """The masks of one image but for those that are kept aside, as `000_mask_old`, where others are there, and for
    a copy of the image itself that lies among them under its own name."""
    masks = [mask for mask in masks if not _kept_aside(mask)] or masks
    if len(masks) == 1 or all(named_after(stem_of(mask)) is None for mask in masks):
        return masks
    return [mask for mask in masks if named_after(stem_of(mask)) is not None or _marks(root / mask)]


def _kept_aside(mask: str) -> bool:
    """Whether a mask, or its folder, is called after what does not count."""
    path = PurePosixPath(mask)
    return any(set(words.parts(part)) & (words.ASIDE | ASIDE) for part in (*path.parts[:-1], path.stem))


def is_lone_mask(root: Path, name: str) -> bool:
    """Whether a picture is called after the mask of another, whatever that is, and looks like one."""
    return named_after(stem_of(name)) is not None and _marks(root / name)


def named_after(stem: str) -> str | None:
    """The stem of the image that a mask's stem is made of, if it is."""
    found = AFTER.fullmatch(stem) or BEFORE.fullmatch(stem)
    return found[1] if found else None


def _shorter(stem: str) -> list[str]:
    """What a stem is called without more that follows a number or a sign, the longest first."""
    return [stem[: found.start()] for found in MORE.finditer(stem)][::-1]


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _folders(name: str) -> tuple[str, ...]:
    return PurePosixPath(name).parts[:-1]


def stem_of(name: str) -> str:
    """The name of a file without folders and ending, in small letters."""
    return PurePosixPath(name).stem.casefold()
