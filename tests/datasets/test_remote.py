"""Data behind URLs, on a real server that speaks S3."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from psdl import PsdlError
from psdl.datasets import remote
from psdl.datasets.read import listed, read
from psdl.input import urls
from tests.parts import good, psdl, refused, save

pytest.importorskip("s3fs")


def test_learning_and_judging_from_a_bucket(bucket, tmp_path, mvtec):
    bucket.put(str(mvtec / "bolt"), "parts/set/bolt", recursive=True)
    done = psdl("run", "s3://parts/set", "--out", tmp_path / "out", "--recipe", "fast", "--groups", "given")
    assert done.returncode == 0, done.stderr
    assert "s3://parts/set: layout mvtec" in done.stdout
    here = psdl(
        "run", mvtec, "--category", "bolt", "--out", tmp_path / "here", "--recipe", "fast", "--groups", "given"
    )
    assert here.returncode == 0, here.stderr
    scores = [(tmp_path / name / "images.csv").read_text() for name in ("out", "here")]
    assert scores[0] == scores[1]


def test_what_is_judged_is_read_where_it_lies(bucket, tmp_path, mvtec, model_file):
    here = shutil.copytree(mvtec / "bolt", tmp_path / "bolt")
    large = save(np.random.default_rng(0).integers(0, 255, (400, 600, 3)), here / "test/good/large.bmp")
    assert large.stat().st_size > 4 * urls.BLOCK  # of which the check reads a part
    bucket.put(str(here), "parts/set/bolt", recursive=True)
    url = "s3://parts/set/bolt"
    done = psdl("predict", model_file, url, "--json", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    alone = psdl("predict", model_file, here, "--json")
    known, found = (
        {row["path"]: row["score"] for row in map(json.loads, one.stdout.splitlines()) if "score" in row}
        for one in (alone, done)
    )
    assert found == {path.replace(str(here), url): score for path, score in known.items()}
    assert len(list((tmp_path / "out/pictures").rglob("*.png"))) == len(found)
    assert not (tmp_path / "cache/psdl").exists()
    one = psdl("predict", model_file, f"{url}/test/good/000.png")
    assert f"{url}/test/good/000.png" in one.stdout


@pytest.mark.slow
def test_workers_read_urls_themselves(bucket, mvtec, model_file):
    bucket.put(str(mvtec / "bolt/test"), "parts/test", recursive=True)
    alone = psdl("predict", model_file, "s3://parts/test", "--json")
    spread = psdl("predict", model_file, "s3://parts/test", "--json", "--cluster", "local:2")
    assert spread.returncode == 0, spread.stderr
    assert alone.stdout.splitlines() == [line for line in spread.stdout.splitlines() if line.startswith("{")]


@pytest.mark.slow
def test_a_damaged_or_missing_file_behind_a_url_is_one_sentence(bucket, tmp_path, model_file):
    file = save(good(np.random.default_rng(0)), tmp_path / "0.png")
    bucket.put(str(file), "parts/set/0.png")
    bucket.pipe("parts/set/1.png", file.read_bytes()[:-500])
    refused(psdl("predict", model_file, "s3://parts/set"), "s3://parts/set/1.png", "cut short")
    skipped = psdl("predict", model_file, "s3://parts/set", "--on-error", "skip", "--json")
    assert [json.loads(line)["path"] for line in skipped.stdout.splitlines()] == [
        "s3://parts/set/1.png",
        "s3://parts/set/0.png",
    ]
    refused(psdl("predict", model_file, "s3://parts/none.png"), "holds no image")
    with pytest.raises(PsdlError, match="is not there"):
        urls.content("s3://parts/none.png")


def test_kolektorsdd2_tells_labels_by_masks_behind_urls(tmp_path):
    import fsspec

    memory = fsspec.filesystem("memory")
    rng = np.random.default_rng(0)
    for n in range(2):
        for name, pixels in ((f"{n}.png", good(rng)), (f"{n}_GT.png", np.zeros((96, 128), np.uint8))):
            memory.pipe(f"/kol2/test/{name}", save(pixels, tmp_path / name).read_bytes())
            memory.pipe(f"/kol2/train/{name}", (tmp_path / name).read_bytes())
    assert [sample.name for sample in listed(["memory://kol2"]).samples] == [
        f"memory://kol2/{split}/{n}.png" for split in ("test", "train") for n in range(2)
    ]


def test_only_what_changed_is_fetched_again(bucket, tmp_path):
    rng = np.random.default_rng(0)
    for n in range(4):
        bucket.put(str(save(good(rng), tmp_path / f"{n}.png")), f"parts/good/{n}.png")
    bucket.pipe("parts/good/notes.pdf", b"x")
    first = remote.fetched("s3://parts/good")
    times = {path.name: path.stat().st_mtime_ns for path in first.iterdir()}
    assert set(times) == {f"{n}.png" for n in range(4)}
    bucket.put(str(save(good(rng), tmp_path / "0.png")), "parts/good/0.png")
    bucket.rm("parts/good/3.png")
    code = "from psdl.datasets import remote; print(remote.fetched('s3://parts/good'))"
    again = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert again.stdout.strip() == str(first)
    now = {path.name: path.stat().st_mtime_ns for path in first.iterdir()}
    assert set(now) == {"0.png", "1.png", "2.png"}
    assert {name for name in now if now[name] != times[name]} == {"0.png"}
    assert (first / "0.png").read_bytes() == (tmp_path / "0.png").read_bytes()


def test_other_file_systems_and_what_is_not_there(tmp_path, monkeypatch, mvtec):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = read(f"file://{mvtec}")
    assert {s.name for s in found.samples} == {s.name for s in read(mvtec).samples}
    import fsspec

    memory = fsspec.filesystem("memory")
    for n in range(3):
        memory.pipe(f"/good/{n}.png", save(good(np.random.default_rng(n)), tmp_path / f"{n}.png").read_bytes())
    assert len(read("memory://good").samples) == 3
    chained = f"zip://::file://{shutil.make_archive(str(tmp_path / 'bolt'), 'zip', mvtec / 'bolt/test')}"
    names = {Path(s.path).relative_to(mvtec / "bolt/test") for s in listed([str(mvtec / "bolt/test")]).samples}
    for samples in (listed([chained]).samples, read(chained).samples):
        assert {Path(*Path(s.path).parts[-2:]) for s in samples} == names
        assert all(Path(s.path).is_file() for s in samples)
    with pytest.raises(PsdlError, match="holds no image"):
        read("memory://nothing")
    with pytest.raises(PsdlError, match="cannot be read"):
        read("magic://nothing")
    refused(psdl("fit", "magic://no-such/bucket", "--model", tmp_path / "m"), "cannot be read")
