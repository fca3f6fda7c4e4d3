"""Results, exports, splits and masks as other programs write and name them."""

from __future__ import annotations

import json

import pytest

from psdl.datasets import choosing
from psdl.datasets.read import read
from psdl.errors import PsdlError
from tests.datasets.test_around import FIRST, LAST, PICTURES, learned, written
from tests.datasets.trees import tree


@pytest.mark.parametrize("column", ["eol_test", "leak_test", "Test bestanden", "is_valid", "test"])
def test_results_of_tests_are_no_splits(column, tmp_path):
    """1 means passed there: read as the split test, exactly the failures would be learned from."""
    root = tree(tmp_path / "lot", *PICTURES)
    written(root / "a.csv", [f"path,{column}", *(f"{n}.png,{int(n in FIRST)}" for n in (*FIRST, *LAST))])
    with pytest.raises(PsdlError, match=rf"{column}' seems to hold them"):
        read(root / "a.csv")


@pytest.mark.parametrize("column", ["Station 1", "Cam1", "pressure_test"])
def test_letters_for_passed_and_failed_are_asked_about_under_any_name(column, tmp_path):
    root = tree(tmp_path / "lot", *PICTURES)
    written(
        root / "a.csv", [f"path,{column}", *(f"{n}.png,{'P' if n in FIRST else 'F'}" for n in (*FIRST, *LAST))]
    )
    with pytest.raises(PsdlError, match="seems to hold them"):
        read(root / "a.csv")


def test_a_judgement_of_1_and_0_is_asked_about(tmp_path):
    root = tree(tmp_path / "lot", *PICTURES)
    written(root / "a.csv", ["path,判定", *(f"{n}.png,{int(n in FIRST)}" for n in (*FIRST, *LAST))])
    with pytest.raises(PsdlError, match="not certain which is good"):
        read(root / "a.csv")


def test_decimal_commas_are_numbers(tmp_path):
    root = tree(tmp_path / "lot", *PICTURES)
    written(
        root / "a.csv", ["path;label", *(f"{n}.png;{'0,0' if n in FIRST else '1,0'}" for n in (*FIRST, *LAST))]
    )
    assert learned(root / "a.csv") == [f"{n}.png" for n in FIRST]


JUDGED = dict.fromkeys(FIRST, "OK") | dict.fromkeys(LAST, "NG")
EXPORTS = {
    "labels of Label Studio": (
        "project-1.csv",
        ["id,choice,image", *(f"1,{JUDGED[n]},/data/upload/3/ab12cd34-{n}.png" for n in JUDGED)],
    ),
    "a page of results": (
        "README.md",
        ["| image | verdict |", *(f"| {n}.png | {JUDGED[n]} |" for n in JUDGED)],
    ),
    "a report": (
        "report.html",
        [f"<tr><td>{n}.png</td><td>{JUDGED[n]}</td></tr>" for n in JUDGED],
    ),
}  # fmt: skip


def test_results_called_after_images_are_heard(tmp_path):
    root = tree(tmp_path / "lot", *PICTURES)
    for n, verdict in JUDGED.items():
        written(root / f"{n}_result.json", [json.dumps({"verdict": verdict})])
    with pytest.raises(PsdlError, match=r"100_result.json seems to label them"):
        learned(root)


@pytest.mark.parametrize("encoding", ["shift-jis", "gbk"])
def test_a_table_in_another_encoding_beside_images_is_not_passed_over(encoding, tmp_path):
    root = tree(tmp_path / "lot", *PICTURES)
    rows = [
        "画像,結果" if encoding == "shift-jis" else "图片,结果",
        *(f"{n}.png,{'良' if n in FIRST else '不良'}" for n in JUDGED),
    ]
    (root / "a.csv").write_bytes("\n".join(rows).encode(encoding))
    with pytest.raises(PsdlError, match=r"a.csv seems to label them"):
        learned(root)


@pytest.mark.parametrize("name", EXPORTS)
def test_exports_and_reports_beside_images_are_heard(name, tmp_path):
    file, lines = EXPORTS[name]
    root = tree(tmp_path / "lot", *PICTURES)
    written(root / file, lines)
    with pytest.raises(PsdlError, match=rf"{file} seems to label them"):
        learned(root)


@pytest.mark.parametrize(
    "files",
    [
        {"split_file.csv": ["image,set", *(f"{one},{'train' if one < '106' else 'test'}" for one in PICTURES)]},
        {"split.json": [json.dumps({one: "train" if one < "106" else "test" for one in PICTURES})]},
        {"splits.json": [json.dumps({"splits": {"train": PICTURES[:6], "test": PICTURES[6:]}})]},
        {"fold1_train.txt": PICTURES[:6], "fold1_test.txt": PICTURES[6:]},
    ],
)
def test_splits_in_further_forms_are_heard(files, tmp_path):
    root = tree(tmp_path / "lot", *PICTURES)
    for name, lines in files.items():
        written(root / name, lines)
    assert learned(root) == PICTURES[:6]


@pytest.mark.parametrize("folder", ["msk", "Fehlermasken", "roi", "binary"])
def test_folders_of_masks_of_any_name_are_masks(folder, tmp_path):
    names = [f"bad/{n}.png" for n in LAST]
    masks = [f"{folder}/{n}.png=mask" for n in LAST]
    root = tree(tmp_path / "lot", *(f"good/{n}.png" for n in FIRST), *names, *masks)
    found = choosing.testing(read(root).samples)
    assert [s.name for s in found if s.label == 1] == names
    assert all(s.mask for s in found if s.label == 1)


def test_a_good_folder_whose_files_are_divided_is_asked_about(tmp_path):
    root = tree(tmp_path / "lot", *(f"good/{n}_{'F' if n in LAST else 'P'}.png" for n in (*FIRST, *LAST)))
    with pytest.raises(PsdlError, match="divide them in two"):
        learned(root)


def test_names_drawn_at_random_do_not_hide_letters_behind_them(tmp_path):
    drawn = ["32d70693", "35bac28a", "a1b2c3d4", "00ff00f0", "9e8d7c6b", "12345678"]
    root = tree(tmp_path / "lot", *(f"{one}_{'F' if n > 3 else 'P'}.png" for n, one in enumerate(drawn)))
    with pytest.raises(PsdlError, match="divide them in two"):
        learned(root)


def test_hedged_labels_are_not_good_for_certain(tmp_path):
    root = tree(tmp_path / "lot", *PICTURES)
    written(
        root / "a.csv", ["path,label", *(f"{n}.png,{'OK' if n in FIRST else '(OK)'}" for n in (*FIRST, *LAST))]
    )
    assert learned(root / "a.csv") == [f"{n}.png" for n in FIRST]


def test_a_negative_of_a_defect_is_good(tmp_path):
    root = tree(tmp_path / "lot", "Crack_Negative/*6.png", "Crack_Positive/*3.png")
    assert {s.name.split("/")[0]: s.label for s in read(root).samples} == {
        "Crack_Negative": 0,
        "Crack_Positive": 1,
    }


@pytest.mark.parametrize(
    "names", [("Kamera links", "Kamera rechts"), ("Cavity_1", "Cavity_2"), ("相机1", "相机2")]
)
def test_folders_of_stations_and_views_are_taken_as_good(names, tmp_path):
    assert len(learned(tree(tmp_path / "lot", *(f"{name}/*4.png" for name in names)))) == 8


@pytest.mark.parametrize("folder", ["rework", "Nacharbeit", "to review", "quarantine"])
def test_a_folder_of_what_is_not_for_learning_is_asked_about(folder, tmp_path):
    with pytest.raises(PsdlError, match="not certain"):
        learned(tree(tmp_path / "lot", f"{folder}/*6.png"))
