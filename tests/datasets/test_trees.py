"""Trees as people make them: what is learned from is good, or nothing is learned and one sentence says why."""

from __future__ import annotations

import json

import pytest

from psdl.datasets import choosing, patterns, split
from psdl.datasets.files import pictures
from psdl.datasets.read import listed, read
from psdl.errors import PsdlError
from tests import parts
from tests.datasets.trees import tree

LEARNED = {
    "toy": (("good/*3.png", "crack/*2.png", "mask/crack/*2.png=mask"), "good"),
    "normal": (("normal/*3.png", "anomaly/*2.png"), "normal"),
    "pass": (("pass/*3.png", "fail/*2.png"), "pass"),
    "capitals": (("Train/Good/*3.png", "Test/Crack/*2.png", "Ground_Truth/Crack/0_mask.png=mask"), "Train/Good"),
    "flat train": (("train/*3.png", "test/scratch/*2.png", "ground_truth/scratch/*2.png=mask"), "train"),
    "loco": (("b/train/good/*3.png", "b/test/logical_anomalies/000.png"), "b/train/good"),
    "unknown kinds": (("good/*3.png", "blerg/*2.png", "zonk/*2.png"), "good"),
    "German": (("Fehlerfrei/*3.png", "Lunker/*2.png", "Masken/Lunker/*2.png=mask"), "Fehlerfrei"),
    "io and nio": (("iO/*3.png", "n.i.O./*2.png"), "iO"),
    "Spanish": (("entrenamiento/buenas/*3.png", "prueba/rayado/*2.png"), "entrenamiento/buenas"),
    "Japanese": (("良品/*3.png", "不良品/*2.png", "マスク/不良品/*2.png=mask"), "良品"),
    "Polish": (("dobre/*3.png", "wadliwe/*2.png"), "dobre"),
    "negations": (("uncracked/*3.png", "cracked/*2.png"), "uncracked"),
    "suffixes": (("ok_front/*3.png", "def_front/*2.png"), "ok_front"),
    "good by lots": (("OK/lot1/*2.png", "OK/lot2/*2.png", "NOK/lot1/*2.png"), "OK"),
    "labels within cameras": (("cam1/OK/*3.png", "cam1/NOK/*2.png", "cam2/NOK/*2.png"), "cam1/OK"),
    "split within labels": (("Good/Train/*3.png", "Good/Test/*2.png", "Bad/Test/*2.png"), "Good/Train"),
    "to be checked": (("good/*3.png", "to_be_checked/*2.png", "not_good/*2.png", "backup/*2.png"), "good"),
    "signs": (("良品/*3.png", "非良品/*2.png", "良品外/*2.png"), "良品"),
    "signs with letters": (("OK/*3.png", "非OK/*2.png", "OKではない/*2.png"), "OK"),
    "Korean": (("양품/*3.png", "비양품/*2.png", "양품아님/*2.png"), "양품"),
    "plus and minus": (("OK+/*3.png", "OK-/*2.png", "!OK/*2.png", "x_ok/*2.png"), "OK+"),
    "valid and invalid": (("valid/*3.png", "invalid/*2.png"), "valid"),
    "valid and NG": (("valid/*3.png", "NG/*2.png"), "valid"),
    "good beside a part for learning": (("good/*3.png", "train/*2.png"), "good"),
    "good beside kinds for learning": (("good/*3.png", "train/gouge/*2.png"), "good"),
    "products in both parts": (
        ("train/bolt/*3.png", "test/bolt/good/*2.png", "test/bolt/rip/*2.png"),
        "train/bolt",
    ),
    "yes and no": (("good_yes/*3.png", "good_no/*2.png"), "good_yes"),
    "lots 0 and 1": (("good_0/*2.png", "good_1/*2.png", "bad_0/*2.png"), "good_"),
    "nested": (("train/good/*2.png", "train/good/lot2/*2.png", "test/crack/cam1/*2.png"), "train/good"),
}
DOUBTFUL = {
    "classes": ("cat/*3.png", "dog/*3.png"),
    "grades": ("A_Ware/*3.png", "B_Ware/*3.png"),
    "zero and one": ("0/*3.png", "1/*3.png"),
    "A and B": ("A/*3.png", "B/*3.png"),
    "an unknown word for good": ("prima/*3.png", "kaputt/*2.png"),
    "pictures beside defects": ("*3.png", "defects/*2.png"),
    "classes in two parts": ("train/cat/*3.png", "train/dog/*3.png", "test/cat/*2.png", "test/dog/*2.png"),
    "lots and something": ("lot1/*3.png", "lot2/*3.png", "blerg/*2.png"),
    "positive": ("positive/*3.png", "negative/*3.png"),
    "only defects": ("ng/*3.png", "scratch/*2.png"),
    "mixed": ("lot1/*3.png", "mixed/*2.png"),
    "good by 0 and 1": ("good_0/*3.png", "good_1/*3.png"),
    "good left open": ("OK nicht/*3.png",),
    "a kind for learning": ("train/gouge/*3.png", "test/good/*2.png", "test/rip/*2.png"),
    "negated signs": ("非良品/*3.png",),
}
PLAIN = {
    "flat": ("*3.png",),
    "lots": ("lot1/*2.png", "2024-05-06/*2.png", "cam_left/*2.png"),
    "one": ("bolt/*3.png",),
    "shifts": ("early shift/*2.png", "late shift/*2.png", "Frühschicht/*2.png", "Spätschicht/*2.png"),
    "months": ("05_May_2024/*2.png", "6 June 2024/*2.png", "Juli 2024/*2.png"),
}


def _below(good):
    return good if good.endswith("_") else f"{good}/"


@pytest.mark.parametrize("name", LEARNED)
def test_only_what_is_good_is_learned_from(name, tmp_path):
    names, good = LEARNED[name]
    found = read(tree(tmp_path / "data", *names))
    learned = choosing.learning(found.samples)
    assert learned
    assert all(s.name.startswith(_below(good)) for s in learned)
    assert len(learned) == sum(n.startswith(_below(good)) for n in pictures(tmp_path / "data").images)
    assert any(
        "to learn from" in line or "taken as good" in line
        for line in choosing.described(found.samples, found.left)
    )


@pytest.mark.parametrize("name", DOUBTFUL)
def test_nothing_is_learned_where_it_is_not_certain(name, tmp_path):
    found = read(tree(tmp_path / "data", *DOUBTFUL[name]))
    with pytest.raises(PsdlError) as error:
        choosing.learning(found.samples)
    sentence = str(error.value)
    assert "`good` GLOB" in sentence
    folders = {n.rpartition("*")[0] for n in DOUBTFUL[name]} - {""}
    assert all(folder in sentence for folder in folders)
    wanted = DOUBTFUL[name][0].removesuffix("3.png").removesuffix("/*")
    named = patterns.named(found.samples, ["*.png" if wanted == "*" else wanted], ())
    assert {s.name.rpartition("/")[0] for s in choosing.learning(named)} == {wanted.strip("*")}


@pytest.mark.parametrize("name", PLAIN)
def test_names_that_say_nothing_leave_a_folder_of_good_images(name, tmp_path):
    found = read(tree(tmp_path / "data", *PLAIN[name]))
    assert len(choosing.learning(found.samples)) == len(found.samples)
    assert all("unlabelled, taken as good" in line for line in choosing.described(found.samples, found.left))


def test_a_folder_that_is_called_defective_is_not_learned_from(tmp_path):
    found = read(tree(tmp_path / "defects", "*3.png"))
    with pytest.raises(PsdlError, match="not certain"):
        choosing.learning(found.samples)


def test_what_good_and_bad_say_stands_above_names(tmp_path):
    root = tree(tmp_path / "data", "good/*3.png", "odd/*2.png", "more/x1.png")
    found = read(root, good=["good", "more/x*"])
    assert {s.name for s in choosing.learning(found.samples)} == {
        "good/0.png",
        "good/1.png",
        "good/2.png",
        "more/x1.png",
    }
    found = read(tree(tmp_path / "lots", "prima/*3.png", "zonk/*2.png"), bad=["zonk"])
    assert [s.label for s in found.samples] == [0, 0, 0, 1, 1]
    with pytest.raises(PsdlError, match="'nothing' matches none of 6 images"):
        read(root, good=["nothing"])
    with pytest.raises(PsdlError, match="matched by `good` and by `bad`"):
        read(root, good=["good"], bad=["good/1*"])


def test_names_of_files_say_it_where_folders_do_not(tmp_path):
    found = read(tree(tmp_path / "data", "ok_1.png", "ok_2.png", "ng_1.png"))
    assert [s.name for s in choosing.learning(found.samples)] == ["ok_1.png", "ok_2.png"]
    found = read(tree(tmp_path / "more", "good/1.png", "good/2.png", "good/ng_3.png", "bad/4.png"))
    assert [s.name for s in choosing.learning(found.samples)] == ["good/1.png", "good/2.png"]


@pytest.mark.parametrize("odd", ["train/good/hole", "val/good/hole"])
def test_what_is_not_certain_below_good_takes_no_kind_from_testing(odd, tmp_path):
    names = ("train/good/*3.png", "test/good/*2.png", "test/hole/*2.png", "test/rework/*2.png")
    found = read(tree(tmp_path / "data", *names, f"{odd}/*2.png"))
    tested = {s.name for s in choosing.testing(found.samples) if s.label == 1}
    assert {name.rpartition("/")[0] for name in tested} >= {"test/hole", "test/rework"}


def test_names_of_files_that_leave_it_open_are_not_learned_from(tmp_path):
    found = read(tree(tmp_path / "data", "ok nicht_1.png", "barely_ok_2.png", "ok_false_3.png"))
    assert all(s.label is None for s in found.samples)
    with pytest.raises(PsdlError, match="not certain"):
        choosing.learning(found.samples)


def test_boxes_of_yolo_mark_defects_and_empty_files_good_images(tmp_path):
    root = tree(tmp_path / "data", "images/train/*4.png", "images/val/*2.png")
    for name, text in {
        "train/0": "0 .5 .5 .1 .1\n",
        "train/1": "",
        "train/2": "",
        "val/0": "1 .5 .5 .2 .2",
    }.items():
        (root / "labels" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "labels" / f"{name}.txt").write_text(text)
    found = read(root)
    assert [s.name for s in choosing.learning(found.samples)] == ["images/train/1.png", "images/train/2.png"]
    assert [s.name for s in found.samples if s.label == 1] == ["images/train/0.png", "images/val/0.png"]


def test_masks_and_annotations_label_what_folders_do_not(tmp_path):
    root = tree(tmp_path / "kos", "kos01/Part0.jpg", "kos01/Part0_label.png=empty", "kos01/Part1.jpg",
                "kos01/Part1_label.png=mask", "kos02/Part0.jpg", "kos02/Part0_label.png=empty")  # fmt: skip
    found = read(root, "plain")
    assert [s.name for s in choosing.learning(found.samples)] == ["kos01/Part0.jpg", "kos02/Part0.jpg"]
    root = tree(tmp_path / "drawn", "images/*3.png")
    shape = {"label": "scratch", "shape_type": "polygon", "points": [[1, 1], [9, 1], [9, 9]]}
    for n in range(3):
        (root / f"images/{n}.json").write_text(json.dumps({"shapes": [shape] if n == 1 else []}))
    found = read(root)
    assert [(s.label, bool(s.mask)) for s in found.samples] == [(0, False), (1, True), (0, False)]


def test_every_picture_is_judged_or_named(tmp_path):
    names = (
        "good/*3.png",
        "good/deep/er/x.png",
        "@eaDir/t.png",
        ".git/x.png",
        "__MACOSX/good/._0.png",
        "$RECYCLE.BIN/a.png",
    )
    names += (
        "crack/.ipynb_checkpoints/c.png",
        "lost+found/b.png",
        "good/.hidden.png",
        "crack/0.heic",
        "crack/1.avif",
    )
    names += (
        "mask/crack/2.png=mask",
        "crack/2.png",
        "noending",
        "results/pictures/2.png",
        "photo.jfif",
        "q.png_large",
    )
    root = tree(tmp_path / "data", *names)
    (root / "results" / ".psdl-results").touch()
    (root / "notes.txt").write_text("no picture")
    (root / "alias").symlink_to(root / "good")
    (root / "away").symlink_to(tree(tmp_path / "elsewhere", "OK/*2.png"))
    found, judged = read(root), listed([str(root)])
    there = sum(path.is_file() and path.name not in ("notes.txt", ".psdl-results") for path in root.rglob("*")) + 2
    for one in (found, judged):
        assert len(one.samples) + sum(left.kind != "link" for left in one.left) == there
    assert {left.kind for left in found.left} == {"system", "hidden", "unread", "mask", "results", "link"}
    assert "away/OK/0.png" in {s.name for s in found.samples}
    assert "alias" in {left.name for left in found.left}
    assert any(line.startswith(f"{there} pictures: ") for line in choosing.described(found.samples, found.left))


def test_samples_are_chosen_from_when_they_are_given(tmp_path):
    found = read(tree(tmp_path / "data", "train/good/*3.png", "test/good/*2.png", "test/dent/*2.png"))
    with pytest.warns(UserWarning, match="learning from 3 good of 7 samples"):
        items, _ = choosing.given(found.samples)
    assert [s.name for s in items] == [f"train/good/{n}.png" for n in range(3)]
    with pytest.raises(PsdlError, match="not certain"):
        choosing.given(read(tree(tmp_path / "odd", "prima/*3.png", "zonk/*2.png")).samples)


def test_the_command_line_says_what_each_folder_is_taken_for(tmp_path):
    root = tree(tmp_path / "data", "cat/*3.png", "dog/*2.png")
    done = parts.psdl("fit", root, "--model", tmp_path / "m.psdl")
    parts.refused(done, "not certain", "cat/: 3 not known", "dog/: 2 not known", "--good GLOB", "--bad GLOB")
    assert "  cat/: 3 not known, not learned from" in done.stdout
    assert not (tmp_path / "m.psdl").exists()


def test_a_split_holds_what_is_known_alone(tmp_path):
    found = read(tree(tmp_path / "data", "good/*4.png", "crack/*2.png", "backup/*3.png"))
    made = split.by_items(found.samples, 0.5, 0, "given", map, lambda *_: None, None)
    assert (
        sorted((s.label, s.split) for s in made.samples)
        == [(0, "test")] * 2 + [(0, "train")] * 2 + [(1, "test")] * 2
    )
    odd = read(tree(tmp_path / "odd", "prima/*3.png", "zonk/*2.png"))
    with pytest.raises(PsdlError, match="not certain"):
        split.by_items(odd.samples, 0.5, 0, "given", map, lambda *_: None, None)


WRAPPED = {
    "good and others": (("crack dataset/good/*3.png", "crack dataset/hole/*2.png"), "good"),
    "magnetic tiles": (("tile-defect-datasets/MT_Free/*3.png", "tile-defect-datasets/MT_Free/*3_mask.png=empty",
                        "tile-defect-datasets/MT_Crack/*2.png"), "MT_Free"),
    "masks": (("x/crack_dataset/images/*3.png", "x/crack_dataset/masks/*3.png=empty",
               "x/crack_dataset/images/c.png", "x/crack_dataset/masks/c.png=mask"), "images/0 images/1 images/2"),
    "splits": (("Surface Defect Dataset/train/*3.png", "Surface Defect Dataset/test/good/*1.png",
                "Surface Defect Dataset/test/hole/*2.png"), "train"),
}  # fmt: skip
DEFECTIVE = {
    "a study": ("defect detection/*3.png",),
    "kinds": ("defects of our line in the last year/hole/*3.png",),
    "two kinds": ("defects/hole/*3.png", "defects/bent/*3.png"),
    "below": ("data/crack_dataset/images/*3.png",),
    "without a split": ("defects/*3.png", "defects/test/good/*1.png"),
    "alone": ("NG/*3.png",),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_a_folder_of_all_images_makes_none_defective(name, tmp_path):
    names, good = WRAPPED[name]
    found = read(tree(tmp_path / "data", *names)).samples
    inside = [s for s in found if any(f"/{part}" in f"/{s.name}" for part in good.split())]
    assert [s.name for s in choosing.learning(found)] == [s.name for s in inside if s.split != "test"]
    assert all(s.label == 1 for s in found if s not in inside and "/good/" not in s.name)


@pytest.mark.parametrize("name", DEFECTIVE)
def test_a_folder_of_all_images_makes_none_good(name, tmp_path):
    found = read(tree(tmp_path / "data", *DEFECTIVE[name])).samples
    with pytest.raises(PsdlError, match=r"is called after defects|3 defective"):
        choosing.learning(found)
