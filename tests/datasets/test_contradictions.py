"""Tables whose labels another column or the path contradicts are refused; columns of something else are not."""

from __future__ import annotations

import pytest

from psdl.datasets import choosing
from psdl.datasets.read import read
from psdl.errors import PsdlError
from tests.datasets.trees import tree

NAMES = {0: [f"i/g{n}.png" for n in range(4)], 1: [f"i/b{n}.png" for n in range(4)]}  # by what they really are
COLUMNS = (
    *("status", "result", "verdict", "judgement", "decision", "grade", "inspection", "befund", "diagnosis"),
    *(
        "target",
        "remarks",
        "tag",
        "category",
        "product",
        "group",
        "folder",
        "ok_ng",
        "OK/NG",
        "type",
        "final_label",
    ),
)
PLAIN = {
    "error": ("0", "0"),
    "defects": ("0", "2"),
    "type": ("normal", "normal"),
    "product_type": ("normal", "large"),
    "normal": ("1", "1"),
    "pass": ("1", "2"),
    "aoi": ("fail", "fail"),
    "material": ("rust", "blank"),
    "sensor": ("crack sensor", "lid sensor"),
    "comment": ("lid ok", "dusty lens"),
}  # columns with what the first and the second half of the rows of each label say


def written(root, head, rows):
    """A table with a picture for each row."""
    tree(root, *(row[0] for row in rows))
    (root / "t.csv").write_text("\n".join([head, *(",".join(row) for row in rows)]))
    return root / "t.csv"


@pytest.mark.parametrize("said", [("OK", "NG"), ("good", "scratch"), ("合格", "非合格")])
@pytest.mark.parametrize("column", COLUMNS)
def test_labels_that_a_column_contradicts_are_refused(column, said, tmp_path):
    rows = [(name, str(1 - bad), said[bad]) for bad in NAMES for name in NAMES[bad]]
    with pytest.raises(
        PsdlError, match=f"line 2: label is '1', but {column} is '{said[0]}': correct one, or leave"
    ):
        read(written(tmp_path / "lot", f"path,label,{column}", rows))


@pytest.mark.parametrize(
    ("column", "said"), [("status", "NOK"), ("final_label", "bent"), ("defect", "bent"), ("corrected", "NG")]
)
def test_one_row_that_a_column_contradicts_is_refused(column, said, tmp_path):
    empty = "" if column in ("defect", "corrected") else "good"
    rows = [(name, "good", said if name == "i/g3.png" else empty) for name in NAMES[0]]
    with pytest.raises(PsdlError, match=f"line 5: label is 'good', but {column} is '{said}'"):
        read(written(tmp_path / "lot", f"path,label,{column}", rows))


@pytest.mark.parametrize("column", PLAIN)
def test_columns_of_something_else_contradict_nothing(column, tmp_path):
    rows = [
        (name, ("good", "blot")[bad], PLAIN[column][bad if column == "defects" else n % 2])
        for bad in NAMES
        for n, name in enumerate(NAMES[bad])
    ]
    found = read(written(tmp_path / "lot", f"path,label,{column}", rows))
    assert [s.name for s in choosing.learning(found.samples)] == NAMES[0]


@pytest.mark.parametrize(
    "rows",
    [
        [("ok/0.png", "1", ""), ("ok/1.png", "1", ""), ("ng/0.png", "0", ""), ("ng/1.png", "0", "")],
        [("ok/0.png", "0", ""), ("ok/1.png", "0", ""), ("ng/0.png", "good", ""), ("ng/1.png", "1", "")],
        [("i/0.png", "0", ""), ("i/1.png", "0", ""), ("i/ng_0.png", "0", ""), ("i/ng_1.png", "1", "")],
        [
            *(("train/good/0.png", "good", "train"), ("test/good/0.png", "good", "test")),
            *(("test/hole/0.png", "hole", "test"), ("test/hole/1.png", "good", "train")),
        ],
    ],
)
def test_labels_that_the_path_contradicts_are_refused(rows, tmp_path):
    with pytest.raises(PsdlError, match="is labelled good, but its path says that it is defective: correct one"):
        read(written(tmp_path / "lot", "path,label,split", rows))


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("NG/a", "NG/b"),
        ("normal_light/a", "dark/b"),
        ("rust protection/a", "bolt/b"),
        ("crack/ok/a", "crack/ng/b"),
    ],
)
def test_paths_that_say_nothing_against_labels_leave_them(good, bad, tmp_path):
    rows = [(f"{good}{n}.png", "good") for n in range(3)] + [(f"{bad}{n}.png", "blot") for n in range(2)]
    rows += [(f"{bad}9.png", "good")] if bad.startswith("dark") else []
    found = read(written(tmp_path / "lot", "path,label", rows))
    assert len(choosing.learning(found.samples)) == sum(label == "good" for _, label in rows)
