"""Routes about images: which there are, how more are added, and how people label them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from psdl.errors import PsdlError
from psdl.studio import folders, masks, pictures
from psdl.studio.folders import DROP
from psdl.studio.project import Values
from psdl.studio.studio import Studio

FILE = 256 * 2**20  # bytes of a dropped file
KEEP = {"Cache-Control": "private, max-age=3600"}
Use = Literal["learn", "check", "out"]
Key = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]


class Folder(BaseModel):
    """A folder to add: its path, the use of images whose layout does not say it, and one of its categories."""

    path: str = Field(max_length=4096)
    use: Use | None = None
    category: str | None = Field(None, max_length=300)


class Marks(BaseModel):
    """A use or a label for images."""

    keys: list[Key] = Field(max_length=100_000)
    use: Use | None = None
    label: str | None = Field(None, max_length=100)


def router(studio: Studio) -> APIRouter:
    """Returns the routes of a studio's images."""
    routes, project = APIRouter(prefix="/api"), studio.project

    @routes.get("/browse")
    def browse(path: Annotated[str, Query(max_length=4096)] = "") -> Values:
        return folders.listed(path, studio.roots)

    @routes.post("/folders")
    def add_folder(folder: Folder) -> Values:
        found = folders.allowed(Path(folder.path), studio.roots)
        said = project.add_folder(found, folder.use, folder.category, studio.roots)
        if "added" in said:
            studio.added()
        return said

    @routes.put("/drops/{drop}")
    async def drop_file(drop: str, name: Annotated[str, Query(max_length=400)], request: Request) -> Response:
        """Stores one dropped file, sent as the body, of at most FILE bytes."""
        path = folders.drop_file(project.root / "images", drop, name)
        said = request.headers.get("content-length", "")
        if said.isdigit() and int(said) > FILE:
            return _large(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft, arrived = path.with_name(f".{path.name[:200]}.part"), 0
        try:
            with draft.open("wb") as file:
                async for chunk in request.stream():
                    arrived += len(chunk)
                    if arrived > FILE:
                        return _large(name)
                    file.write(chunk)
            os.replace(draft, path)
        except OSError as error:
            raise PsdlError(f"{name} cannot be kept ({error.strerror}): free some disk") from None
        finally:
            draft.unlink(missing_ok=True)
        return JSONResponse({"bytes": arrived})

    @routes.post("/drops/{drop}")
    def dropped(
        drop: str,
        use: Annotated[Use | None, Body()] = None,
        category: Annotated[str | None, Body(max_length=300)] = None,
    ) -> Values:
        """Adds the files of one drop to the project, once all of them are there."""
        if not DROP.fullmatch(drop):
            raise PsdlError("no such drop: drop the images again")
        said = project.add_folder(project.root / "images" / drop, use, category, [project.root, *studio.roots])
        if "added" in said:
            studio.added()
        return said

    @routes.get("/images")
    def images() -> list[list[Any]]:
        """Returns for each image its key, name, use, label, whether a person set the label, and whether it has a
        mask."""
        return [[one.key, one.name, one.use, one.label, bool(one.said), one.marked] for one in project.images]

    @routes.post("/marks")
    def mark(marks: Marks) -> Values:
        count = project.mark(marks.keys, marks.use, marks.label)
        if marks.use == "check":
            studio.judge()
        return {"marked": count}

    @routes.post("/forget")
    def forget(marks: Marks) -> Values:
        return {"forgotten": project.forget(marks.keys)}

    @routes.get("/images/{key}/{what}")
    def picture(key: Key, what: Literal["small", "large", "size", "mask"]) -> Response:
        image = project.image(key)
        if what == "mask":
            return Response(masks.shown(image), media_type="image/png")
        if what == "size":
            width, height = pictures.size(image)
            return JSONResponse({"width": width, "height": height})
        data, kind = pictures.small(project.root, image) if what == "small" else pictures.large(image)
        return Response(data, media_type=kind, headers=KEEP)

    @routes.put("/images/{key}/mask")
    async def paint(key: Key, request: Request) -> Response:
        """Stores a painted mask, a PNG file of at most masks.BYTES; an empty one removes the mask."""
        content = b""
        async for chunk in request.stream():
            content += chunk
            if len(content) > masks.BYTES:
                return _large("the mask", masks.BYTES)
        return JSONResponse({"marked": await run_in_threadpool(project.set_mask, key, content)})

    return routes


def _large(name: str, most: int = FILE) -> Response:
    said = f"{name} is larger than the {most >> 20} MB that are taken: make it smaller"
    return JSONResponse({"error": said}, 413, headers={"Connection": "close"})
