"""An ordinary client beside attacks on the server: how long its answers take, and how long SIGTERM takes.

    python bench/attack.py ../shared/data/mtd [--recipe fast] [--seconds 20] [--out FILE]

Each attack has a server of its own. Attackers are threads of a process on the same machine: the cores that they
take from the server by working are in the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import multiprocessing
import os
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

from serve import PSDL, Client, Server, opened, request

RATE = 5.0  # requests a second of the ordinary client
HERE = "127.0.0.1"
OTHER = "127.0.0.2"  # an address that attackers do not have
SHARED = ("a greedy client on 16 connections", "forms of 32 images")  # tried from both addresses
HEAD = "POST /v1/score HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\n"


def post(body: bytes, kind: str = "image/png") -> bytes:
    """A whole request."""
    return (HEAD.format(kind=kind) + f"content-length: {len(body)}\r\n\r\n").encode() + body


def flat(side: int) -> bytes:
    """A small PNG of side x side black pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + side)) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def directories(count: int) -> bytes:
    """A TIFF file that is a chain of so many empty directories."""
    found = bytearray(b"II*\0" + struct.pack("<I", 8))
    for n in range(count):
        found += struct.pack("<HI", 0, 8 + 6 * (n + 1) if n + 1 < count else 0)
    return bytes(found)


def scans(count: int) -> bytes:
    """A progressive JPEG whose last scan comes so many times."""
    data = io.BytesIO()
    Image.fromarray(np.zeros((400, 400), np.uint8)).save(data, "JPEG", progressive=True)
    whole = data.getvalue()
    start = whole.rfind(b"\xff\xda")
    return whole[:-2] + whole[start:-2] * count + b"\xff\xd9"


def form(images: Sequence[bytes]) -> bytes:
    """A request with many images."""
    head = b'--b\r\nContent-Disposition: form-data; name="images"; filename="%d.jpg"\r\n\r\n'
    body = b"".join(head % n + image + b"\r\n" for n, image in enumerate(images)) + b"--b--\r\n"
    return post(body, "multipart/form-data; boundary=b")


def asking(port: int, requests: Sequence[bytes]) -> None:
    """Asks again and again on new connections, and reads whatever comes."""
    n = 0
    while True:
        with suppress(OSError), socket.create_connection((HERE, port), timeout=60) as stream:
            for _ in range(20):
                stream.sendall(requests[n % len(requests)])
                n += 1
                if not stream.recv(1 << 16):
                    break


def waiting(port: int, start: bytes, connections: int) -> None:
    """Holds connections that have sent the start of a request and send no more."""
    while True:
        held = []
        for _ in range(connections):
            with suppress(OSError):
                held.append(socket.create_connection((HERE, port), timeout=60))
                held[-1].sendall(start)
        time.sleep(5)
        for stream in held:
            stream.close()


def streaming(port: int, start: bytes, piece: bytes) -> None:
    """Sends pieces without an end, on new connections as it is cut off."""
    while True:
        with suppress(OSError), socket.create_connection((HERE, port), timeout=60) as stream:
            stream.sendall(start)
            while True:
                stream.sendall(piece)


def attacks(images: Sequence[bytes]) -> dict[str, list[tuple[Callable[..., None], tuple[Any, ...]]]]:
    """{name: attackers and their arguments beside the port}, each a thread."""
    chunked = HEAD.format(kind="image/png").encode() + b"transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
    body = HEAD.format(kind="image/png").encode() + b"content-length: 900000\r\n\r\nx"
    junk = [post(b"junk" * 5000), post(scans(1500), "image/jpeg"), post(directories(400_000), "image/tiff")]
    whole = [post(image, "image/jpeg") for image in images]
    return {
        "nothing": [],
        "bodies that do not come, idle connections": [(waiting, (body, 160)), (waiting, (b"", 400))],
        "trailers without an end": [(streaming, (chunked, b"x-filler: " + b"y" * 1000 + b"\r\n"))] * 4,
        "pictures of 49 million pixels": [(asking, ([post(flat(7000))],))] * 3,
        "files that are no pictures": [(asking, (junk,))] * 4,
        "a greedy client on 16 connections": [(asking, (whole,))] * 16,
        "forms of 32 images": [(asking, ([form(images[:32])],))] * 4,
    }


def attack(port: int, name: str, images: Sequence[bytes]) -> None:
    """A process of attackers."""
    for function, arguments in attacks(images)[name]:
        threading.Thread(target=function, args=(port, *arguments), daemon=True).start()
    time.sleep(3600)


def measured(model: Path, name: str, images: Sequence[Path], seconds: float, address: str) -> dict[str, Any]:
    """One attack: the answers of an ordinary client at an address, memory, and the end."""
    server = Server(model)
    asyncio.run(opened(Client(server.port, [request(image) for image in images]), RATE, 3))  # warm
    context = multiprocessing.get_context("spawn")
    attacker = context.Process(target=attack, args=(server.port, name, [p.read_bytes() for p in images[:32]]))
    attacker.start()
    time.sleep(4)
    client = Client(server.port, [request(image) for image in images], address)
    asyncio.run(opened(client, RATE, seconds))
    root = psutil.Process(server.process.pid)
    memory = sum(p.memory_info().rss for p in [root, *root.children(recursive=True)])
    start = time.perf_counter()
    server.process.send_signal(signal.SIGTERM)
    code = server.process.wait(120)
    ended = time.perf_counter() - start
    attacker.kill()
    taken = [s * 1e3 for status, s in client.answers if status == 200]
    return {
        "statuses": dict(Counter(status for status, _ in client.answers)),
        "lost": client.lost,
        "p50_ms": round(float(np.quantile(taken, 0.5)), 1) if taken else None,
        "p99_ms": round(float(np.quantile(taken, 0.99)), 1) if taken else None,
        "memory_mb": round(memory / 1e6),
        "sigterm_s": round(ended, 2),
        "exit": code,
    }


def main() -> None:
    """Prints and writes what was measured."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("data", type=Path)
    options.add_argument("--recipe", default="fast")
    options.add_argument("--seconds", type=float, default=20)
    options.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "attack.json")
    asked = options.parse_args()
    images = sorted(asked.data.rglob("*.jpg"))[:200]
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "m.psdl"
        fit = [*PSDL, "fit", str(asked.data), "--model", str(model), "--recipe", asked.recipe, "--quiet"]
        subprocess.run(fit, check=True)
        rows = {}
        for name in attacks([]):
            for address in (HERE, OTHER) if name in SHARED else (HERE,):
                row = f"{name}, from another address" if address == OTHER else name
                rows[row] = measured(model, name, images, asked.seconds, address)
                print(row, json.dumps(rows[row]), flush=True)
    asked.out.write_text(
        json.dumps({"cores": os.cpu_count(), "recipe": asked.recipe, "attacks": rows}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
