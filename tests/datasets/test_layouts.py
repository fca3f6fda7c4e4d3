"""Layouts of public data sets, on trees built to their published structure; tables and lists of images."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from psdl.datasets import check, choosing
from psdl.datasets.read import listed, read
from psdl.errors import PsdlError
from tests import parts


def tree(root: Path, *names: str) -> Path:
    """An image at each name; white where the name says so, else black."""
    for name in names:
        parts.save(np.full((24, 32), 255 * ("white" in name), np.uint8), root / name.replace("white/", ""))
    return root


def rows(found):
    return [(s.name, s.category, s.split, s.label, s.kind, bool(s.mask)) for s in found.samples]


def test_btad_with_bmp_and_png_mixed(tmp_path):
    images = ("01/train/ok/0.bmp", "01/test/ok/1.bmp", "01/test/ko/2.bmp", "01/ground_truth/ko/2.png")
    found = read(tree(tmp_path, *images, "02/train/ok/0.png"))
    assert found.layout == "btad"
    assert rows(found) == [
        ("01/test/ko/2.bmp", "01", "test", 1, "ko", True),
        ("01/test/ok/1.bmp", "01", "test", 0, "good", False),
        ("01/train/ok/0.bmp", "01", "train", 0, "good", False),
        ("02/train/ok/0.png", "02", "train", 0, "good", False),
    ]
    assert [s.category for s in read(tmp_path / "02").samples] == ["02"]


def test_visa_by_its_split_file(tmp_path):
    normal, bad = "candle/Data/Images/Normal/0.JPG", "candle/Data/Images/Anomaly/000.JPG"
    mask = "candle/Data/Masks/Anomaly/000.png"
    tree(tmp_path, normal, normal.replace("0.", "1."), bad, mask)
    lines = ["object,split,label,image,mask", f"candle,train,normal,{normal},"]
    lines += [f"candle,test,normal,{normal.replace('0.', '1.')},", f"candle,test,anomaly,{bad},{mask}"]
    table = tmp_path / "split_csv" / "1cls.csv"
    table.parent.mkdir()
    table.write_text("\n".join(lines))
    found = read(tmp_path)
    assert found.layout == "visa"
    assert rows(found) == [
        (bad, "candle", "test", 1, "anomaly", True),
        (normal, "candle", "train", 0, "good", False),
        (normal.replace("0.", "1."), "candle", "test", 0, "good", False),
    ]
    table.write_text("\n".join([*lines, "candle,test,odd,x.JPG,"]))
    with pytest.raises(PsdlError, match="line 5: label is 'odd', expected normal or anomaly"):
        read(tmp_path)


def test_kolektorsdd2_labels_by_mask_and_leaves_out_copies(tmp_path):
    images = ("train/10000.png", "train/10000_GT.png", "train/10001.png", "white/train/10001_GT.png")
    copies = ("train/10001_GT (copy).png", "test/20000.png", "white/test/20000_GT.png")
    found = read(tree(tmp_path, *images, *copies))
    assert found.layout == "kolektor2"
    assert rows(found) == [
        ("test/20000.png", "kolektorsdd2", "test", 1, "defect", True),
        ("train/10000.png", "kolektorsdd2", "train", 0, "good", False),
        ("train/10001.png", "kolektorsdd2", "train", 1, "defect", True),
    ]
    (tmp_path / "test/20000_GT.png").unlink()
    with pytest.raises(PsdlError, match=r"the mask .*20000_GT.png cannot be read"):
        read(tmp_path)


def test_mpdd_is_laid_out_like_mvtec(tmp_path):
    images = ("tubes/train/good/000.png", "tubes/test/anomalous/000.png", "tubes/test/good/000.png")
    found = read(tree(tmp_path, *images, "tubes/ground_truth/anomalous/000_mask.png"))
    assert (found.layout, len(found.samples)) == ("mvtec", 3)
    assert [s.kind for s in found.samples if s.mask] == ["anomalous"]


TABLE = [
    {"path": "a.png", "label": "good", "split": "train", "group": "7"},
    {"path": "sub/ b.png", "label": "", "split": "", "category": "lid"},
    {"path": "c.png", "label": "dent", "split": "test", "mask": "m.png"},
]


def written(root: Path, kind: str) -> Path:
    table = root / f"images.{kind}"
    if kind == "csv":
        columns = ("path", "label", "split", "group", "category", "mask")
        lines = [",".join(columns), *(",".join(row.get(c, "") for c in columns) for row in TABLE)]
    else:
        lines = [json.dumps(row) for row in TABLE]
    table.write_text("\n".join(lines))
    return table


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_table_of_images_may_leave_columns_out(tmp_path, kind):
    root = tree(tmp_path / "lot", "a.png", "sub/ b.png", "c.png", "m.png")
    found = read(written(root, kind))
    assert found.layout == "manifest"
    assert rows(found) == [
        ("sub/ b.png", "lid", "none", None, "", False),
        ("a.png", "lot", "train", 0, "good", False),
        ("c.png", "lot", "test", 1, "dent", True),
    ]
    assert found.samples[1].group == "7"
    assert len(listed([str(root / f"images.{kind}")]).samples) == 3


def test_a_list_of_paths(tmp_path):
    root = tree(tmp_path / "lot", "a.png", "b.png", "c.png")
    table = root / "some.txt"
    table.write_text(f"b.png\n\n{root / 'a.png'}\n")
    found = read(table)
    assert found.layout == "list"
    assert sorted(Path(s.path).name for s in found.samples) == ["a.png", "b.png"]
    assert len(check.learning(found.samples)) == 2


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("t.csv", "colour,label\na.png,good\n", "lacks the column 'path'"),
        ("t.csv", "path,split\na.png,dev\n", "line 2: split is 'dev', expected train or test"),
        ("t.csv", "path\nb.png\n", "line 2: no file b.png"),
        ("t.csv", "path,mask\na.png,b.png\n", "line 2: no file b.png"),
        ("t.csv", b"path\n\xff\n", "cannot be read"),
        ("t.jsonl", '{"path": "a.png"}\n{"path"\n', "line 2 is no JSON ("),
        ("t.jsonl", "[1]\n", "line 1 is no JSON object"),
        ("t.txt", "a.png\nb.png\n", "line 2: no file b.png"),
        ("t.txt", "", "no images"),
    ],
)
def test_faults_of_tables_and_lists_are_named(tmp_path, name, text, words):
    tree(tmp_path, "a.png")
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(PsdlError) as error:
        read(tmp_path / name)
    assert words in str(error.value)


def test_links_are_not_followed_into_loops_and_dead_ones_are_not_overlooked(tmp_path):
    tree(tmp_path, "a.png", "sub/b.png")
    os.symlink(tmp_path, tmp_path / "sub" / "loop")
    os.symlink(tmp_path / "gone.png", tmp_path / "dead.png")
    assert [s.name for s in read(tmp_path).samples] == ["a.png", "dead.png", "sub/b.png"]


def test_a_table_is_learned_from_and_judged_by_the_command_line(tmp_path):
    rng = np.random.default_rng(0)
    for n in range(6):
        parts.save(parts.good(rng), tmp_path / f"{n}.png")
    (tmp_path / "good.txt").write_text("".join(f"{n}.png\n" for n in range(6)))
    model = tmp_path / "m.psdl"
    done = parts.psdl("fit", tmp_path / "good.txt", "--model", model, "--recipe", "fast")
    assert done.returncode == 0, done.stderr
    assert "layout list, recognised by a list of paths" in done.stdout
    judged = parts.psdl("predict", model, tmp_path / "good.txt", "--json", "--quiet")
    assert judged.stdout.count("\n") == 6


def test_defects_are_taken_from_what_was_read_and_good_samples_are_none(tmp_path):
    names = [f"{kind}/{n}.png" for kind in ("bad", "scratch") for n in (0, 1)]
    tree(tmp_path, *(f"good/{n}.png" for n in range(3)), *names)
    found = read(tmp_path, bad=["scratch", "bad"])
    for given in (str(tmp_path / "bad"), found, found.samples, list(found.samples)):
        taken = [s.name for s in choosing.given_defects(given)]
        assert taken == names or given == str(tmp_path / "bad")
    with pytest.raises(PsdlError, match="none of 3 images is labelled as a defect"):
        choosing.given_defects([s for s in found.samples if s.label == 0])
