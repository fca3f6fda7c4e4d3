"""Trees, tables and annotations that were once learned from or measured on as nobody would expect."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from psdl.datasets import choosing
from psdl.datasets.read import read
from psdl.errors import PsdlError
from tests.datasets.trees import tree

GOOD, BAD = [f"i/{n}.png" for n in range(100, 106)], [f"i/{n}.png" for n in range(106, 109)]


def learned(path: Path, **chosen) -> set[str]:
    """The names of the images that would be learned from, none where that is refused."""
    try:
        return {s.name for s in choosing.learning(read(path, **chosen).samples)}
    except PsdlError:
        return set()


def measured(path: Path) -> dict[str, int | None]:
    """The labels of the images that would be measured on, none where that is refused."""
    try:
        return {s.name: s.label for s in choosing.testing(read(path).samples)}
    except PsdlError:
        return {}


def table(root: Path, head: str, good: str, bad: str, name: str = "t.csv") -> Path:
    tree(root, *GOOD, *BAD)
    rows = [f"path,{head}", *(f"{name},{good}" for name in GOOD), *(f"{name},{bad}" for name in BAD)]
    (root / name).write_text("\n".join(rows), encoding="utf-8")
    return root / name


@pytest.mark.parametrize(
    "folder",
    [
        "not_for_training",
        "do_not_train",
        "exclude_from_training",
        "train_unsure",
        "训练除外",
        "不训练",
        "学習不可",
    ],
)
def test_what_is_not_for_training_is_not_learned_from(folder, tmp_path):
    root = tree(tmp_path / "data", "OK/*5.png", "NG/*2.png", f"{folder}/OK/*3.png")
    assert learned(root) == {f"OK/{n}.png" for n in range(5)}


def test_a_row_that_is_not_for_training_is_refused(tmp_path):
    path = table(tmp_path, "label,usage", "good,do not train", "scratch,test")
    with pytest.raises(PsdlError, match="split is 'do not train', expected train or test"):
        read(path)


@pytest.mark.parametrize("flags", [{"good": False}, {"good": True}, {"Lunker": True}])
def test_flags_of_labelme(flags, tmp_path):
    root = tree(tmp_path / "data", "*6.png")
    for n in range(6):
        said = {"good": True} if n < 4 else flags
        (root / f"{n}.json").write_text(json.dumps({"shapes": [], "flags": said}))
    found = learned(root)
    assert found == {f"{n}.png" for n in range(6 if flags.get("good") else 4)}


SHAPES = [
    (["scratch", "part"], 12, 1),
    (["ok"], 0, 0),
    (["part"], 0, None),
]


@pytest.mark.parametrize(("labels", "pixels", "label"), SHAPES)
@pytest.mark.parametrize("kind", ["labelme", "coco"])
def test_shapes_that_are_no_defects(kind, labels, pixels, label, tmp_path):
    from psdl.input import masks

    root = tree(tmp_path / "data", "train/good/*3.png", "test/x/*2.png")
    corners = {"scratch": [[2, 2], [5, 4]], "part": [[0, 0], [23, 15]], "ok": [[0, 0], [9, 9]]}
    if kind == "labelme":
        for n in range(2):
            shapes = [{"label": one, "points": corners[one], "shape_type": "rectangle"} for one in labels]
            (root / f"test/x/{n}.json").write_text(json.dumps({"shapes": shapes if n else []}))
    else:
        boxes = {one: [x, y, u - x + 1, v - y + 1] for one, ((x, y), (u, v)) in corners.items()}
        values = {
            "images": [{"id": n, "file_name": f"test/x/{n}.png"} for n in range(2)],
            "categories": [{"id": n, "name": one} for n, one in enumerate(labels)],
            "annotations": [{"image_id": 1, "category_id": n, "bbox": boxes[one]} for n, one in enumerate(labels)],
        }
        (root / "marks.json").write_text(json.dumps(values))
    (root / "test/x").rename(root / "test/images")
    if kind == "coco":
        text = (root / "marks.json").read_text().replace("test/x", "test/images")
        (root / "marks.json").write_text(text)
    found = {s.name: s for s in read(root).samples}["test/images/1.png"]
    assert found.label == label
    assert int(masks.read(found.mask, (16, 24), "x").sum() if found.mask else 0) == pixels


@pytest.mark.parametrize("name", ["good/{}.png hole/{}.png", "OK_{}.png hole_{}.png"])
def test_labels_that_say_the_reverse_of_all_paths_are_refused(name, tmp_path):
    good, bad = name.split()
    names = [(good.format(n), 1) for n in range(4)] + [(bad.format(n), 0) for n in range(4)]
    tree(tmp_path, *(name for name, _ in names))
    (tmp_path / "t.csv").write_text("\n".join(["path,label", *(f"{name},{label}" for name, label in names)]))
    with pytest.raises(PsdlError, match="all others whose path says that they are good are labelled defective"):
        read(tmp_path / "t.csv")


@pytest.mark.parametrize(("images", "masks"), [("train_img", "train_lab"), ("x_train", "y_train")])
def test_masks_beside_images_for_training_are_none(images, masks, tmp_path):
    names = [f"{images}/*6.png", *(f"{masks}/{n}.png={'mask' if n > 3 else 'empty'}" for n in range(6))]
    assert learned(tree(tmp_path / "data", *names)) <= {f"{images}/{n}.png" for n in range(4)}


@pytest.mark.parametrize("folder", ["NG/lot1", "bad/images", "defects/cam1/monday"])
def test_a_folder_below_one_of_defects_is_not_certain(folder, tmp_path):
    root = tree(tmp_path / "set" / folder, "*5.png")
    assert not learned(root)
    assert len(learned(root, good=["*"])) == 5
    (root / "list.csv").write_text("path\n" + "\n".join(f"{n}.png" for n in range(5)))
    assert not learned(root / "list.csv")


@pytest.mark.parametrize("name", ["ng.csv", "bad.txt", "defects.csv"])
def test_a_list_that_is_called_after_defects_is_not_learned_from(name, tmp_path):
    tree(tmp_path, *BAD)
    (tmp_path / name).write_text("\n".join([*(["path"] if name.endswith("csv") else []), *BAD]))
    assert not learned(tmp_path / name)


def test_masks_in_a_list_are_no_images(tmp_path):
    tree(tmp_path, "100.png", "101.png", "102.png", "103_mask.png=mask", "104_mask.png=mask")
    rows = ["path", "100.png", "101.png", "102.png", "103_mask.png", "104_mask.png"]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    assert not {name for name in learned(tmp_path / "t.csv") if "mask" in name}


ASKED = [
    *(("Fehlercode", "0", "17"), ("Resultat", "1", "2"), ("roi", "", "1 2 3 4")),
    *(("x", "", "7"), ("category", "", "Lunker"), ("category", "0", "1"), ("group", "normal", "abnormal")),
    *(("item", "good", "scrap"), ("scratch,dent,Kerbe", "0,0,0", "0,0,1")),
    *(("label", "A", "C"), ("label", "P", "F"), ("class", "1", "0")),
]


@pytest.mark.parametrize(("head", "good", "bad"), ASKED)
def test_tables_that_seem_to_label_are_asked_about(head, good, bad, tmp_path):
    with pytest.raises(PsdlError, match=r"t.csv"):
        choosing.learning(read(table(tmp_path, head, good, bad)).samples)


AGAINST = [
    *(("EncodedPixels", "", "1 3"), ("bbox", "[]", "[1]"), ("n_defects", "0", "2"), ("defect_class", "0", "3")),
    *(("status", "released", "scrapped"), ("Fehlerzahl", "0", "2")),
]


@pytest.mark.parametrize(("column", "good", "bad"), AGAINST)
def test_columns_that_speak_against_the_label_good_are_refused(column, good, bad, tmp_path):
    with pytest.raises(PsdlError, match=f"label is 'good', but {column} is"):
        read(table(tmp_path, f"label,{column}", f"good,{good}", f"good,{bad}"))


@pytest.mark.parametrize(
    ("column", "yes", "no"), [("exclude", "no", "yes"), ("use", "1", "0"), ("skip", "", "true")]
)
def test_rows_that_a_column_leaves_out_are_not_learned_from(column, yes, no, tmp_path):
    assert learned(table(tmp_path, f"label,{column}", f"good,{yes}", f"good,{no}")) == set(GOOD)


def test_what_a_data_set_of_boxes_holds_is_asked_about(tmp_path):
    tree(tmp_path, *GOOD, *BAD)
    rows = [{"file_name": name, "objects": {"bbox": [], "categories": []}} for name in GOOD]
    rows += [{"file_name": name, "objects": {"bbox": [[1, 2, 3, 4]], "categories": [0]}} for name in BAD]
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(PsdlError, match="seems to hold them"):
        read(tmp_path / "metadata.jsonl")


@pytest.mark.parametrize("column", ["set", "partition", "dataset", "is_train"])
def test_columns_that_say_what_rows_are_for(column, tmp_path):
    tree(tmp_path, *GOOD, *BAD)
    train, test = ("1", "0") if column == "is_train" else ("train", "test")
    rows = [f"path,label,{column}", *(f"{name},good,{train}" for name in GOOD[:4])]
    rows += [f"{name},good,{test}" for name in GOOD[4:]] + [f"{name},scratch,{test}" for name in BAD]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    assert learned(tmp_path / "t.csv") == set(GOOD[:4])
    assert measured(tmp_path / "t.csv") == dict.fromkeys(GOOD[4:], 0) | dict.fromkeys(BAD, 1)


def test_kinds_of_defects_in_a_column_each_are_read(tmp_path):
    path = table(tmp_path, "scratch,dent", "0,0", "0,1")
    assert learned(path) == set(GOOD)


BESIDE = {
    "unicode text": ("Ergebnis.csv", "{name}\t{bad}\n", "utf-16"),
    "blanks": ("labels.csv", "{name}  {bad}.0000000  mono\n", "utf-8"),
    "numbers without zeros": ("numbers.csv", "{n},{bad}\n", "utf-8"),
    "another ending": ("labels.ndjson", '{{"image": "{name}", "class": {bad}}}\n', "utf-8"),
}
SOME = "ImageId_ClassId,EncodedPixels\n000006.png_3,29102 12\n000007.png_1,2910 12\n"


@pytest.mark.parametrize("kind", BESIDE)
def test_files_beside_images_that_label_some_are_seen(kind, tmp_path):
    root = tree(tmp_path / "data", *(f"i/{n:06}.png" for n in range(1, 9)))
    name, line, encoding = BESIDE[kind]
    head = "id,defect\n" if kind == "numbers without zeros" else ""
    lines = [line.format(name=f"{n:06}.png", n=n, bad=int(n > 5)) for n in range(1, 9)]
    (root / name).write_text(head + "".join(lines), encoding=encoding)
    assert "i/000006.png" not in learned(root)


def test_images_and_classes_in_one_name(tmp_path):
    root = tree(tmp_path / "data", *(f"i/{n:06}.png" for n in range(1, 9)))
    (root / "train.csv").write_text(SOME)
    assert "i/000006.png" not in learned(root)


@pytest.mark.parametrize(
    "label", ["unknown", "todo", "N.A.", "#N/A", "未判定", "keine", "なし", "0 defects", "scratch: no", "mask"]
)
def test_labels_that_do_not_say_what_an_image_shows_are_not_measured(label, tmp_path):
    path = table(tmp_path, "label,split", "good,train", f"{label},test")
    assert not measured(path)
    assert learned(path) == set(GOOD)


@pytest.mark.parametrize("kept", ["old", "inv", "ignore", "backup"])
def test_masks_that_are_kept_aside_are_not_united_with_others(kept, tmp_path):
    names = ["train/good/*3.png", "test/hole/000.png", "ground_truth/hole/000_mask.png=mask"]
    root = tree(tmp_path / "data", *names, f"ground_truth/hole/000_mask_{kept}.png=mask")
    found = {s.name: s for s in read(root).samples}["test/hole/000.png"]
    assert found.mask == str(root / "ground_truth/hole/000_mask.png")


@pytest.mark.parametrize("pair", ["0 1", "A B", "N D"])
def test_letters_and_digits_are_no_kinds_where_no_test_image_is_good(pair, tmp_path):
    one, other = pair.split()
    root = tree(tmp_path / "data", "train/good/*5.png", f"test/{one}/*3.png", f"test/{other}/*3.png")
    assert not measured(root)
    assert len(learned(root)) == 5


@pytest.mark.parametrize("folder", ["準良品", "仮良品", "疑良品", "b.i.O"])
def test_one_sign_of_doubt_beside_good(folder, tmp_path):
    plain = "i.O" if folder == "b.i.O" else "良品"
    root = tree(tmp_path / "data", f"{plain}/*4.png", f"{folder}/*3.png")
    assert learned(root) == {f"{plain}/{n}.png" for n in range(4)}


@pytest.mark.parametrize("name", ["predicted", "misjudged", "complaints", "Reklamation", "gesperrt", "heatmap"])
def test_what_lies_below_what_is_not_certain_is_not_good(name, tmp_path):
    root = tree(tmp_path / "data", "OK/*5.png", "NG/*3.png", f"{name}/OK/*3.png")
    assert learned(root) == {f"OK/{n}.png" for n in range(5)}


def test_a_few_files_with_a_word_of_their_own_are_asked_about(tmp_path):
    names = [f"Teil{n:03}.png" for n in range(1, 6)]
    root = tree(tmp_path / "data", *names, "Teil006_hole.png", "Teil007_Kerbe.png")
    with pytest.raises(PsdlError, match=r"such as Teil006_hole.png, have words that others lack"):
        choosing.learning(read(root).samples)


@pytest.mark.parametrize("classes", ["Cr In Pa", "crazing inclusion patches", "class0 other1"])
def test_files_that_words_divide_are_not_certain(classes, tmp_path):
    root = tree(tmp_path / "data", *(f"{one}_*5.png" for one in classes.split()))
    assert not learned(root)
    assert len(learned(root, good=["*"])) == 5 * len(classes.split())


@pytest.mark.parametrize(
    "names",
    [
        ["IMG_0001.jpg", "IMG_0002.jpg", "DSC_0003.jpg", "DSC_0004.jpg", "IMG_0005 (2).jpg", "IMG_0006 Kopie.jpg"],
        ["lid_cam1_0.png", "lid_cam2_0.png", "lid_left_1.png", "lid_right_1.png", "lid_top_2.png"],
        ["anna.png", "berta.png", "carla.png", "dora.png", "emil.png"],
        ["3f9a1c2e-77aa-4c1b-9e3d-0a1b2c3d4e5f.png", "d41d8cd98f00b204e9800998ecf8427e.png", "a.png", "b.png"],
    ],
)
def test_files_that_names_do_not_divide_are_taken_as_good(names, tmp_path):
    assert learned(tree(tmp_path / "data", *names)) == set(names)


def test_what_files_are_called_in_a_folder_called_good_divides_nothing(tmp_path):
    root = tree(tmp_path / "good", "again_*5.png", "lot_*5.png")
    assert len(learned(root)) == 10
