"""Routes about models: learning, judging, verdicts, versions, thresholds, files to download, and the line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Response
from fastapi.responses import FileResponse, HTMLResponse
from pydantic import BaseModel, Field

from psdl.errors import PsdlError
from psdl.studio import pictures, results
from psdl.studio.project import Values
from psdl.studio.routes_images import KEEP
from psdl.studio.studio import Studio, rows

PICTURE = re.compile(r"[0-9a-f]{16}\.(image|heat|here\d|good\d)")
REPORT = {
    "Content-Security-Policy": "sandbox allow-scripts allow-downloads; default-src 'none'; img-src data:;"
    " style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'self'"
}


class Settings(BaseModel):
    """How to learn: the recipe; the share of good images that may be rejected (None: as their number allows); the
    side of the network's input in pixels."""

    recipe: Literal["default", "fast", "padim", "patchcore", "paper"]
    false_reject: float | None = Field(None, gt=0, lt=0.5)
    size: int | None = Field(None, ge=64, le=1024)


class Edit(BaseModel):
    """Another threshold or another false-reject rate, and the reason for the model's history."""

    threshold: float | None = None
    false_reject: float | None = Field(None, gt=0, lt=1)
    why: str = Field("", max_length=300)


class Watch(BaseModel):
    """What to watch: a folder, a camera (address or number), or a server that judges. `every` is the time in
    seconds between a camera's pictures; `token` is the server's."""

    kind: Literal["folder", "camera", "server"]
    where: str = Field(min_length=1, max_length=4096)
    every: float = Field(1.0, ge=0.1, le=3600)
    token: str = Field("", max_length=500)


def router(studio: Studio) -> APIRouter:
    """Returns the routes of a studio's models."""
    routes, project = APIRouter(prefix="/api"), studio.project

    @routes.post("/settings")
    def settings(values: Settings) -> Values:
        project.set(settings=values.model_dump())
        return project.settings

    @routes.post("/roi")
    def roi(polygons: Annotated[list[list[tuple[float, float]]], Body(embed=True, max_length=50)]) -> Values:
        """Sets the region of interest as polygons in pixels of the first good image; none: the whole image."""
        if any(not 3 <= len(polygon) <= 500 for polygon in polygons):
            raise PsdlError("a region needs at least three corners: draw it again")
        project.look_at(polygons)
        return {"roi": polygons}

    @routes.post("/jobs/{kind}")
    async def start(kind: str) -> Values:
        found = _started(studio, kind)
        return {"job": found["id"] if found else None}

    @routes.delete("/jobs/{number}")
    async def cancel(number: int) -> Values:
        studio.jobs.cancel(number)
        return {}

    @routes.post("/edit")
    async def edit(asked: Edit) -> Values:
        what = {
            k: v for k, v in asked.model_dump().items() if k in ("threshold", "false_reject") and v is not None
        }
        if len(what) != 1:
            raise PsdlError("give either a threshold or a false-reject rate")
        return {"job": studio.edit(asked.why, **what)["id"]}

    @routes.get("/models/{version}")
    def model(version: str) -> Values:
        return project.model(version)

    @routes.post("/models/{version}/use")
    async def use(version: str) -> Values:
        studio.use(version)
        return {}

    @routes.post("/models/{version}/judge")
    async def judge(version: str) -> Values:
        """Starts to judge by a version, which need not be the one in use, for comparison."""
        project.model(version)
        return {"job": studio.jobs.add("judge", version=version)["id"]}

    @routes.post("/models/{version}/{kind}")
    async def take(version: str, kind: Literal["export", "report", "selftest"]) -> Values:
        project.model(version)
        return {"job": studio.jobs.add(kind, version=version)["id"]}

    @routes.delete("/models/{version}")
    def remove(version: str) -> Values:
        project.remove_model(version)
        return {}

    @routes.get("/flips/{old}/{new}")
    def flips(old: str, new: str) -> list[Values]:
        """Returns the images on which two versions' verdicts differ."""
        return results.flips(rows(project, old), rows(project, new))

    @routes.get("/results/{version}")
    def verdicts(version: str) -> list[Values]:
        """Returns the verdicts of a version on the images to check, in brief."""
        known = rows(project, version)
        return [results.brief(image, known[image.key]) for image in project.used("check") if image.key in known]

    @routes.get("/results/{version}/{key}")
    def verdict(version: str, key: str) -> Values:
        found = rows(project, version).get(key)
        if found is None:
            raise PsdlError("this image has not been judged yet")
        image = project.image(key)
        return {**found, "label": image.label, "said": image.said, "where": image.path}

    @routes.get("/pictures/{version}/{kind}/{name}")
    def picture(version: str, kind: Literal["pictures", "strangest"], name: str) -> Response:
        if not (version.isdigit() and PICTURE.fullmatch(name)):
            raise PsdlError("no such picture")
        where = results.folder(project.root, version)
        where = where / "strangest" if kind == "strangest" else where
        return _file(where / "pictures" / f"{name}.webp", headers=KEEP)

    @routes.get("/files/{version}/{what}")
    def file(version: str, what: Literal["model", "onnx", "report"]) -> Response:
        project.model(version)
        if what == "model":
            return _file(project.model_file(version), filename=f"{project.category}-{version}.psdl")
        if what == "onnx":
            path = project.root / "exports" / f"{version}.onnx"
            return _file(path, filename=f"{project.category}-{version}.onnx")
        path = results.folder(project.root, version) / "report.html"
        if not path.is_file():
            raise PsdlError("there is no report of this model yet: press Make a report")
        return HTMLResponse(path.read_bytes(), headers=REPORT)

    @routes.get("/line")
    def line() -> Values:
        return {**studio.line.state(), **studio.line.rows()}

    @routes.post("/line")
    def watch(asked: Watch) -> Values:
        studio.watch(asked.kind, asked.where.strip(), asked.every, asked.token)
        return studio.line.state()

    @routes.delete("/line")
    def unwatch() -> Values:
        studio.line.stop(forget=True)
        return {}

    @routes.get("/line/{n}/{size}")
    def line_picture(n: int, size: Literal["small", "large"]) -> Response:
        data, kind = pictures.shrunk(studio.line.picture(n), size == "large")
        return Response(data, media_type=kind, headers=KEEP)

    return routes


def _started(studio: Studio, kind: str) -> Any:
    """Starts the job of the kind that a button asks for. Raises PsdlError on an unknown kind."""
    if kind == "learn":
        return studio.learn()
    if kind == "correct":
        return studio.correct()
    if kind == "judge":
        return studio.judge()
    if kind in ("look", "demo", "plan"):
        return studio.jobs.pending(kind) or studio.jobs.add(kind)
    raise PsdlError(f"there is no work called {kind}")


def _file(path: Path, **options: Any) -> Response:
    if not path.is_file():
        raise PsdlError("that file is not there (yet)")
    return FileResponse(path, **options)
