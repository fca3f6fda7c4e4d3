"""Folders to samples, in every layout."""

from __future__ import annotations

import pytest

from psdl.datasets import check
from psdl.datasets.read import choose, listed, read
from psdl.errors import PsdlError
from psdl.types import InputRule
from tests import parts
from tests.datasets.trees import tree


def counts(samples):
    return {
        (split, label): sum(1 for s in samples if (s.split, s.label) == (split, label))
        for split, label in sorted({(s.split, s.label) for s in samples}, key=str)
    }


def test_mvtec_with_masks_of_both_names_and_any_extension(mvtec):
    found = read(mvtec)
    assert found.layout == "mvtec"
    assert counts(found.samples) == {("train", 0): 24, ("test", 0): 8, ("test", 1): 8}
    assert all(s.mask for s in found.samples if s.label == 1)
    assert {s.category for s in found.samples} == {"bolt", "nut"}
    assert found.rule.resize == (256, 256)
    assert len(choose(found.samples, ["nut"])) == 20


def test_a_root_that_is_itself_a_category(mvtec):
    found = read(mvtec / "nut")
    assert counts(found.samples) == {("train", 0): 12, ("test", 0): 4, ("test", 1): 4}
    assert {s.category for s in found.samples} == {"nut"}


@pytest.mark.parametrize("name", ["screw", "my parts"])
def test_a_folders_name_cuts_nothing_away(tmp_path, name):
    data = parts.mvtec(tmp_path, (name,), train=2)
    assert read(data).rule == InputRule()
    assert read(data, published=True).rule.window == (224, 224)
    assert read(data, "mvtec").rule.window == (224, 224)


def test_native_mtd(tmp_path):
    found = read(parts.mtd(tmp_path))
    assert found.layout == "mtd"
    assert counts(found.samples) == {("train", 0): 9, ("test", 0): 3, ("test", 1): 1}
    assert {s.group for s in found.samples} == {"b0", "b1", "b2", "b3", "b9"}
    assert [s.mask is not None for s in found.samples] == [s.label == 1 for s in found.samples]


def test_native_kolektor(tmp_path):
    found = read(parts.kolektor(tmp_path))
    assert found.layout == "kolektor"
    assert counts(found.samples) == {("train", 0): 4, ("test", 0): 1, ("test", 1): 1}
    assert found.rule.crop is None
    assert read(tmp_path, published=True).rule.crop == (1000, 500)


def test_a_split_file_with_categories(tmp_path):
    parts.mvtec(tmp_path, train=2)
    rows = ["path,mask,label,split,group,category"]
    rows += [
        "bolt/train/good/000.png,,good,train,g,B",
        "nut/test/blot/000.png,nut/ground_truth/blot/000.png,blot,test,,N",
    ]
    (tmp_path / "split.csv").write_text("\n".join(rows))
    found = read(tmp_path)
    assert found.layout == "manifest"
    assert [(s.category, s.label, s.group) for s in found.samples] == [("B", 0, "g"), ("N", 1, None)]


def test_a_plain_folder_with_hidden_files_and_folders(tmp_path, mvtec):
    (tmp_path / "sub").mkdir()
    for target in ("a.png", "sub/B.PNG", ".hidden.png"):
        (tmp_path / target).write_bytes((mvtec / "nut/test/good/000.png").read_bytes())
    found = read(tmp_path)
    assert found.layout == "plain"
    assert [s.name for s in found.samples] == ["a.png", "sub/B.PNG"]
    assert len(check.learning(found.samples)) == 2
    assert [s.path for s in listed([str(tmp_path / "a.png"), str(tmp_path)]).samples] == [
        str(tmp_path / n) for n in ("a.png", "a.png", "sub/B.PNG")
    ]


def test_a_plain_folder_never_learns_from_what_is_named_bad(tmp_path):
    tree(tmp_path, "good/a.png", "OK/b.png", "bad/c.png", "parts/ng/d.png", "e.png")
    found = read(tmp_path)
    assert {s.name: s.label for s in found.samples} == {
        "good/a.png": 0,
        "OK/b.png": 0,
        "bad/c.png": 1,
        "parts/ng/d.png": 1,
        "e.png": None,
    }
    assert [s.name for s in check.learning(found.samples)] == ["OK/b.png", "good/a.png"]
    assert check.check(check.learning(found.samples), found.rule, map).lines[0].endswith(": 2 good")


def test_findings_name_counts_groups_and_sizes(tmp_path):
    found = read(parts.mtd(tmp_path))
    lines = check.check(found.samples, found.rule, map).lines
    assert lines[0] == "mtd: 9 good to learn from, 1 defective to test, 3 good to test, 1 with masks"
    assert "5 groups" in lines[1]
    assert lines[2] == "all 128 x 96 pixels"


def test_what_cannot_be_read_is_named(tmp_path, mvtec):
    empty = tmp_path / "empty"
    empty.mkdir()
    cases = [
        (tmp_path / "none", None, "no folder"),
        (empty, None, "no images"),
        (mvtec / "nut/test/good/000.png", None, "is a file"),
        (mvtec, "mvtek", "unknown datasets/formats name 'mvtek': choose one of mvtec"),
        (mvtec, "mtd", "no images laid out as 'mtd'"),
    ]
    for root, layout, words in cases:
        with pytest.raises(PsdlError) as error:
            read(root, layout)
        assert words in str(error.value)
    with pytest.raises(PsdlError, match="unknown category 'nutt': choose one of nut, bolt"):
        choose(read(mvtec).samples, ["nutt"])
    with pytest.raises(PsdlError, match="no file or folder"):
        listed([str(tmp_path / "none.png")])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,mask,label,group\n", "lacks the column 'split'"),
        ("path,mask,label,split,group\na.png,,good,dev,\n", "line 2: split is 'dev'"),
        ("path,mask,label,split,group\na.png,,good,train,\n", "line 2: no file a.png"),
    ],
)
def test_faults_of_a_split_file_are_named(tmp_path, text, words):
    (tmp_path / "split.csv").write_text(text)
    with pytest.raises(PsdlError) as error:
        read(tmp_path)
    assert words in str(error.value)


def test_a_missing_mask_among_others_is_named(tmp_path):
    root = parts.mvtec(tmp_path, ("nut",), train=2)
    (root / "nut/ground_truth/blot/002.png").unlink()
    found = read(root)
    assert sorted(bool(s.mask) for s in found.samples if s.label) == [False, True, True, True]
    _, said = check.with_masks([s for s in found.samples if s.label], map)
    assert said == [
        "masks of defective images: 1 of 4 missing, such as that of nut/test/blot/002.png; what is measured of"
        " pixels leaves these images out"
    ]


@pytest.mark.slow
def test_real_sets_have_the_counts_of_their_readme(real_data):
    expected = {
        "mtd": ("mtd", {("train", 0): 668, ("test", 0): 279, ("test", 1): 388}),
        "kolektorsdd": ("kolektor", {("train", 0): 207, ("test", 0): 126, ("test", 1): 50}),
        "cookie": ("mvtec", {("train", 0): 31, ("test", 0): 14, ("test", 1): 32}),
    }
    for name, (layout, sizes) in expected.items():
        found = read(real_data / name)
        assert found.layout == layout
        assert counts(found.samples) == sizes
        good = [s for s in found.samples if s.group and s.label == 0]
        by_side = [{s.group for s in good if s.split == side} for side in ("train", "test")]
        assert not by_side[0] & by_side[1]
