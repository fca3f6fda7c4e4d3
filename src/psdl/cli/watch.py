"""psdl watch: judges what a camera writes into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from psdl.cli import options
from psdl.errors import PsdlError, printable

LAST = 5.0  # seconds at the end for images that are being judged, and then for receivers to take what is left


def watch(
    model: Annotated[str, typer.Argument(help="Model file; a new one of that name takes over.")],
    folder: Annotated[
        Path, typer.Argument(help="The folder that the camera writes into, with all folders below.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for images.jsonl, the journal, and for what is sorted.")],
    sort: Annotated[
        str | None, typer.Option(help="move or link each file to OUT/OK, OUT/REVIEW, OUT/NG or OUT/ERROR.")
    ] = None,
    webhook: Annotated[
        str | None, typer.Option(help="Address that each line of the journal is posted to.")
    ] = None,
    mqtt: Annotated[
        str | None, typer.Option(help="Broker and topic for each line, such as mqtt://host:1883/line1/verdicts.")
    ] = None,
    every: Annotated[float, typer.Option(min=0.01, help="Seconds between looks at the folder.")] = 0.2,
    settle: Annotated[
        float,
        typer.Option(min=0.0, help="Seconds without a change after which a file is complete that nobody closed."),
    ] = 2.0,
    max_pixels: Annotated[
        int, typer.Option(min=64, help="Largest image, in pixels; others are errors.")
    ] = 50_000_000,
    seconds: Annotated[float, typer.Option(min=0.1, help="Seconds that judging one image may take.")] = 30.0,
    health: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port of this machine that says whether all is well.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Judge what is there, then end.")] = False,
    config: options.Config = None,
    device: options.Device = "auto",
    jobs: options.Jobs = None,
    quiet: options.Quiet = False,
) -> None:
    """Judge each image that appears in a folder, exactly once, also across restarts."""
    import logging
    import signal
    import sys
    from threading import Event, Timer

    from psdl._util import machine, plugins
    from psdl.cli.lines import Lines
    from psdl.deploy import judging
    from psdl.deploy.loops import Loops
    from psdl.deploy.watch import health as wellbeing
    from psdl.deploy.watch import notifier, sorting
    from psdl.deploy.watch.events import Events
    from psdl.deploy.watch.folder import Folder
    from psdl.deploy.watch.journal import Journal
    from psdl.deploy.watch.watch import Limits, Watch, started
    from psdl.deploy.workers import Workers
    from psdl.jobs import runner

    if not folder.is_dir():
        raise PsdlError(f"no folder {folder}: give the one that the camera writes into")
    plugins.extra("watch", "watchdog", *(["httpx"] if webhook else []), *(["paho"] if mqtt else []))
    sends = ({"webhook": notifier.Webhook(webhook)} if webhook else {}) | (
        {"mqtt": notifier.mqtt(mqtt)} if mqtt else {}
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    lines, stop, loops = Lines(quiet), Event(), Loops()
    workers = Workers(jobs or machine.cores())

    def end() -> None:
        if not stop.is_set():
            stop.set()
            late = Timer(LAST, workers.end)  # what is not judged until then will be at the next start
            late.daemon = True
            late.start()

    registry = started(model, device)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: end())
    with Journal(out) as journal, Events(folder) as events:
        sorting.check(sort, folder, out)
        looking = Folder(folder, out, settle, events)
        watching = Watch(
            registry,
            looking,
            journal,
            workers,
            loops,
            runner(workers.count),
            lambda row: lines.say(_line(row)),
            sort,
            Limits(max_pixels, seconds),
            [notifier.News(journal, name, send, loops) for name, send in sends.items()],
        )
        try:
            workers.load(registry.named(None)[1], [(judging.warm, (1,))])
        except PsdlError:
            if not stop.is_set():
                raise
        lines.say(f"watching {folder}: {watching.judged} files are judged in {journal.path}")
        if not watching.monitor.able:
            lines.say("the model knows too few items to tell a changed world from luck: no drift will be told")
        try:
            with wellbeing.answering(watching, health) as port:
                if port is not None:
                    lines.say(f"http://127.0.0.1:{port}/readyz says whether all is well")
                watching.until(stop, every, once)
        except OSError as error:
            raise PsdlError(f"{error}: nothing was judged since then, start again when it is mended") from None
        finally:
            workers.end()
        for one in watching.news:
            if left := one.stop(LAST):
                lines.say(f"{one.name}: {left} bytes of verdicts wait for the next start")
    passed = f"; {len(looking.passed)} pictures that cannot be read were passed over" if looking.passed else ""
    lines.say(f"{watching.judged} files are judged in {journal.path}{passed}")


def _line(row: dict[str, Any]) -> str:
    if "error" in row:
        return f"ERROR   {printable(row['error'])}"
    return (
        f"{row['verdict']:6}  {row['score']:10.4g}  (threshold {row['threshold']:.4g})  {printable(row['path'])}"
    )
