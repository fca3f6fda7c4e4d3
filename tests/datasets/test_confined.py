"""Names behind URLs lead to no file outside of the copy, whoever chose them."""

from __future__ import annotations

import http.server
import threading
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
from tests.parts import good, psdl, refused, save

pytest.importorskip("s3fs")


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
