"""Worker processes that judge images, so that a harmful image costs at most one worker.

A decoder in an endless loop, an image that unpacks to gigabytes or a crash in a library ends a worker, never the
server. Standard pools of processes give every worker the same initial data. These workers must get new models
while they run, so each has a pipe of its own, over which one thread of this process speaks with it at a time.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from psdl._util.process import own_process
from psdl.api import Detector
from psdl.deploy.registry import Held, loaded
from psdl.errors import PsdlError

LOG = logging.getLogger("psdl")
LOADING = 120.0  # seconds that a worker has to begin and to read a model
KEPT = 8  # models that a worker keeps
MEMORY = 2**30  # bytes that judging one image may take beside the model
Work = Callable[..., Any]  # work(detector, *arguments), a function of a module


class Failed(PsdlError):
    """Raised if an image gets no verdict. `lasting` says that it would fail again; otherwise the worker may have
    been at fault."""

    def __init__(self, sentence: str, lasting: bool = True) -> None:
        super().__init__(sentence)
        self.lasting = lasting


class Worker:
    """One worker process, which is started when it is first needed. `memory` is the number of bytes that it may
    take in addition to its models. If `idle` is true, it runs at low priority."""

    def __init__(self, memory: int = MEMORY, idle: bool = False) -> None:
        self.memory, self.idle = memory, idle
        self._process: Any = None
        self._pipe: Any = None
        self._known: set[str] = set()
        self._ended = False

    def load(self, model: Held, warm: Sequence[tuple[Work, tuple[Any, ...]]] = ()) -> None:
        """Gives the worker a model, unless it has it. Then runs each `(work, arguments)` of `warm`, and limits the
        memory.

        Raises PsdlError if the model cannot be loaded, and Failed if the worker ends or takes longer than LOADING
        seconds for a step.
        """
        self._begin()
        if model.digest not in self._known:
            order = ("model", model.digest, model.data, str(model.file), model.detector.device)
            self._known = set(self._ask(order, LOADING))
            for work, arguments in warm:
                self._ask(("work", model.digest, work, arguments), LOADING)
            self._ask(("bound",), LOADING)

    def call(self, model: Held, work: Work, arguments: tuple[Any, ...], until: float) -> Any:
        """Returns `work(detector, *arguments)`, computed by the worker with the detector of `model`.

        `until` is the time (of `time.monotonic`) by which the result must be there; it is put off by the time that
        a new worker takes to load the model. Raises the PsdlError that `work` raises; Failed if the worker takes
        too long or too much memory, ends, or if `work` raises another error.
        """
        start = time.monotonic()
        self.load(model)
        return self._ask(("work", model.digest, work, arguments), until - start)

    def end(self) -> None:
        """Ends the process for good, whatever it does. A call that is running in another thread then raises
        Failed."""
        self._ended = True
        if (process := self._process) is not None:
            process.kill()

    def _kill(self) -> None:
        if self._process is None:
            return
        with suppress(OSError):
            self._pipe.close()
        self._process.kill()
        self._process.join(5)
        self._process, self._known = None, set()

    def _begin(self) -> None:
        if self._process is not None and self._process.is_alive():
            return
        self._kill()
        if self._ended:
            raise Failed("the server is ending", False)
        context = multiprocessing.get_context("spawn")  # threads of this process are not in a forked one
        self._pipe, other = context.Pipe()
        arguments = (other, self.memory, self.idle)
        self._process = context.Process(target=_work, args=arguments, name="psdl-judge", daemon=True)
        self._process.start()
        other.close()

    def _ask(self, order: tuple[Any, ...], seconds: float) -> Any:
        try:
            self._pipe.send(order)
            if not self._pipe.poll(max(0.0, seconds)):
                self._again()
                raise Failed(f"it was given up after {seconds:.3g} s, the most that one image may take")
            kind, value = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join(1)
            code = self._process.exitcode
            self._again()
            raise Failed(f"its process ended (exit code {code}): send it again, or replace it", False) from None
        if kind == "refused":
            raise PsdlError(value)
        if kind == "failed":
            self._again()  # who knows what it left behind
            raise Failed(value)
        return value

    def _again(self) -> None:
        """Kills the process and starts another one, unless the worker was ended."""
        self._kill()
        if not self._ended:
            self._begin()


class Workers:
    """A number of workers, of which each call takes a free one and waits if there is none. All methods may be
    called from any thread. `memory` and `idle` are as in `Worker`."""

    def __init__(self, count: int, memory: int = MEMORY, idle: bool = False) -> None:
        self.count = count
        self.ended = False
        self._all = [Worker(memory, idle) for _ in range(count)]
        self._free: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in self._all:
            self._free.put(worker)

    def load(self, model: Held, warm: Sequence[tuple[Work, tuple[Any, ...]]] = ()) -> None:
        """Gives every worker a model before the first image needs it, see `Worker.load`. Waits for workers that
        are busy. Raises PsdlError if a worker cannot load it."""
        taken = [self._free.get() for _ in self._all]

        def one(worker: Worker) -> None:
            try:
                worker.load(model, warm)
            finally:
                self._free.put(worker)

        with ThreadPoolExecutor(len(taken)) as pool:
            list(pool.map(one, taken))

    def call(self, model: Held, work: Work, arguments: tuple[Any, ...], until: float) -> Any:
        """Returns the result of `work` from a free worker. Arguments and errors are those of `Worker.call`."""
        worker = self._free.get()
        try:
            return worker.call(model, work, arguments, until)
        finally:
            self._free.put(worker)

    def end(self) -> None:
        """Ends all processes for good, whatever they do."""
        self.ended = True
        for worker in self._all:
            worker.end()


def _work(pipe: Any, memory: int, idle: bool) -> None:
    """Runs a worker: receives orders and sends answers until the other end of the pipe is closed."""
    own_process()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # they are the server's, which answers what it has taken on first
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if idle and hasattr(os, "nice"):
        os.nice(10)
    with suppress(OSError):  # where memory ends in spite of all bounds, a worker ends and not the server
        Path("/proc/self/oom_score_adj").write_text("900")
    models: dict[str, Detector] = {}
    threading.current_thread().name = "psdl-judge"
    while True:
        try:
            pipe.send(_answered(pipe.recv(), models, memory))
        except (EOFError, OSError, KeyboardInterrupt):
            return


def _answered(order: tuple[Any, ...], models: dict[str, Detector], memory: int) -> tuple[str, Any]:
    try:
        if order[0] == "bound":
            _bound(memory)
            return "done", None
        if order[0] == "model":
            _, digest, data, file, device = order
            _bound(None)
            while len(models) >= KEPT:
                models.pop(next(iter(models)))
            models[digest] = loaded(data, Path(file), device)
            return "done", list(models)
        _, digest, work, arguments = order
        models[digest] = models.pop(digest)  # the one that was used last goes last
        return "done", work(models[digest], *arguments)
    except PsdlError as error:
        return "refused", str(error)
    except MemoryError:
        return "failed", "it takes more memory than one image may have"
    except Exception as error:  # of whatever library: the image's end, not the server's
        LOG.error("%s while an image was judged: %s", type(error).__name__, " ".join(str(error).split())[:200])
        return "failed", f"it cannot be judged ({type(error).__name__})"


def _bound(memory: int | None) -> None:
    """Limits the memory of this process to `memory` bytes more than it has now; with None lifts the limit. Does
    nothing on systems without /proc/self/status or resource limits."""
    try:
        import resource

        status = Path("/proc/self/status").read_text()
    except (ImportError, OSError):
        return
    taken = int(status.partition("VmData:")[2].split()[0]) * 1024
    most = resource.RLIM_INFINITY if memory is None else taken + memory
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    if hard != resource.RLIM_INFINITY:
        most = hard if memory is None else min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
