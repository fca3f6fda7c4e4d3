"""Where work runs: one file an engine, and the choice among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from psdl._util import plugins
from psdl._util.machine import cores
from psdl.errors import PsdlError
from psdl.types import Run


def runner(jobs: int | Run | None) -> Run:
    """An ordered map that works on so many items at a time, all cores if None; or the map that is given. Raises
    PsdlError below 1."""
    if callable(jobs):
        return jobs
    if jobs is not None and jobs < 1:
        raise PsdlError(
            f"`jobs` is {jobs}: give the number of images and positions to work on at a time, at least 1"
        )
    workers = jobs or cores()
    run: Run = plugins.load("jobs", "inline" if workers == 1 else "threads").runner(workers)
    return run


@contextmanager
def opened(jobs: int | None, cluster: str | None, say: Callable[[str], None]) -> Iterator[int | Run | None]:
    """What `runner` takes: `jobs`, or for a while the workers of a cluster. `say` is called with where they can be
    watched. Raises PsdlError where there is no such cluster."""
    if cluster is None:
        yield jobs
        return
    plugins.extra("cluster", "distributed")
    from psdl.jobs.dask import Cluster

    with Cluster(cluster) as run:
        say(f"cluster {cluster}: {run.workers} workers, {run.dashboard} shows them")
        yield run


def near(run: Run) -> Run:
    """The map itself if it works in this process, else one that does: for small work that is not worth a trip."""
    return runner(None) if remote(run) else run


def over(run: int | Run | None) -> Run:
    """An ordered map, in this process, over items whose work is spread by `run`: one after another, but for
    workers in other processes, which have a few of them to work on."""
    found: Run = getattr(run, "side_by_side", map)
    return found


def remote(run: Run) -> bool:
    """Whether work runs in other processes, which see files but not this one's memory."""
    return bool(getattr(run, "remote", False))
