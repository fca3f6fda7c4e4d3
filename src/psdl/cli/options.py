"""The options that several verbs share, the options of learning (made from `FitOptions`), and the TOML file of
options."""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Callable
from dataclasses import Field, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from psdl._util import plugins
from psdl.errors import PsdlError
from psdl.training.options import FitOptions


def read_config(context: typer.Context, file: Path | None) -> Path | None:
    """Makes the values of a TOML file the defaults of this call, so that flags override them."""
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


def with_fit_options(verb: Callable[..., None]) -> Callable[..., None]:
    """Returns the verb with an option for each field of `FitOptions` in place of its parameter `chosen`."""
    given = inspect.signature(verb, eval_str=True)
    own = [one for name, one in given.parameters.items() if name != "chosen"]
    place = list(given.parameters).index("chosen")
    made = [_parameter(one) for one in fields(FitOptions)]

    @wraps(verb)
    def whole(**values: Any) -> None:
        chosen = FitOptions(**{one.name: values.pop(one.name) for one in fields(FitOptions)})
        verb(**values, chosen=chosen)

    parameters = [*own[:place], *made, *own[place:]]
    whole.__signature__ = given.replace(parameters=parameters)  # type: ignore[attr-defined]
    whole.__annotations__ = {one.name: one.annotation for one in parameters}
    return whole


def _parameter(one: Field[Any]) -> inspect.Parameter:
    """Returns a field of `FitOptions` as a parameter that typer makes an option of; its type is text if the field
    takes several types."""
    hints = str(one.type).split(" | ")
    plain: Any = next((kind for kind in (str, int, float) if kind.__name__ in hints), str)
    about = dict(one.metadata)
    option = typer.Option(*about.pop("flags"), **about)
    kind: Any = Annotated[plain | None if "None" in hints else plain, option]
    where = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Parameter(one.name, where, default=one.default, annotation=kind)


def as_flags(text: str) -> str:
    """Returns a sentence of the library with the options in backticks written as flags of the command line."""
    known = {one.name for one in fields(FitOptions)}
    return re.sub("`([a-z_]+)`", lambda m: f"--{m[1].replace('_', '-')}" if m[1] in known | OTHERS else m[0], text)


# Options that several verbs have besides.
OTHERS = {"jobs", "force", "device", "cluster", "each", "parts", "items", "good", "bad"}


def help_of(name: str) -> str:
    """Returns the help of a field of `FitOptions`."""
    return str(FitOptions.__dataclass_fields__[name].metadata["help"])


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
Seed = Annotated[int, typer.Option(help=help_of("seed"))]
Category = Annotated[
    list[str] | None, typer.Option(help="Only this category; repeat it for several. All if not given.")
]
Each = Annotated[bool, typer.Option("--each", help="One model for each category, not one for all jointly.")]
Calibrate = Annotated[
    str | None, typer.Option(help="Folder of other good images, which set the threshold instead of held-out ones.")
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Also good images, beside those first learned from, that score as defects do or as learned ones.",
    ),
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
OnError = Annotated[str, typer.Option(help=help_of("on_error"))]
Groups = Annotated[str, typer.Option(help=help_of("groups"))]
By = Annotated[str, typer.Option(help="Who sets it, for the model's record; the login name if not given.")]
Good = Annotated[
    list[str] | None,
    typer.Option(
        help="These images are good and no others: a pattern for names or folders, such as 'ok*' or 'lot?/fine';"
        " repeat it for several."
    ),
]
Bad = Annotated[list[str] | None, typer.Option(help="These images are defective: a pattern like that of --good.")]
Layout = Annotated[str | None, typer.Option(help="The folder's layout, where it is not to be recognised.")]
Images = Annotated[int, typer.Option(help="Pictures to draw for each category.")]
Maps = Annotated[
    bool, typer.Option("--maps", help="Also write each image's map (float32 TIFF, and in colours) and mask.")
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace the results of another run that --out holds.")
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Jobs = Annotated[
    int | None, typer.Option(help="Images and positions worked on at a time; all cores if not given.")
]
Cluster = Annotated[
    str | None,
    typer.Option(
        help="Dask scheduler whose workers do the work, such as tcp://host:8786, or local:4 for four processes"
        " here; they must see the same files. Needs psdl\\[cluster]."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no findings, errors only.")]
