"""The journal: torn ends, full disks, files that are put aside; and receivers that refuse a line for ever."""

from __future__ import annotations

import json
import os
import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from psdl import PsdlError
from psdl.deploy.loops import Loops
from psdl.deploy.watch import journal as journals
from psdl.deploy.watch import notifier
from psdl.deploy.watch.journal import Journal, Place
from psdl.deploy.watch.notifier import News, NotTaken
from tests.deploy.watch.test_watch import until


def row(n: int, **more: Any) -> dict[str, Any]:
    return {"path": f"{n}.png", "size": n, "changed": n, "verdict": "OK", "sha256": f"{n:064}", **more}


def paths(journal: Journal) -> list[str]:
    return [found["path"] for found in journal.rows()]


@pytest.mark.parametrize("tail", [b"{", b"x" * 200_000, b'{"path": "a'])
def test_a_torn_end_is_cut_off_and_only_the_end_is_read(tmp_path, tail):
    with Journal(tmp_path) as journal:
        for n in range(3):
            journal.append(row(n))
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole + tail)
    with Journal(tmp_path) as journal:
        assert journal.path.read_bytes() == whole
        assert len(paths(journal)) == 3
    journal.path.write_bytes(tail)
    with Journal(tmp_path) as journal:
        assert journal.path.read_bytes() == b""


def test_full_files_are_put_aside_and_all_lines_are_found(tmp_path):
    with Journal(tmp_path, most=500) as journal:
        for n in range(40):
            journal.append(row(n))
        assert len(journals.files_of(tmp_path)) > 3
        assert all(path.stat().st_size <= 500 for path in journals.files_of(tmp_path))
        assert paths(journal) == [f"{n}.png" for n in range(40)]
        at, found = journal.first, []
        while (line := journal.line(at)) is not None:
            found.append(json.loads(line[0])["size"])
            at = line[1]
        assert found == list(range(40))
        assert journal.left(at) == 0
        assert journal.left(journal.first) == sum(path.stat().st_size for path in journals.files_of(tmp_path))
        journals.files_of(tmp_path)[0].unlink()
        assert journal.line(Place(1, 100)) is not None  # goes on with what is there


def test_a_disk_that_is_full_leaves_no_part_of_a_line(tmp_path):
    with Journal(tmp_path) as journal:
        journal.append(row(0))
        size = journal.path.stat().st_size
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, before[1]))  # as a full disk does it
        try:
            with pytest.raises(OSError, match="large"):
                journal.append(row(1))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert journal.path.stat().st_size == size
        journal.append(row(2))
        assert paths(journal) == ["0.png", "2.png"]


def test_a_journal_that_was_taken_away_is_not_written_into_the_void(tmp_path):
    with Journal(tmp_path / "out") as journal:
        journal.append(row(0))
        os.rename(tmp_path / "out", tmp_path / "away")
        with pytest.raises(OSError, match="No such file"):
            journal.append(row(1))
        (tmp_path / "out").mkdir()
        (tmp_path / "out/images.jsonl").touch()
        with pytest.raises(OSError, match="another file"):
            journal.append(row(1))


class Picky(ThreadingHTTPServer):
    """Answers each path with the status that `statuses` has for it, else 200."""

    def __init__(self) -> None:
        self.statuses: dict[str, int] = {}
        self.taken: list[str] = []
        self.endless = False
        super().__init__(("127.0.0.1", 0), Answers)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Answers(BaseHTTPRequestHandler):
    server: Picky

    def do_POST(self) -> None:
        path = json.loads(self.rfile.read(int(self.headers["content-length"])))["path"]
        status = self.server.statuses.get(path, self.server.statuses.get("*", 200))
        self.send_response(status)
        self.end_headers()
        if status == 200:
            self.server.taken.append(path)
        try:
            while self.server.endless:
                self.wfile.write(b"x" * 65_536)
        except OSError:
            pass

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def picky() -> Iterator[Picky]:
    server = Picky()
    yield server
    server.endless = False
    server.shutdown()
    server.server_close()


@pytest.fixture
def quick(monkeypatch) -> None:
    monkeypatch.setattr(notifier, "FIRST", 0.01)
    monkeypatch.setattr(notifier, "MOST", 0.05)


def buried(out: Path) -> list[str]:
    file = out / "webhook.refused.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return [json.loads(json.loads(line)["line"])["path"] for line in lines]


@contextmanager
def told(out: Path, picky: Picky, count: int, statuses: dict[str, int]) -> Iterator[tuple[News, Loops]]:
    """A sender of so many lines to the receiver, which must have no line left at the end."""
    picky.statuses = statuses
    with Journal(out) as journal:
        loops = Loops()
        for n in range(count):
            journal.append(row(n))
        news = News(journal, "webhook", notifier.Webhook(f"http://127.0.0.1:{picky.server_port}/v"), loops)
        yield news, loops
        until(lambda: journal.left(news.at) == 0)
        assert news.stop(20) == 0


def test_a_line_that_is_refused_for_ever_holds_back_no_other(tmp_path, picky, quick):
    statuses = {"1.png": 422, "2.png": 413, "4.png": 500, "5.png": 500}
    with told(tmp_path, picky, 8, statuses) as (_, loops):
        pass
    assert buried(tmp_path) == ["1.png", "2.png", "4.png", "5.png"]
    assert set(picky.taken) == {"0.png", "3.png", "6.png", "7.png"}
    assert "dead letters" in str(loops.state)
    assert "422" in (tmp_path / "webhook.refused.jsonl").read_text()


def test_while_a_receiver_takes_nothing_all_lines_wait(tmp_path, picky, quick):
    with told(tmp_path, picky, 5, {"*": 503}) as (_, loops):
        until(lambda: loops.state.get("webhook") is not None and loops.state["webhook"].failures > 10)
        assert picky.taken == buried(tmp_path) == []
        assert loops.problems["webhook"]
        picky.statuses = {}
    assert set(picky.taken) == {f"{n}.png" for n in range(5)}
    assert loops.problems == {}


def test_an_endless_answer_is_read_up_to_a_bound(tmp_path, picky, quick):
    picky.endless = True
    with told(tmp_path, picky, 3, {}):
        pass
    assert picky.taken == ["0.png", "1.png", "2.png"]


def test_whatever_a_sender_raises_it_goes_on_from_where_it_was(tmp_path, quick):
    tries: list[str] = []

    def send(line: bytes, key: str) -> None:
        tries.append(key)
        if len(tries) < 4:
            raise (RuntimeError("of a library"), NotTaken("not now"), OSError("away"))[len(tries) - 1]

    with Journal(tmp_path) as journal:
        journal.append(row(0))
        journal.append(row(1))
        news = News(journal, "mqtt", send, Loops())
        until(lambda: journal.left(news.at) == 0)
        assert news.stop(20) == 0
        assert len(set(tries[:4])) == 1
        assert len(tries) == 5
        assert (tmp_path / "mqtt.sent").read_text() == f"1 {journal.end.byte}\n"
        (tmp_path / "mqtt.sent").write_text(str(journal.end.byte))  # as it was before files were numbered
        assert News(journal, "mqtt", send, Loops()).at == journal.end
        (tmp_path / "mqtt.sent").write_text("a b\n")
        with pytest.raises(PsdlError, match="holds no place"):
            News(journal, "mqtt", send, Loops())


def test_a_line_that_no_psdl_wrote_is_a_dead_letter(tmp_path, quick):
    taken: list[bytes] = []
    (tmp_path / "images.jsonl").write_bytes(b"\xff\n[]\n" + json.dumps(row(3)).encode() + b"\n")
    with Journal(tmp_path) as journal:
        news = News(journal, "mqtt", lambda line, _: taken.append(line), Loops())
        until(lambda: journal.left(news.at) == 0)
        news.stop(20)
        assert len(taken) == 1
        assert (tmp_path / "mqtt.refused.jsonl").read_text().count("no line that psdl watch wrote") == 2
