"""Tables and lists whose columns, rows or paths say which images are good, or contradict themselves."""

from __future__ import annotations

import json

import numpy as np
import pytest

from psdl.datasets import choosing
from psdl.datasets.read import read
from psdl.errors import PsdlError
from tests.datasets.trees import tree

GOOD, BAD = [f"i/c{n}.png" for n in range(4)], [f"i/d{n}.png" for n in range(4)]
READ = [
    ("is_defect", "0", "1"),
    ("is_defect", "False", "True"),
    ("defect", "no", "yes"),
    ("Fehler", "nein", "ja"),
    ("anomaly", "0.0", "1.0"),
    ("anomalous", "0", "1"),
    ("ok", "1", "0"),
    ("is_good", "yes", "no"),
]
ASKED = [
    ("score", "0.1", "0.9"),
    ("bin", "1", "7"),
    ("defect_area", "0.0", "5.3"),
    ("target", "0", "1"),
    ("y", "0", "1"),
    ("gt_label", "0", "1"),
    ("no_defects", "0", "1"),
    ("num_defects", "0", "3"),
    ("defect_type", "", "blot"),
    ("defect_type", "none", "scratch"),
    ("status", "approved", "scrap"),
    ("status", "A", "C"),
    ("status", "gut", "Lunker"),
    ("inspection", "passed", "hold"),
    ("decision", "1", "2"),
    ("annotation", "", "NG"),
    ("note", "", "scratch"),
    ("xmin", "", "3"),
    ("usable", "true", "false"),
    ("category", "good", "scratch"),
    ("EncodedPixels", "", "1 3 5"),
    ("defect_path", "", "m/drawn.png"),
    ("mask_name", "", "m.png"),
    ("severity", "0", "2"),
    ("severity", "none", "high"),
    ("count", "0", "3"),
    ("area", "0", "3.5"),
    ("code", "", "E12"),
    ("comment", "", "bent"),
    ("judge", "A", "C"),
    ("lable", "fine", "bent"),
    ("type", "fine", "bent"),
    ("b", "zulu", "tango"),
    ("detections", "[]", "[1]"),
]
PLAIN = [
    ("camera", "cam1", "cam2"),
    ("shift", "1", "2"),
    ("lot", "A", "B"),
    ("operator", "Meier", "Mueller"),
    ("variant", "lid", "bolt"),
    ("exposure", "0.1", "0.9"),
    ("format", "png", "jpg"),
    ("category", "lid", "bolt"),
    ("width", "640", "800"),
]
UNCLEAR = [
    ("quality", "1", "0"),
    ("quality", "A", "C"),
    ("truth", "1", "0"),
    ("label", "100", "0"),
    ("label", "1", "-1"),
    ("label", "false", "true"),
]
AGAINST = [
    ("label,kind", "good,good", "good,scratch", "label is 'good', but kind is 'scratch'"),
    ("Label,class", "good,good", "good,scratch", "Label is 'good', but class is 'scratch'"),
    ("label,class", "good,0", "good,1", "label is 'good', but class is '1'"),
    ("label,defect", "0,none", "0,scratch", "label is '0', but defect is 'scratch'"),
    ("label,is_defect", "good,0", "good,1", "label is 'good', but is_defect is '1'"),
    ("label,mask", "0,m/empty.png", "0,m/drawn.png", "but its mask m/drawn.png marks a defect"),
]


def table(root, head, good, bad):
    tree(root, *GOOD, *BAD, "m/empty.png=empty", "m/drawn.png=mask")
    lines = [f"path,{head}", *(f"{name},{good}" for name in GOOD), *(f"{name},{bad}" for name in BAD)]
    (root / "t.csv").write_text("\n".join(lines))
    return root / "t.csv"


def learned(path):
    return sorted(s.name for s in choosing.learning(read(path).samples))


@pytest.mark.parametrize(("head", "good", "bad"), READ)
def test_a_column_that_asks_for_yes_or_no_is_read(head, good, bad, tmp_path):
    path = table(tmp_path / "lot", head, good, bad)
    assert learned(path) == GOOD
    assert all(s.label == ("/d" in s.name) for s in read(path).samples)


@pytest.mark.parametrize(("head", "good", "bad"), ASKED)
def test_a_column_that_could_hold_labels_is_asked_about(head, good, bad, tmp_path):
    with pytest.raises(PsdlError, match=f"no labels, but its column '{head}' seems to hold them: call it label"):
        read(table(tmp_path / "lot", head, good, bad))


@pytest.mark.parametrize(("head", "good", "bad"), PLAIN)
def test_a_column_of_something_else_leaves_all_images_good(head, good, bad, tmp_path):
    assert len(learned(table(tmp_path / "lot", head, good, bad))) == 8


@pytest.mark.parametrize(("head", "good", "bad"), UNCLEAR)
def test_labels_that_do_not_say_which_is_good_are_refused(head, good, bad, tmp_path):
    with pytest.raises(PsdlError, match="of which it is not certain which is good"):
        read(table(tmp_path / "lot", head, good, bad))


@pytest.mark.parametrize(("head", "good", "bad", "words"), AGAINST)
def test_rows_that_contradict_themselves_are_refused(head, good, bad, words, tmp_path):
    with pytest.raises(PsdlError, match=f"line 6: .*{words}: correct one"):
        read(table(tmp_path / "lot", head, good, bad))


@pytest.mark.parametrize("before", ["", "./"])
def test_an_image_is_not_good_in_one_row_and_defective_in_another(before, tmp_path):
    path = table(tmp_path / "lot", "label", "good", "NG")
    path.write_text(f"{path.read_text()}\n{before}{BAD[0]},good")
    with pytest.raises(PsdlError, match="line 10: label is 'good', but 'NG' in line 6 for the same file"):
        read(path)


def test_masks_label_rows_that_have_no_label(tmp_path):
    assert learned(table(tmp_path / "both", "mask", "m/empty.png", "m/drawn.png")) == GOOD
    with pytest.raises(PsdlError, match="not certain"):
        learned(table(tmp_path / "one", "mask", "", "m/drawn.png"))


def test_doubtful_labels_beside_good_ones_are_not_learned_from(tmp_path):
    for n, doubtful in enumerate(
        ("OK?", "almost ok", "not quite ok", "非OK", "OKではない", "x_ok", "!ok", "ok_no")
    ):
        assert learned(table(tmp_path / str(n), "label", "OK", doubtful)) == GOOD


def test_labels_that_leave_it_open_are_not_learned_from_alone(tmp_path):
    with pytest.raises(PsdlError, match="not certain"):
        learned(table(tmp_path / "lot", "label", "barely ok", "ok nicht"))


@pytest.mark.parametrize(
    "bad", [{"defects": ["scratch"]}, {"regions": [{"box": [1, 2, 3, 4]}]}, {"meta": {"label": "NG"}}]
)
def test_objects_that_hold_labels_inside_are_asked_about(bad, tmp_path):
    (key,) = bad
    good = {key: {"label": "good"} if key == "meta" else []}
    path = table(tmp_path / "lot", "label", "good", "NG").with_name("t.jsonl")
    rows = [*({"path": name, **good} for name in GOOD), *({"path": name, **bad} for name in BAD)]
    path.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(PsdlError, match=f"its column '{key}.* seems to hold them"):
        read(path)


NAMED = ("good/*3.png", "NG/*2.png", "masks/NG/*2.png=mask", "test/scratch/*2.png")
HEADS = {
    "t.txt": ("", ""),
    "t.csv": ("path", ""),
    "g.csv": ("path,group", ",7"),
    "s.csv": ("path,split", ",train"),
    "e.csv": ("path,label", ","),
    "l.csv": ("path,label", ",good"),
}


@pytest.mark.parametrize("name", HEADS)
def test_paths_in_lists_and_tables_say_what_images_are(name, tmp_path):
    root = tree(tmp_path / "lot", *NAMED)
    head, tail = HEADS[name]
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))
    (root / name).write_text("\n".join(filter(None, [head, *(one + tail for one in names)])))
    assert learned(root / name) == [f"good/{n}.png" for n in range(3)]
    (root / "plain.txt").write_text(
        "\n".join(f"{folder}/{n}.png" for folder in ("prima", "zonk") for n in range(2))
    )
    tree(root, "prima/*2.png", "zonk/*2.png")
    with pytest.raises(PsdlError, match="not certain"):  # as of the folder itself
        learned(root / "plain.txt")


REFUSED = {
    "classes": ("cat/*3.png", "dog/*3.png"),
    "numbers": ("0/*3.png", "1/*3.png"),
    "files": ("pos_*3.png", "neg_*3.png"),
    "lots": ("lot1/*3.png", "hole/*3.png"),
}


@pytest.mark.parametrize("file", ["t.txt", "t.csv"])
@pytest.mark.parametrize("name", REFUSED)
def test_lists_and_tables_refuse_what_a_folder_does(name, file, tmp_path):
    root = tree(tmp_path / "lot", *REFUSED[name], "lot1/*3.png", "lot2/*3.png")
    names = [one.replace("*3", str(n)) for one in REFUSED[name] for n in range(3)]
    (root / file).write_text("\n".join((["path"] if file == "t.csv" else []) + names))
    with pytest.raises(PsdlError, match="not certain"):
        learned(root / file)
    lots = [f"lot{1 + n % 2}/{n // 2}.png" for n in range(6)]
    (root / file).write_text("\n".join((["path"] if file == "t.csv" else []) + lots))
    assert len(learned(root / file)) == 6


def test_lists_may_hold_comments_and_quotes_but_no_labels(tmp_path):
    root = tree(tmp_path / "lot", "i/a b.png", "i/1.png")
    (root / "t.txt").write_text('# good ones\n"i/a b.png"\n\ni/1.png\n')
    assert learned(root / "t.txt") == ["i/1.png", "i/a b.png"]
    (root / "t.txt").write_text("i/a b.png\ni/1.png 0\n")
    with pytest.raises(PsdlError, match="line 2 has '0' behind the path, expected a path alone: for labels give"):
        read(root / "t.txt")


@pytest.mark.parametrize("column", ["Datei", "ImageId", "image_id", "Bild"])
def test_columns_of_paths_and_split_files_without_masks(column, tmp_path):
    root = tree(tmp_path / "lot", "i/*3.png")
    rows = ["i/0.png,good,train", "i/1.png,good,train", "i/2.png,blot,test"]
    (root / "split.csv").write_text("\n".join([f"{column},label,split", *rows]))
    assert learned(root) == learned(root / "split.csv") == ["i/0.png", "i/1.png"]


def test_paths_given_one_by_one_must_not_say_that_some_are_defective(tmp_path):
    root = tree(tmp_path / "defects", *NAMED, "hole/*2.png", "lot7/*2.png", "good/ng_3.png")
    good, lot = sorted((root / "good").glob("?.png")), sorted((root / "lot7").iterdir())
    for some in ([*good, *lot], [*map(str, good)], sorted((root / "NG").iterdir())):
        assert len(choosing.given(some).items) == len(some)
    for odd in ("NG/0.png", "masks/NG/0.png", "test/scratch/0.png", "hole/0.png", "good/ng_3.png"):
        with pytest.raises(PsdlError, match=r"1 of them are defective or masks, such as .*\.png: leave these out"):
            choosing.given([*map(str, good), str(lot[0]), str(root / odd)])
    assert len(choosing.given([np.zeros((9, 9, 3), np.uint8)] * 2).items) == 2
