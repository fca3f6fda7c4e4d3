"""Says what would have been rejected and missed among labelled images, with confidence intervals."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from psdl.measure.found import share
from psdl.report.tables import Judged
from psdl.types import Sample

WORST = 3  # pictures named in each row


def rows(judged: Judged) -> list[dict[str, Any]]:
    """Returns a row for the good images, one for all defective ones, and one for each kind of defect if there are
    several.

    `what` is its name and `count` the number of images; `verdicts` counts OK, REVIEW and NG. `wrong` is the number
    of good images that are NG, or of defective ones that are OK; `share`, `low` and `high` are that as a share
    with its 95 % interval, see `found.share`. `worst` are indices in `judged` of the images furthest on the wrong
    side.
    """
    labelled = [(n, s, r) for n, (s, r) in enumerate(judged) if s.label is not None]
    good = [row for row in labelled if row[1].label == 0]
    bad = [row for row in labelled if row[1].label == 1]
    kinds = sorted({s.kind for _, s, _ in bad})
    table = [_row("good", good, "NG")] if good else []
    table += [_row("defective", bad, "OK")] if bad else []
    if len(kinds) > 1:
        table += [_row(kind, [row for row in bad if row[1].kind == kind], "OK", of="defective") for kind in kinds]
    return table


def _row(what: str, inside: list[tuple[int, Sample, Any]], mistake: str, of: str = "") -> dict[str, Any]:
    verdicts = [result.verdict.verdict for _, _, result in inside]
    wrong = verdicts.count(mistake)
    items = [str((s.category, s.group or s.part or n)) for n, s, _ in inside]
    rate = share(np.array(verdicts) == mistake, np.unique(items, return_inverse=True)[1])
    sign = -1 if mistake == "NG" else 1
    by_fault = sorted(inside, key=lambda row: sign * row[2].score / abs(row[2].verdict.threshold or 1))
    return {
        "what": what,
        "of": of,
        "count": len(inside),
        "verdicts": {name: verdicts.count(name) for name in ("OK", "REVIEW", "NG")},
        "mistake": mistake,
        "wrong": wrong,
        "share": wrong / len(inside),
        "low": rate["low"],
        "high": rate["high"],
        "worst": [n for n, _, _ in by_fault[:WORST]],
    }


def grouped(judged: Judged) -> bool:
    """Returns whether several labelled pictures show one item."""
    items = Counter(
        (sample.category, sample.group or sample.part) for sample, _ in judged if sample.label is not None
    )
    return any(count > 1 for (_, item), count in items.items() if item)
