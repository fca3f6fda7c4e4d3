"""The line: the source of pictures that is watched, kept for the next server, and what the page shows of it."""

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
    """The pictures of a production line. `out` is the folder of the journals, one for each source; out/line.json
    holds what is watched, so that the next server continues. `changed` is called when a row is new."""

    def __init__(self, out: Path, changed: Callable[[], None]) -> None:
        self.out, self.changed = out, changed
        self.source: Source | None = None
        self.tally = Tally()
        self.watched: Values = {}
        self.lock, self.changing = threading.Lock(), threading.RLock()
        with contextlib.suppress(OSError, ValueError):
            self.watched = json.loads((out / "line.json").read_text(encoding="utf-8"))

    def start(self, model: Path, asked: Mapping[str, Any]) -> None:
        """Starts to judge what a source gives by a model. `asked` holds its `kind` (folder, camera or server);
        `where`, its path, address or number; `every`, the seconds between a camera's pictures; and `token`, that
        of a server, which is not kept. Raises PsdlError if the source cannot be used."""
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
        """Continues with what is watched, after a restart of the server or by another model. A folder that is gone
        and an invalid line.json are ignored."""
        if self.watched and model is not None:
            token = getattr(self.source, "token", "")
            with contextlib.suppress(PsdlError, KeyError, ValueError):
                self.start(model, {**self.watched, "token": token})

    def stop(self, forget: bool = False) -> None:
        """Stops watching. `forget` stops it for the next server too."""
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
        """Returns the newest rows, the newest first, and the number of each verdict in every hour."""
        with self.lock:
            if self.source is not None:
                self.source.follow(self.tally)
            return self.tally.values()

    def picture(self, n: int) -> str | bytes:
        """Returns the picture of a row. Raises PsdlError if it no longer exists."""
        if self.source is None:
            raise PsdlError("nothing is watched any more")
        return self.source.picture(self.tally.row(n))
