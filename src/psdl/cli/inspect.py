"""psdl inspect: prints what a model file holds."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def inspect(
    model: Annotated[str, typer.Argument(help="Model file.")],
    as_json: Annotated[bool, typer.Option("--json", help="The whole card as JSON.")] = False,
) -> None:
    """Print what a model file holds: recipe, backbone, threshold, versions, digest, whether it is signed."""
    from psdl.model import card as cards
    from psdl.model import file, words

    card = cards.card(file.read(model))
    opened = file.opened(model)
    card["digest"], card["signed"] = opened.digest.hex(), opened.signed is not None
    if as_json:
        print(json.dumps(card, indent=2, sort_keys=True))
        return
    rows = words.described(card)
    wide = max(map(len, rows))
    for key, value in rows.items():
        print(f"{key:{wide}}  {value}")
