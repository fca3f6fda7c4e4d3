"""What signs, lists, notes and odd files say of images, as people write them; found by trying."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress

import pytest

from psdl.datasets import choosing
from psdl.datasets.read import read
from psdl.errors import PsdlError
from tests.datasets.trees import tree

PICTURES = [f"{n}.png" for n in range(100, 109)]
BAD = {"106.png", "107.png", "108.png"}


def learned(root):
    """The names of what would be learned from; none where that is refused."""
    try:
        return {s.name.rpartition("/")[2] for s in choosing.learning(read(root).samples)}
    except PsdlError:
        return set()


@pytest.mark.parametrize(("good", "bad"), ["○×", "✓✗", "+-", "👍👎", ("◯", "✕"), ("🟢", "🔴")])
def test_signs_are_words(good, bad, tmp_path):
    root = tree(tmp_path / "lot", *(f"{good}/{n}" for n in PICTURES[:6]), *(f"{bad}/{n}" for n in PICTURES[6:]))
    assert learned(root) == set(PICTURES[:6])
    assert sum(s.label == 1 for s in read(root).samples) == 3
    rows = [f"{name},{bad if name in BAD else good}" for name in PICTURES]
    flat = tree(tmp_path / "flat", *PICTURES)
    (flat / "t.csv").write_text("\n".join(["file,判定", *rows]), encoding="utf-8")
    assert not learned(flat / "t.csv") & BAD


def test_a_cross_between_numbers_is_a_size(tmp_path):
    assert len(learned(tree(tmp_path / "20×30 mm", *PICTURES))) == 9


NOTES = {
    "several a line": "106.png, 107.png, 108.png: scratch",
    "numbers": "106, 107, 108 defekt",
    "a range": "Scratches: 106-108",
    "a range in words": "Bilder 106 bis 108 haben Kratzer",
    "numbers called no.": "no. 106, no. 107 and no. 108 are defective",
    "a heading": "NG:\n106.png\n107.png\n108.png",
    "two headings": "good:\n100.png\n101.png\nbad:\n106.png\n107.png\n108.png",
    "signs of numbers": "\n".join(f"{n} {-1 if n in BAD else 1}" for n in PICTURES),
}


@pytest.mark.parametrize("folder", ["", "good/"])
@pytest.mark.parametrize("note", NOTES)
def test_notes_name_what_is_defective(note, folder, tmp_path):
    root = tree(tmp_path / "lot", *(folder + name for name in PICTURES))
    (root / f"{folder}notes.txt").write_text(NOTES[note], encoding="utf-8")
    assert not learned(root) & BAD


@pytest.mark.parametrize("folder", ["", "good/"])
@pytest.mark.parametrize("name", ["exclude", "ignore", "train_skip", "rework", "suspects", "Nacharbeit"])
def test_lists_of_what_is_taken_out_are_heard(name, folder, tmp_path):
    root = tree(tmp_path / "lot", *(folder + name for name in PICTURES))
    (root / f"{name}.txt").write_text("\n".join(sorted(BAD)))
    assert not learned(root) & BAD


@pytest.mark.parametrize("text", ["hole 1 1 5 5", "hole 0.00 0 0.0 1 1 5 5", "Kerbe 2 mm", "depth=3.2"])
def test_texts_beside_some_images_leave_these_open(text, tmp_path):
    root = tree(tmp_path / "lot", *(f"images/{name}" for name in PICTURES))
    (root / "labels").mkdir()
    for name in BAD:
        (root / f"labels/{name[:3]}.txt").write_text(text)
    assert not learned(root) & BAD


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("README.txt", "Taken at 100 um; 100 parts checked, 0 rejected. Error rate below 100 ppm."),
        (
            "meta.csv",
            "\n".join(["file,material", *(f"{n},{'steel' if int(n[:3]) % 2 else 'alu'}" for n in PICTURES)]),
        ),
        ("camera.log", "frame 100 grabbed, 0 errors, file 100.png\nError: timeout"),
        ("calibration.json", json.dumps({"images": PICTURES, "rms_error": 0.21})),
        ("predictions.csv", "\n".join(["path,score,verdict", *(f"{n},0.{n[:3]},OK" for n in PICTURES)])),
    ],
)
def test_files_about_good_images_take_none_away(file, text, tmp_path):
    root = tree(tmp_path / "lot", *(f"good/{name}" for name in PICTURES), "bad/*2.png")
    (root / "good" / file).write_text(text)
    assert learned(root) == set(PICTURES)


@pytest.mark.parametrize(
    ("given", "beside"),
    [
        ("images/train", "labels/train/106.txt"),
        ("images/train2017", "annotations/instances_default.json"),
        ("JPEGImages", "SegmentationClass/106.png=mask"),
        ("hole/images", "good/images/1.png"),
        ("test/hole", "train/good/1.png"),
    ],
)
def test_what_lies_further_away_is_seen(given, beside, tmp_path):
    root = tree(tmp_path / "set" / given, *PICTURES)
    path = tmp_path / "set" / beside.partition("=")[0]
    if path.suffix == ".png":
        tree(tmp_path / "set", beside)
    else:
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"images": [{"id": 1, "file_name": "106.png"}]}))
    with pytest.raises(PsdlError, match="seems to label them"):
        choosing.learning(read(root).samples)


@pytest.mark.parametrize(("given", "beside"), [("OK_cam1", "OK_cam2"), ("good", "golden"), ("bolts", "normal")])
def test_good_images_beside_good_ones_or_an_empty_folder_are_fine(given, beside, tmp_path):
    root = tree(tmp_path / given, *PICTURES)
    if given == "bolts":
        (tmp_path / beside).mkdir()
    else:
        tree(tmp_path / beside, *PICTURES)
    assert len(learned(root)) == 9


def test_what_cannot_be_opened_or_written_is_passed_over(tmp_path):
    root = tree(tmp_path / "lot", *PICTURES)
    for name in PICTURES:
        os.rename(root / name, os.fsencode(root) + b"/Pr\xfcfling_" + name.encode())
    (tmp_path / "notes.txt").write_text("bought in May")
    (tmp_path / "closed").mkdir(mode=0)
    assert len(learned(root)) == 9


ODD = {
    "long.csv": "x" * 200_000,
    "label.csv": "file,label,不良\n100.png,good,①\n106.png,good,②",
    "shapes.json": '{"shapes":[1],"imagePath":"100.png"}',
    "coco.json": '{"images":[{"id":1,"file_name":"100.png"}],"annotations":[null],"categories":[null]}',
    "deep.json": "[" * 100_000,
    "long_path.csv": f"path,label\n{'x' * 5000}.png,good",
    "profile.dat": "1 2 " * 20_000,
}


@pytest.mark.parametrize("name", ODD)
def test_odd_files_end_in_a_sentence_or_in_nothing_and_soon(name, tmp_path):
    root = tree(tmp_path / "lot", *PICTURES)
    (root / name).write_text(ODD[name], encoding="utf-8")
    start = time.perf_counter()
    for given in (root, root / name):
        with suppress(PsdlError):
            read(given)
    assert time.perf_counter() - start < 20
