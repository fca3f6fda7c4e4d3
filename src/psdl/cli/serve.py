"""psdl serve: answers HTTP requests by models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from psdl.cli import options


def serve(
    models: Annotated[
        list[str], typer.Argument(help="Model files, or folders of them; each answers by its stem.")
    ],
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than this machine's own need tokens.")
    ] = ("127.0.0.1"),
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0 takes a free one.")] = 8100,
    token_file: Annotated[
        Path | None, typer.Option(help="Text file of bearer tokens, one a line; a request must bear one of them.")
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="Another name that requests may call the server by; give it again.")
    ] = None,
    certificate: Annotated[Path | None, typer.Option(help="Certificate (PEM) to answer by TLS with.")] = None,
    key: Annotated[Path | None, typer.Option(help="The certificate's private key (PEM).")] = None,
    socket: Annotated[
        Path | None, typer.Option(help="Path of a Unix socket to listen on instead of a port.")
    ] = None,
    max_body: Annotated[str, typer.Option(help="Largest body of a request, such as 32MB.")] = "32MB",
    max_pixels: Annotated[int, typer.Option(min=64, help="Largest image, in pixels.")] = 50_000_000,
    max_images: Annotated[int, typer.Option(min=1, help="Most images of one request.")] = 32,
    queue: Annotated[int, typer.Option(min=1, help="Most requests judged at a time; others get 429.")] = 32,
    seconds: Annotated[
        float, typer.Option(min=0.1, help="Seconds for a body to arrive, and then again for its answer.")
    ] = 30.0,
    last: Annotated[
        int,
        typer.Option(
            min=0, max=10_000, help="Keep the last so many images in memory, for the studio's Line page."
        ),
    ] = 0,
    config: options.Config = None,
    device: options.Device = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Answer HTTP requests: POST an image to /v1/score, get score, p-value, verdict and regions."""
    from psdl._util import plugins
    from psdl.cli.lines import Lines
    from psdl.training import memory

    plugins.extra("serve", "fastapi", "uvicorn", "httptools", "multipart", "prometheus_client")
    from psdl.deploy.registry import ModelRegistry
    from psdl.deploy.serve import run
    from psdl.deploy.serve.access import Tokens
    from psdl.deploy.serve.app import Parts, app
    from psdl.deploy.serve.bounds import Bounds
    from psdl.studio.front import add_pages

    run.log()
    where = run.Where(host, port, socket, certificate, key)
    where.check(tokens=token_file is not None)
    body = memory.size_of(max_body, "--max-body") or Bounds.body
    bounds = Bounds(
        body=body,
        pixels=max_pixels,
        images=max_images,
        queue=queue,
        seconds=seconds,
        held=max(Bounds.held, 4 * body),
        last=last,
    )
    tokens = Tokens(token_file, bounds.guesses)
    registry = ModelRegistry(models, device)
    listener = where.listen()
    lines = Lines(quiet)
    parts = Parts.of(registry, bounds, tokens)
    for held in registry.held.values():
        parts.line.load(held)
    url = where.url(listener)
    who = (
        f"requests need one of {len(tokens)} tokens" if tokens else "no --token-file, so only this machine may ask"
    )
    if tokens and not (where.near or certificate):
        lines.say("tokens and images go over the network as they are: give --certificate and --key")

    def ready() -> None:
        lines.say(f"models that answer: {', '.join(sorted(registry.held))}", who)
        lines.say(f"listening on {url}; {url}/ judges an image in a browser, {url}/docs says what can be asked")

    pages = add_pages(app(parts, where.names(allow_host or [])))
    run.serve(pages, parts, where, listener, ready)
