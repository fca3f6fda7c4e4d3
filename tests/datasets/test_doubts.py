"""Names of folders and files that look good and are not certain: they are not learned from."""

from __future__ import annotations

import json
import shutil

import pytest

from psdl.datasets import choosing
from psdl.datasets.read import read
from psdl.errors import PsdlError
from tests.datasets.trees import tree

LEARNED = {
    "files": (("good_*3.png", "hole_*2.png"), "good_"),
    "files in French": (("bon_*3.png", "rayure_*2.png"), "bon_"),
    "files of two lots": (("lot1/OK_*3.png", "lot2/burnt_*2.png"), "lot1/"),
    "files with a kind's name": (("good/a_*3.png", "good/hole_*2.png", "hole/*2.png"), "good/a_"),
    "files called otherwise": (("good/ok_*3.png", "good/burnt_*2.png"), "good/ok_"),
    "files that are almost good": (("good_*3.png", "almost_good_*2.png"), "good_"),
    "light": (("normal_light/good/*3.png", "normal_light/hole/*2.png"), "normal_light/good/"),
    "a part called io": (("io_part/ok/*3.png", "io_part/bent_pin/*2.png"), "io_part/ok/"),
    "deeper": (("good/lot1/ok/*3.png", "good/lot1/hole/cam1/*2.png"), "good/lot1/ok/"),
    "below the images": (("good/*3.png", "good/hole/*2.png", "bad/*1.png"), "good/0 good/1 good/2"),
    "a kind below good": (("good/bolt/*3.png", "good/hole/*2.png", "hole/*2.png"), "good/bolt/"),
    "types": (("good/bolt/*3.png", "good/nut/*2.png", "bad/bolt/*2.png"), "good/"),
    "types in test": (("train/good/M/*3.png", "train/good/nut/*2.png", "test/crack/nut/*2.png"), "train/good/"),
    "almost": (("good/*3.png", "almost_good/*2.png", "fake_ok/*2.png", "OK?/*2.png"), "good/"),
    "negations": (("good/*3.png", "not_quite_good/*2.png", "not-yet-ok/*2.png"), "good/"),
    "reworked": (("lot1/OK/*3.png", "lot2/OK_after_rework/*2.png", "lot2/NG/*1.png"), "lot1/OK/"),
    "set aside": (("cam1/OK/*3.png", "backup/OK/*2.png", "rejected_by_customer/OK/*2.png"), "cam1/OK/"),
    "good and bad": (("OK/*3.png", "ok_vs_ng/*2.png"), "OK/"),
    "words of masks": (("label_good/*3.png", "label_bad/*2.png"), "label_good/"),
    "neutral words": (("good/*2.png", "good2/*2.png", "good_lot7/*2.png", "good (1)/*2.png", "NG/*1.png"), "good"),
    "alone": (("good_bolts/*2.png", "good_nuts/*2.png", "bad/*1.png"), "good_"),
    "a random number": (("0b4ad1ok2c5ng7e9.png", "*3.png"), ""),
}
DOUBTFUL = {
    "0 and 1": ("0_*3.png", "1_*3.png"),
    "pos and neg": ("pos_*3.png", "neg_*3.png"),
    "true and false": ("img_true_*3.png", "img_false_*3.png"),
    "words of masks": ("label_0/*3.png", "label_1/*3.png"),
    "two below good": ("normal/fine/*3.png", "normal/burnt/*3.png"),
    "exposures": ("normal_exposure/A/*3.png", "normal_exposure/B/*3.png"),
    "good and bad": ("ok_and_ng/*3.png",),
}
KINDS = ("side", "light", "line", "part", "mono", "large", "out", "new", "mixed", "3", "hole")


@pytest.mark.parametrize("name", LEARNED)
def test_doubtful_names_beside_good_ones_are_not_learned_from(name, tmp_path):
    names, good = LEARNED[name]
    found = read(tree(tmp_path / "data", *names))
    learned = {s.name for s in choosing.learning(found.samples)}
    assert learned == {s.name for s in found.samples if s.name.startswith(tuple(good.split()) or "")}
    assert all(s.label is None or s.label == (s.name not in learned) for s in found.samples)


@pytest.mark.parametrize("name", DOUBTFUL)
def test_two_ways_of_which_one_may_be_good_are_refused(name, tmp_path):
    with pytest.raises(PsdlError, match="not certain"):
        choosing.learning(read(tree(tmp_path / "data", *DOUBTFUL[name])).samples)


def test_beside_good_ones_to_test_every_folder_is_a_kind(tmp_path):
    kinds = [f"test/{kind}/*1.png" for kind in KINDS]
    found = read(tree(tmp_path / "data", "train/good/*2.png", "test/good/*1.png", "test/lot7/*1.png", *kinds))
    assert {s.kind for s in found.samples if s.label == 1} == set(KINDS)
    assert [s.name for s in found.samples if s.label is None] == ["test/lot7/0.png"]
    found = read(tree(tmp_path / "flat", "train_good/*2.png", "test_good/*1.png", "test_hole/*1.png"))
    assert [(s.kind, s.split) for s in found.samples if s.label == 1] == [("test_hole", "test")]


def test_doubtful_names_in_test_are_not_measured_on_and_said(tmp_path):
    found = read(tree(tmp_path / "data", "train/good/*2.png", "test/good/*1.png", "test/good_but_hairy/*2.png"))
    assert [s.name for s in choosing.testing(found.samples)] == ["test/good/0.png"]
    said = choosing.described(found.samples, found.left)
    assert "  test/good_but_hairy/: 2 not known, not measured on" in said


def test_bad_alone_makes_nothing_good_of_several_unknown_names(tmp_path):
    with pytest.raises(PsdlError, match="not certain"):
        choosing.learning(
            read(tree(tmp_path / "data", "fine/*3.png", "hole/*2.png", "zonk/*2.png"), bad=["zonk"]).samples
        )
    found = read(tree(tmp_path / "known", "good/*3.png", "misc/*2.png", "zonk/*2.png"), bad=["zonk"])
    assert {s.name.partition("/")[0] for s in choosing.learning(found.samples)} == {"good"}


MARKED = {
    "mask": "good/0_mask.png",
    "LabelMe": "good/0.json",
    "YOLO": "good/0.txt",
}


@pytest.mark.parametrize("name", MARKED)
def test_what_is_marked_in_a_good_folder_is_not_learned_from(name, tmp_path):
    root = tree(tmp_path / "data", "good/*4.png", "bad/*2.png", "good/1_mask.png=empty")
    if name == "mask":
        tree(root, f"{MARKED[name]}=mask")
    elif name == "LabelMe":
        shape = {"label": "scratch", "shape_type": "rectangle", "points": [[1, 1], [9, 9]]}
        (root / MARKED[name]).write_text(json.dumps({"shapes": [shape]}))
    else:
        (root / MARKED[name]).write_text("0 .5 .5 .1 .1\n")
    learned = choosing.learning(read(root).samples)
    assert [s.name for s in learned] == ["good/1.png", "good/2.png", "good/3.png"]


def test_marks_in_most_good_images_are_not_of_defects(tmp_path):
    root = tree(tmp_path / "data", "good/*3.png", "bad/*1.png")
    for n in range(3):
        (root / f"good/{n}.txt").write_text("0 .5 .5 .9 .9\n")
    assert len(choosing.learning(read(root).samples)) == 3


@pytest.mark.parametrize("bad", ["bad/0.png", "test/hole/0.png"])
def test_the_same_bytes_are_not_good_and_defective(bad, tmp_path):
    root = tree(tmp_path / "data", "good/*3.png", bad)
    shutil.copy(root / bad, root / "good" / "x.png")
    with pytest.raises(PsdlError, match=f"good/x.png is taken as good, and {bad}, which has the same bytes"):
        choosing.learning(read(root).samples)
    named = read(root, bad=["good/x.png"])
    assert len(choosing.learning(named.samples)) == 3


UNCERTAIN = {
    "labels": (("*3.png",), "the folder 'labels' that holds them all is called after masks"),
    "crack_detection": (("*3.png",), "the folder 'crack_detection' that holds them all is called after defects"),
    "parts": (("NG12_*3.png",), "the names of all files, such as NG12_0.png, say that they are defective"),
    "lids": (("P_*3.png", "F_*3.png"), "divide them in two, and do not say which are good"),
    "cameras": (("0_*3.png", "1_*3.png"), "divide them in two, and do not say which are good"),
}


@pytest.mark.parametrize("name", UNCERTAIN)
def test_what_is_not_certain_by_a_name_says_by_which(name, tmp_path):
    names, why = UNCERTAIN[name]
    with pytest.raises(PsdlError, match=why):
        choosing.learning(read(tree(tmp_path / name, *names)).samples)


def test_a_text_that_leaves_it_open_whether_an_image_is_good_labels_nothing(tmp_path):
    names = tree(tmp_path / "parts", "a_*5.png")
    for n, said in enumerate(["OK", "OK", "OK", "OK?", "OK nicht"]):
        (tmp_path / f"parts/a_{n}.txt").write_text(said)
    found = choosing.learning(read(names).samples)
    assert sorted(sample.name for sample in found) == ["a_0.png", "a_1.png", "a_2.png"]


def test_a_file_that_agrees_with_the_folders_takes_nothing_from_good_ones(tmp_path):
    root = tree(tmp_path / "data", "OK/*4.png", "NG/AK/*2.png")
    rows = [{"anomaly_class": "OK", "image_path": f"OK/{n}.png", "mask_path": None} for n in range(4)]
    rows += [{"anomaly_class": "AK", "image_path": f"NG/AK/{n}.png", "mask_path": "m.png"} for n in range(2)]
    (root / "set.json").write_text(json.dumps({"meta": {"normal_class": "OK"}, "train": rows}))
    assert len(choosing.learning(read(root).samples)) == 4
    rows[3]["anomaly_class"] = "AK"
    (root / "set.json").write_text(json.dumps({"meta": {"normal_class": "OK"}, "train": rows}))
    with pytest.raises(PsdlError, match=r"set\.json seems to label them"):
        choosing.learning(read(root).samples)
