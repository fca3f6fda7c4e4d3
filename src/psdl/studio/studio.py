"""The state of a server for one project: its jobs, its open windows, and what follows from each event."""

from __future__ import annotations

import asyncio
import getpass
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from psdl.errors import PsdlError
from psdl.studio import folders, results
from psdl.studio.hub import Hub
from psdl.studio.jobs import Job, Jobs
from psdl.studio.line import Line
from psdl.studio.project import Project, Values

MANY = 3000  # images above which they are checked for near-duplicates only when a person asks
BRIEF: tuple[str, ...] = (
    "version",
    "name",
    "on",
    "what",
    "recipe",
    "learned",
    "promise",
    "threshold",
    "review_threshold",
    "rates",
)
BRIEF += ("base", "from", "by", "why", "said", "items", "corrections")


class Studio:
    """A project that is served. `roots` are the folders from which people may choose, with all below them. `near`
    says that only this machine is served; only then may the studio connect to cameras and servers."""

    def __init__(self, root: Path, roots: Sequence[Path], near: bool = True) -> None:
        self.hub = Hub()
        self.project = Project(root, self.changed)
        self.roots = [path.resolve() for path in roots]
        self.near, self.by = near, _name()
        self.jobs = Jobs(self.project, self._told, self._after)
        self.line = Line(self.project.root / "line", lambda: self.hub.publish(changed="line"))

    def changed(self, what: str) -> None:
        self.hub.publish(changed=what)

    def _told(self, job: Job) -> None:
        self.hub.publish(job=job)

    async def live(self) -> None:
        """Runs the jobs until it is cancelled."""
        self.hub.loop = asyncio.get_running_loop()
        try:
            await self.jobs.work()
        finally:
            self.line.stop()

    def state(self) -> Values:
        """Returns all that a window shows except the images and the verdicts."""
        images, values = self.project.images, self.project.values
        return {
            "name": values["name"],
            "folder": str(self.project.root),
            "settings": self.project.settings,
            "roi": values["roi"],
            "counts": {use: sum(image.use == use for image in images) for use in ("learn", "check", "out")},
            "corrections": sum(bool(image.said) for image in images),
            "jobs": self.jobs.jobs,
            "model": self.project.current,
            "models": [{key: model.get(key) for key in BRIEF} for model in self.project.models()],
            "survey": self.survey(),
            "line": self.line.state(),
        }

    def survey(self) -> Values | None:
        """Returns what the last check of the images found; None if there was none."""
        try:
            found: Values = json.loads((self.project.root / "survey.json").read_text(encoding="utf-8"))
            return found
        except (OSError, ValueError):
            return None

    def added(self) -> None:
        """Starts what follows from new images: a check of them, and verdicts if there is a model."""
        if 0 < len(self.project.images) <= MANY:
            self.jobs.add("look")
        self.judge()

    def judge(self) -> None:
        """Starts to judge the images that the model in use has not judged yet."""
        version = self.project.current
        if version and results.missing(results.folder(self.project.root, version), self.project.used("check")):
            self.jobs.add("judge", version=version)

    def learn(self) -> Job:
        """Starts to learn the next version, or returns the job that does. Raises PsdlError below 2 good images."""
        known = self.jobs.pending("learn")
        if known:
            return known
        if len(self.project.used("learn")) < 2:
            raise PsdlError(
                "there are no good parts to learn from yet: add images of at least 2, better 50 or more"
            )
        return self.jobs.add("learn", version=self.project.next_version(), by=self.by)

    def edit(self, why: str, **what: Any) -> Job:
        """Starts to make a version with another threshold or rate."""
        base = self._current()
        return self.jobs.add("edit", version=self.project.next_version(), base=base, by=self.by, why=why, **what)

    def correct(self) -> Job:
        """Starts to make a version with people's corrections, which is not used until a person chooses it."""
        return self.jobs.add("correct", version=self.project.next_version(), base=self._current(), by=self.by)

    def _current(self) -> str:
        current = self.project.current
        if current is None:
            raise PsdlError("nothing has been learned yet: learn from good parts first")
        return current

    def watch(self, kind: str, where: str, every: float, token: str) -> None:
        """Watches a folder, a camera or a server by the model in use. Raises PsdlError if that is not allowed."""
        if kind == "folder":
            where = str(folders.allowed(Path(where), self.roots))
        elif not self.near:
            raise PsdlError("a studio that others may use asks no addresses: let the camera write into a folder")
        model = self.project.model_file(self._current())
        self.line.start(model, {"kind": kind, "where": where, "every": every, "token": token})

    def use(self, version: str) -> None:
        """Takes a version into use, and starts to judge by it, on the line as well."""
        self.project.model(version)
        self.project.set(model=version)
        self.changed("models")
        if self.line.watched.get("model") not in (None, version):
            self.line.again(self.project.model_file(version))
        self.judge()

    def _after(self, job: Job) -> None:
        """Does what follows from a job that is done."""
        kind, found = job["kind"], job["result"]
        if kind == "look":
            (self.project.root / "survey.json").write_text(json.dumps(found), encoding="utf-8")
        elif kind in ("learn", "edit"):
            job["result"] = {"version": found["version"]}
            self.use(found["version"])
        elif kind == "correct":
            job["result"] = {"version": found["version"], "said": found["said"]}
        elif kind == "judge":
            self.judge()
        elif kind == "demo":
            self.project.set(
                name="demo", settings={**self.project.settings, "false_reject": found["false_reject"]}
            )
            self.project.add_folder(Path(found["folder"]), None, found["part"])
            self.added()
        self.changed("all")


@lru_cache(maxsize=8)
def _shown(root: Path, model: str, marks: tuple[Any, ...]) -> dict[str, Values]:
    return results.shown(root, json.loads(model))


def rows(project: Project, version: str) -> dict[str, Values]:
    """Returns {key: row} of a version's verdicts; the files are read again only if they have changed."""
    model = project.model(version)
    kept = {key: model[key] for key in ("version", "base", "threshold", "review_threshold")}
    marks = tuple(_mark(results.folder(project.root, name) / results.NAME) for name in (model["base"], version))
    return _shown(project.root, json.dumps(kept), marks)


def _mark(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:
        return (0, 0)
    return found.st_size, found.st_mtime_ns


def _name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"
