"""The sources of a line's pictures: a folder, a camera that fills one, or the last images of a server."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from psdl.deploy.watch.journal import files_of
from psdl.errors import PsdlError
from psdl.studio.tally import Tally

PATIENCE = 5.0  # seconds that a server may take to answer
EVERY = 0.7  # seconds between questions to a server
ANSWER, PICTURE = 8 * 2**20, 64 * 2**20  # bytes of a server's answer, and of a picture


class Source(Protocol):
    """What gives a line its judged pictures. `on` says whether it works; `problem` says in a sentence what is
    wrong, or is empty."""

    @property
    def problem(self) -> str: ...

    @property
    def on(self) -> bool: ...

    def follow(self, tally: Tally) -> None:
        """Adds the rows that are new to the tally."""

    def picture(self, row: dict[str, Any]) -> str | bytes:
        """Returns the path or the content of a row's picture. Raises PsdlError if it no longer exists."""

    def stop(self) -> None: ...


def run(*command: str, **options: Any) -> subprocess.Popen[str]:
    """Starts a process of psdl's own; files in the folder in which it is started do not affect its imports."""
    options = {"stdout": subprocess.PIPE, "text": True, **options}
    return subprocess.Popen([sys.executable, "-P", "-m", *command], **options)


def end(process: subprocess.Popen[str]) -> None:
    """Ends a process, by force if it does not end within 20 seconds."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()


class Watched:
    """A folder that `psdl watch` judges. `out` holds its journal; `changed` is called when a row is new."""

    def __init__(self, model: Path, folder: Path, out: Path, changed: Callable[[], None]) -> None:
        if not folder.is_dir():
            raise PsdlError(f"no folder {folder}: choose the folder that the camera writes into")
        self.folder, self.out, self.changed, self.problem = folder, out, changed, ""
        self.at = 0, 0  # the file of the journal, and the byte in it, up to which it was read
        self.lock = threading.Lock()
        out.mkdir(parents=True, exist_ok=True)
        self.process = run(
            "psdl.cli.main", "watch", str(model), str(folder), "--out", str(out), stderr=subprocess.PIPE
        )
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def on(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        end(self.process)

    def follow(self, tally: Tally) -> None:
        """Adds the journal's new lines to the tally."""
        with self.lock:
            for number, path in enumerate(files_of(self.out)):
                if number >= self.at[0] and path.is_file():
                    self._follow(number, path, tally)

    def _follow(self, number: int, path: Path, tally: Tally) -> None:
        start = self.at[1] if number == self.at[0] else 0
        with path.open("rb") as file:
            file.seek(start)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                start += len(line)
                self.at = number, start
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    tally.take(json.loads(line))

    def picture(self, row: dict[str, Any]) -> str:
        """Returns the file of a row. Raises PsdlError if it is no longer in the folder."""
        root = self.folder.resolve()
        path = root.joinpath(str(row["path"])).resolve()
        if path.is_relative_to(root) and path.is_file():
            return str(path)
        raise PsdlError("that picture is no longer in the folder")

    def _read(self) -> None:
        process = self.process
        assert process.stdout
        assert process.stderr
        for _ in process.stdout:
            self.changed()
        said = process.stderr.read().strip().splitlines()
        process.wait()
        if said and process.returncode not in (0, -15):
            self.problem = said[-1].removeprefix("psdl: ")
        self.changed()


class Camera:
    """A camera whose pictures go into a folder that is watched, one every `every` seconds; see `camera`."""

    def __init__(self, model: Path, address: str, every: float, out: Path, changed: Callable[[], None]) -> None:
        self.changed, self.trouble = changed, ""
        pictures = out / "pictures"
        pictures.mkdir(parents=True, exist_ok=True)
        self.process = run("psdl.studio.camera", str(pictures), str(every), stdin=subprocess.PIPE)
        assert self.process.stdin
        self.process.stdin.write(address + "\n")
        self.process.stdin.flush()
        self.watched = Watched(model, pictures, out, changed)
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def on(self) -> bool:
        return self.watched.on and self.process.poll() is None

    @property
    def problem(self) -> str:
        return self.trouble or self.watched.problem

    def stop(self) -> None:
        end(self.process)
        self.watched.stop()

    def follow(self, tally: Tally) -> None:
        self.watched.follow(tally)

    def picture(self, row: dict[str, Any]) -> str:
        return self.watched.picture(row)

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.trouble = line.strip()
            self.changed()
        self.changed()


class Server:
    """The last images of a `psdl serve --last N`, which is asked for them repeatedly. `address` and `token` are
    the server's; new rows go to `tally` as they come."""

    def __init__(self, address: str, token: str, tally: Tally, changed: Callable[[], None]) -> None:
        if urlsplit(address).scheme not in ("http", "https"):
            raise PsdlError(f"{address} is no server's address: give one such as http://127.0.0.1:8100/")
        self.address, self.token, self.changed, self.problem = address.rstrip("/"), token, changed, ""
        self.ended = threading.Event()
        self.tally, self.began, self.after = tally, "", -1
        threading.Thread(target=self._ask, daemon=True).start()

    @property
    def on(self) -> bool:
        return not self.ended.is_set()

    def stop(self) -> None:
        self.ended.set()

    def follow(self, tally: Tally) -> None:
        """Does nothing, since rows come without being asked for."""

    def picture(self, row: dict[str, Any]) -> bytes:
        return self._got(f"v1/last/{row['at']}", PICTURE)

    def _ask(self) -> None:
        while not self.ended.is_set():
            before, found = self.problem, False
            try:
                found, self.problem = self._look(), ""
            except PsdlError as error:
                self.problem = str(error)
            except (ValueError, KeyError, TypeError):
                self.problem = f"{self.address} does not answer as psdl serve does: give the address of one"
            if found or self.problem != before:
                self.changed()
            self.ended.wait(EVERY if not self.problem else 3 * EVERY)

    def _look(self) -> bool:
        """Asks for new rows, and returns whether there were any. A restarted server counts from zero again."""
        found = json.loads(self._got(f"v1/last?after={self.after}&began={self.began}", ANSWER))
        rows = sorted(found["rows"], key=lambda row: int(row["n"]))
        self.began, self.after = str(found["began"]), int(found["count"]) - 1
        for row in rows:
            self.tally.take(row, int(row["n"]))
        return bool(rows)

    def _got(self, path: str, most: int) -> bytes:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        request = urllib.request.Request(f"{self.address}/{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                content: bytes = answer.read(most + 1)
        except urllib.error.HTTPError as error:
            raise PsdlError(f"{self.address} refuses: {_sentence(error)}") from None
        except (OSError, ValueError) as error:
            raise PsdlError(f"{self.address} does not answer ({getattr(error, 'reason', error)})") from None
        if len(content) > most:
            raise PsdlError(f"{self.address} sends more than {most >> 20} MB: that is no psdl serve")
        return content


def _sentence(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read(10_000))["error"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"status {error.code}"
