"""Files are judged when they are whole, and told apart by more than size and time; folders may go away."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from psdl.deploy.watch.events import Events
from psdl.deploy.watch.folder import Folder, inside
from psdl.errors import PsdlError
from tests.deploy.serve.test_attacks import flat
from tests.deploy.watch.test_watch import ended, rows, started, until
from tests.parts import good, psdl, refused, save


@pytest.fixture
def camera(tmp_path) -> Path:
    found = tmp_path / "in"
    found.mkdir()
    return found


def names(folder: Folder) -> list[str]:
    return [one.file.name for one in folder.complete()]


def taken(folder: Folder) -> list[str]:
    """The files that are complete now, which are then known."""
    found = folder.complete()
    for one in found:
        folder.judged(one.file, "")
    return [one.file.name for one in found]


def test_a_file_waits_until_it_has_settled_however_old_its_time_is(camera, tmp_path):
    folder = Folder(camera, tmp_path, 0.6)
    with (camera / "a.png").open("wb") as file:
        for _ in range(3):
            file.write(b"x")
            file.flush()
            os.utime(camera / "a.png", ns=(10**18, 10**18))  # as copies that keep times have it
            assert names(folder) == []
            time.sleep(0.3)
    assert names(folder) == []
    time.sleep(0.7)
    assert taken(folder) == ["a.png"]
    assert names(folder) == []


def test_a_file_that_is_closed_or_renamed_is_complete_at_once(camera, tmp_path):
    with Events(camera) as events:
        if not events.able:
            pytest.skip("this system does not tell")
        folder, found = Folder(camera, tmp_path, 60, events), []
        (camera / "below").mkdir()
        time.sleep(0.5)
        with (camera / "below/a.png").open("wb") as file:
            file.write(b"x")
            file.flush()
            time.sleep(0.3)
            assert names(folder) == []
        (camera / ".b").write_bytes(b"x")
        os.rename(camera / ".b", camera / "b.png")
        until(lambda: found.extend(taken(folder)) or len(found) == 2)
        assert sorted(found) == ["b.png", "below/a.png"]
        with (camera / "b.png").open("ab") as file:  # once more
            file.write(b"y")
            file.flush()
            time.sleep(0.3)
            assert names(folder) == []
        until(lambda: names(folder) == ["b.png"])


def test_another_file_of_the_same_name_size_and_time_is_another_file(camera, tmp_path):
    folder = Folder(camera, tmp_path, 0)
    a = camera / "a.png"
    a.write_bytes(b"one")
    os.utime(a, ns=(10**18, 10**18))
    (first,) = folder.complete()
    folder.judged(first.file, hashlib.sha256(b"one").hexdigest())
    os.chmod(a, 0o600)
    assert names(folder) == []  # other rights, the same bytes
    a.write_bytes(b"two")
    os.utime(a, ns=(10**18, 10**18))
    assert names(folder) == ["a.png"]
    (camera / ".t").write_bytes(b"one")
    os.utime(camera / ".t", ns=(10**18, 10**18))
    os.rename(camera / ".t", a)
    assert names(folder) == []  # what was judged is back


def test_a_folder_that_is_away_is_said_and_forgets_nothing(camera, tmp_path, caplog):
    folder = Folder(camera, tmp_path / "out", 0)
    save(good(np.random.default_rng(0)), camera / "a.png")
    assert taken(folder) == ["a.png"]
    os.rename(camera, tmp_path / "away")
    with pytest.raises(FileNotFoundError, match="is not there"):
        folder.complete()
    camera.mkdir()
    assert names(folder) == []
    assert "another folder than at the start" in caplog.text
    camera.rmdir()
    os.rename(tmp_path / "away", camera)
    assert names(folder) == []


@pytest.mark.parametrize("name", ["../a.png", "/etc/a.png", "a/../../b.png", "", "..", 7, None, "a\0.png"])
def test_a_name_that_leads_out_is_none(name):
    with pytest.raises(PsdlError, match="no name"):
        inside(name)


def test_names_through_links_lead_out_too(camera, tmp_path):
    (tmp_path / "else").mkdir()
    (camera / "link").symlink_to(tmp_path / "else")
    with pytest.raises(PsdlError, match="leads out"):
        Folder(camera, tmp_path / "out", 0).path("link/a.png")


def test_a_planted_line_moves_nothing_from_outside(model_file, camera, tmp_path):
    out, victim = tmp_path / "out", save(good(np.random.default_rng(0)), tmp_path / "victim.png")
    out.mkdir()
    stat = victim.stat()
    row = {
        "path": "../victim.png",
        "size": stat.st_size,
        "changed": stat.st_mtime_ns,
        "verdict": "OK",
        "error": "",
    }
    for change in (
        {},
        {"path": str(victim)},
        {"path": "a.png", "verdict": "../.."},
        {"path": "a.png", "size": "1"},
    ):
        (out / "images.jsonl").write_text(json.dumps({**row, **change}) + "\n")
        refused(
            psdl("watch", model_file, camera, "--out", out, "--sort", "move", "--once"), "line 1 is none that psdl"
        )
    assert victim.is_file()


def pieces(path: Path, data: bytes, count: int, pause: float, ahead: bool) -> None:
    """Writes a file in pieces, its full size from the start if `ahead`."""
    with path.open("wb") as file:
        if ahead:
            file.truncate(len(data))
        step = len(data) // count + 1
        for n in range(0, len(data), step):
            file.seek(n)
            file.write(data[n : n + step])
            file.flush()
            time.sleep(pause)


def test_files_that_come_in_pieces_are_judged_once_and_whole(model_file, camera, tmp_path):
    rng, out = np.random.default_rng(0), tmp_path / "out"
    expected = {}
    process = started(model_file, camera, "--out", out, "--sort", "move", "--every", "0.1")
    until(lambda: (out / "images.jsonl").exists(), 90)
    threads = []
    for n, kind in enumerate(("png", "jpg", "bmp", "tif") * 3):
        whole = save(good(rng), tmp_path / f"{n}.{kind}")
        expected[whole.name] = whole.read_bytes()
        arguments = (camera / whole.name, expected[whole.name], 4, 0.5, n % 2 == 0)
        threads.append(threading.Thread(target=pieces, args=arguments))
        threads[-1].start()
    for thread in threads:
        thread.join()
    until(lambda: len(rows(out)) >= len(expected), 90)
    time.sleep(0.5)
    assert ended(process) == 0
    assert sorted(row["path"] for row in rows(out)) == sorted(expected)
    assert {row["verdict"] for row in rows(out)} <= {"OK", "REVIEW", "NG"}
    for row in rows(out):
        assert (out / row["verdict"] / row["path"]).read_bytes() == expected[row["path"]]


def test_a_large_picture_is_set_aside_and_the_others_are_judged(model_file, camera, tmp_path):
    out = tmp_path / "out"
    for n in range(3):
        save(good(np.random.default_rng(n)), camera / f"{n}.png")
    (camera / "1-large.png").write_bytes(flat(8000))
    (camera / "2-slow.tif").write_bytes(slow())
    for _ in range(2):
        done = psdl("watch", model_file, camera, "--out", out, "--once", "--settle", "0")
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
    found = {row["path"]: row for row in rows(out)}
    assert len(rows(out)) == 5
    assert "64,000,000" not in json.dumps(rows(out))
    assert "50,000,000" in found["1-large.png"]["error"]
    assert found["2-slow.tif"]["verdict"] == "ERROR"
    assert sum(row["verdict"] != "ERROR" for row in rows(out)) == 3


def slow() -> bytes:
    """A TIFF with two directories."""
    import io

    data = io.BytesIO()
    image = Image.fromarray(good(np.random.default_rng(0)))
    image.save(data, "TIFF", save_all=True, append_images=[image])
    return data.getvalue()


def test_a_health_page_says_what_is_wrong_and_no_path(model_file, camera, tmp_path):
    out, model = tmp_path / "out", Path(shutil.copy(model_file, tmp_path / "part.psdl"))
    process = started(model, camera, "--out", out, "--health", "0", "--every", "0.1")
    assert process.stdout
    url = next(line for line in process.stdout if "/readyz" in line).split()[0]

    def asked() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    until(lambda: asked()[0] == 200, 60)
    os.rename(camera, tmp_path / "away")
    until(lambda: asked()[0] == 503, 60)
    assert json.loads(asked()[1])["loops"]["folder"]["failing"]
    assert str(tmp_path) not in asked()[1]
    os.rename(tmp_path / "away", camera)
    until(lambda: asked()[0] == 200, 60)
    model.write_bytes(b"junk" * 100)
    until(lambda: asked()[0] == 503, 60)
    shutil.copy(model_file, model)
    save(good(np.random.default_rng(0)), camera / "a.png")
    until(lambda: asked()[0] == 200 and len(rows(out)) == 1, 60)
    assert ended(process) == 0


def test_pictures_that_cannot_be_read_are_passed_over_aloud(model_file, tmp_path):
    dropped = tmp_path / "in"
    dropped.mkdir()
    save(good(np.random.default_rng(0)), dropped / "1.png")
    (dropped / "phone.heic").write_bytes(b"....ftypheic")
    shutil.copy(dropped / "1.png", dropped / "part.image")
    (dropped / "notes.txt").write_text("two shifts")
    done = psdl("watch", model_file, dropped, "--out", tmp_path / "out", "--once", "--settle", "0.3")
    assert done.returncode == 0
    assert "2 files are passed over, such as part.image: a picture by its content" in done.stderr
    assert "2 pictures that cannot be read were passed over" in done.stdout
