"""`psdl watch` killed at random moments, again and again, and files that arrive in pieces: is every file judged
exactly once, and whole?

    python bench/watch.py ../shared/data/mtd [--files 500] [--kills 20] [--pieces 5000] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from psdl import Detector

PSDL = [sys.executable, "-m", "psdl.cli.main"]
WRITERS = 8  # files that arrive at a time


def killed(model: Path, images: Sequence[Path], kills: int, folder: Path) -> dict[str, Any]:
    """What is left after each kill, and what was judged and sorted in the end."""
    inbox, out, chance = folder / "in", folder / "out", random.Random(0)
    inbox.mkdir()
    for image in images:
        shutil.copy(image, inbox)
    command = [*PSDL, "watch", model, inbox, "--out", out, "--sort", "move", "--settle", "0"]
    left = []
    for _ in range(kills):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout
        process.stdout.readline()
        time.sleep(chance.uniform(0, 0.25))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        left.append(len(list(inbox.iterdir())))
    start = time.perf_counter()
    subprocess.run([*command, "--once"], check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    rows = Counter(row["path"] for row in journal(out))
    return {
        "files": len(images),
        "kills": kills,
        "judged": len(rows),
        "judged_twice": sum(n > 1 for n in rows.values()),
        "sorted": len(list(out.rglob("*.jpg"))),
        "left_after_each_kill": left,
        "last_run_s": round(seconds, 1),
    }


def in_pieces(model: Path, images: Sequence[Path], count: int, folder: Path) -> dict[str, Any]:
    """So many files, each written in three pieces with pauses, a third of them under another name first, while the
    folder is watched: how many are judged, twice, or otherwise than the whole file is."""
    inbox, out = folder / "pieces", folder / "judged"
    inbox.mkdir()
    command = [*PSDL, "watch", model, inbox, "--out", out, "--sort", "move"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.readline()
        drain = threading.Thread(target=process.stdout.read, daemon=True)
        drain.start()
        start = time.perf_counter()
        writers = [
            threading.Thread(target=write, args=(inbox, images, range(k, count, WRITERS))) for k in range(WRITERS)
        ]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        written = time.perf_counter() - start
        while any(inbox.iterdir()) and time.perf_counter() - start < 600:
            time.sleep(0.5)
        seconds = time.perf_counter() - start
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    detector = Detector.load(model)
    known = {image.name: result.score for image, result in zip(images, detector.results(images), strict=True)}
    rows = [row for row in journal(out) if "score" in row]
    times = Counter(row["path"] for row in rows)
    return {
        "files": count,
        "judged": len(times),
        "judged_twice": sum(n > 1 for n in times.values()),
        "judged_otherwise": sum(row["score"] != known[row["path"].split("-", 1)[1]] for row in rows),
        "not_judged": sum("score" not in row for row in journal(out)),
        "written_s": round(written, 1),
        "all_judged_s": round(seconds, 1),
    }


def write(inbox: Path, images: Sequence[Path], numbers: Sequence[int]) -> None:
    """Files as a slow camera writes them."""
    chance = random.Random(numbers[0])
    for n in numbers:
        image = images[n % len(images)]
        content, name = image.read_bytes(), f"{n:05}-{image.name}"
        cuts = sorted(chance.randrange(1, len(content)) for _ in range(2))
        path = inbox / (f"{name}.part" if n % 3 == 0 else name)
        with path.open("wb", buffering=0) as file:
            for first, last in zip([0, *cuts], [*cuts, len(content)], strict=True):
                file.write(content[first:last])
                time.sleep(chance.uniform(0, 0.05))
        if n % 3 == 0:
            path.rename(inbox / name)


def journal(out: Path) -> Iterator[dict[str, Any]]:
    """The rows that a watch has written."""
    for line in (out / "images.jsonl").read_text().splitlines():
        yield json.loads(line)


def main() -> None:
    """Prints and writes what was counted."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("data", type=Path)
    options.add_argument("--files", type=int, default=500)
    options.add_argument("--kills", type=int, default=20)
    options.add_argument("--pieces", type=int, default=5000)
    options.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "watch.json")
    asked = options.parse_args()
    images = sorted(asked.data.rglob("Imgs/*.jpg"))
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        model = folder / "m.psdl"
        subprocess.run([*PSDL, "fit", asked.data, "--model", model, "--recipe", "fast", "--quiet"], check=True)
        found = killed(model, images[: asked.files], asked.kills, folder)
        found["in_pieces"] = in_pieces(model, images, asked.pieces, folder)
    print(json.dumps(found))
    asked.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
