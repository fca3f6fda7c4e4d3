"""Pictures below a folder -> which of them are masks, and of which images."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from psdl.datasets.words import meaning, plain
from psdl.errors import PsdlError
from psdl.input import masks as reading

WORD = r"(?:masks?|gt|ground[-_ ]?truths?|labels?|seg|segmentation|anno|annotation)"
COPY = r"(?: ?- ?copy| ?\(copy\)| ?\(\d+\))?"  # what systems add to the names of copies
AFTER = re.compile(rf"(.+?)[-_. ]+{WORD}[-_. ]*\d*{COPY}", re.IGNORECASE)  # 000_mask, 000_mask2, Part0_label
BEFORE = re.compile(rf"{WORD}[-_. ]+(.+)", re.IGNORECASE)  # mask_000
NUMBERED = re.compile(r"(.+)[-_]\d+")  # 000_1, below a folder of masks
LOSSY = ("jpg", "jpeg", "jpe", "jif", "jfif", "webp")


def divided(root: Path, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The names of images and of masks.

    Masks are what lies in a folder of masks, what is called the mask of a picture beside it, and a picture of
    few levels that has the name of a photograph beside it but for the ending."""
    stems: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in names:
        stems[_folder(name), _stem(name)].append(name)
    masks = {
        name for name in names if any(meaning(part).role == "mask" for part in PurePosixPath(name).parts[:-1])
    }
    if len(masks) == len(names):
        masks = set()  # a folder called so holds everything: it is none of masks
    for (folder, stem), same in stems.items():
        base = _named_after(stem)
        if base is not None and (folder, base) in stems:
            masks |= set(same)
        elif len(same) > 1 and any(_ending(name) in LOSSY for name in same):
            masks |= {name for name in same if _ending(name) not in LOSSY and _few_levels(root / name)}
    return [name for name in names if name not in masks], [name for name in names if name in masks]


def _few_levels(path: Path) -> bool:
    """Whether a picture has few grey levels and nearly all of it is black or white, as masks have."""
    try:
        from psdl.input import decode

        values = decode.pixels(path, white=1.0).max(axis=2)
    except (PsdlError, OSError):
        return False
    ends = np.mean((values < 32) | (values > 223)) if values.max() > 32 else 1.0
    return bool(ends > 0.95 and (len(np.unique(values)) <= reading.FEW or _ending(path.name) in LOSSY))


def pairs(
    root: Path, images: Iterable[str], masks: Iterable[str], bad: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """The masks of each image that has any: by the folders that both have, then by the stem. bad: the images that
    are defective, which masks are rather of than of others of the same stem."""
    stems: dict[str, list[str]] = defaultdict(list)
    for name in images:
        stems[_stem(name)].append(name)
    found: dict[str, list[str]] = defaultdict(list)
    for mask in masks:
        image = _image(mask, stems, bad)
        if image is not None:
            found[image].append(mask)
    return {image: tuple(_true(root, some)) for image, some in found.items()}


def _image(mask: str, stems: Mapping[str, Sequence[str]], bad: Collection[str]) -> str | None:
    """The one image that a mask is of."""
    stem, folders = _stem(mask), PurePosixPath(mask).parts[:-1]
    tries = [
        (_named_after(stem), folders),
        (stem, folders),
        (folders[-1].casefold() if folders else None, folders[:-1]),
    ]
    numbered = NUMBERED.fullmatch(stem)
    tries.append((numbered[1] if numbered else None, folders))
    for base, where in tries:
        if base is not None and base in stems:
            image = _nearest(stems[base], where, bad)
            if image is not None:
                return image
    return None


def _nearest(images: Sequence[str], folders: Sequence[str], bad: Collection[str]) -> str | None:
    """The one of several images that lies where a mask below `folders` says; None if that does not tell one."""
    wanted = {
        f.casefold() for f in folders if not (meaning(f).role == "mask" or meaning(f).split or meaning(f).neutral)
    }
    split = next((meaning(f).split for f in folders if meaning(f).split), None)
    bare_names = {
        plain(re.sub(WORD, "", f, flags=re.IGNORECASE)) for f in folders if meaning(f).role == "mask"
    } - {""}

    def fits(image: str) -> bool:
        inside = PurePosixPath(image).parts[:-1]
        own = next((meaning(f).split for f in inside if meaning(f).split), None)
        return wanted <= {f.casefold() for f in inside} and split in (None, own)

    def near(image: str) -> tuple[bool, int, bool, bool]:
        inside = PurePosixPath(image).parts[:-1]
        shared = len(bare_names & {plain(f) for f in inside})
        return inside == tuple(folders), shared, image in bad, any(meaning(f).split == "test" for f in inside)

    chosen = sorted((image for image in images if fits(image)), key=near, reverse=True)
    if len(chosen) > 1 and near(chosen[0]) == near(chosen[1]):
        return None
    return chosen[0] if chosen else None


def _true(root: Path, masks: list[str]) -> list[str]:
    """The masks of one image but for a copy of the image itself that lies among them under its own name."""
    if len(masks) == 1 or all(_named_after(_stem(mask)) is None for mask in masks):
        return masks
    return [mask for mask in masks if _named_after(_stem(mask)) is not None or _few_levels(root / mask)]


def _named_after(stem: str) -> str | None:
    """The stem of the image that a mask's stem is made of, if it is."""
    found = AFTER.fullmatch(stem) or BEFORE.fullmatch(stem)
    return found[1] if found else None


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _stem(name: str) -> str:
    return PurePosixPath(name).stem.casefold()


def _ending(name: str) -> str:
    return PurePosixPath(name).suffix[1:].lower()
