"""`psdl watch` killed at random moments, again and again: is every file judged exactly once in the end?

python bench/watch.py ../shared/data/mtd [--files 500] [--kills 20] [--out bench/results/watch.json]
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
import time
from collections import Counter
from pathlib import Path

PSDL = [sys.executable, "-m", "psdl.cli.main"]


def main() -> None:
    """Prints and writes what was counted."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("data", type=Path)
    options.add_argument("--files", type=int, default=500)
    options.add_argument("--kills", type=int, default=20)
    options.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "watch.json")
    asked = options.parse_args()
    chance = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        model, inbox, out = Path(folder) / "m.psdl", Path(folder) / "in", Path(folder) / "out"
        subprocess.run([*PSDL, "fit", asked.data, "--model", model, "--recipe", "fast", "--quiet"], check=True)
        inbox.mkdir()
        for image in sorted(asked.data.rglob("Imgs/*.jpg"))[: asked.files]:
            shutil.copy(image, inbox)
        command = [*PSDL, "watch", model, inbox, "--out", out, "--sort", "move", "--settle", "0"]
        left = []
        for _ in range(asked.kills):
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
        lines = Counter(json.loads(line)["path"] for line in (out / "images.jsonl").read_text().splitlines())
        found = {
            "files": asked.files,
            "kills": asked.kills,
            "judged": len(lines),
            "judged_twice": sum(n > 1 for n in lines.values()),
            "sorted": len(list(out.rglob("*.jpg"))),
            "left_after_each_kill": left,
            "last_run_s": round(seconds, 1),
        }
    print(json.dumps(found))
    asked.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
