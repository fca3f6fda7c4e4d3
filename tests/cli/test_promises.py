"""The command line about promises: confidence, good images left out, other good images, parts of several views."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from tests import parts

QUICK = ("--layer", "layer4", "--iterations", "1", "--sparsity", "0.02")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Twenty good images, one of them with a blot; two more good ones elsewhere."""
    root = tmp_path_factory.mktemp("plain")
    rng = np.random.default_rng(5)
    for n in range(20):
        pixels = parts.defective(rng)[0] if n == 7 else parts.good(rng)
        parts.save(pixels, root / f"good/{n:02}.png")
    for n in range(8):
        parts.save(parts.good(rng), root / f"more/{n}.png")
    return root


@pytest.mark.slow
def test_too_much_is_not_promised_and_it_says_what_would_be_needed(plain, tmp_path):
    done = parts.psdl("fit", plain / "good", "--model", tmp_path / "m", "--confidence", "0.95", *QUICK)
    assert done.returncode == 0, done.stderr
    assert "with 95% confidence at most 13.91% of new good items like these" in done.stdout
    assert "1.00% was asked for and needs 299 items" in done.stdout
    done = parts.psdl("fit", plain / "good", "--model", tmp_path / "m", *QUICK)
    assert "at most 9.52%" in done.stdout  # 1 / 21, and the strange one that is left out
    assert "one item scores far beyond the other good ones (07.png)" in done.stdout
    assert "1.00% was asked for and needs 99 items" in done.stdout
    done = parts.psdl(
        "calibrate", tmp_path / "m", "--confidence", "0.9", "--false-reject", "0.2", "--by", "Ada", "--apply"
    )
    assert "with 90% confidence at most 20.00%" in done.stdout
    history = json.loads(parts.psdl("inspect", tmp_path / "m", "--json").stdout)["history"]
    assert (history[-1]["by"], history[-1]["confidence"], history[-1]["alarm"]) == ("Ada", 0.9, 0.2)
    parts.refused(parts.psdl("calibrate", tmp_path / "m", "--confidence", "1"), "confidence is 1.0", "below 1")


@pytest.mark.slow
def test_a_bad_image_among_the_good_ones_is_named_shown_and_left_out(plain, tmp_path):
    done = parts.psdl("fit", plain / "good", "--model", tmp_path / "m", "--suspects", tmp_path / "look.html")
    assert done.returncode == 0, done.stderr
    assert "least like the other good images: 07.png" in done.stdout
    page = (tmp_path / "look.html").read_text()
    assert page.index('"name":"07.png"') < page.index('"name":"08.png"')
    (tmp_path / "bad.txt").write_text("07.png\n")
    done = parts.psdl("fit", plain / "good", "--model", tmp_path / "m", "--drop", tmp_path / "bad.txt")
    assert "1 images left out" in done.stdout
    card = json.loads(parts.psdl("inspect", tmp_path / "m", "--json").stdout)
    assert card["dropped"] == ["07.png"]
    assert len(card["learned"]) == 19
    assert "19 images, 1 left out" in parts.psdl("inspect", tmp_path / "m").stdout
    (tmp_path / "bad.txt").write_text("7.png\n")
    done = parts.psdl("fit", plain / "good", "--model", tmp_path / "n", "--drop", tmp_path / "bad.txt")
    parts.refused(done, "names '7.png'", "the nearest name is")
    parts.refused(
        parts.psdl("fit", plain / "good", "--model", tmp_path / "n", "--drop", tmp_path / "none"), "cannot be read"
    )
    done = parts.psdl("fit", plain / "good", "--model", tmp_path / "n", "--suspects", tmp_path / "no/look.html")
    parts.refused(done, "no folder", "for the page look.html")
    done = parts.psdl("fit", plain / "good", "--model", tmp_path / "n", "--calibrate", tmp_path / "no")
    parts.refused(done, "no folder", "no: give the folder")
    assert not (tmp_path / "n").exists()


def test_other_good_images_can_set_the_threshold(plain, tmp_path):
    done = parts.psdl("fit", plain / "good", "--model", tmp_path / "m", "--calibrate", plain / "more", *QUICK)
    assert done.returncode == 0, done.stderr
    assert "(8 good images" in done.stdout
    card = json.loads(parts.psdl("inspect", tmp_path / "m", "--json").stdout)
    assert [entry["what"] for entry in card["history"]] == ["learned", "calibrated"]
    assert len(card["calibration"]["images"]) == 8


@pytest.mark.slow
def test_views_of_one_part_get_one_verdict(tmp_path):
    rng = np.random.default_rng(6)
    for n in range(15):
        for view in "ab":
            parts.save(parts.good(rng), tmp_path / f"good/{n:02}_{view}.png")
    for view in "ab":
        parts.save(parts.good(rng), tmp_path / f"new/90_{view}.png")
        parts.save(parts.defective(rng)[0] if view == "b" else parts.good(rng), tmp_path / f"new/91_{view}.png")
    pattern = r"([0-9]+)_[ab]\.png$"
    done = parts.psdl("fit", tmp_path / "good", "--model", tmp_path / "m", "--parts", pattern)
    assert "30 held-out good images of 15 items" in done.stdout, done.stderr
    done = parts.psdl(
        "predict",
        tmp_path / "m",
        tmp_path / "new",
        "--parts",
        pattern,
        "--out",
        tmp_path / "out",
        "--fail-on",
        "ng",
    )
    assert done.returncode == 1
    verdicts = {line.split()[-1]: line.split()[0] for line in done.stdout.splitlines() if " part " in line}
    assert verdicts == {"90": "OK", "91": "NG"}
    rows = [json.loads(line) for line in (tmp_path / "out/parts.jsonl").read_text().splitlines()]
    assert [(row["part"], row["pictures"], row["verdict"]) for row in rows] == [("90", 2, "OK"), ("91", 2, "NG")]
    with (tmp_path / "out/parts.csv").open() as file:
        assert [row["part"] for row in csv.DictReader(file)] == ["90", "91"]
    images = [json.loads(line) for line in (tmp_path / "out/images.jsonl").read_text().splitlines()]
    assert {row["part"] for row in images} == {"90", "91"}
    for wrong, words in (("(", "no regular expression"), ("[0-9]+", "has no group"), ("(x+)", "matches none")):
        parts.refused(parts.psdl("predict", tmp_path / "m", tmp_path / "new", "--parts", wrong), words)
