"""Says for the page what is found at the promised rates, and what known defects gained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psdl.model.model import Model
from psdl.report import tables


def defects(model: Model) -> list[str]:
    """Returns a sentence on what known defects gained when the model learned them; none if it does not use
    them."""
    if model.defects is None or model.classifier is None:
        return []
    found = model.defects.report["found"]
    return [
        f"{len(model.defects.images)} known defects are told from good images as well: each left out of learning"
        f" in turn, {found['ng_with']} of {found['count']} were NG, {found['ng']} without it"
    ]


def shares(summary: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Returns for each category, and for their mean, what is found at the promised rates."""
    rows = dict(summary["categories"])
    if len(rows) > 1:
        rows["mean"] = summary["mean"]
    return [(name, tables.found_cells(row)) for name, row in rows.items()]
