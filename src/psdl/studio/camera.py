"""The process that takes a camera's pictures and writes them into a folder.

An http address gives one picture for each request (a snapshot), or a stream of JPEG pictures
(multipart/x-mixed-replace). Other addresses, such as rtsp, and numbers of cameras at this computer go to OpenCV.
Each error is a line on standard output; an empty line says that it is over. The process ends when its standard
input does.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from psdl._util import plugins
from psdl._util.atomic import atomic_write
from psdl.errors import PsdlError
from psdl.input import decode

KEPT, ROOM = 500, 4 * 2**30  # the most pictures, and bytes, that stay in the folder
MOST = 64 * 2**20  # bytes of a picture
PATIENCE = 10.0  # seconds that a camera may take
PAUSE = 3.0  # seconds until it is asked again after it failed
KINDS = {b"\xff\xd8": "jpg", b"\x89P": "png", b"BM": "bmp", b"II": "tif", b"MM": "tif", b"RI": "webp"}
Read = Callable[[int], bytes]


def pictures(address: str, every: float) -> Iterator[bytes]:
    """Yields picture files, one every `every` seconds. Raises PsdlError if the camera gives none."""
    if address.partition("://")[0].lower() not in ("http", "https"):
        yield from _by_opencv(int(address) if address.isdigit() else address, every)
        return
    while True:
        yield from _by_http(address, every)


def plain(address: str) -> str:
    """Returns an address without the name and password that it may hold, to be shown."""
    scheme, mark, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"


def _opener(address: str) -> urllib.request.OpenerDirector:
    """Returns an opener that answers the camera's basic or digest authentication with the address's name and
    password."""
    found, known = urlsplit(address), urllib.request.HTTPPasswordMgrWithDefaultRealm()
    if found.username is not None:
        known.add_password(None, plain(address), unquote(found.username), unquote(found.password or ""))
    kinds = urllib.request.HTTPBasicAuthHandler(known), urllib.request.HTTPDigestAuthHandler(known)
    return urllib.request.build_opener(*kinds)


def _by_http(address: str, every: float) -> Iterator[bytes]:
    """Yields what one request gives: a picture, or those of a stream until it ends."""
    try:
        with _opener(address).open(plain(address), timeout=PATIENCE) as answer:
            if answer.headers.get_content_type() != "multipart/x-mixed-replace":
                content = answer.read(MOST + 1)
                yield _bounded(content)
                time.sleep(every)
                return
            boundary = str(answer.headers.get_param("boundary") or "").strip('"').removeprefix("--")
            yield from _now_and_then(parts(answer.read1, boundary.encode()), every)
    except (OSError, ValueError, HTTPException) as error:
        raise PsdlError(f"{plain(address)} gives no picture ({getattr(error, 'reason', error)})") from None
    raise PsdlError(f"{plain(address)} gives no picture any more: its stream has ended")


def _now_and_then(found: Iterator[bytes], every: float) -> Iterator[bytes]:
    """Yields one item every `every` seconds and drops the others."""
    due = time.monotonic()
    for one in found:
        if time.monotonic() >= due:
            due = time.monotonic() + every
            yield one


def parts(read: Read, boundary: bytes) -> Iterator[bytes]:
    """Yields the parts of a multipart stream, each as soon as it is complete if its length is stated. `read`
    returns some bytes, b"" at the end. Raises PsdlError if a part is too large."""
    held, mark = b"", b"--" + boundary
    while True:
        head, held = _until(read, held, b"\r\n\r\n")
        if head is None:
            return
        told = re.search(rb"(?i)content-length:\s*(\d+)", head)
        if told:
            length = int(told[1])
            held = _filled(read, held, min(length, MOST + 1))
            part, held = held[:length], held[length:]
        else:
            whole, held = _until(read, held, b"\r\n" + mark)
            if whole is None:
                return
            part = whole
        yield _bounded(part)


def _until(read: Read, held: bytes, mark: bytes) -> tuple[bytes | None, bytes]:
    """Returns what stands before a mark, and what was read after it; None and nothing if the stream ends
    before."""
    seen = 0
    while (at := held.find(mark, seen)) < 0:
        seen = max(0, len(held) - len(mark))
        more = read(65536)
        if not more:
            return None, b""
        held = _bounded(held + more)
    return held[:at], held[at + len(mark) :]


def _filled(read: Read, held: bytes, length: int) -> bytes:
    while len(held) < length and (more := read(65536)):
        held += more
    return held


def _bounded(content: bytes) -> bytes:
    if len(content) > MOST:
        raise PsdlError(f"the camera sends a picture of more than {MOST >> 20} MB: make it smaller")
    return content


def _by_opencv(which: int | str, every: float) -> Iterator[bytes]:
    """Yields pictures of a camera at this computer, or of an address that OpenCV understands."""
    plugins.extra("align", "cv2")
    import cv2

    camera, name = cv2.VideoCapture(which), plain(str(which))
    try:
        if not camera.isOpened():
            raise PsdlError(f"camera {name} does not open: is it there, and used by no other program?")
        due = time.monotonic()
        while camera.grab():  # all are taken, so that the one that is kept is of now
            if time.monotonic() >= due:
                due = time.monotonic() + every
                yield _encoded(cv2, camera)
    finally:
        camera.release()
    raise PsdlError(f"camera {name} gives no picture any more")


def _encoded(cv2: Any, camera: Any) -> bytes:
    able, picture = camera.retrieve()
    if able:
        able, content = cv2.imencode(".png", picture)
    if not able:
        raise PsdlError("the camera gives a picture that cannot be read")
    return bytes(content)


def keep(folder: Path, content: bytes) -> Path:
    """Writes a picture under the time of now, and removes the oldest. Raises PsdlError if it is no picture."""
    decode.header(content, "what the camera sends")
    now = datetime.now(UTC).strftime("%Y-%m-%d %H.%M.%S.%f")[:-3]
    path = folder / f"{now}.{KINDS.get(content[:2], 'jpg')}"
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
    _prune(folder)
    return path


def _prune(folder: Path) -> None:
    """Removes the oldest pictures beyond KEPT, and those for which the newer ones leave no ROOM."""
    held = 0
    for n, file in enumerate(sorted((f for f in folder.iterdir() if f.name[0] != "."), reverse=True)):
        held += file.stat().st_size
        if n and (n >= KEPT or held > ROOM):
            file.unlink(missing_ok=True)


def _end_with_server() -> None:
    """Waits for the end of standard input, which the server holds open, and then ends the process."""
    while os.read(0, 4096):
        pass
    os._exit(3)


def main() -> None:
    """Fills a folder without end. The arguments are the folder and the seconds between pictures. The address or
    number is the first line of standard input, since it may hold a password."""
    folder, every = Path(sys.argv[1]), float(sys.argv[2])
    address = sys.stdin.readline().strip()
    threading.Thread(target=_end_with_server, daemon=True).start()
    last, trouble = "", ""
    while True:
        try:
            for content in pictures(address, every):
                digest = hashlib.sha256(content).hexdigest()
                if digest != last:  # a camera that waits for its trigger gives the same picture again
                    keep(folder, content)
                last, trouble = digest, _said("", trouble)
        except (PsdlError, OSError) as error:
            trouble = _said(str(error), trouble)
            time.sleep(PAUSE)


def _said(now: str, before: str) -> str:
    if now != before:
        print(now, flush=True)
    return now


if __name__ == "__main__":
    main()
