"""Sends the lines of the journal to a webhook or an MQTT topic. Lines that a receiver has not accepted wait in the
journal.

A line that is refused for ever does not hold up the others. It becomes a dead letter, a line of NAME.refused.jsonl
with the reason: after three refusals whose HTTP status means that it will never be accepted (such as 400 or 413),
or after six refusals if the receiver accepts one of the next five lines. While it accepts none, all lines wait.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from psdl._util.atomic import atomic_write
from psdl.deploy.loops import Loops, said
from psdl.deploy.watch.journal import Journal, Place
from psdl.errors import PsdlError

FIRST, MOST = 0.5, 60.0  # seconds until a receiver is tried again: doubled each time, at most so many
TIMEOUT = 10.0  # seconds that a receiver has for a line, its answer included
ANSWER = 64 * 2**10  # bytes of an answer that are read
NEVER = (400, 405, 406, 409, 410, 411, 413, 414, 415, 417, 422, 431, 451)  # statuses that a line's content decides
SURE, DOUBT, AHEAD = 3, 6, 5  # refusals that are for ever; refusals after which others are tried; so many others
Send = Callable[
    [bytes, str], None
]  # a line and its key; raises NotTaken, or anything else, where it was not taken


class NotTaken(Exception):
    """Raised if a receiver answered but did not accept a line. `forever` says that it never will."""

    def __init__(self, sentence: str, forever: bool = False) -> None:
        super().__init__(sentence)
        self.forever = forever


class News:
    """Sends the lines of a journal in order, each at least once, in a thread of its own.

    The file `name`.sent beside the journal holds the place up to which lines were accepted. After a crash the line
    that was being sent may be sent again, with the same key.
    """

    def __init__(self, journal: Journal, name: str, send: Send, loops: Loops) -> None:
        self.journal, self.name, self.send, self.loops = journal, name, send, loops
        self.mark = journal.path.with_name(f"{name}.sent")
        self.dead = journal.path.with_name(f"{name}.refused.jsonl")
        self.at = self._read()
        self.refusals = 0  # of the line that is next
        self.more, self.stopped = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._work, name=f"psdl-{name}", daemon=True)
        self.thread.start()

    def wake(self) -> None:
        """Tells the thread that there are new lines."""
        self.more.set()

    def stop(self, seconds: float) -> int:
        """Tries for at most `seconds` to send the remaining lines; returns the number of bytes that wait for the
        next start."""
        self.stopped.set()
        self.more.set()
        self.thread.join(seconds)
        return self.journal.left(self.at)

    def _work(self) -> None:
        try:
            self._send_all()
        finally:
            if (close := getattr(self.send, "close", None)) is not None:
                close()

    def _send_all(self) -> None:
        pause = FIRST
        while True:
            try:
                sent = self._one()
            except Exception as error:  # of whatever library: this round's end, not the sender's
                self.loops.failed(self.name, f"a verdict was not taken ({said(error)}), it is tried again")
                self.stopped.wait(pause)
                pause = min(2 * pause, MOST) if not self.stopped.is_set() else FIRST
                continue
            self.loops.went_well(self.name)
            pause = FIRST
            if not sent:
                if self.stopped.is_set():
                    return
                self.more.wait()
                self.more.clear()

    def _one(self) -> bool:
        """Sends the next line. Returns False if there is none."""
        found = self.journal.line(self.at)
        if found is None:
            return False
        line, then = found
        key = _key(line)
        if key is None:
            self._bury(line, "it is no line that psdl watch wrote")
        else:
            try:
                self.send(line.strip(), key)
            except NotTaken as error:
                self.refusals += 1
                sure = error.forever and self.refusals >= SURE
                if not sure and not (self.refusals >= DOUBT and self._takes_another(then)):
                    raise
                self._bury(line, str(error))
        self.at, self.refusals = then, 0
        with atomic_write(self.mark) as temporary:
            temporary.write_text(f"{then.file} {then.byte}\n")
        return True

    def _takes_another(self, at: Place) -> bool:
        """Returns whether the receiver accepts one of the next lines. That line is sent again in its turn, with
        the same key."""
        for _ in range(AHEAD):
            found = self.journal.line(at)
            if found is None:
                return False
            line, at = found
            key = _key(line)
            try:
                if key is not None:
                    self.send(line.strip(), key)
                    return True
            except NotTaken:
                continue
        return False

    def _bury(self, line: bytes, why: str) -> None:
        """Writes a dead letter to the disk before the next line is sent."""
        text = line.decode("utf-8", "replace").strip()
        with self.dead.open("ab") as file:
            file.write(json.dumps({"why": why, "line": text}).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.loops.failed(
            f"{self.name} dead letters", f"a verdict was refused for ever ({why}): see {self.dead.name}"
        )

    def _read(self) -> Place:
        try:
            numbers = [int(word) for word in self.mark.read_text().split()]
            found = Place(*(numbers if len(numbers) == 2 else (1, *numbers)))
        except FileNotFoundError:
            return self.journal.first
        except (ValueError, TypeError):
            raise PsdlError(f"{self.mark} holds no place: remove it, and all verdicts are sent again") from None
        first, end = self.journal.first, self.journal.end
        if found > end and found.file > end.file:  # files of the journal were removed, so numbers begin anew
            return first
        return max(first, min(found, end))


def _key(line: bytes) -> str | None:
    """Returns the key by which a receiver recognises a line that it gets twice; None if psdl did not write the
    line."""
    try:
        row = json.loads(line)
        digest = row.get("sha256", "")[:16]
        return f"{row['path']}:{row['size']}:{row['changed']}" + (f":{digest}" if digest else "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


class Webhook:
    """Posts each line as JSON to `url`, with its key as the header Idempotency-Key. A call raises NotTaken if the
    receiver answers with a status other than 2xx, and OSError if it does not answer. Raises PsdlError if `url` is
    no HTTP address."""

    def __init__(self, url: str) -> None:
        import httpx

        try:
            known = urlsplit(url).scheme in ("http", "https") and bool(urlsplit(url).hostname)
        except ValueError:
            known = False
        if not known:
            raise PsdlError(f"--webhook is {url!r}: give an address such as http://host:8000/verdicts")
        self.url, self._runner, self._client = url, asyncio.Runner(), httpx.AsyncClient(timeout=TIMEOUT)

    def __call__(self, line: bytes, key: str) -> None:
        import httpx

        named = key.encode("ascii", "backslashreplace").decode()
        try:
            status = self._runner.run(self._post(line, named))
        except TimeoutError:
            raise OSError(f"{self.url} did not answer within {TIMEOUT:g} s") from None
        except httpx.HTTPError as error:
            raise OSError(f"{self.url}: {error or type(error).__name__}".splitlines()[0]) from None
        if not 200 <= status < 300:
            raise NotTaken(f"{self.url} answered {status}", status in NEVER)

    def close(self) -> None:
        """Closes the connection. Must be called in the thread that sent the lines."""
        self._runner.run(self._client.aclose())
        self._runner.close()

    async def _post(self, line: bytes, key: str) -> int:
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        async with (
            asyncio.timeout(TIMEOUT),
            self._client.stream("POST", self.url, content=line, headers=headers) as answer,
            aclosing(cast(AsyncGenerator[bytes, None], answer.aiter_raw())) as chunks,
        ):
            read = 0
            async for chunk in chunks:
                read += len(chunk)
                if read > ANSWER:
                    break
            return answer.status_code


def mqtt(url: str) -> Send:
    """Returns a function that publishes each line with QoS 1 and raises NotTaken unless the broker confirms it in
    time. Raises PsdlError if `url` names no broker and topic."""
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion

    try:
        where = urlsplit(url)
        topic, port = unquote(where.path.strip("/")), where.port
    except ValueError:
        where, topic, port = urlsplit(""), "", None
    if where.scheme not in ("mqtt", "mqtts") or not where.hostname or not topic:
        raise PsdlError(f"--mqtt is {url!r}: give broker and topic such as mqtt://host:1883/line1/verdicts")
    client = Client(CallbackAPIVersion.VERSION2)
    if where.username:
        client.username_pw_set(unquote(where.username), unquote(where.password or ""))
    if where.scheme == "mqtts":
        client.tls_set()
    broker = where.hostname, port or (8883 if where.scheme == "mqtts" else 1883)

    def send(line: bytes, key: str) -> None:
        _connect(client, broker)
        found = client.publish(topic, line, qos=1)
        found.wait_for_publish(TIMEOUT)
        if not found.is_published():
            raise NotTaken(f"{broker[0]} did not confirm within {TIMEOUT:g} s")

    return send


def _connect(client: Any, broker: tuple[str, int]) -> None:
    """Connects to the broker, if there is no connection, and starts the client's network thread."""
    if client.is_connected():
        return
    client.loop_stop()
    client.connect(*broker)
    client.loop_start()
