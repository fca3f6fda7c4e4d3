"""Reads the images of a request from its body, within the bounds of the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from psdl.deploy.serve.arrivals import Arrival, Arrivals
from psdl.deploy.serve.bounds import Bounds, Refused
from psdl.deploy.serve.line import Named


class _InMemory(MultiPartParser):
    """A parser of forms that keeps files in memory, because bodies are bounded and the disk may be read-only.
    `whole` says whether the end of the form was seen; the parser itself accepts a form that is cut short."""

    spool_max_size = 2**40
    whole = False

    def on_end(self) -> None:
        self.whole = True
        super().on_end()


async def images(request: Request, bounds: Bounds, arrivals: Arrivals, one: Arrival) -> list[Named]:
    """Returns the images of a request: the files of a form, or the body itself as one image.

    `one` is the arrival of this body among `arrivals`. Raises Refused if there is no image or more than
    `bounds.images`, and if the body is too large, of another type, or cut short.
    """
    found = await _images(request, bounds, arrivals, one)
    arrivals.here(one)
    if not found:
        raise Refused(422, "the request holds no image: send one as the body, or several as files of a form")
    return found


async def _images(request: Request, bounds: Bounds, arrivals: Arrivals, one: Arrival) -> list[Named]:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    stream = _bounded(request, bounds, arrivals, one)
    if kind == "multipart/form-data":
        return await _files(request, stream, bounds)
    if kind and not kind.startswith("image/") and kind != "application/octet-stream":
        raise Refused(
            415,
            f"the body is {kind}, expected image/*, application/octet-stream or multipart/form-data",
            unread=True,
        )
    data = b"".join([chunk async for chunk in stream])
    return [("image", data)] if data else []


async def _files(request: Request, stream: AsyncGenerator[bytes, None], bounds: Bounds) -> list[Named]:
    parser = _InMemory(request.headers, stream, max_files=bounds.images, max_fields=16)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Refused(422, f"the form cannot be read ({error.message.rstrip('.')})", unread=True) from None
    if not parser.whole:
        raise Refused(
            422, "the form is cut short (the boundary that ends it is missing): send it again", unread=True
        )
    files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
    return [(file.filename or f"image {n}", await file.read()) for n, file in enumerate(files)]


async def _bounded(
    request: Request, bounds: Bounds, arrivals: Arrivals, one: Arrival
) -> AsyncGenerator[bytes, None]:
    said = request.headers.get("content-length", "")
    if said.isdigit() and int(said) > bounds.body:
        raise _large(bounds)
    try:
        async for chunk in request.stream():
            arrivals.grow(one, len(chunk))
            if one.held > bounds.body:
                raise _large(bounds)
            yield chunk
            await asyncio.sleep(0)  # a form of a hundred thousand parts keeps nobody else waiting
    except ClientDisconnect:
        raise Refused(400, "the connection ended before the body did", unread=True) from None


def _large(bounds: Bounds) -> Refused:
    return Refused(413, f"the body is larger than the {bounds.body:,} bytes that are taken", unread=True)
