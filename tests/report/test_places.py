"""One place for each image below a folder of results, and one folder for each run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from psdl.errors import PsdlError
from psdl.model.file import model_files
from psdl.report.folder import prepare
from psdl.report.places import places
from psdl.types import Sample
from tests import parts

ALIKE = [
    ("a/b_c.png", "a_b/c.png", "a/b/c.png"),
    ("l/1.png", "l_1.png", "L/1.png", "l/1.PNG"),
    ("x.jpg", "x.jpg.png", "x.png", "x.jpg~2.png"),
    ("a.png", "a.png/1.png", "a.tiff/1.png"),
    ("../x.png", "x.png", "../../x.png", "./x.png"),
    ("/one/a/x.png", "/one/b/x.png", "a/x.png"),
    ("s3://parts/a/x.png", "s3://parts/b/x.png", "s3:/parts/a/x.png"),
    ("n" * 200 + "1.png", "n" * 200 + "2.png", "ü" * 130 + ".png", "ü" * 131 + ".png"),
    ("/etc/passwd.png", "../../etc/passwd.png", "..", "/"),
    ("\udcff.png", "\udcfe.png", "a\0b.png", "a_b.png"),
]


@pytest.mark.parametrize("names", ALIKE, ids=lambda names: names[0][:12].encode("ascii", "replace").decode())
def test_no_two_images_share_a_place(names, tmp_path):
    found = places([Sample(name, name, "c") for name in names])
    written = {}
    for sample, place in found.items():
        for end in (".png", ".tiff"):
            path = tmp_path / place.with_suffix(end)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(sample.name.encode("ascii", "replace").decode() + end)
            written[path] = path.read_text()
    assert len(written) == 2 * len(names)
    assert all(path.read_text() == text for path, text in written.items())
    assert all(path.resolve().is_relative_to(tmp_path) for path in written)
    assert len({str(path).casefold() for path in written}) == len(written)


def test_results_lie_as_the_images_do():
    names = ["bolt/test/blot/000.png", "bolt/test/good/000.jpg"]
    found = places([Sample(name, name, "bolt") for name in names])
    assert [str(place) for place in found.values()] == ["bolt/test/blot/000.png", "bolt/test/good/000.jpg.png"]
    found = places([Sample(name, name, "c") for name in ("/data/line/a/1.png", "/data/line/b/1.png")])
    assert [str(place) for place in found.values()] == ["a/1.png", "b/1.png"]
    assert [str(place) for place in places([Sample("/x/1.png", "/x/1.png", "c")]).values()] == ["1.png"]


def test_each_run_has_its_own_folder(model_file, mvtec, tmp_path):
    """Files of an earlier run neither stay among new ones nor vanish unasked."""
    out, first = tmp_path / "out", mvtec / "bolt/test/blot"
    assert parts.psdl("predict", model_file, first, "--out", out, "--maps").returncode == 0
    before = {path for path in out.rglob("*") if path.is_file()}
    assert len(list((out / "pictures").rglob("*.png"))) == 4
    one = mvtec / "bolt/test/good/000.png"
    parts.refused(parts.psdl("predict", model_file, one, "--out", out), "another run", "--overwrite")
    assert {path for path in out.rglob("*") if path.is_file()} == before
    (out / "notes.txt").write_text("mine")
    assert parts.psdl("predict", model_file, one, "--out", out, "--overwrite").returncode == 0
    assert len(list(out.rglob("*.png"))) == 1
    assert not (out / "maps").exists()
    assert (out / "notes.txt").read_text() == "mine"


def test_results_go_neither_into_a_file_nor_among_images(model_file, mvtec, tmp_path):
    file = tmp_path / "out"
    file.write_text("mine")
    image = mvtec / "bolt/test/good/000.png"
    parts.refused(parts.psdl("predict", model_file, image, "--out", file), "is a file", "--out")
    assert file.read_text() == "mine"
    data = tmp_path / "data"
    parts.save(np.zeros((96, 128, 3)), data / "deep/1.png")
    for overwrite in (False, True):
        with pytest.raises(PsdlError, match=r"no folder of psdl's results but holds 1\.png"):
            prepare(data, "predict", overwrite)
    (tmp_path / "theirs/pictures").mkdir(parents=True)
    with pytest.raises(PsdlError, match="holds pictures"):
        prepare(tmp_path / "theirs", "predict", overwrite=True)
    assert (tmp_path / "theirs/pictures").is_dir()


def test_what_a_broken_run_left_is_cleared_but_what_lets_it_go_on_stays(tmp_path):
    prepare(tmp_path / "out", "predict")
    for name in (".going/a.npz", "pictures/old.png", "images.csv"):
        (tmp_path / "out" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "out" / name).write_text("")
    prepare(tmp_path / "out", "predict")
    left = {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert left == {"a.npz", ".psdl-results"}


@pytest.mark.parametrize("name", ["../..", "/etc", "a/b", "a\\b", "C:x", "", ".", "..", "\0", "n" * 300])
def test_no_category_writes_outside_the_folder_of_models(name):
    with pytest.raises(PsdlError, match="cannot name a model file"):
        model_files(Path("models"), [Sample("x", "x", name)], each=True)
    assert model_files(Path("m.psdl"), [Sample("x", "x", name)], each=False) == {name: Path("m.psdl")}


def test_a_table_whose_categories_lead_elsewhere_stays_inside(mvtec, model_file, tmp_path):
    rows = "".join(
        f"bolt/test/{kind}/00{n}.png,{kind},test,{where}\n"
        for n, where in enumerate(("../..", "/tmp"))
        for kind in ("good", "blot")
    )
    table = tmp_path / "data/table.csv"
    parts.mvtec(tmp_path / "data", ("bolt",), train=2)
    table.write_text("path,label,split,category\n" + rows)
    out = tmp_path / "far/far/out"
    out.parent.mkdir(parents=True)
    before = {path for path in tmp_path.rglob("*") if out not in path.parents}
    done = parts.psdl("evaluate", model_file, table, "--out", out, "--maps")
    parts.refused(done, "category is '../..'", "expected a plain name")
    assert {path for path in tmp_path.rglob("*") if out not in path.parents and path != out} == before
