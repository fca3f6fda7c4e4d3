"""psdl sign: signs a model file with a private key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from psdl.cli import options


def sign(
    model: Annotated[Path, typer.Argument(help="Model file.")],
    key: Annotated[Path, typer.Option(help="PEM file of a private Ed25519 key without a password.")],
    out: Annotated[Path | None, typer.Option(help="The model file to write; the same one if not given.")] = None,
    quiet: options.Quiet = False,
) -> None:
    """Sign a model file. Where PSDL_TRUSTED_KEY names the public key's file, no other model is opened."""
    from psdl.cli.lines import Lines
    from psdl.model import file

    file.sign(model, key, out)
    Lines(quiet).say(f"signed {out or model}")
