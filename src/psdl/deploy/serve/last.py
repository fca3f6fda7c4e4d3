"""The last images that a server judged, kept in memory for the page that shows them, if the server is told to keep
them."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from psdl.deploy.client import Scored, Unscored
from psdl.deploy.serve.bounds import Bounds, Refused
from psdl.deploy.serve.line import Named

ROOM = 128 * 2**20  # bytes of all images that are kept
ANSWERED = ("verdict", "score", "width", "height", "regions", "drift", "error")


class Last:
    """Keeps at most `bounds.last` images, and at most ROOM bytes of them. `began` identifies this run of the
    server. `count` is the number of images so far; they are numbered from 0."""

    def __init__(self, bounds: Bounds) -> None:
        self.most = bounds.last
        self.began, self.count, self.held = secrets.token_hex(4), 0, 0
        self._kept: OrderedDict[int, tuple[dict[str, Any], bytes]] = OrderedDict()

    def take(self, model: str, images: Sequence[Named], results: Sequence[Scored | Unscored]) -> None:
        """Keeps the images that were judged just now, and drops the oldest ones beyond the bounds."""
        if not self.most:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        for (name, data), one in zip(images, results, strict=True):
            found = asdict(one)
            answered = {key: found[key] for key in ANSWERED if key in found}
            row = {"n": self.count, "model": model, "judged": now, "path": name, "verdict": "ERROR", **answered}
            self._kept[self.count] = row, data
            self.count, self.held = self.count + 1, self.held + len(data)
            while len(self._kept) > self.most or self.held > ROOM:
                self.held -= len(self._kept.popitem(last=False)[1][1])

    def rows(self, after: int, began: str) -> list[dict[str, Any]]:
        """Returns the rows of the images with a number above `after`, the oldest first; all rows if `began` is not
        that of this run, since another run counted then."""
        known = after if began == self.began else -1
        return [row for n, (row, _) in self._kept.items() if n > known]

    def image(self, n: int) -> bytes:
        """Returns the content of the file of image number `n`. Raises Refused (404) if it is not kept."""
        if n not in self._kept:
            raise Refused(404, "that image is no longer among the last")
        return self._kept[n][1]


def router(last: Last) -> APIRouter:
    """Returns the routes under which clients get the last images."""
    refusals: dict[int | str, dict[str, Any]] = {
        401: {"description": "No bearer token that the server knows."},
        404: {"description": "No images are kept, or this one no longer."},
        422: {"description": "A number that is none."},
    }
    routes = APIRouter(prefix="/v1", responses=refusals)

    @routes.get("/last")
    async def rows(
        after: Annotated[int, Query(description="Only images of a larger number than this.")] = -1,
        began: Annotated[str, Query(description="What the answer before said of the server's beginning.")] = "",
    ) -> dict[str, Any]:
        """Returns the last images that were judged, if the server was started with --last."""
        if not last.most:
            raise Refused(404, "this server keeps no images: start it with --last 200")
        return {"began": last.began, "count": last.count, "rows": last.rows(after, began)}

    @routes.get("/last/{n}")
    async def image(n: int) -> Response:
        """Returns the file of one of the last images as it was sent."""
        headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}
        return Response(last.image(n), media_type="application/octet-stream", headers=headers)

    return routes
