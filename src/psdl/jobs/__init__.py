"""Engines that run work in parallel, one file each, and the choice among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from psdl._util import plugins
from psdl._util.machine import cores
from psdl.errors import PsdlError
from psdl.types import Run


def runner(jobs: int | Run | None) -> Run:
    """Returns an ordered map that works on `jobs` items at a time (None: all cores); a map that is given is
    returned as it is. Raises PsdlError if `jobs` is below 1."""
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
    """Opens what `runner` takes: `jobs`, or the workers of a cluster as long as the block lasts; use `with`.

    `say` is called with the number of workers and the address of the page that shows them. Raises PsdlError if
    there is no such cluster.
    """
    if cluster is None:
        yield jobs
        return
    plugins.extra("cluster", "distributed")
    from psdl.jobs.dask import Cluster

    with Cluster(cluster) as run:
        say(f"cluster {cluster}: {run.workers} workers, {run.dashboard} shows them")
        yield run


def near(run: Run) -> Run:
    """Returns the map if it works in this process, else one that does, for work too small to be sent elsewhere."""
    return runner(None) if remote(run) else run


def over(run: int | Run | None) -> Run:
    """Returns an ordered map, in this process, over items whose work is spread by `run`. It takes one item after
    another, or, if workers are other processes, a few at a time so that all are kept busy."""
    found: Run = getattr(run, "side_by_side", map)
    return found


def remote(run: Run) -> bool:
    """Returns whether work runs in other processes, which see files but not the memory of this one."""
    return bool(getattr(run, "remote", False))
