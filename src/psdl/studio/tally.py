"""What the page shows of a line: the newest rows, the number of each verdict by hour, and signs of drift."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

from psdl.errors import PsdlError

Values = dict[str, Any]
SHOWN = 200  # newest rows that the page gets
WORDS, FIGURES = ("path", "verdict", "judged", "error"), ("score", "width", "height")
MOST = 1000  # letters of a word, and regions


class Tally:
    """Counts rows as a journal's lines hold them; safe to use from any thread."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.newest: dict[int, Values] = {}
        self.hours: Counter[tuple[str, str]] = Counter()
        self.drift: list[str] = []
        self.count = 0

    def take(self, row: Mapping[str, Any], at: int | None = None) -> None:
        """Adds one row. `at` is its number at its source, if that numbers its rows. Raises KeyError, TypeError or
        ValueError if the row is malformed."""
        boxes = [[float(edge) for edge in one["box"]] for one in row.get("regions", [])][:MOST]
        words = {key: str(row[key])[:MOST] for key in WORDS if row.get(key) is not None}
        figures = {key: float(row[key]) for key in FIGURES if row.get(key) is not None}
        kept = {**words, **figures, "at": at, "boxes": boxes}
        hour = words["judged"][:13], words["verdict"]
        with self.lock:
            self.newest[self.count] = {**kept, "n": self.count}
            self.newest.pop(self.count - SHOWN, None)
            self.hours[hour] += 1
            self.count += 1
            self.drift = [str(one)[:MOST] for one in row.get("drift", self.drift)]

    def row(self, n: int) -> Values:
        """Returns the row of a number. Raises PsdlError if it is no longer among the newest."""
        with self.lock:
            found = self.newest.get(n)
        if found is None:
            raise PsdlError("that picture is no longer among the newest")
        return found

    def values(self) -> Values:
        """Returns the newest rows, the newest first, and the number of each verdict in every hour."""
        with self.lock:
            newest, hours = list(self.newest.values())[::-1], sorted(self.hours.items())
            by_hour = [{"hour": hour, "verdict": verdict, "count": n} for (hour, verdict), n in hours]
            return {"rows": newest, "hours": by_hour, "drift": self.drift, "count": self.count}
