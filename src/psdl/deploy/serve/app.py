"""The routes: what may be asked, and how each question is answered or refused."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from psdl.deploy.client import Answer
from psdl.deploy.drift import Monitor
from psdl.deploy.registry import Shelf
from psdl.deploy.serve import body
from psdl.deploy.serve.bounds import Bounds, Refused
from psdl.deploy.serve.line import Line, plain
from psdl.deploy.serve.monitor import Monitors
from psdl.deploy.serve.telemetry import Telemetry
from psdl.errors import PsdlError

EVERY = 1.0  # seconds between looks at the model files
BODY = {
    "required": True,
    "content": {
        "image/*": {"schema": {"type": "string", "format": "binary"}},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"images": {"type": "array", "items": {"type": "string", "format": "binary"}}},
            }
        },
    },
}
REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"description": "No bearer token that the server knows."},
    404: {"description": "No model of that name."},
    408: {"description": "The body came too slowly."},
    413: {"description": "The body or an image is too large."},
    415: {"description": "The body is no image."},
    422: {"description": "An image that cannot be read, or none."},
    429: {"description": "As many requests as the server takes on are being answered."},
    503: {"description": "No answer in time, or too many connections."},
}


class _Answered(JSONResponse):
    """Gives the request's place back when the answer has gone out, or when nobody took it in time."""

    def __init__(self, content: Any, leave: Callable[[], None], seconds: float) -> None:
        super().__init__(content)
        self.leave, self.seconds = leave, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(self.seconds):
                await super().__call__(scope, receive, send)
        except TimeoutError:
            return  # the server closes a connection whose answer did not go out
        finally:
            self.leave()


def app(shelf: Shelf, bounds: Bounds, tokens: Sequence[str] = ()) -> FastAPI:
    """The application. tokens: one of them must be given with each question; no question asked if there are
    none."""
    line = Line(bounds)
    counts = Telemetry(lambda: line.taken)
    monitors = Monitors()

    async def look() -> None:
        while True:
            await asyncio.sleep(EVERY)
            for name in await asyncio.to_thread(shelf.refresh):
                counts.reloads.labels(name).inc()

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        looking = asyncio.create_task(look())
        yield
        looking.cancel()

    served = FastAPI(title="psdl", version=version("psdl"), lifespan=life, summary="Judges images of parts.")
    asked = [Depends(_known(tokens))]

    @served.post(
        "/v1/score",
        dependencies=asked,
        response_model=Answer,
        responses=REFUSALS,
        openapi_extra={"requestBody": BODY},
    )
    async def score(
        request: Request,
        model: Annotated[str | None, Query(description="The model's name, where there are several.")] = None,
        map: Annotated[  # noqa: A002 the query's name
            Literal["png", "tiff"] | None, Query(description="Also the map: in colours, or as float32.")
        ] = None,
    ) -> Response:
        """Judges one image, or several: score, p-value, verdict and regions of each."""
        start = time.perf_counter()
        line.take()
        try:
            try:
                name, held = shelf.named(model)
            except PsdlError as error:
                raise Refused(404, str(error), unread=True) from None
            found = await line.judge(held.detector, await body.images(request, bounds), map)
            results, drift = monitors.seen(name, held.detector, found)
            counts.judged(name, results, drift)
            counts.seconds.observe(time.perf_counter() - start)
            return _Answered({"model": name, "results": plain(results)}, line.leave, bounds.seconds)
        except BaseException:
            line.leave()
            raise

    @served.get("/v1/models", dependencies=asked)
    async def models() -> list[dict[str, Any]]:
        """The models that answer, with what they were learned from and what their thresholds promise."""
        return [described(name, held.detector.model) for name, held in shelf.held.items()]

    @served.get("/healthz")
    async def health() -> dict[str, str]:
        """That the process answers."""
        return {"status": "alive"}

    @served.get("/readyz")
    async def ready() -> dict[str, Any]:
        """That models are loaded; and which of them could not be replaced by their newer file, and why."""
        problems = {name: held.problem for name, held in shelf.held.items() if held.problem}
        return {"status": "ready", "models": sorted(shelf.held), "problems": problems}

    @served.get("/metrics", dependencies=asked)
    async def metrics() -> Response:
        """Counts as Prometheus text."""
        return Response(counts.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @served.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> Response:
        return JSONResponse({"error": error.sentence}, error.status, error.headers)

    @served.exception_handler(PsdlError)
    async def unreadable(_: Request, error: PsdlError) -> Response:
        return JSONResponse({"error": str(error)}, 422)

    @served.exception_handler(HTTPException)
    async def unknown(_: Request, error: HTTPException) -> Response:
        said = "no such question: /docs lists those there are" if error.status_code in (404, 405) else error.detail
        return JSONResponse({"error": said}, error.status_code, error.headers)

    served.add_middleware(_Counted, counts=counts)
    return served


class _Counted:
    """Counts every answer by its route and status."""

    def __init__(self, app: ASGIApp, counts: Telemetry) -> None:
        self.app, self.counts = app, counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                path = getattr(scope.get("route"), "path", "other")
                self.counts.requests.labels(path, str(message["status"])).inc()
            await send(message)

        await self.app(scope, receive, sent)


def described(name: str, model: Any) -> dict[str, Any]:
    """A model in plain values."""
    known = model.calibration
    return {
        "name": name,
        "recipe": model.recipe.name,
        "categories": list(model.categories),
        "learned_images": len(model.learned),
        "threshold": known.threshold,
        "review_threshold": known.review_threshold,
        "false_reject": known.rates.alarm,
        "calibration": known.origin,
        "tells_drift": Monitor(model).able,
        "psdl": model.versions.get("psdl", ""),
    }


def _known(tokens: Sequence[str]) -> Callable[[Request], Any]:
    """Raises Refused unless a request bears one of the tokens, each compared in constant time."""
    wanted = [token.encode() for token in tokens]

    async def check(request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        same = [hmac.compare_digest(given.strip().encode(), token) for token in wanted]
        if wanted and not (scheme.lower() == "bearer" and any(same)):
            raise Refused(
                401, "no bearer token that this server knows: send Authorization: Bearer TOKEN", unread=True
            )

    return check
