"""Which pictures are masks, by names and by what they hold; and of which images."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from psdl.datasets import choosing, words
from psdl.datasets.read import listed, read
from psdl.errors import PsdlError
from tests.datasets.trees import tree

NAMES = (
    *(
        "{}_mask.png",
        "{}_gt.png",
        "{}GT.png",
        "{}.mask.png",
        "{}-defect.png",
        "{}_m.png",
        "{}_bin.png",
        "{}.png.png",
    ),
    *("{}_maske.png", "{}_mask_a.png", "{}_overlay.png", "{}_roi.png", "{}_mask.bmp", "{}_segmentation_1.png"),
    *("mask_{}.png", "label_{}.png", "{}.bmp"),
)
ELSEWHERE = (
    *("masks/{}.png", "labels/{}_x.png", "gt2/{}.png", "{}_mask.png", "mask_{}.png", "label_{}.png", "{}-m.png"),
    *("{}GT.png", "Masken/{}_1.png", "ground_truth/{}_mask.png"),
)
PLACES = {
    "cameras": ("images/cam1", "images/cam2", "masks/cam2"),
    "dates": ("images/2024-01-01", "images/2024-01-02", "labels/2024-01-02"),
    "lots": ("lot1", "lot2", "masks/lot2"),
    "masks inside": ("cam1", "cam2", "cam2/masks"),
    "both below": ("cam1/images", "cam2/images", "cam2/masks"),
}
PHOTOGRAPHS = [
    "missing_label",
    "wrong_label",
    "no_label",
    "label",
    "labels",
    "marking",
    "truth",
    "seg3",
    "label_missing",
    "mask_defect",
]


@pytest.mark.parametrize("mask", NAMES)
def test_a_mask_beside_an_image_is_no_image_however_it_is_called(mask, tmp_path):
    names = [f"bad/{mask.format(f'b0{n}')}=mask" for n in range(2)]
    found = read(tree(tmp_path, "good/*3.png", "bad/b00.png", "bad/b01.png", *names))
    assert [(s.name, bool(s.mask)) for s in found.samples if s.label] == [
        ("bad/b00.png", True),
        ("bad/b01.png", True),
    ]


@pytest.mark.parametrize("mask", ELSEWHERE)
def test_masks_beside_the_folder_of_images_mark_what_is_defective(mask, tmp_path):
    root = tree(tmp_path, "images/*3.png", "images/b00.png", f"{mask.format('b00')}=mask")
    found = read(root)
    assert [(s.name, bool(s.mask)) for s in found.samples if s.label] == [("images/b00.png", True)]
    with pytest.raises(PsdlError, match="it is not certain which of 4 images are good"):
        choosing.learning(found.samples)


@pytest.mark.parametrize("name", PLACES)
def test_masks_match_by_folders_that_name_no_kind(name, tmp_path):
    first, second, masks = PLACES[name]
    found = read(tree(tmp_path, f"{first}/*2.png", f"{second}/*2.png", f"{masks}/*2.png=mask"))
    assert [s.name for s in found.samples if s.label and s.mask] == [f"{second}/0.png", f"{second}/1.png"]
    assert len(found.samples) == 4


def test_masks_of_cameras_below_kinds_of_defects(tmp_path):
    kinds = [f"test/hole/cam{n}/*2.png" for n in range(2)]
    masks = [f"ground_truth/hole/cam{n}/*2.png=mask" for n in range(2)]
    found = read(tree(tmp_path, "train/good/cam0/*2.png", "train/good/cam1/*2.png", *kinds, *masks))
    masked = {s.name: s.mask for s in found.samples if s.label}
    assert len(masked) == 4
    assert all(str(mask).endswith(name.replace("test", "ground_truth", 1)) for name, mask in masked.items())


@pytest.mark.parametrize(
    "folders",
    ["images png", "color gray", "raw mono", "img set", "images bw", "orig segmented", "1 2", "lot1 lot1_bin"],
)
def test_a_folder_of_masks_alone_holds_masks_however_it_is_called(folders, tmp_path):
    images, masks = folders.split()
    bare = tree(tmp_path / "bare", f"{images}/a*3.png", f"{images}/c*2.png", f"{masks}/a*3.png=empty",
                f"{masks}/c*2.png=mask")  # fmt: skip
    found = read(bare).samples
    assert {s.name: bool(s.mask) for s in found if s.label} == {f"{images}/c{n}.png": True for n in range(2)}
    assert [s.name for s in choosing.learning(found)] == [f"{images}/a{n}.png" for n in range(3)]
    graded = tree(tmp_path / "graded", *(f"{side}/{images}/*3.png" for side in ("good", "bad")),
                  f"good/{masks}/*3.png=empty", f"bad/{masks}/*3.png=mask")  # fmt: skip
    found = read(graded).samples
    assert [s.name for s in choosing.learning(found)] == [f"good/{images}/{n}.png" for n in range(3)]
    assert [bool(s.mask) for s in found if s.label] == [True] * 3


def test_a_mask_with_a_number_beside_its_image_is_no_image(tmp_path):
    found = read(
        tree(tmp_path, "a.png", "b.png", "c.png", "a_1.png=empty", "b_1.png=empty", "c_1.png=mask")
    ).samples
    assert [s.name for s in choosing.learning(found)] == ["a.png", "b.png"]


def test_folders_of_photographs_of_one_name_hold_no_masks(tmp_path):
    found = read(tree(tmp_path, "cam1/*3.png", "cam2/*3.png", "cam3/0.png", "cam3/1.png=mask")).samples
    assert len(found) == 8  # the last lies beside a photograph


FOLDERS = {
    "LOCO": ("test/logical/*4.png", "ground_truth/logical/00{}/000.png"),
    "two kinds": ("test/logical/*4.png test/structural/*4.png", "ground_truth/logical/00{}/000.png"),
    "one kind": ("bad/*4.png", "masks/00{}/000.png"),
    "names of images": ("bad/*4.png", "masks/00{}/001.png"),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_of_masks_called_as_its_image_is_of_that_image(name, tmp_path):
    images, mask = FOLDERS[name]
    wanted = [image.replace("*4", f"00{n}") for image in images.split() for n in range(4)]
    masks = [f"{mask.format(n)}=mask" for n in range(1, 4)]
    more = mask.format(3).replace("00", "01")  # another mask of an image, and one of an image that is not there
    root = tree(tmp_path, "train/good/*4.png", *wanted, *masks, f"{mask.format(2)[:-5]}9.png=mask", f"{more}=mask")
    found = {s.name: s.mask for s in read(root).samples if s.label}
    first = images.split()[0]
    assert [found[first.replace("*4", f"00{n}")] for n in (0, 1, 3)] == [
        None,
        *(str(root / mask.format(n)) for n in (1, 3)),
    ]
    assert len(found[first.replace("*4", "002")]) == 2


def test_a_kind_called_as_an_image_is_no_folder_of_one_image(tmp_path):
    root = tree(tmp_path, "train/good/*3.png", "test/1/*3.png", "ground_truth/1/*3.png=mask")
    found = {s.name: s.mask for s in read(root).samples if s.label}
    assert found == {f"test/1/{n}.png": str(root / f"ground_truth/1/{n}.png") for n in range(3)}


@pytest.mark.parametrize("names", [("masks/0.png=mask",), ("masks/cam3/0.png=mask",), ("gt/9.png=mask",)])
def test_a_mask_of_no_certain_image_leaves_none_certain(names, tmp_path):
    found = read(tree(tmp_path, "cam1/*2.png", "cam2/*2.png", "cam3/1.png", *names))
    with pytest.raises(PsdlError, match=f"not known which image {names[0].removesuffix('=mask')} is the mask of"):
        choosing.learning(found.samples)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photographs_are_no_masks_whatever_their_folder_is_called(name, tmp_path):
    root = tree(tmp_path / "flat", "caps/*4.png", f"{name}/*3.png")
    assert len(listed([str(root)]).samples) == 7
    with pytest.raises(PsdlError, match=f"{name}/: 3"):
        choosing.learning(read(root).samples)
    made = tree(tmp_path / "set", "train/good/*3.png", "test/good/*2.png", f"test/{name}/*3.png",
                f"ground_truth/{name}/*3.png=mask")  # fmt: skip
    tested = [s for s in choosing.testing(read(made).samples) if s.label]
    assert [(s.kind, bool(s.mask)) for s in tested] == [(name, True)] * 3
    beside = read(tree(tmp_path / "beside", "good/*3.png", f"{name}/*3.png")).samples
    assert {s.name for s in choosing.learning(beside)} == {f"good/{n}.png" for n in range(3)}


def test_masks_stay_masks_whatever_their_folder_is_called(tmp_path):
    for name in ("bad_mask", "mask_crack", "defect_labels", "good_masks"):
        found = read(tree(tmp_path / name, "good/*3.png", "bad/*2.png", f"{name}/*2.png=mask"))
        assert {s.name.partition("/")[0] for s in found.samples} == {"good", "bad"}


def test_a_photograph_that_is_called_a_mask_is_asked_about(tmp_path):
    root = tree(tmp_path, "a.png", "b.png", "b_label.png")
    assert len(listed([str(root)]).samples) == 3
    with pytest.raises(PsdlError, match=r"b_label.png is called after a mask but looks like a photograph"):
        choosing.learning(read(root).samples)


def test_a_backlit_picture_of_the_same_part_is_no_mask(tmp_path):
    rng = np.random.default_rng(0)
    for n in range(3):
        tree(tmp_path, f"p{n}.png")
        dark = np.zeros((32, 32), np.uint8) + 250
        dark[8:24, 8:24] = 5
        noisy = np.clip(dark + rng.normal(0, 5, dark.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(tmp_path / f"p{n}_back.png")
    assert len(listed([str(tmp_path)]).samples) == len(choosing.learning(read(tmp_path).samples)) == 6


def test_copies_of_images_beside_their_masks_are_not_judged_twice(tmp_path):
    root = tree(tmp_path, "good/*3.png", "bad/0.png", "masks/0_mask.png=mask")
    shutil.copy(root / "bad/0.png", root / "masks/0.png")
    found = read(root)
    assert [(s.name, str(s.mask)) for s in found.samples if s.label] == [
        ("bad/0.png", str(root / "masks/0_mask.png"))
    ]


def test_photographs_in_place_of_masks_are_named_and_change_no_label(tmp_path):
    root = tree(tmp_path, "train/good/*3.png", "test/good/*2.png", "test/blot/*2.png")
    (root / "ground_truth/blot").mkdir(parents=True)
    for n, kind in enumerate(("photo", "photo")):
        tree(root, f"ground_truth/blot/{n}_mask.png={kind}")
    found = read(root)
    assert [s.label for s in choosing.testing(found.samples)] == [1, 1, 0, 0]
    assert "  ground_truth/blot/: 2 not known, not learned from" in choosing.described(found.samples, found.left)


def test_names_say_masks_and_more():
    said = {"missing_label": "bad", "mask_crack": "bad", "good_masks": "good", "mask": None, "crack": "bad"}
    assert {name: words.meaning(name).graded for name in said} == said
    assert words.meaning("no_label").role is None
