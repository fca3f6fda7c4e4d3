"""The line: what is watched, also by the next server, and what the page shows of it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from psdl._util.atomic import atomic_write
from psdl.errors import PsdlError
from psdl.studio.camera import plain
from psdl.studio.sources import Camera, Server, Source, Watched
from psdl.studio.tally import Tally

Values = dict[str, Any]


class Line:
    """The pictures of a line. out: where journals lie, one a source; what is watched stands in out/line.json, so
    that the next server goes on. changed: is called when a row is new."""

    def __init__(self, out: Path, changed: Callable[[], None]) -> None:
        self.out, self.changed = out, changed
        self.source: Source | None = None
        self.tally = Tally()
        self.watched: Values = {}
        self.lock, self.changing = threading.Lock(), threading.RLock()
        with contextlib.suppress(OSError, ValueError):
            self.watched = json.loads((out / "line.json").read_text(encoding="utf-8"))

    def start(self, model: Path, asked: Mapping[str, Any]) -> None:
        """Judges by a model what a source gives. asked: its kind (folder, camera or server); where: its path,
        address or number; every: seconds between a camera's pictures; token: what a server wants to see, which is
        not kept. Raises PsdlError where it is none."""
        with self.changing:
            self._start(model, asked)
        self.changed()

    def _start(self, model: Path, asked: Mapping[str, Any]) -> None:
        self.stop()
        kept = {key: asked[key] for key in ("kind", "where", "every") if asked.get(key) is not None}
        tally = Tally()
        self.source, self.tally = self._opened(model, asked, tally), tally
        self.out.mkdir(parents=True, exist_ok=True)
        self.watched = {**kept, "model": model.stem}
        with atomic_write(self.out / "line.json") as temporary:
            temporary.touch(0o600)  # an address may hold a password
            temporary.write_text(json.dumps(self.watched), encoding="utf-8")

    def _opened(self, model: Path, asked: Mapping[str, Any], tally: Tally) -> Source:
        kind, where = asked["kind"], str(asked["where"])
        out = self.out / hashlib.sha256(f"{kind} {where}".encode("utf-8", "replace")).hexdigest()[:8]
        if kind == "camera":
            return Camera(model, where, float(asked.get("every") or 1), out, self.changed)
        if kind == "server":
            return Server(where, str(asked.get("token") or ""), tally, self.changed)
        return Watched(model, Path(where), out, self.changed)

    def again(self, model: Path | None) -> None:
        """Goes on with what is watched: after another server, or by another model. A folder that is gone, and a
        line.json that cannot be understood, are not."""
        if self.watched and model is not None:
            token = getattr(self.source, "token", "")
            with contextlib.suppress(PsdlError, KeyError, ValueError):
                self.start(model, {**self.watched, "token": token})

    def stop(self, forget: bool = False) -> None:
        """Ends the watching. forget: also for the next server."""
        if self.source is not None:
            self.source.stop()
        self.source = None
        if forget:
            self.watched = {}
            (self.out / "line.json").unlink(missing_ok=True)
            self.changed()

    def state(self) -> Values:
        source = self.source
        told = {key: self.watched.get(key) for key in ("kind", "where", "model")}
        told["where"] = told["where"] and plain(str(told["where"]))
        return {"on": source is not None and source.on, "problem": source.problem if source else "", **told}

    def rows(self) -> Values:
        """The newest rows first, and how many of each verdict every hour had."""
        with self.lock:
            if self.source is not None:
                self.source.follow(self.tally)
            return self.tally.values()

    def picture(self, n: int) -> str | bytes:
        """The picture of a row. Raises PsdlError where it is gone."""
        if self.source is None:
            raise PsdlError("nothing is watched any more")
        return self.source.picture(self.tally.row(n))
