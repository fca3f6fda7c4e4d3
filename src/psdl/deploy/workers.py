"""Processes that judge images: what a picture does to one of them, its time and memory end with it.

A decoder that loops, a picture that unpacks to gigabytes or a crash in a library takes a worker, never the server.
Standard pools of processes send every worker the same; these must each be given models as they are replaced, so a
thread of this process speaks with one worker over a pipe of its own.
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
    """An image that no verdict came of. lasting: it would fail again; else its worker may have been at fault."""

    def __init__(self, sentence: str, lasting: bool = True) -> None:
        super().__init__(sentence)
        self.lasting = lasting


class Worker:
    """One process. memory: bytes that it may take beside the model; idle: it gives way to all others on its
    core."""

    def __init__(self, memory: int = MEMORY, idle: bool = False) -> None:
        self.memory, self.idle = memory, idle
        self._process: Any = None
        self._pipe: Any = None
        self._known: set[str] = set()
        self._ended = False

    def load(self, model: Held, warm: Sequence[tuple[Work, tuple[Any, ...]]] = ()) -> None:
        """Gives it a model, unless it has it, and does some work for which there is no hurry. Raises Failed."""
        self._begin()
        if model.digest not in self._known:
            order = ("model", model.digest, model.data, str(model.file), model.detector.device)
            self._ask(order, LOADING)
            self._known.add(model.digest)
            for work, arguments in warm:
                self._ask(("work", model.digest, work, arguments), LOADING)
            self._ask(("bound",), LOADING)

    def call(self, model: Held, work: Work, arguments: tuple[Any, ...], until: float) -> Any:
        """What `work(detector, *arguments)` gives; until: the time (monotonic) by which it must. Raises
        PsdlError as it does, Failed where it takes longer or more memory than it may or ends its process."""
        self.load(model)
        return self._ask(("work", model.digest, work, arguments), until - time.monotonic())

    def end(self) -> None:
        """Ends the process, whatever it does, for good; a call in another thread fails."""
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
        """Another process in the place of one that is of no use any more."""
        self._kill()
        if not self._ended:
            self._begin()


class Workers:
    """Some workers, of which each call takes one that is free. All methods may be called from any thread."""

    def __init__(self, count: int, memory: int = MEMORY, idle: bool = False) -> None:
        self.count = count
        self.ended = False
        self._all = [Worker(memory, idle) for _ in range(count)]
        self._free: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in self._all:
            self._free.put(worker)

    def load(self, model: Held, warm: Sequence[tuple[Work, tuple[Any, ...]]] = ()) -> None:
        """Gives every worker a model before the first image asks for it. Raises PsdlError where one cannot
        have it."""
        taken = [self._free.get() for _ in self._all]

        def one(worker: Worker) -> None:
            try:
                worker.load(model, warm)
            finally:
                self._free.put(worker)

        with ThreadPoolExecutor(len(taken)) as pool:
            list(pool.map(one, taken))

    def call(self, model: Held, work: Work, arguments: tuple[Any, ...], until: float) -> Any:
        """What work gives, like `Worker.call`; until: the time (monotonic) by which it must."""
        worker = self._free.get()
        try:
            return worker.call(model, work, arguments, until)
        finally:
            self._free.put(worker)

    def end(self) -> None:
        """Ends all processes, whatever they do, for good."""
        self.ended = True
        for worker in self._all:
            worker.end()


def _work(pipe: Any, memory: int, idle: bool) -> None:
    """A worker's life: orders in, answers out, until nobody is at the other end."""
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
            return "done", None
        _, digest, work, arguments = order
        return "done", work(models[digest], *arguments)
    except PsdlError as error:
        return "refused", str(error)
    except MemoryError:
        return "failed", "it takes more memory than one image may have"
    except Exception as error:  # of whatever library: the image's end, not the server's
        LOG.error("%s while an image was judged: %s", type(error).__name__, " ".join(str(error).split())[:200])
        return "failed", f"it cannot be judged ({type(error).__name__})"


def _bound(memory: int | None) -> None:
    """Lets this process take so much memory more than it has now; any, if None. Only where the system counts
    it."""
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
