"""Each verb as a real process: what it writes and says; and what it refuses, in one sentence."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from PIL import Image

from tests import parts

METRICS = {"image_auroc", "image_ap", "image_f1_max", "pixel_auroc", "pixel_ap", "pixel_f1_max", "aupro"}
QUICK = ("--layer", "layer4", "--iterations", "1", "--sparsity", "0.02")


@pytest.fixture(scope="module")
def ran(mvtec, tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    return out, parts.psdl("run", mvtec, "--out", out, "--images", "3", *QUICK)


def test_run_writes_model_metrics_table_and_pictures(ran):
    out, done = ran
    assert done.returncode == 0, done.stderr
    summary = json.loads((out / "metrics.json").read_text())
    assert set(summary["categories"]) == {"bolt", "nut"}
    for row in (*summary["categories"].values(), summary["mean"]):
        assert set(row) >= METRICS
        assert all(0 <= row[key] <= 1 for key in METRICS)
    with (out / "images.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["path", "category", "label", "score", "threshold", "verdict"]
    assert len(rows) == 16
    assert {r["verdict"] for r in rows} <= {"OK", "NG"}
    assert all((float(r["score"]) > float(r["threshold"])) == (r["verdict"] == "NG") for r in rows)
    assert (out / "model.psdl").is_file()
    drawn = sorted((out / "pictures").rglob("*.png"))
    assert len(drawn) == 6
    for picture in drawn:
        assert np.asarray(Image.open(picture)).std() > 10
    assert "12 good to learn from" in done.stdout
    assert "at most" in done.stdout


def test_evaluate_measures_the_same_model_the_same(ran, mvtec, tmp_path):
    out, _ = ran
    done = parts.psdl("evaluate", out / "model.psdl", mvtec, "--out", tmp_path, "--images", "0", "--quiet")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert (tmp_path / "images.csv").read_bytes() == (out / "images.csv").read_bytes()
    assert not (tmp_path / "pictures").exists()


@pytest.mark.slow
def test_one_model_for_each_category(mvtec, tmp_path):
    done = parts.psdl("run", mvtec, "--out", tmp_path, "--each", "--images", "0", *QUICK)
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "models").iterdir()) == ["bolt.psdl", "nut.psdl"]
    done = parts.psdl("evaluate", tmp_path / "models", mvtec, "--out", tmp_path / "again", "--images", "0")
    assert (tmp_path / "again/images.csv").read_bytes() == (tmp_path / "images.csv").read_bytes()
    done = parts.psdl(
        "evaluate", tmp_path / "models/nut.psdl", mvtec, "--out", tmp_path / "x", "--category", "bolt"
    )
    assert "note: the model learned from nut, not from bolt" in done.stdout


def test_predict_prints_verdicts_and_draws(model_file, mvtec, tmp_path):
    files = [mvtec / "bolt/test/blot/000.png", mvtec / "bolt/test/good/000.png"]
    done = parts.psdl("predict", model_file, *files, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    lines = parts.verdicts(done)
    assert "1 NG, 0 REVIEW, 1 OK of 2 images\nlook at " in done.stdout
    assert [line.split()[0] for line in lines] == ["NG", "OK"]
    assert lines[0].endswith(str(files[0]))
    assert len(list((tmp_path / "out/pictures").rglob("*.png"))) == 2
    assert len((tmp_path / "out/images.csv").read_text().splitlines()) == 3


def test_predict_says_where_and_scripts_can_act_on_it(model_file, mvtec, tmp_path):
    bad, good = mvtec / "bolt/test/blot/000.png", mvtec / "bolt/test/good/000.png"
    assert parts.psdl("predict", model_file, good, "--fail-on", "ng").returncode == 0
    done = parts.psdl("predict", model_file, bad, "--json", "--out", tmp_path, "--maps", "--fail-on", "ng")
    assert done.returncode == 1, done.stderr
    row = json.loads(done.stdout)
    assert row == json.loads((tmp_path / "images.jsonl").read_text())
    assert (row["verdict"], row["label"], row["width"], row["height"]) == ("NG", None, 128, 96)
    values = np.asarray(Image.open(next((tmp_path / "maps").rglob("*.tiff"))))
    mask = np.asarray(Image.open(next((tmp_path / "masks").rglob("*.png"))))
    heat = np.asarray(Image.open(next((tmp_path / "heat").rglob("*.png"))))
    assert (values.shape, values.dtype, heat.shape) == ((96, 128), np.float32, (96, 128, 3))
    assert set(np.unique(mask)) == {0, 255}
    assert sum(region["area"] for region in row["regions"]) == (mask == 255).sum()
    region = row["regions"][0]
    x, y = region["peak_at"]
    assert values[y, x] == pytest.approx(region["peak"], rel=1e-6) == np.nanmax(values)
    truth = np.asarray(Image.open(mvtec / "bolt/ground_truth/blot/000.png")) > 0
    x, y = map(round, region["centroid"])
    assert truth[y, x], "the region lies on the planted blot"
    left, top, right, bottom = region["box"]
    assert left <= x < right
    assert top <= y < bottom
    assert mask[top:bottom, left:right].any()


@pytest.mark.slow
def test_calibrate_sets_thresholds_from_new_images_or_by_hand(mvtec, tmp_path):
    model_file, new = tmp_path / "first.psdl", tmp_path / "new lamp"
    assert parts.psdl("fit", mvtec, "--model", model_file).returncode == 0
    rng = np.random.default_rng(7)
    for n in range(12):
        parts.save((0.92 * parts.good(rng)).astype(np.uint8), new / f"{n}.png")  # a darker lamp
    moved = tmp_path / "moved.psdl"
    done = parts.psdl("calibrate", model_file, new, "--out", moved, "--false-reject", "0.1")
    assert done.returncode == 0, done.stderr
    assert "the threshold so far" in done.stdout
    assert "its promise does not hold for images like these" in done.stdout
    card = json.loads(parts.psdl("inspect", moved, "--json").stdout)
    assert card["calibration"]["origin"] == "12 separate good images"
    assert card["calibration"]["rates"]["alarm"] == 0.1
    verdicts = parts.verdicts(parts.psdl("predict", moved, new))
    assert sum(line.startswith("NG") for line in verdicts) <= 1
    before = moved.read_bytes()
    done = parts.psdl("calibrate", moved, "--threshold", "0", "--review", "0")
    assert "threshold 0" in done.stdout
    assert "nothing was changed: add --apply" in done.stdout
    assert moved.read_bytes() == before
    done = parts.psdl("calibrate", moved, "--threshold", "0", "--review", "0", "--apply")
    assert f"the model that was there is kept as {moved}.bak" in done.stdout
    assert "CAUTION: the promise gets worse" in done.stdout
    assert moved.read_bytes() != before
    assert moved.with_name("moved.psdl.bak").read_bytes() == before
    assert all(line.startswith("NG") for line in parts.verdicts(parts.psdl("predict", moved, new)))
    parts.refused(parts.psdl("calibrate", moved), "nothing to calibrate with", "--threshold")
    parts.refused(
        parts.psdl("calibrate", model_file, "--review", "0.001"), "review rate is 0.001", "give a share from"
    )


def test_inspect_says_what_a_model_holds(model_file):
    done = parts.psdl("inspect", model_file)
    for words in ("efficientnet_lite0 (Apache-2.0)", "SHA-256", "16 x 16 positions", "rounds 2", "threshold"):
        assert words in done.stdout
    card = json.loads(parts.psdl("inspect", model_file, "--json").stdout)
    assert card["format"] == 11
    assert card["options"]["iterations"] == 2


@pytest.mark.slow
def test_a_toml_file_holds_options_and_flags_win(mvtec, tmp_path):
    config = tmp_path / "part.toml"
    config.write_text(
        'layer = "layer4"\niterations = 1\nsparsity = 0.02\nfalse-reject = 0.2\ncategory = ["nut"]\n'
    )
    model = tmp_path / "m.psdl"
    done = parts.psdl("fit", mvtec, "--model", model, "--config", config, "--sparsity", "0.03")
    assert done.returncode == 0, done.stderr
    options = json.loads(parts.psdl("inspect", model, "--json").stdout)["options"]
    assert (options["layer"], options["iterations"], options["sparsity"]) == ("layer4", 1, 0.03)
    assert options["false_reject"] == 0.2
    assert json.loads(parts.psdl("inspect", model, "--json").stdout)["categories"] == ["nut"]
    whole = tmp_path / "whole.toml"
    whole.write_text(f'data = "{mvtec}"\nmodel = "{tmp_path / "w.psdl"}"\n{config.read_text()}')
    done = parts.psdl("fit", "--config", whole)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "w.psdl").is_file()


def test_help_reads_well_and_needs_no_heavy_library():
    done = parts.psdl("--help")
    for verb in ("demo", "fit", "evaluate", "run", "predict", "inspect"):
        assert verb in done.stdout
        text = parts.psdl(verb, "--help")
        assert text.returncode == 0
        assert "Usage" in text.stdout


def broken(tmp_path, kind):
    """A data set with one fault."""
    root = parts.mvtec(tmp_path / "set", ("nut",), train=3)
    if kind == "no good images":
        for path in (root / "nut/train/good").iterdir():
            path.unlink()
    if kind == "truncated":
        path = parts.save(parts.good(np.random.default_rng(0)), root / "nut/train/good/cut.jpg")
        path.write_bytes(path.read_bytes()[:-300])
    if kind == "truncated test":
        path = root / "nut/test/good/000.png"
        path.write_bytes(path.read_bytes()[:-300])
    if kind == "mask size":
        parts.save(np.zeros((10, 10)), root / "nut/ground_truth/blot/000.png")
    if kind == "text":
        (root / "nut/train/good/readme.png").write_text("no image")
    return root


FAULTS = {
    "no good images": ("no good images to learn from", "train/good"),
    "truncated": ("cut.jpg is cut short", "copy it again"),
    "truncated test": ("000.png is damaged or cut short", "copy it again"),
    "mask size": ("is 128 x 96 but its mask", "10 x 10", "export the mask again"),
    "text": ("readme.png is not an image",),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_faulty_data_are_refused_before_work(kind, tmp_path):
    root = broken(tmp_path, kind)
    parts.refused(parts.psdl("run", root, "--out", tmp_path / "out", *QUICK), *FAULTS[kind])
    left = list((tmp_path / "out").rglob("*")) if (tmp_path / "out").exists() else []
    assert left == []


def test_a_jpeg_damaged_inside_is_refused_while_scoring(model_file, tmp_path):
    path = parts.save(parts.good(np.random.default_rng(0)), tmp_path / "a.png")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    path.write_bytes(data)
    parts.refused(parts.psdl("predict", model_file, path), "a.png is damaged")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("fit", "{none}", "--model", "{out}/m"), ("no folder",)),
        (("fit", "{data}", "--model", "{out}/m", "--layer", "layer8"), ("unknown layer", "layer3")),
        (("fit", "{data}", "--model", "{out}/none/m", "--layer", "layer4"), ("no folder", "none")),
        (("fit", "{data}", "--model", "{out}/m", "--arch", "resnet19"), ("resnet19",)),
        (("fit", "{data}", "--model", "{out}/m", "--recipe", "papers"), ("unknown recipe", "paper")),
        (("fit", "{data}", "--model", "{out}/m", "--category", "bolts"), ("unknown category", "bolt")),
        (("fit", "{data}", "--model", "{out}/m", "--false-reject", "1.5"), ("false-reject rate is 1.5",)),
        (("fit", "{data}", "--model", "{out}/m", "--review", "0.001"), ("review rate is 0.001",)),
        (("fit", "{data}", "--model", "{out}/m", "--device", "tpu"), ("unknown device", "cpu")),
        (("fit", "{data}", "--model", "{out}/m", "--config", "{none}"), ("no file",)),
        (("predict", "{model}", "{none}.png"), ("no file or folder",)),
        (("predict", "{model}", "{data}", "--fail-on", "never"), ("unknown verdict of --fail-on", "ng")),
        (("predict", "{model}", "{data}", "--maps"), ("--maps was given without a folder", "--out")),
        (("evaluate", "{model}", "{data}/bolt/train", "--out", "{out}"), ("no labelled test images",)),
    ],
)
def test_bad_arguments_are_refused(arguments, words, mvtec, model_file, tmp_path):
    places = {"data": mvtec, "out": tmp_path, "none": tmp_path / "nothing", "model": model_file}
    parts.refused(parts.psdl(*(a.format(**places) for a in arguments)), *words)
    assert not list(tmp_path.iterdir())


def test_an_unknown_option_in_a_toml_file_is_refused(mvtec, tmp_path):
    (tmp_path / "c.toml").write_text("iteration = 3\n")
    done = parts.psdl("fit", mvtec, "--model", tmp_path / "m", "--config", tmp_path / "c.toml")
    parts.refused(done, "unknown option", "'iteration': choose one of iterations")
    (tmp_path / "c.toml").write_text("iterations = \n")
    parts.refused(parts.psdl("fit", mvtec, "--model", tmp_path / "m", "--config", tmp_path / "c.toml"), "TOML")


def test_file_names_of_every_kind_are_judged_and_shown_on_one_line(model_file, mvtec, tmp_path):
    import os
    import shutil

    names = [b"bad\xff.png", b"two\nlines.png", b"<b>'$x$&.png", "\u202egnp.png".encode(), "Teil ü.PNG".encode()]
    for name in names:
        shutil.copy(mvtec / "bolt/test/blot/000.png", os.path.join(os.fsencode(tmp_path), name))
    out = tmp_path.parent / "strange names"
    done = parts.psdl("predict", model_file, tmp_path, "--out", out, "--maps")
    assert done.returncode == 0, done.stderr
    assert len(parts.verdicts(done)) == len(names)
    for shown in ("two\\nlines.png", "\\u202egnp.png", "<b>'$x$&.png", "Teil ü.PNG", "bad\\udcff.png"):
        assert shown in done.stdout
    rows = [json.loads(line) for line in (out / "images.jsonl").read_text().splitlines()]
    assert {os.fsencode(os.path.basename(row["path"])) for row in rows} == set(names)
    for folder in ("pictures", "maps", "heat", "masks"):
        assert len(list((out / folder).rglob("*.*"))) == len(names)
    assert (out / "report.html").stat().st_size > 10_000
