"""psdl export: writes a model as one ONNX graph."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from psdl.cli import options


def export(
    model: Annotated[str, typer.Argument(help="Model file.")],
    onnx: Annotated[Path, typer.Option(help="The .onnx file to write.")],
    quiet: options.Quiet = False,
) -> None:
    """Write a model's whole scoring, from pixels to the verdict, as one ONNX graph for any ONNX runtime."""
    from psdl.cli.lines import Lines
    from psdl.export.export import write
    from psdl.model import file

    file.check_target(onnx)
    write(file.read(model), onnx)
    Lines(quiet).say(
        f"wrote {onnx} ({onnx.stat().st_size / 1e6:.0f} MB): image (h,w,3) uint8 -> score, p_value, verdict, map",
        "with OpenVINO set INFERENCE_PRECISION_HINT=f32: its own choice, bfloat16, scores otherwise",
    )
