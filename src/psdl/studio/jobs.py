"""The jobs of a project: one at a time, each in a process of its own; jobs that were broken off run again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from psdl._util.atomic import atomic_write
from psdl.studio.project import Project

LOG = logging.getLogger("psdl")
KEPT = 30  # jobs that are over and still listed
LINE = 2**26  # bytes of a line that a worker writes
LAST_WORD = 5.0  # seconds that a worker gets to end
LAST = ("plan", "look")  # kinds that every other kind interrupts
ENDED = ("done", "failed", "cancelled")
Job = dict[str, Any]


class Jobs:
    """The jobs of a project, kept in jobs.json. `notify` is called with each job when it changes, `after` with
    each job that is done, before the next one begins."""

    def __init__(self, project: Project, notify: Callable[[Job], None], after: Callable[[Job], None]) -> None:
        self.project, self.notify, self.after = project, notify, after
        self.file = project.root / "jobs.json"
        self.jobs: list[Job] = self._read()
        self.more = asyncio.Event()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.lock = threading.RLock()
        self.process: asyncio.subprocess.Process | None = None

    def add(self, kind: str, **what: Any) -> Job:
        """Adds a job and returns it, or the same job if it is waiting already. A running job of LAST is put
        back."""
        with self.lock:
            for job in self.jobs:
                if job["state"] == "waiting" and job["kind"] == kind and job["what"] == what:
                    return job
            number = max((job["id"] for job in self.jobs), default=0) + 1
            made: Job = {
                "id": number,
                "kind": kind,
                "what": what,
                "state": "waiting",
                "said": [],
                "progress": None,
            }
            self.jobs.append(made)
        running = self.running
        if running and running["kind"] in LAST and kind not in LAST:
            running["state"] = "waiting"
            self._kill()
        self._changed(made)
        if self.loop is not None:  # before the server runs nobody waits
            self.loop.call_soon_threadsafe(self.more.set)
        return made

    @property
    def running(self) -> Job | None:
        return next((job for job in self.jobs if job["state"] == "running"), None)

    def pending(self, kind: str) -> Job | None:
        """Returns a job of that kind that waits or runs; None if there is none."""
        return next((job for job in self.jobs if job["kind"] == kind and job["state"] not in ENDED), None)

    def cancel(self, number: int) -> None:
        """Ends a job. What it has finished is kept, so that the same job can be continued."""
        for job in self.jobs:
            if job["id"] == number and job["state"] not in ENDED:
                was, job["state"] = job["state"], "cancelled"
                if was == "running":
                    self._kill()
                self._changed(job)

    async def work(self) -> None:
        """Runs jobs as they come, without end; jobs may be added from any thread."""
        self.loop = asyncio.get_running_loop()
        try:
            while True:
                job = self._next()
                if job is None:
                    await self.more.wait()
                    self.more.clear()
                    continue
                await self._one(job)
        finally:
            self._kill()
            if self.process is not None:  # its pipes close while the loop still runs
                with contextlib.suppress(TimeoutError, OSError):
                    await asyncio.wait_for(self.process.communicate(), LAST_WORD)

    def _next(self) -> Job | None:
        waiting = [job for job in self.jobs if job["state"] == "waiting"]
        return min(waiting, key=lambda job: (job["kind"] in LAST, job["kind"] == "look", job["id"]), default=None)

    async def _one(self, job: Job) -> None:
        job |= {"state": "running", "said": [], "progress": None, "began": time.time()}
        self._changed(job)
        asked = json.dumps({"project": str(self.project.root), "kind": job["kind"], **job["what"]})
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # nothing that lies in the folder it is started in
            "-m",
            "psdl.studio.worker",
            asked,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE,
        )
        if job["state"] != "running":  # cancelled while the process began
            self._kill()
        assert self.process.stdout
        async for line in self.process.stdout:
            with contextlib.suppress(ValueError):
                self._told(job, json.loads(line))
        code = await self.process.wait()
        self.process = None
        if job["state"] == "running":
            job |= {"state": "failed", "error": f"the work ended unexpectedly (code {code}): try again"}
            self._changed(job)
        elif job["state"] == "ready":
            self._ended(job)

    def _told(self, job: Job, line: dict[str, Any]) -> None:
        if job["state"] != "running":
            return
        if "progress" in line:
            job["progress"] = {
                "stage": line["progress"][0],
                "done": line["progress"][1],
                "total": line["progress"][2],
            }
            self.notify(job)
        elif "say" in line:
            job["said"].append(line["say"])
            self.notify(job)
        elif "error" in line:
            job |= {"state": "failed", "error": line["error"]}
            self._changed(job)
        elif "done" in line:
            job |= {"state": "ready", "result": line["done"]}

    def _ended(self, job: Job) -> None:
        try:
            self.after(job)
            job["state"] = "done"
        except Exception as error:  # a job that cannot be ended must not end all others
            LOG.exception("after a job")
            job |= {"state": "failed", "error": str(error)}
        self._changed(job)

    def _kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)

    def _changed(self, job: Job) -> None:
        with self.lock:
            over = [each for each in self.jobs if each["state"] in ENDED]
            for each in over[:-KEPT]:
                self.jobs.remove(each)
            with atomic_write(self.file) as temporary:
                temporary.write_text(json.dumps(self.jobs), encoding="utf-8")
        self.notify(job)

    def _read(self) -> list[Job]:
        """Returns the jobs of an earlier server; those that were not over wait again."""
        try:
            found: list[Job] = json.loads(self.file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []
        for job in found:
            if job["state"] not in ENDED:
                job["state"] = "waiting"
        return found
