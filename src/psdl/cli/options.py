"""The options that several verbs share, and the TOML file that can hold them all."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from psdl._util import plugins
from psdl.errors import PsdlError


def read_config(context: typer.Context, file: Path | None) -> Path | None:
    """Makes the values of a TOML file the defaults of this call, so that flags win."""
    if file is None:
        return None
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PsdlError(f"no file {file}: give a TOML file of options with --config") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise PsdlError(f"{file} is not a TOML file that can be read ({error}): correct it") from None
    params = [p for p in context.command.params if p.name and p.name != "config"]
    known = {flag.strip("-").replace("-", "_"): str(p.name) for p in params for flag in (*p.opts, p.name)}
    renamed: dict[str, Any] = {}
    for key, value in values.items():
        name = key.replace("-", "_")
        if name not in known:
            raise plugins.unknown(f"option in {file}", name, known)
        renamed[known[name]] = value
    context.default_map = {**(context.default_map or {}), **renamed}
    return file


def resolved(context: typer.Context) -> dict[str, Any]:
    """Every option of this call as it was resolved, in plain values for the model's record."""
    params = sorted((k, v) for k, v in context.params.items() if k != "cluster")  # where work ran leaves no trace
    return {k: str(v) if isinstance(v, Path) else v for k, v in params}


def defaults(verb: Callable[..., None]) -> dict[str, Any]:
    """The options of a verb as they are where none is given."""
    given = inspect.signature(verb).parameters.values()
    return {one.name: one.default for one in given if one.default is not one.empty}


Data = Annotated[
    str,
    typer.Argument(
        help="Folder of images, whose layout is recognised; or a .csv, .jsonl or .txt file that names them.",
        show_default=False,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(help="TOML file that can hold every option; flags win.", callback=read_config, is_eager=True),
]
Recipe = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        "--method",
        help="default (or psdl); fast, its coarse part alone; the baselines padim, patchcore (a coreset of 5 %),"
        " patchcore-1, patchcore-10; or paper, the published method: the next settings are its.",
    ),
]
Arch = Annotated[
    str | None, typer.Option(help="Backbone: efficientnet_lite0, resnet18, ..., a timm name, or an .onnx file.")
]
Type = Annotated[str | None, typer.Option(help="paper: single (one layer) or multiple (layer1 to layer3).")]
Layer = Annotated[str | None, typer.Option(help="paper: the layer of --type single (layer3).")]
Sparsity = Annotated[
    float | None, typer.Option(help="paper: atoms a signal may use, as a share of its length (0.25).")
]
Iterations = Annotated[int | None, typer.Option(help="paper: rounds of K-SVD (20).")]
Folds = Annotated[
    int | None,
    typer.Option(help="Folds in which good images are held out for the threshold (3)."),
]
Seed = Annotated[int, typer.Option(help="Seed of the folds and of the choice of pictures.")]
Category = Annotated[
    list[str] | None, typer.Option(help="Only this category; repeat it for several. All if not given.")
]
Each = Annotated[bool, typer.Option("--each", help="One model for each category, not one for all jointly.")]
Weights = Annotated[
    str | None, typer.Option(help="Weights of the backbone: .safetensors or .pth, timm's or torchvision's names.")
]
FalseReject = Annotated[float, typer.Option(help="Share of good images that the threshold may reject.")]
Review = Annotated[
    float | None,
    typer.Option(
        help="Share of good images that a person may look at, rejected ones included (5 x false-reject)."
    ),
]
Confidence = Annotated[
    float,
    typer.Option(
        help="How sure the threshold must be to keep its rate for all new items, such as 0.95; 0: on average."
    ),
]
Calibrate = Annotated[
    str | None, typer.Option(help="Folder of other good images, which set the threshold instead of held-out ones.")
]
Drop = Annotated[
    Path | None,
    typer.Option(help="Text file of good images to leave out, one name a line."),
]
Defects = Annotated[
    str | None,
    typer.Option(
        help="Folder or table of known defective images, 5 to 20 are enough: they are told from good images as"
        " well, if that finds more of those left out."
    ),
]
Suspects = Annotated[
    Path | None, typer.Option(help="HTML page to write: the good images that look least like the rest.")
]
Parts = Annotated[
    str | None,
    typer.Option(
        help="Regular expression on names; pictures that give its first group the same text are views of one part."
    ),
]
Resize = Annotated[
    str | None,
    typer.Option(
        help="How images come to the network's size: square; keep, their aspect ratio kept; none, as large as they"
        " are. If not given as the layout has it; where that is square, keep for images longer than 3 : 2."
    ),
]
Size = Annotated[int | None, typer.Option(help="The network's input size in pixels a side, of a square (256).")]
Budget = Annotated[
    float | None,
    typer.Option(
        min=0.1,
        help="Milliseconds that judging one image may take on this machine: the input size is the largest that"
        " keeps it, from 96 to 512.",
    ),
]
Tile = Annotated[
    int | None,
    typer.Option(
        help="Pixels a side of the tiles in which the network sees large images, such as 512; sizes are then as"
        " with --resize none unless given. Recipes default, fast, patchcore."
    ),
]
Roi = Annotated[
    str | None,
    typer.Option(
        help="Region of interest: a mask image or a .json polygon in an image's pixels; or a folder of such files,"
        " named after the categories."
    ),
]
Align = Annotated[
    str,
    typer.Option(
        help="Register each image to the mean of the good ones: none, shift, rigid; or auto: as held-out good"
        " images say. Needs psdl[align]."
    ),
]
Light = Annotated[
    str | None,
    typer.Option(
        help="match: each image is brought to one brightness, so that another lamp changes little (default, fast);"
        " keep: brightness counts (the other recipes)."
    ),
]
MaxMemory = Annotated[
    str | None,
    typer.Option(
        help="Memory that learning may take, such as 2GB; signals beyond it go to temporary files (3GB, or what is"
        " free)."
    ),
]
Groups = Annotated[
    str,
    typer.Option(
        help="Which images show one item: given, as the data set says; found, near-duplicates too; auto: found"
        " where the data set says nothing."
    ),
]
OnError = Annotated[
    str,
    typer.Option(
        help="fail: stop at the first file that cannot be used; skip: leave such files out, and list them."
    ),
]
BitDepth = Annotated[
    int | None,
    typer.Option(
        help="Bits of the camera's samples in 16-bit files, such as 12; else learned from the good images."
    ),
]
By = Annotated[str, typer.Option(help="Who sets it, for the model's record; the login name if not given.")]
Layout = Annotated[str | None, typer.Option(help="The folder's layout, where it is not to be recognised.")]
Images = Annotated[int, typer.Option(help="Pictures to draw for each category.")]
Maps = Annotated[
    bool, typer.Option("--maps", help="Also write each image's map (float32 TIFF, and in colours) and mask.")
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Jobs = Annotated[
    int | None, typer.Option(help="Images and positions worked on at a time; all cores if not given.")
]
Cluster = Annotated[
    str | None,
    typer.Option(
        help="Dask scheduler whose workers do the work, such as tcp://host:8786, or local:4 for four processes"
        " here; they must see the same files. Needs psdl[cluster]."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no findings, errors only.")]
