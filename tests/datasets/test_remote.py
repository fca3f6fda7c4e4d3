"""Data behind URLs, on a real server that speaks S3."""

from __future__ import annotations

import http.server
import json
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from psdl import PsdlError
from psdl.datasets import remote
from psdl.datasets.read import listed, read
from psdl.input import urls
from tests.deploy.watch.test_watch import free_port
from tests.parts import good, psdl, refused, save

pytest.importorskip("s3fs")


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """An S3 file system of a server of its own, with an empty bucket `parts`; the environment leads to it."""
    import s3fs

    port = free_port()
    server = subprocess.Popen(
        [Path(sys.executable).with_name("moto_server"), "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    for name, value in {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_ENDPOINT_URL": url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    deadline = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).close()
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    s3fs.S3FileSystem.clear_instance_cache()  # which know another server
    urls._located.cache_clear()
    system = s3fs.S3FileSystem(skip_instance_cache=True)
    system.mkdir("parts")
    yield system
    server.kill()
    server.wait()


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
    known = {row["path"]: row["score"] for row in map(json.loads, alone.stdout.splitlines())}
    found = {row["path"]: row["score"] for row in map(json.loads, done.stdout.splitlines())}
    assert found == {path.replace(str(here), url): score for path, score in known.items()}
    assert len(list((tmp_path / "out/pictures").rglob("*.png"))) == len(found)
    assert not (tmp_path / "cache/psdl").exists()
    one = psdl("predict", model_file, f"{url}/test/good/000.png")
    assert f"{url}/test/good/000.png" in one.stdout


def test_workers_read_urls_themselves(bucket, mvtec, model_file):
    bucket.put(str(mvtec / "bolt/test"), "parts/test", recursive=True)
    alone = psdl("predict", model_file, "s3://parts/test", "--json")
    spread = psdl("predict", model_file, "s3://parts/test", "--json", "--cluster", "local:2")
    assert spread.returncode == 0, spread.stderr
    assert alone.stdout.splitlines() == [line for line in spread.stdout.splitlines() if line.startswith("{")]


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


class Listing(http.server.BaseHTTPRequestHandler):
    """A web server's page that lists `links`, and one image behind every other address."""

    links: tuple[str, ...] = ()
    image = b""

    def do_GET(self) -> None:
        data, kind = self.image, "image/png"
        if not self.path.endswith(".png"):
            data, kind = "".join(f'<a href="{link}">x</a>' for link in self.links).encode(), "text/html"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def web(*links: str, image: bytes) -> Iterator[str]:
    """The address of a page that lists these links, each {} of which is the page's own address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listing)
    url = f"http://127.0.0.1:{server.server_port}/parts/"
    Listing.links, Listing.image = tuple(link.replace("{}", url) for link in links), image
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield url
    server.shutdown()
    server.server_close()


@pytest.fixture
def aimed(tmp_path, monkeypatch) -> Path:
    """A file that no name shall lead to, beside a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "climbed.png"


def climbing(aim: Path) -> str:
    """A name that leads from any folder to a file, by way of the root."""
    return "../" * 30 + str(aim).lstrip("/")


def test_keys_of_a_bucket_that_climb_out_write_nothing(bucket, aimed, model_file):
    image = good_file(aimed.parent / "0.png")
    bucket.pipe("parts/set/0.png", image)
    bucket.pipe(f"parts/set/{climbing(aimed)}", image)
    refused(psdl("fit", "s3://parts/set", "--model", aimed.parent / "m.psdl"), "s3://parts/set", "leads out of it")
    refused(psdl("predict", model_file, "s3://parts/set"), "leads out of it")
    assert not aimed.exists()
    assert not (aimed.parent / "m.psdl").exists()


def test_a_web_page_that_lists_what_lies_elsewhere_writes_nothing(aimed):
    pytest.importorskip("aiohttp")
    image = good_file(aimed.parent / "0.png")
    for link in ("{}" + climbing(aimed), "http://127.0.0.1:9/other/1.png"):
        with web("0.png", link, image=image) as url, suppress(PsdlError):
            remote.fetched(url)  # fsspec itself passes over some of what lies elsewhere
        assert not aimed.exists()
    assert all(path.is_relative_to(remote.cache()) for path in aimed.parent.rglob("1.png"))


def test_an_archive_whose_names_climb_out_writes_nothing(aimed):
    archive = aimed.parent / "slip.zip"
    image = good_file(aimed.parent / "0.png")
    for name in (climbing(aimed), "/" + climbing(aimed), "parts/../../climbed.png"):
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("0.png", image)
            file.writestr(name, image)
        for ask in (remote.fetched, lambda url: listed([url])):
            with suppress(PsdlError):
                ask(f"zip://::file://{archive}")
        assert not aimed.exists()
        assert not list(aimed.parent.glob("cache/**/climbed.png")) or all(
            path.is_relative_to(remote.cache()) for path in aimed.parent.glob("cache/**/climbed.png")
        )


@pytest.mark.parametrize(
    "name",
    [
        "set/../x.png",
        "../x.png",
        "set/a/../../../x.png",
        "other/x.png",
        "/etc/x.png",
        "set/a\\..\\x.png",
        "set/\0.png",
    ],
)
def test_a_name_that_is_not_below_its_root_is_refused(name):
    with pytest.raises(PsdlError, match="leads out of it"):
        urls.below(name, "set", "s3://set")


@pytest.mark.parametrize("name", ["set/a.png", "/set//a.png", "set/./a.png", "set/a.png/"])
def test_names_below_a_root_have_one_form(name):
    assert urls.below(name, "/set/", "s3://set").as_posix() == "a.png"
    assert urls.below("set/..a/b..png", "set", "s3://set").as_posix() == "..a/b..png"


def test_a_table_behind_a_url_names_no_file_of_this_machine(aimed):
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe("/tables/a/0.png", good_file(aimed))
    for row in (str(aimed), climbing(aimed)):
        memory.pipe("/tables/a/list.csv", f"path\n0.png\n{row}\n".encode())
        with pytest.raises(PsdlError, match=r"outside of it|no file"):
            read("memory://tables/a/list.csv")


def test_two_names_of_one_path_are_not_mixed_up(aimed):
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.store["/twins/a/0.png"] = memory.store["/twins/a//0.png"] = memory._open("/twins/x", "wb")
    with pytest.raises(PsdlError, match="another name of the same path"):
        remote.fetched("memory://twins/a")


def good_file(path: Path) -> bytes:
    """The bytes of a good image, written beside the test's other files and removed again."""
    data = save(good(np.random.default_rng(0)), path).read_bytes()
    path.unlink()
    return data
