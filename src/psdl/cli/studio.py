"""psdl studio: all steps in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from psdl.cli import options


def studio(
    folder: Annotated[Path, typer.Argument(help="The project: a folder, made if it is not there.")] = Path(
        "studio"
    ),
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than this machine's own need tokens.")
    ] = ("127.0.0.1"),
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0 takes a free one.")] = 8200,
    token_file: Annotated[
        Path | None, typer.Option(help="Text file of tokens, one a line; people must enter one of them.")
    ] = None,
    allow: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder that people may choose images from; repeat it for several. All if only this machine"
            " may ask."
        ),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser.")] = False,
    config: options.Config = None,
    quiet: options.Quiet = False,
) -> None:
    """Open the studio in a browser: drop in images of good parts, learn, look at what is wrong in new ones."""
    import webbrowser

    from psdl._util import plugins
    from psdl.cli.lines import Lines

    plugins.extra("studio", "fastapi", "uvicorn", "httptools", "multipart", "prometheus_client")
    from psdl.deploy.serve.access import Tokens
    from psdl.deploy.serve.run import Where
    from psdl.studio import run
    from psdl.studio.app import app
    from psdl.studio.studio import Studio

    where = Where(host, port)
    where.check(tokens=token_file is not None)
    tokens = Tokens(token_file)
    with run.alone(folder):
        made = Studio(folder, run.roots(allow or [], where.near), where.near)
        listener = where.listen()
        number = listener.getsockname()[1]
        lines, address = Lines(quiet), f"{where.url(listener)}/"

        def ready() -> None:
            lines.say(f"project {folder}; the page is {address} (Ctrl+C ends)")
            if not no_browser:
                webbrowser.open(address)

        run.serve(app(made, run.names(where, number), tokens), made, listener, ready)
