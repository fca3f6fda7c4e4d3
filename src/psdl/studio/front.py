"""The pages of `psdl serve`, which need no network: one to drop an image and see the verdict, one on the
interface."""

from __future__ import annotations

from fastapi import FastAPI, Response
from fastapi.staticfiles import StaticFiles

from psdl.studio.guard import SAID
from psdl.studio.pages import PAGE, document

OWN = ("/docs", "/docs/oauth2-redirect", "/redoc")  # FastAPI's own, which take their scripts from the network


def add_pages(served: FastAPI) -> FastAPI:
    """Adds the pages to a server's application, in place of FastAPI's own that need a network, and returns it."""
    served.router.routes[:] = [one for one in served.router.routes if getattr(one, "path", "") not in OWN]

    @served.get("/", include_in_schema=False)
    async def judge() -> Response:
        return document("serve", SAID)

    @served.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return document("docs", SAID)

    served.mount("/page", StaticFiles(directory=PAGE))
    return served
