"""Lines of the journal -> a webhook or an MQTT topic; what a receiver has not taken waits in the journal."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from psdl.errors import PsdlError

LOG = logging.getLogger("psdl")
FIRST, MOST = 0.5, 60.0  # seconds until a receiver is tried again: doubled each time, at most so many
TIMEOUT = 10.0  # seconds that a receiver has
Send = Callable[[bytes, str], None]  # a line and its key; raises OSError or ValueError where it was not taken


class News:
    """Sends the lines of a journal, in order, each at least once, in a thread of its own. `name`.sent beside the
    journal holds how many bytes of it were taken: after a kill the line in flight may be sent again, with the same
    key."""

    def __init__(self, journal: Path, name: str, send: Send) -> None:
        self.journal, self.name, self.send = journal, name, send
        self.mark = journal.with_name(f"{name}.sent")
        self.sent = self._read()
        self.more, self.stopped = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._work, name=f"psdl-{name}", daemon=True)
        self.thread.start()

    def wake(self) -> None:
        """There are new lines."""
        self.more.set()

    def stop(self, seconds: float) -> int:
        """Tries for so long to send what is left; returns how many bytes wait for the next start."""
        self.stopped.set()
        self.more.set()
        self.thread.join(seconds)
        return self.journal.stat().st_size - self.sent

    def _work(self) -> None:
        pause = FIRST
        while True:
            try:
                if self._one():
                    pause = FIRST
                    continue
                if self.stopped.is_set():
                    return
                self.more.wait()
                self.more.clear()
            except (OSError, ValueError) as error:
                LOG.warning("%s did not take a verdict (%s): trying again in %g s", self.name, error, pause)
                self.stopped.wait(pause)
                pause = min(2 * pause, MOST) if not self.stopped.is_set() else FIRST

    def _one(self) -> bool:
        """Sends the next line; False if there is none."""
        with self.journal.open("rb") as file:
            file.seek(self.sent)
            line = file.readline()
        if not line.endswith(b"\n"):
            return False
        row = json.loads(line)
        self.send(line.strip(), f"{row['path']}:{row['size']}:{row['changed']}")
        self.sent += len(line)
        draft = self.mark.with_suffix(".part")
        draft.write_text(f"{self.sent}\n")
        os.replace(draft, self.mark)
        return True

    def _read(self) -> int:
        try:
            return min(int(self.mark.read_text()), self.journal.stat().st_size)
        except FileNotFoundError:
            return 0
        except ValueError:
            raise PsdlError(f"{self.mark} holds no number: remove it, and all verdicts are sent again") from None


def webhook(url: str) -> Send:
    """Posts each line as JSON. Raises PsdlError on an address that is none."""
    import httpx

    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise PsdlError(f"--webhook is {url!r}: give an address such as http://host:8000/verdicts")
    client = httpx.Client(timeout=TIMEOUT)

    def send(line: bytes, key: str) -> None:
        known = key.encode("ascii", "backslashreplace").decode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": known}
        try:
            client.post(url, content=line, headers=headers).raise_for_status()
        except httpx.HTTPError as error:
            raise OSError(f"{url}: {error or type(error).__name__}".splitlines()[0]) from None

    return send


def mqtt(url: str) -> Send:
    """Publishes each line, QoS 1: taken when the broker says so. Raises PsdlError on an address that is none."""
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion

    where = urlsplit(url)
    topic = unquote(where.path.strip("/"))
    if where.scheme not in ("mqtt", "mqtts") or not where.hostname or not topic:
        raise PsdlError(f"--mqtt is {url!r}: give broker and topic such as mqtt://host:1883/line1/verdicts")
    client = Client(CallbackAPIVersion.VERSION2)
    if where.username:
        client.username_pw_set(unquote(where.username), unquote(where.password or ""))
    if where.scheme == "mqtts":
        client.tls_set()

    def send(line: bytes, key: str) -> None:
        _connect(client, where)
        found = client.publish(topic, line, qos=1)
        found.wait_for_publish(TIMEOUT)
        if not found.is_published():
            raise OSError(f"{where.hostname} did not confirm within {TIMEOUT:g} s")

    return send


def _connect(client: Any, where: Any) -> None:
    """Connects, unless it is, and lets the client's own thread speak with the broker."""
    if client.is_connected():
        return
    client.loop_stop()
    client.connect(where.hostname, where.port or (8883 if where.scheme == "mqtts" else 1883))
    client.loop_start()
