"""The cores and the memory that this process may use, by its CPU affinity and the limits of its container."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

ROOT = Path("/")
SHARE = 0.25  # of the memory, for the images that are worked on
MANY = 2**20  # cores, if nothing limits them
LEAST = 64 * 2**20  # bytes for the images, however little memory there is


def cores(root: Path = ROOT) -> int:
    """Returns the number of cores that this process may use at a time, at least 1: those it is bound to, and no
    more than its control groups' quota of processor time."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(bound, _quota(root)))


def memory(root: Path = ROOT) -> int:
    """Returns the bytes that this process may use in all: what it uses now, and what the machine and the limits of
    its control groups leave free."""
    import psutil

    own = psutil.Process().memory_info().rss
    free = [
        psutil.virtual_memory().available,
        *(left for folder in _groups(root, "memory") for left in _left(folder)),
    ]
    return int(own + max(0, min(free)))


@lru_cache(maxsize=4)
def _quota(root: Path) -> int:
    """Returns the number of cores that control groups allow, rounded up; MANY if they set no limit."""
    found = [MANY]
    for folder in _groups(root, "cpu"):
        quota, period = (_text(folder / "cpu.max").split() or ["max", "1"])[:2]
        if quota == "max":
            quota, period = _text(folder / "cpu.cfs_quota_us") or "-1", _text(folder / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit():
            found.append(math.ceil(int(quota) / max(1, int(period))))
    return min(found)


def _left(folder: Path) -> Iterator[int]:
    """Yields the bytes that a control group's limit leaves free, if it has one. Cached files count as free."""
    for limit, used in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
        most, now = _text(folder / limit), _text(folder / used)
        if most.isdigit() and now.isdigit():
            stat = dict(line.split()[:2] for line in _text(folder / "memory.stat").splitlines() if " " in line)
            dropped = stat.get("total_inactive_file", stat.get("inactive_file", "0"))
            yield int(most) - max(0, int(now) - int(dropped))


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yields the folders of the control groups, of versions 1 and 2, of this process, and those of their
    parents."""
    base = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, names, path = line.split(":", 2) if line.count(":") >= 2 else ("", "-", "")
        if names == "":
            mounts = [base, base / "unified"]
        elif controller in names.split(","):
            mounts = [base / names, base / controller]
        else:
            continue
        inside = Path(path.lstrip("/"))
        for mount in mounts:
            # A container may see the group's path of the machine, and the group itself where the mount is.
            yield from (found for part in (inside, *inside.parents) if (found := mount / part).is_dir())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


class Room:
    """A number of bytes that threads share for what they work on."""

    def __init__(self, size: int) -> None:
        self.size, self.taken = size, 0
        self._changed = threading.Condition()

    @contextmanager
    def held(self, size: int) -> Iterator[None]:
        """Waits until `size` bytes are free, and holds them for the block. A request for more than all waits until
        nothing else is held. A thread that holds bytes must not ask for more."""
        size = min(size, self.size)
        with self._changed:
            self._changed.wait_for(lambda: self.taken + size <= self.size)
            self.taken += size
        try:
            yield
        finally:
            with self._changed:
                self.taken -= size
                self._changed.notify_all()


@lru_cache(maxsize=1)
def room() -> Room:
    """Returns the memory that this process shares out among the images that are worked on."""
    return Room(max(LEAST, int(SHARE * memory())))
