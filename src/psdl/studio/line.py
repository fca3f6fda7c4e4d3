"""The line: `psdl watch` on a folder, and its journal as the page shows it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from psdl.deploy.watch.journal import files_of
from psdl.errors import PsdlError

Values = dict[str, Any]
SHOWN = 200  # newest rows that the page gets
BRIEF = ("path", "verdict", "score", "judged", "width", "height", "error")


class Line:
    """A watched folder. out: where its journal lies; what is watched stands in out/line.json, so that the next
    server goes on. changed: is called when a row is new."""

    def __init__(self, out: Path, changed: Callable[[], None]) -> None:
        self.out, self.changed = out, changed
        self.process: subprocess.Popen[str] | None = None
        self.problem = ""
        self.watched: Values = {}
        self.lock = threading.Lock()
        self.at = 0, 0  # the file of the journal, and the byte in it, up to which it was read
        self.newest: dict[int, Values] = {}
        self.hours: Counter[tuple[str, str]] = Counter()
        self.drift: list[str] = []
        self.count = 0
        with contextlib.suppress(OSError, ValueError):
            self.watched = json.loads((out / "line.json").read_text(encoding="utf-8"))

    def start(self, model: Path, folder: Path) -> None:
        """Judges what is in the folder and what comes into it, by a model. Raises PsdlError if it is none."""
        if not folder.is_dir():
            raise PsdlError(f"no folder {folder}: choose the folder that the camera writes into")
        self.stop()
        self.out.mkdir(parents=True, exist_ok=True)
        self.watched, self.problem = {"folder": str(folder), "model": model.stem}, ""
        (self.out / "line.json").write_text(json.dumps(self.watched), encoding="utf-8")
        command = [
            sys.executable,
            "-P",
            "-m",
            "psdl.cli.main",
            "watch",
            str(model),
            str(folder),
            "--out",
            str(self.out),
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        self.changed()

    def again(self, model: Path | None) -> None:
        """Goes on watching what the server before this one watched."""
        if self.watched and model is not None and Path(self.watched["folder"]).is_dir():
            self.start(model, Path(self.watched["folder"]))

    def stop(self, forget: bool = False) -> None:
        """Ends the watching. forget: also for the next server."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
            self.process.kill()
        self.process = None
        if forget:
            self.watched = {}
            (self.out / "line.json").unlink(missing_ok=True)
            self.changed()

    def state(self) -> Values:
        on = self.process is not None and self.process.poll() is None
        return {"on": on, "folder": self.watched.get("folder"), "problem": "" if on else self.problem}

    def rows(self) -> Values:
        """The newest rows first, and how many of each verdict every hour had."""
        with self.lock:
            self._follow()
            newest, hours = list(self.newest.values())[::-1], sorted(self.hours.items())
            by_hour = [{"hour": hour, "verdict": verdict, "count": n} for (hour, verdict), n in hours]
            return {"rows": newest, "hours": by_hour, "drift": self.drift, "count": self.count}

    def file(self, n: int) -> Path:
        """The image of a row, if it is still in the watched folder. Raises PsdlError if not."""
        with self.lock:
            row = self.newest.get(n)
        if row and self.watched:
            root: Path = Path(self.watched["folder"]).resolve()
            path = root.joinpath(str(row["path"])).resolve()
            if path.is_relative_to(root) and path.is_file():
                return path
        raise PsdlError("that image is no longer in the watched folder")

    def _follow(self) -> None:
        """Takes in the journal's lines that are new."""
        for number, path in enumerate(files_of(self.out)):
            if number < self.at[0] or not path.is_file():
                continue
            with path.open("rb") as file:
                file.seek(self.at[1] if number == self.at[0] else 0)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self.at = number, (self.at[1] if number == self.at[0] else 0) + len(line)
                    with contextlib.suppress(ValueError, KeyError):
                        self._take(json.loads(line))

    def _take(self, row: Values) -> None:
        kept = {key: row.get(key) for key in BRIEF}
        self.newest[self.count] = {
            **kept,
            "n": self.count,
            "boxes": [one["box"] for one in row.get("regions", [])],
        }
        self.newest.pop(self.count - SHOWN, None)
        self.hours[row["judged"][:13], row["verdict"]] += 1
        self.count += 1
        self.drift = row.get("drift", self.drift)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout
        assert process.stderr
        for _ in process.stdout:
            self.changed()
        said = process.stderr.read().strip().splitlines()
        process.wait()
        if said and process.returncode not in (0, -15):
            self.problem = said[-1].removeprefix("psdl: ")
        self.changed()
