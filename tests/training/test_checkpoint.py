"""Learning that is killed and started again goes on, and ends with the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from subprocess import DEVNULL

import numpy as np
import pytest

from psdl import Detector
from psdl.errors import PsdlError
from psdl.jobs.context import RunContext
from psdl.training import checkpoint
from tests.parts import good, listening, save

STEPS = {  # what is there -> how much memory learning may take
    "the first images": ("*/images.jsonl", 20, "650MB"),
    "the first part": ("coarse-shared-all.npz", 1, "3GB"),
    "the first fold": ("coarse-shared-fold-0.npz", 1, "3GB"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made, rng = tmp_path_factory.mktemp("good"), np.random.default_rng(0)
    for n in range(40):
        save(good(rng), made / f"{n:03}.png")
    return made


@pytest.mark.parametrize(
    "step",
    [pytest.param(f"the first {one}", marks=pytest.mark.slow) for one in ("images", "fold", "part")],
)
def test_a_killed_fit_goes_on_to_the_same_bytes(folder, tmp_path, step):
    pattern, lines, memory = STEPS[step]
    whole, broken, temporary = (tmp_path / name for name in ("whole", "broken", "temporary"))
    for made in (whole, broken, temporary):
        made.mkdir()
    command = [sys.executable, "-m", "psdl.cli.main", "fit", str(folder), "--max-memory", memory]
    command += ["--model", "m.psdl"]
    environment = os.environ | {"TMPDIR": str(temporary)}
    subprocess.run(command, cwd=whole, check=True, capture_output=True)
    with subprocess.Popen(command, cwd=broken, env=environment, stdout=DEVNULL, stderr=DEVNULL) as process:
        going = checkpoint.folder_of(broken / "m.psdl")
        while not there(going, temporary, pattern, lines):
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.005)
        process.kill()
    assert [path.name for path in broken.iterdir()] == [going.name]
    done = subprocess.run(command, cwd=broken, env=environment, check=True, capture_output=True, text=True)
    assert "going on where an earlier run" in done.stdout
    assert (broken / "m.psdl").read_bytes() == (whole / "m.psdl").read_bytes()
    assert not going.exists()
    assert not list(temporary.iterdir())


def there(going, temporary, pattern, lines):
    found = [*going.glob(pattern), *temporary.glob(pattern)]
    return bool(found) and (found[0].suffix != ".jsonl" or found[0].read_bytes().count(b"\n") >= lines)


def test_another_image_begins_anew(folder, tmp_path):
    kept = tmp_path / "going"
    paths = sorted(folder.glob("*.png"))[:10]
    first = Detector("fast").fit(paths, RunContext(checkpoint=kept))
    said: list[str] = []
    again = Detector("fast").fit(paths, listening(said, checkpoint=kept))
    assert any("going on" in line for line in said)
    np.testing.assert_array_equal(first.model.calibration.scores, again.model.calibration.scores)
    said.clear()
    others = [*paths[:9], sorted(folder.glob("*.png"))[20]]
    other = Detector("fast").fit(others, listening(said, checkpoint=kept))
    assert not any("going on" in line for line in said)
    assert (other.model.calibration.scores != first.model.calibration.scores).any()


def test_what_is_damaged_is_computed_again(tmp_path):
    with checkpoint.opened(tmp_path / "going", "key") as kept:
        kept.arrays("x", lambda: {"found": np.arange(5)})
        (tmp_path / "going/x.npz").write_bytes(b"PK torn")
        found, known = kept.arrays("x", lambda: {"found": np.arange(3)})
    assert not known
    assert len(found["found"]) == 3


def test_two_runs_do_not_share_a_folder(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (tmp_path / "going").mkdir()
        (tmp_path / "going/process").write_text(checkpoint._named(holder.pid))
        refused = pytest.raises(PsdlError, match=f"process {holder.pid} is learning with .*going: wait until")
        with refused, checkpoint.opened(tmp_path / "going", "key"):
            pass
    finally:
        holder.kill()
        holder.wait()
    with checkpoint.opened(tmp_path / "going", "key") as kept:  # its process is gone
        assert kept.folder is not None


def test_nothing_stays_after_an_error(tmp_path):
    made = []

    def run() -> None:
        with checkpoint.opened(tmp_path / "going", "key") as kept:
            made.append(kept.signals())
            raise PsdlError("wrong")

    with pytest.raises(PsdlError, match="wrong"):
        run()
    assert not made[0].exists()
    assert not (tmp_path / "going").exists()


def test_a_planted_note_removes_no_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    victim, going = tmp_path / "psdl-victim", tmp_path / "going"
    victim.mkdir()
    (victim / "precious").write_text("x")
    going.mkdir()
    (going / "signals").write_text(str(victim))
    (going / "key").write_text("another")
    with checkpoint.opened(going, "key") as kept:
        assert kept.signals() != victim
    checkpoint.finished(going)
    assert (victim / "precious").read_text() == "x"
    assert [path.name for path in tmp_path.iterdir()] == ["psdl-victim"]


def test_a_link_in_the_place_of_signals_is_neither_used_nor_followed(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    victim, going = tmp_path / "victim", tmp_path / "going"
    victim.mkdir()
    (victim / "precious").write_text("x")
    checkpoint._signals(going).symlink_to(victim)
    with pytest.raises(PsdlError, match="TMPDIR"), checkpoint.opened(going, "key") as kept:
        kept.signals()
    checkpoint.finished(going)
    assert (victim / "precious").read_text() == "x"


@pytest.mark.parametrize("content", [b"abc def", b"", b"\xff\xfe", b"1" * 40, b"-1 5"])
def test_torn_notes_are_as_none(tmp_path, content):
    for name in ("process", "key"):
        (tmp_path / "going").mkdir(exist_ok=True)
        (tmp_path / "going" / name).write_bytes(content)
    with checkpoint.opened(tmp_path / "going", "key") as kept:
        assert kept.folder is not None
