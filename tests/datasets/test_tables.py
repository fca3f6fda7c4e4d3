"""Tables as spreadsheets, other programs and psdl itself write them."""

from __future__ import annotations

import json

import pytest

from psdl.datasets import choosing
from psdl.datasets.read import read
from psdl.datasets.split import write
from psdl.errors import PsdlError
from tests.datasets.trees import tree

ROWS = [(f"good/{n}.png", "good", "train" if n < 3 else "test") for n in range(4)] + [
    ("bad/0.png", "blot", "test")
]
SPELLED = {
    "as documented": ("path,label,split", {}, ","),
    "capitals and blanks": ("Path, Label , SPLIT", {}, ","),
    "semicolons": ("path;label;split", {}, ";"),
    "tabs": ("path\tlabel\tsplit", {}, "\t"),
    "other names": ("File Name,class,subset", {}, ","),
    "OK and NG": ("path,label,split", {"good": "OK", "blot": "NG"}, ","),
    "normal and anomaly": ("path,label,split", {"good": "normal", "blot": "anomaly"}, ","),
    "pass and fail": ("path,label,split", {"good": "Pass", "blot": "FAIL"}, ","),
    "0 and 1": ("path,label,split", {"good": "0", "blot": "1"}, ","),
    "Good": ("path,label,split", {"good": "Good"}, ","),
    "Train and Testing": ("path,label,split", {"train": "Train", "test": "Testing"}, ","),
    "val": ("path,label,split", {"test": "val"}, ","),
    "backslashes": ("path,label,split", {"/": "\\"}, ","),
}


def written(root, head, changes, separator, before=""):
    lines = [head, "", *(separator.join(row) for row in ROWS), separator * 2]
    text = "\r\n".join(lines)
    for old, new in changes.items():
        text = text.replace(old, new) if old == "/" else text.replace(f"{separator}{old}", f"{separator}{new}")
    (root / "t.csv").write_bytes((before + text).encode("utf-8"))
    return root / "t.csv"


@pytest.mark.parametrize("before", ["", "\ufeff"], ids=["", "BOM"])
@pytest.mark.parametrize("name", SPELLED)
def test_a_table_is_read_however_it_is_spelled(name, before, tmp_path):
    root = tree(tmp_path / "lot", "good/*4.png", "bad/*1.png")
    found = read(written(root, *SPELLED[name], before))
    assert [s.name for s in choosing.learning(found.samples)] == ["good/0.png", "good/1.png", "good/2.png"]
    assert [(s.name, s.label) for s in choosing.testing(found.samples)] == [("bad/0.png", 1), ("good/3.png", 0)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,result\ngood/0.png,OK\nbad/0.png,NG\n", "its column 'result' seems to hold them"),
        ("path,label,verdict\ngood/0.png,,OK\nbad/0.png,,NG\n", "its column 'verdict' seems to hold them"),
        ("path,label\ngood/0.png,scratch, deep\n", "has 3 values for 2 columns"),
        ("path,label,category\ngood/0.png,good,../..\n", "category is '../..', expected a plain name"),
        ("path,label,category\ngood/0.png,good,/etc\n", "category is '/etc'"),
        ("path,label,split\ngood/0.png,good,later\n", "split is 'later', expected train or test"),
        ("path,label\nC:\\gone\\0.png,good\n", "line 2: no file C:\\gone\\0.png"),
    ],
)
def test_what_is_not_certain_in_a_table_is_refused(text, words, tmp_path):
    root = tree(tmp_path / "lot", "good/*2.png", "bad/*1.png")
    (root / "t.csv").write_text(text)
    with pytest.raises(PsdlError) as error:
        read(root / "t.csv")
    assert words in str(error.value)


def test_rows_without_a_label_among_labelled_ones_are_not_learned_from(tmp_path):
    root = tree(tmp_path / "lot", "good/*4.png", "bad/*2.png")
    (root / "t.csv").write_text("path,label\ngood/0.png,good\ngood/1.png,ok\nbad/0.png,\nbad/1.png,NG\n")
    assert [s.name for s in choosing.learning(read(root / "t.csv").samples)] == ["good/0.png", "good/1.png"]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_psdls_own_results_are_tables_of_images(ending, tmp_path):
    root = tree(tmp_path / "lot", "good/*3.png", "bad/*1.png")
    rows = [("good/0.png", 0), ("good/1.png", 0), ("good/2.png", 0), ("bad/0.png", 1)]
    if ending == "csv":
        head = "path,category,label,score,threshold,verdict"
        text = "\n".join(
            [head, *(f"{path},lot,{label},{label}.5,1,{'NG' if label else 'OK'}" for path, label in rows)]
        )
    else:
        text = "\n".join(
            json.dumps({"path": path, "label": label, "score": 1.5, "regions": []}) for path, label in rows
        )
    (root / f"images.{ending}").write_text(text)
    found = read(root / f"images.{ending}")
    assert [(s.name, s.label, s.kind) for s in found.samples if s.label] == [("bad/0.png", 1, "defect")]
    assert len(choosing.learning(found.samples)) == 3


def test_a_written_table_leads_back_by_relative_paths_from_anywhere(tmp_path):
    root = tree(tmp_path / "data" / "lot", "good/*3.png", "hole/*1.png", "mask/hole/0_mask1.png=mask",
                "mask/hole/0_mask2.png=mask")  # fmt: skip
    found = read(root)
    (tmp_path / "tables").mkdir()
    write(found.samples, tmp_path / "tables" / "split.csv")
    text = (tmp_path / "tables" / "split.csv").read_text()
    assert "../data/lot/good/0.png" in text
    assert str(tmp_path) not in text
    back = read(tmp_path / "tables" / "split.csv")
    assert [s.name for s in back.samples] == [s.name for s in found.samples]  # and no name leads outside
    assert [len(s.mask) for s in back.samples if s.mask] == [2]


def test_manifests_of_lookout_for_vision(tmp_path):
    root = tree(tmp_path / "set", "train/normal/*3.png", "train/anomaly/0.png", "masks/0.png=mask")
    rows = [
        {"source-ref": f"s3://bucket/set/train/{kind}/{n}.png", "anomaly-label": int(kind == "anomaly"),
         "anomaly-label-metadata": {"class-name": kind}}
        for kind, n in [("normal", 0), ("normal", 1), ("normal", 2), ("anomaly", 0)]
    ]  # fmt: skip
    rows[3]["anomaly-mask-ref"] = "s3://bucket/set/masks/0.png"
    (root / "train.manifest").write_text("\n".join(map(json.dumps, rows)))
    found = read(root / "train.manifest")
    assert found.layout == "lookout"
    assert [(s.label, s.split, bool(s.mask)) for s in found.samples] == [
        (1, "train", True),
        *[(0, "train", False)] * 3,
    ]
    rows[0]["source-ref"] = "s3://bucket/gone.png"
    (root / "train.manifest").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(PsdlError, match=r"line 1: no file for 's3://bucket/gone.png'"):
        read(root / "train.manifest")


JOBS = {
    "class": lambda bad: {"j": int(bad), "j-metadata": {"class-name": ("normal", "anomaly")[bad]}},
    "boxes": lambda bad: {
        "j": {"image_size": [], "annotations": [{"class_id": 0}] * bad},
        "j-metadata": {"class-map": {"0": "scratch"}},
    },
}


@pytest.mark.parametrize(
    ("key", "value"),
    [("anomaly-label-metadata", "normal"), ("boxes-metadata", "{"), ("boxes", {"annotations": "[1"})],
)
def test_a_manifest_with_broken_values_is_refused_by_its_line(key, value, tmp_path):
    tree(tmp_path, "a.png")
    row = {"source-ref": "s3://bucket/a.png", "anomaly-label": 0, "boxes": 0, "boxes-metadata": {}, key: value}
    (tmp_path / "train.manifest").write_text(json.dumps(row))
    with pytest.raises(PsdlError, match=rf"line 1: .*{key}.* is no JSON"):
        read(tmp_path / "train.manifest")


def test_a_manifest_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "train.manifest").write_bytes(b'{"source-ref": "a\xff.png"}')
    with pytest.raises(PsdlError, match="give a file of UTF-8 text"):
        read(tmp_path / "train.manifest")


@pytest.mark.parametrize("job", JOBS)
def test_manifests_of_labelling_jobs_of_any_name(job, tmp_path):
    root = tree(tmp_path / "lot", "i/*4.png")
    rows = [{"source-ref": f"s3://b/i/{n}.png", **JOBS[job](n > 1)} for n in range(4)]
    (root / "o.manifest").write_text("\n".join(map(json.dumps, rows)))
    assert [s.label for s in read(root / "o.manifest").samples] == [0, 0, 1, 1]
    rows[0]["k"], rows[0]["k-metadata"] = 1, {"class-name": "anomaly"}
    (root / "o.manifest").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(PsdlError, match="line 1: j, k contradict each other"):
        read(root / "o.manifest")
    rows[0]["k-metadata"] = {"class-name": "bolt"}
    (root / "o.manifest").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(PsdlError, match="line 1: class 'bolt' of k, expected normal or anomaly: give a table"):
        read(root / "o.manifest")


def test_manifests_that_their_paths_contradict(tmp_path):
    root = tree(tmp_path / "lot", "anomaly/*2.png", "normal/*2.png")
    rows = [
        {"source-ref": f"s3://b/{name}.png", **JOBS["class"](name == "anomaly/1")}
        for name in ("normal/0", "normal/1", "anomaly/0", "anomaly/1")
    ]
    (root / "o.manifest").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(PsdlError, match=r"anomaly/0\.png is labelled good, but its path"):
        read(root / "o.manifest")
