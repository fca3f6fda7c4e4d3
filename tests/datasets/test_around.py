"""What stands in lists, lists of classes and notes, and what lies beside the folder that was given."""

from __future__ import annotations

import json

import pytest

from psdl.datasets import choosing
from psdl.datasets.read import read
from psdl.errors import PsdlError
from tests.datasets.trees import tree

FIRST, LAST = range(100, 106), range(106, 109)
PICTURES = [f"{n}.png" for n in (*FIRST, *LAST)]


def learned(root):
    return sorted(s.name for s in choosing.learning(read(root).samples))


def written(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize("kept", [("train.txt",), ("test.txt",), ("train.txt", "test.txt"), ("val_list.lst",)])
def test_lists_say_what_images_are_for(kept, tmp_path):
    root = tree(tmp_path / "lot", *PICTURES)
    for name in kept:
        written(root / "lists" / name, [f"{n}.png" for n in (FIRST if "train" in name else LAST)])
    assert learned(root) == [f"{n}.png" for n in FIRST]


def test_lists_of_stems_divide_good_and_bad_folders(tmp_path):
    root = tree(tmp_path / "lot", "good/*9.png", "bad/*3.png")
    written(root / "ImageSets/Main/train.txt", [f"good/{n}" for n in range(6)])
    with pytest.raises(PsdlError, match=r"not certain|no good images"):
        learned(tree(tmp_path / "other", "bad/*3.png"))
    written(root / "ImageSets/Main/train.txt", [f"good/{n}.png" for n in range(6)])
    assert learned(root) == [f"good/{n}.png" for n in range(6)]
    assert sum(s.label for s in choosing.testing(read(root).samples)) == 3


def test_an_image_in_two_lists_is_refused(tmp_path):
    root = tree(tmp_path / "lot", *PICTURES)
    written(root / "train.txt", PICTURES)
    written(root / "test.txt", PICTURES[-3:])
    with pytest.raises(PsdlError, match=r"test.txt and train.txt both list 106.png: take it out of one"):
        read(root)


@pytest.mark.parametrize(
    ("file", "text"),
    [("data.yaml", "names: ['good', 'hole']"), ("classes.txt", "OK\nhole\n"), ("obj.names", "iO\nx")],
)
def test_boxes_of_a_class_called_good_are_not_taken_for_defects(file, text, tmp_path):
    root = tree(tmp_path / "lot", *(f"images/{one}" for one in PICTURES))
    for n in (*FIRST, *LAST):
        written(root / f"labels/{n}.txt", ["0 .5 .5 .2 .2"])
    assert all(s.label == 1 for s in read(root).samples)
    written(root / file, [text])
    assert all(s.label is None for s in read(root).samples)
    with pytest.raises(PsdlError, match="not certain which"):
        learned(root)


def test_a_sentence_about_numbers_is_heard(tmp_path):
    root = tree(tmp_path / "lot", *PICTURES)
    written(root / "notes.txt", ["Pictures of lot 12.", "We found scratches in 106, 107 and 108."])
    with pytest.raises(PsdlError, match=r"notes.txt seems to label them"):
        learned(root)
    written(root / "notes.txt", ["These 100 are good parts, 106 without scratches.", "No defects in 107."])
    assert len(learned(root)) == 9


@pytest.mark.parametrize(
    ("beside", "lines"),
    [
        ("labels.csv", ["file,label", *(f"{n}.png,{'good' if n < 106 else 'hole'}" for n in (*FIRST, *LAST))]),
        ("defects.txt", [f"images/{n}.png" for n in LAST]),
        ("labels/106.txt", ["0 .5 .5 .1 .1"]),
        ("annotations/train/107.xml", ["<object/>"]),
    ],
)
def test_what_labels_a_folder_from_beside_it_is_named(beside, lines, tmp_path):
    root = tree(tmp_path / "set/images", *PICTURES)
    written(tmp_path / "set" / beside, lines)
    with pytest.raises(PsdlError, match=r"\.\./\w+.* seems to label them and lies outside of the folder given"):
        learned(root)


def test_masks_and_good_images_beside_a_folder_are_seen(tmp_path):
    images = tree(tmp_path / "a/images", *PICTURES)
    tree(tmp_path / "a/masks", "107_mask.png=mask")
    with pytest.raises(PsdlError, match=r"\.\./masks seems to label them"):
        learned(images)
    tree(tmp_path / "b/good", *PICTURES)
    assert len(learned(tree(tmp_path / "b/apart", *PICTURES))) == 9  # it may be a second delivery
    tree(tmp_path / "c/test/good", *PICTURES)
    with pytest.raises(PsdlError, match=r"\.\./good seems to label them"):
        learned(tree(tmp_path / "c/test/hole", *PICTURES))
    assert len(learned(tmp_path / "b/good")) == 9


def test_files_beside_a_folder_that_label_nothing_change_nothing(tmp_path):
    root = tree(tmp_path / "set/images", *PICTURES)
    written(tmp_path / "set/lots.csv", ["lot,count", "100,7", "106,8"])
    written(tmp_path / "set/notes.txt", ["scratches in 106"])
    tree(tmp_path / "set/other", *PICTURES)
    assert len(learned(root)) == 9


def test_columns_that_are_not_read_are_named(tmp_path):
    tree(tmp_path / "lot", *PICTURES)
    written(tmp_path / "lot/t.csv", ["file,label,lamp,use", *(f"{one},good,{one[2]},1" for one in PICTURES)])
    assert read(tmp_path / "lot/t.csv").reason == "a table of images, of which these columns are not read: lamp"


@pytest.mark.parametrize(
    "files",
    [
        {"split.json": {"train": PICTURES[:6], "test": PICTURES[6:]}},
        {"train.json": PICTURES[:6], "test.json": PICTURES[6:]},
        {"test.json": PICTURES[6:]},
    ],
)
def test_json_says_what_images_are_for(files, tmp_path):
    root = tree(tmp_path / "lot", *PICTURES)
    for name, values in files.items():
        written(root / name, [json.dumps(values)])
    assert learned(root) == PICTURES[:6]


def test_json_of_something_else_states_no_split(tmp_path):
    root = tree(tmp_path / "lot", *PICTURES)
    written(root / "camera.json", [json.dumps({"train": 3, "lens": [1, 2]})])
    assert learned(root) == PICTURES


def test_tables_called_after_splits_divide_what_they_label(tmp_path):
    root = tree(tmp_path / "lot", *PICTURES)
    for name, some in (("train.csv", PICTURES[:5]), ("test.csv", PICTURES[5:])):
        written(root / name, ["image,label", *(f"{one},{'hole' if one == '108.png' else 'good'}" for one in some)])
    assert learned(root) == PICTURES[:5]
    assert [s.name for s in read(root).samples if s.label] == ["108.png"]


def test_images_in_a_list_of_an_unknown_name_are_not_learned_from(tmp_path):
    """`hole.txt` may list what shows holes; a list of all images, or one of a neutral name, divides nothing."""
    root = tree(tmp_path / "lot", *(f"good/{one}" for one in PICTURES))
    written(root / "good/all_files.txt", PICTURES)
    written(root / "good/batch3.txt", PICTURES[:2])
    assert len(learned(root)) == len(PICTURES)
    written(root / "good/hole.txt", PICTURES[:2])
    assert learned(root) == [f"good/{one}" for one in PICTURES[2:]]


@pytest.mark.parametrize("word", ["heatmap", "overlay", "anomaly_map", "diff"])
def test_pictures_made_of_others_are_not_learned_from(word, tmp_path):
    root = tree(tmp_path / "lot", *(f"good/{one}" for one in PICTURES), f"good/100_{word}.png", "good/heat_1.png")
    assert learned(root) == [*(f"good/{one}" for one in PICTURES), "good/heat_1.png"]


def test_numbers_at_the_end_of_names_are_views_or_are_asked_about(tmp_path):
    labels = tree(tmp_path / "lot", *(f"{n}_{int(n in LAST)}.png" for n in (*FIRST, *LAST)))
    with pytest.raises(PsdlError, match=r"divide them in two, and do not say which are good"):
        learned(labels)
    views = tree(tmp_path / "views", *(f"{n}_{view}.png" for n in FIRST for view in (0, 1)))
    assert len(learned(views)) == 2 * len(FIRST)


@pytest.mark.parametrize("folder", ["do_not_use", "not used", "nicht_verwenden"])
def test_what_is_not_to_be_used_is_not_learned_from(folder, tmp_path):
    root = tree(tmp_path / "lot", f"{folder}/good/*4.png", "good/*6.png")
    assert {name.split("/")[0] for name in learned(root)} == {"good"}


def test_what_must_be_looked_at_again_is_not_good_for_certain(tmp_path):
    with pytest.raises(PsdlError, match="not certain"):
        learned(tree(tmp_path / "lot", "OK_recheck/*6.png", "NG/*2.png"))
