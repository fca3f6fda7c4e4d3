"""The process of one job: it reads what to do, reports its progress as lines of JSON, and ends.

It ends at once when the server that started it has ended. What it has finished is kept, and the next server
continues.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from psdl.errors import PsdlError

EVERY = 0.1  # seconds between lines about progress


class Reporter:
    """Writes lines of JSON on standard output: progress of stages, sentences, and the end."""

    def __init__(self) -> None:
        self.done: dict[str, int] = {}
        self.last = 0.0
        self.lock = threading.Lock()

    def progress(self, stage: str, now: int, total: int) -> None:
        """Reports that `now` more items of a stage are done, of `total`."""
        with self.lock:
            self.done[stage] = self.done.get(stage, 0) + now
            full = self.done[stage] >= total
            if full or time.monotonic() - self.last > EVERY:
                self.last = time.monotonic()
                self.line(progress=[stage, self.done[stage], total])

    def say(self, sentence: str) -> None:
        self.line(say=sentence)

    def line(self, **values: Any) -> None:
        sys.stdout.write(json.dumps(values) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Runs the job that the first argument describes in JSON: project, kind, and the arguments of the kind."""
    job = json.loads(sys.argv[1])
    threading.Thread(target=_end_with_server, daemon=True).start()
    reporter = Reporter()
    try:
        reporter.line(done=_do(job, reporter))
    except PsdlError as error:
        reporter.line(error=str(error))
    except MemoryError:
        reporter.line(error="there is not enough memory: choose the method Quick, or fewer or smaller images")
    except Exception as error:  # the window shall not wait for ever
        traceback.print_exc()
        kind = type(error).__name__
        reporter.line(error=f"the work ended unexpectedly ({kind}): the studio's terminal says more")


def _do(job: dict[str, Any], reporter: Reporter) -> Any:
    from psdl.studio import engine
    from psdl.studio.project import Project

    project = Project(Path(job["project"]))
    version, by, base = job.get("version", ""), job.get("by", ""), job.get("base", "")
    progress, say = reporter.progress, reporter.say
    kinds: dict[str, Callable[[], Any]] = {
        "look": lambda: engine.look(project, progress, say),
        "plan": lambda: engine.plan(project),
        "learn": lambda: engine.learn(project, version, by, progress, say),
        "judge": lambda: engine.judge(project, version, progress, say),
        "edit": lambda: engine.edit(project, version, base, by, job.get("why", ""), job),
        "correct": lambda: engine.correct(project, version, base, by, progress, say),
        "export": lambda: engine.export(project, version),
        "selftest": lambda: engine.selftest(project, version),
        "report": lambda: engine.report(project, version, progress, say),
        "demo": lambda: engine.demo(project, progress),
    }
    return kinds[job["kind"]]()


def _end_with_server() -> None:
    """Waits for the end of standard input, which the server holds open, and then ends the process."""
    while os.read(0, 4096):  # not sys.stdin: its lock would be held when the work is done
        pass
    os._exit(3)


if __name__ == "__main__":
    main()
