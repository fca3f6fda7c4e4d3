"""psdl inspect: what a model file holds."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def inspect(
    model: Annotated[str, typer.Argument(help="Model file.")],
    as_json: Annotated[bool, typer.Option("--json", help="The whole card as JSON.")] = False,
) -> None:
    """Print what a model file holds: recipe, backbone and hashes, threshold, versions."""
    from psdl.model import file

    card = file.card(file.read(model))
    if as_json:
        print(json.dumps(card, indent=2, sort_keys=True))
        return
    rows = file.described(card)
    wide = max(map(len, rows))
    for key, value in rows.items():
        print(f"{key:{wide}}  {value}")
