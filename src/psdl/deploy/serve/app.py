"""The routes of the server: what clients may ask, and how each request is answered or refused."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from psdl.deploy.client import Answer, Unscored
from psdl.deploy.drift import Monitor
from psdl.deploy.loops import Loops, said
from psdl.deploy.registry import Held, ModelRegistry
from psdl.deploy.serve import body
from psdl.deploy.serve.access import Pages, Tokens, client_of
from psdl.deploy.serve.arrivals import Arrival, Arrivals
from psdl.deploy.serve.bounds import Bounds, Refused
from psdl.deploy.serve.last import Last, router
from psdl.deploy.serve.line import Answered, Asker, Line, Named, plain
from psdl.deploy.serve.monitor import Monitors
from psdl.deploy.serve.protocol import rested
from psdl.deploy.serve.telemetry import Telemetry
from psdl.errors import PsdlError

LOG = logging.getLogger("psdl")
REST = 0.02  # seconds without a question after which a connection is not one that asks without a pause
EVERY = 1.0  # seconds between two checks of the model files
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
    """A response that frees the place and the bytes of its request once it is sent, or after `seconds` if nobody
    reads it."""

    def __init__(self, content: Any, status: int, held: AsyncExitStack, seconds: float) -> None:
        super().__init__(content, status)
        self.held, self.seconds = held, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self.held:
            with suppress(TimeoutError):  # the server closes a connection whose answer did not go out
                async with asyncio.timeout(self.seconds):
                    await super().__call__(scope, receive, send)


@dataclass
class Parts:
    """The parts that one server consists of; see the class of each."""

    registry: ModelRegistry
    bounds: Bounds
    tokens: Tokens
    line: Line
    counts: Telemetry
    monitors: Monitors
    arrivals: Arrivals
    loops: Loops
    last: Last

    @classmethod
    def of(cls, registry: ModelRegistry, bounds: Bounds, tokens: Tokens) -> Parts:
        """Returns the parts of a new server with these models, bounds and tokens."""
        line, loops = Line(bounds), Loops()
        counts = Telemetry(lambda: line.taken, loops)
        return cls(registry, bounds, tokens, line, counts, Monitors(), Arrivals(bounds), loops, Last(bounds))

    def refresh(self, every: bool = False) -> None:
        """Reads the model files that have changed; with `every` all model files and the tokens."""
        if every:
            with self.loops.round("tokens"):
                self.tokens.read()
        for name in self.registry.refresh(every):
            self.counts.reloads.labels(name).inc()
            self.line.load(self.registry.held[name])


def app(parts: Parts, hosts: Sequence[str] | None = None) -> FastAPI:
    """Returns the web application. `hosts` are the names allowed in the Host header; None allows all."""

    async def reload() -> None:
        while True:
            await asyncio.sleep(EVERY)
            with parts.loops.round("reload"):
                await asyncio.to_thread(parts.refresh)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        reloading = asyncio.create_task(reload())
        yield
        reloading.cancel()

    served = FastAPI(title="psdl", version=version("psdl"), lifespan=life, summary="Judges images of parts.")
    _add_scoring_routes(served, parts)
    _add_status_routes(served, parts)
    served.include_router(router(parts.last), dependencies=[Depends(_known(parts.tokens))])
    _add_error_handlers(served)
    served.add_middleware(Pages, hosts=hosts)
    served.add_middleware(_Counted, counts=parts.counts)
    return served


def _add_scoring_routes(served: FastAPI, parts: Parts) -> None:
    """Adds the route that judges images."""

    @served.post(
        "/v1/score",
        dependencies=[Depends(_known(parts.tokens))],
        response_model=Answer,
        responses=REFUSALS,
        openapi_extra={"requestBody": BODY},
    )
    async def score(
        request: Request,
        model: Annotated[str | None, Query(description="The model's name, where there are several.")] = None,
        map: Annotated[  # noqa: A002 the query's name
            Literal["png", "overlay", "tiff"] | None,
            Query(description="Also the map: in colours, in colours to lay over the image, or as float32."),
        ] = None,
    ) -> Response:
        """Judges one or several images. Each gets a score, p-value, verdict and regions, or a reason why there are
        none."""
        start = time.perf_counter()
        try:
            name, held = parts.registry.named(model)
        except PsdlError as error:
            raise Refused(404, str(error), unread=True) from None
        async with AsyncExitStack() as stack:
            images, answers = await _judged(request, held, map, parts, stack)
            results, drift = parts.monitors.seen(name, held.detector, answers)
            parts.last.take(name, images, results)
            parts.counts.judged(name, results, drift)
            parts.counts.seconds.observe(time.perf_counter() - start)
            content, status = {"model": name, "results": plain(results)}, 200
            if all(isinstance(one, Unscored) for one in results):
                content["error"], status = results[0].error, results[0].status  # type: ignore[union-attr]
            return _Answered(content, status, stack.pop_all(), parts.bounds.seconds)


async def _judged(
    request: Request, held: Held, maps: str | None, parts: Parts, stack: AsyncExitStack
) -> tuple[list[Named], list[Answered]]:
    """Returns the images of a request and the answer to each. `stack` holds the request's place and bytes until it
    closes."""
    client, bounds = client_of(request), parts.bounds
    parts.line.check(client)
    arrival: Arrival | None = None
    try:
        async with asyncio.timeout(bounds.seconds) as limit:
            arrival = stack.enter_context(parts.arrivals.held(client, limit))
            images = await body.images(request, bounds, parts.arrivals, arrival)
    except TimeoutError:
        if arrival is not None and arrival.evicted:
            raise Refused(408, "the body came too slowly while others waited", unread=True) from None
        raise Refused(408, f"the body did not arrive within {bounds.seconds:g} s", unread=True) from None
    stack.enter_context(parts.line.place(client))
    asker = Asker(client, rested(request.scope) >= REST)
    return images, await parts.line.judge(held, images, maps, asker)


def _add_status_routes(served: FastAPI, parts: Parts) -> None:
    """Adds the routes that report the server's state. Those without a token reveal no path and no reason of a
    failure."""
    asked = [Depends(_known(parts.tokens))]

    @served.get("/v1/models", dependencies=asked)
    async def models() -> list[dict[str, Any]]:
        """Returns the loaded models, what they were learned from and which rates their thresholds keep."""
        return [described(name, held) for name, held in parts.registry.held.items()]

    @served.get("/healthz")
    async def health() -> dict[str, str]:
        """Returns that the process answers."""
        return {"status": "alive"}

    @served.get("/readyz")
    async def ready() -> dict[str, Any]:
        """Returns that models are loaded, which of them could not be replaced by a newer file, and which
        background loops fail. The reasons are in /v1/models and in the log."""
        held, loops = parts.registry.held, parts.loops.state
        stale = sorted(name for name, one in held.items() if one.problem)
        failing = sorted(name for name, loop in loops.items() if loop.problem)
        return {
            "status": "degraded" if stale or failing else "ready",
            "models": sorted(held),
            "problems": dict.fromkeys(stale, "the newer file could not take its place"),
            "loops": {name: "failing" if name in failing else "well" for name in loops},
        }

    @served.get("/metrics", dependencies=asked)
    async def metrics() -> Response:
        """Returns the server's counts in the text format of Prometheus."""
        return Response(parts.counts.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _add_error_handlers(served: FastAPI) -> None:
    """Adds the handlers that answer each error with one sentence and never with a traceback."""

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

    @served.exception_handler(RequestValidationError)
    async def misasked(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return JSONResponse({"error": f"the query's {first['loc'][-1]} cannot be taken: {first['msg']}"}, 422)

    @served.exception_handler(Exception)
    async def unforeseen(_: Request, error: Exception) -> Response:
        LOG.error("a request was not answered: %s", said(error))
        return JSONResponse({"error": "the server could not answer this request: its log says why"}, 500)


class _Counted:
    """ASGI middleware that counts every answer by its route and status."""

    def __init__(self, app: ASGIApp, counts: Telemetry) -> None:
        self.app, self.counts = app, counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                path = getattr(scope.get("route"), "path", "other")
                self.counts.requests.labels(path, str(message["status"])).inc()
            await send(message)

        await self.app(scope, receive, sent)


def described(name: str, held: Held) -> dict[str, Any]:
    """Returns the properties of a model as a dictionary for JSON."""
    model = held.detector.model
    known = model.calibration
    return {
        "name": name,
        "recipe": model.recipe.name,
        "categories": list(model.categories),
        "learned_images": len(model.learned),
        "threshold": known.threshold,
        "review_threshold": known.review_threshold,
        "false_reject": known.rates.false_reject,
        "calibration": known.origin,
        "tells_drift": Monitor(model).able,
        "psdl": model.versions.get("psdl", ""),
        "sha256": held.digest,
        "problem": held.problem,
    }


def _known(tokens: Tokens) -> Callable[[Request], Any]:
    """Returns a dependency that refuses requests without a token that the server knows."""

    async def check(request: Request) -> None:
        tokens.check(request)

    return check
