"""A server under load: its rate against `predict`'s, twice what it can take, and its end in the middle of it.

    python bench/serve.py ../shared/data/mtd [--recipes fast default] [--seconds 60] [--out FILE]

The client is a process of its own on the same machine: it takes part of the cores that the server could use.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil

PSDL = [sys.executable, "-m", "psdl.cli.main"]


def request(image: Path) -> bytes:
    """A whole request as bytes."""
    data = image.read_bytes()
    head = f"POST /v1/score HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/jpeg\r\ncontent-length: {len(data)}"
    return f"{head}\r\n\r\n".encode() + data


class Client:
    """Connections that are kept, from an address of this machine; statuses and seconds of all answers."""

    def __init__(self, port: int, requests: Sequence[bytes], address: str = "127.0.0.1") -> None:
        self.port, self.requests, self.address = port, requests, address
        self.free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.answers: list[tuple[int, float]] = []
        self.lost = 0

    async def ask(self, n: int) -> None:
        """One request; a connection that breaks after all of it was sent counts as lost."""
        start = time.perf_counter()
        try:
            reader, writer = self.free.pop() if self.free else await self._connected()
        except OSError:
            self.answers.append((0, 0.0))
            return
        try:
            writer.write(self.requests[n % len(self.requests)])
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            await reader.readexactly(int(length[1]) if length else 0)
        except (OSError, asyncio.IncompleteReadError):
            self.lost += 1
            return
        self.answers.append((int(head.split()[1]), time.perf_counter() - start))
        if b"connection: close" in head.lower():
            writer.close()
        else:
            self.free.append((reader, writer))

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, local_addr=(self.address, 0))


async def closed(client: Client, connections: int, seconds: float) -> float:
    """Requests a second when so many connections each ask again as soon as they are answered."""
    end = time.perf_counter() + seconds

    async def one(first: int) -> None:
        n = first
        while time.perf_counter() < end:
            await client.ask(n)
            n += connections

    start = time.perf_counter()
    await asyncio.gather(*(one(n) for n in range(connections)))
    return len(client.answers) / (time.perf_counter() - start)


async def opened(client: Client, rate: float, seconds: float, stop: Any = None) -> None:
    """Asks at a fixed rate, whatever the answers; calls `stop` in the middle."""
    start, tasks, count = time.perf_counter(), [], int(rate * seconds)
    for n in range(count):
        await asyncio.sleep(max(0.0, start + n / rate - time.perf_counter()))
        if stop and n == count // 2:
            stop()
        tasks.append(asyncio.create_task(client.ask(n)))
        if stop and n > count // 2 + rate:
            break
    await asyncio.gather(*tasks)


def predict_rate(model: Path, images: Sequence[Path]) -> float:
    """Images a second of `psdl predict --json`, its start taken off: from a quarter of the images to all."""

    def seconds(count: int) -> float:
        start = time.perf_counter()
        names = [str(image) for image in images[:count]]
        subprocess.run([*PSDL, "predict", str(model), *names, "--json"], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start

    few = len(images) // 4
    return (len(images) - few) / (seconds(len(images)) - seconds(few))


class Server:
    """A server process on a free port."""

    def __init__(self, model: Path) -> None:
        self.process = subprocess.Popen(
            [*PSDL, "serve", str(model), "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout
        said = next(line for line in self.process.stdout if "listening" in line)
        self.port = int(re.findall(r":(\d+)", said)[0])

    @property
    def megabytes(self) -> float:
        return psutil.Process(self.process.pid).memory_info().rss / 1e6

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


async def overload(server: Server, client: Client, rate: float, seconds: float) -> list[float]:
    """Asks at a rate and looks at the server's memory each second."""
    memory: list[float] = []

    async def look() -> None:
        while True:
            memory.append(server.megabytes)
            await asyncio.sleep(1)

    looking = asyncio.create_task(look())
    await opened(client, rate, seconds)
    looking.cancel()
    return memory


def measured(model: Path, images: Sequence[Path], seconds: float) -> dict[str, Any]:
    """All figures of one model."""
    requests = [request(image) for image in images]
    found: dict[str, Any] = {"predict_per_s": round(predict_rate(model, images), 1)}
    server = Server(model)
    asyncio.run(closed(Client(server.port, requests), 4, 3))  # warm
    rate = asyncio.run(closed(Client(server.port, requests), 6, 20))
    alone = Client(server.port, requests)
    asyncio.run(closed(alone, 1, 5))
    found |= {"served_per_s": round(rate, 1), "share": round(rate / found["predict_per_s"], 3)}
    found["alone_ms"] = round(float(np.median([s for _, s in alone.answers])) * 1e3, 1)
    client = Client(server.port, requests)
    memory = asyncio.run(overload(server, client, 2 * rate, seconds))
    taken = [s * 1e3 for status, s in client.answers if status == 200]
    found["overload"] = {
        "asked_per_s": round(2 * rate, 1),
        "statuses": dict(Counter(status for status, _ in client.answers)),
        "lost": client.lost,
        "p50_ms": round(float(np.quantile(taken, 0.5)), 1),
        "p99_ms": round(float(np.quantile(taken, 0.99)), 1),
        "answered_per_s": round(len(taken) / seconds, 1),
        "memory_mb": [round(memory[0]), round(memory[len(memory) // 2]), round(memory[-1])],
    }
    client = Client(server.port, requests)
    asyncio.run(opened(client, 0.9 * rate, 6, lambda: server.process.send_signal(signal.SIGTERM)))
    found["sigterm"] = {
        "exit": server.process.wait(60),
        "statuses": dict(Counter(status for status, _ in client.answers)),
        "lost": client.lost,
    }
    return found


def main() -> None:
    """Prints and writes what was measured."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("data", type=Path)
    options.add_argument("--recipes", nargs="*", default=["fast", "default"])
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "serve.json")
    asked = options.parse_args()
    images = sorted(asked.data.rglob("Imgs/*.jpg"))[:400]
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for recipe in asked.recipes:
            model = Path(folder) / f"{recipe}.psdl"
            fit = [*PSDL, "fit", str(asked.data), "--model", str(model), "--recipe", recipe, "--quiet"]
            subprocess.run(fit, check=True)
            rows[recipe] = measured(model, images, asked.seconds)
            print(recipe, json.dumps(rows[recipe]), flush=True)
    asked.out.write_text(json.dumps({"cores": os.cpu_count(), "recipes": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
