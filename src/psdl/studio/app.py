"""The web application: the page, its routes, and how requests are refused."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Annotated

from fastapi import Body, FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles

from psdl.deploy.serve.access import Tokens
from psdl.errors import PsdlError
from psdl.studio import guard, routes_images, routes_models
from psdl.studio.guard import Guard
from psdl.studio.pages import PAGE, document
from psdl.studio.project import Values
from psdl.studio.studio import Studio


def app(studio: Studio, hosts: Sequence[str] | None, tokens: Tokens) -> FastAPI:
    """Returns the application. `hosts` are the host names with ports by which it may be called; None allows any.
    If there are `tokens`, each request must bear one of them."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        working = asyncio.create_task(studio.live())
        current = studio.project.current
        studio.line.again(studio.project.model_file(current) if current else None)
        yield
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working

    served = FastAPI(title="psdl studio", lifespan=life, openapi_url=None, docs_url=None, redoc_url=None)

    @served.get("/")
    async def page() -> Response:
        return document("app")

    @served.post("/api/login")
    async def login(request: Request, token: Annotated[str, Body(embed=True, max_length=500)]) -> Response:
        """Stores a token in a cookie that other pages cannot send."""
        why = guard.refused(tokens, request.scope, token)
        if why:
            return JSONResponse({"error": why[1]}, why[0])
        answer = JSONResponse({"known": True})
        answer.set_cookie(guard.COOKIE, token, httponly=True, samesite="strict", max_age=30 * 86400)
        return answer

    @served.get("/api/events")
    async def events() -> Response:
        return StreamingResponse(studio.hub.stream(), media_type="text/event-stream")

    @served.get("/api/state")
    def state() -> Values:
        return {**studio.state(), "psdl": version("psdl")}

    @served.exception_handler(PsdlError)
    async def refused(_: Request, error: PsdlError) -> Response:
        return JSONResponse({"error": str(error)}, 422)

    served.include_router(routes_images.router(studio))
    served.include_router(routes_models.router(studio))
    served.mount("/page", StaticFiles(directory=PAGE))
    served.add_middleware(Guard, hosts=hosts, tokens=tokens)
    return served
