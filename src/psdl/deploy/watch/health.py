"""Reports over HTTP, to this machine alone, whether a watch works."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from psdl.deploy.watch.watch import Watch
from psdl.errors import PsdlError

STILL = 60.0  # seconds without a look or a verdict after which a watch is not well


def state(watch: Watch) -> dict[str, Any]:
    """Returns the state of a watch as a dictionary for JSON. It contains no paths, since anyone on the machine can
    ask."""
    loops = watch.loops.state
    still = time.monotonic() - watch.looked
    stale = any(held.problem for held in watch.registry.held.values())
    failing = [name for name, loop in loops.items() if loop.problem]
    return {
        "status": "degraded" if failing or stale or still > STILL else "ready",
        "judged": watch.judged,
        "waiting": watch.folder.waiting,
        "passed_over": len(watch.folder.passed),
        "seconds_since_look": round(still, 1),
        "model": "the newer file could not take its place" if stale else "well",
        "loops": {name: {"failing": bool(one.problem), "failures": one.failures} for name, one in loops.items()},
    }


@contextmanager
def answering(watch: Watch, port: int | None) -> Iterator[int | None]:
    """Serves GET /healthz and /readyz on the loopback address while the block runs, and yields the port.

    /healthz answers 200 as long as the process lives; /readyz answers 200 if all is well, else 503. Nothing is
    served if `port` is None. Raises PsdlError if the port cannot be used.
    """
    if port is None:
        yield None
        return

    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            found = state(watch)
            well = found["status"] == "ready"
            if self.path not in ("/healthz", "/readyz"):
                self.send_error(404)
                return
            data = json.dumps({"status": "alive"} if self.path == "/healthz" else found).encode()
            self.send_response(200 if well or self.path == "/healthz" else 503)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        raise PsdlError(f"--health {port} cannot be had ({error}): give another port") from None
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="psdl-health", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
