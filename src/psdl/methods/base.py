"""What a scoring method offers, and how methods are found by name.

A method is a module, or any other object, with the members of `ScoringMethod`. The library's own methods are the
modules of this folder that `BUILT_IN` names. `register` adds one in this process. Another distribution adds
methods by entry points of the group `psdl.methods`, whose name is the method's name:

    [project.entry-points."psdl.methods"]
    mine = "my_package.my_method"

A branch of a recipe then uses it by that name: `Part("mine", ("layer2",), "mine", {"scale": 1.0})`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard, cast

import numpy as np
from numpy.typing import NDArray

from psdl._util import plugins
from psdl.errors import PsdlError
from psdl.types import F32, Coded, Grid, Part, Run, Signals, State

__all__ = [
    "ExtendableMethod",
    "ScoringMethod",
    "SeparableMethod",
    "SignalStore",
    "extendable",
    "load",
    "method_of",
    "names",
    "params_of",
    "register",
    "separable",
]

GROUP = "psdl.methods"  # of entry points
BUILT_IN = ("exemplars", "padim", "paper", "patchcore", "shared")
MEMBERS = ("ARRAYS", "Params", "fit", "judge", "ready", "workspace")  # that every method has


class SignalStore(Protocol):
    """The signals (N,P,F) float32 that a method learns from: N images, P positions of one grid, F numbers each."""

    grid: Grid

    @property
    def count(self) -> int:
        """N, the number of images."""

    @property
    def length(self) -> int:
        """F, the length of a signal."""

    def images(self, rows: NDArray[np.intp]) -> Signals:
        """The signals (n,P,F) of the images `rows`."""

    def batches(self, rows: NDArray[np.intp], size: int = 32) -> Iterator[F32]:
        """The signals (n,P,F) of the images `rows`, `size` images at a time."""

    def positions(self, first: int, last: int, rows: NDArray[np.intp]) -> F32:
        """The signals (p,n,F) at the positions from `first` up to, but without, `last` of the images `rows`."""


class ScoringMethod(Protocol):
    """A way to score signals: it learns a state from good signals and returns distances of new ones.

    ARRAYS names the arrays of the state with their type and shape; model files are checked against it. In a shape
    the letter P stands for the number of positions and F for the signal length. Any other letter stands for a size
    that is the same wherever the letter occurs. Names that begin with `unseen`, `code` or `residual` and end in
    `_mean` or `_scale` are reserved. A state with an array `source`, the image that each atom was cut from, also
    has an array `dictionary` of atoms. When such a method scores the images that it learned from, the atoms of
    these images are left out of the dictionary, or `SeparableMethod.held_out` gives the state.

    Params is a dataclass of plain values with defaults: the settings of the method in a recipe.
    """

    @property
    def ARRAYS(self) -> Mapping[str, tuple[Any, ...]]:
        """The arrays of a state: name -> (type, size, ...)."""

    @property
    def Params(self) -> Callable[..., Any]:
        """The dataclass of the method's settings."""

    def fit(
        self,
        store: SignalStore,
        rows: NDArray[np.intp],
        params: Any,
        run: Run,
        done: Callable[[int], None],
        device: str = "cpu",
    ) -> State:
        """Returns the state learned from the images with the indices `rows` of the store.

        `params` is a value of Params. `run` is an ordered map to which work may be given. `done` is to be called
        with the number of positions just learned; the numbers add up to P. `device` is where sparse coding runs,
        "cpu" or a torch device.
        """

    def workspace(self, images: int, positions: int, length: int, params: Any) -> int:
        """Returns the bytes of memory that `fit` takes in addition to a store of this shape."""

    def ready(self, state: State, params: Any, device: str = "cpu") -> Mapping[str, Any]:
        """Returns what `judge` reads; it is computed once from a state.

        Raises ValueError if the state's arrays do not fit its grid.
        """

    def judge(self, ready: Mapping[str, Any], signals: Signals, threads: int = 1) -> Coded:
        """Returns the distances of signals (n,P,F).

        The argument `ready` is the result of the method `ready`. An image has the same bits alone and in any
        batch.
        """


class ExtendableMethod(ScoringMethod, Protocol):
    """A method whose state can learn from more images without access to the earlier ones."""

    def extend(
        self, state: State, store: SignalStore, rows: NDArray[np.intp], params: Any, run: Run, before: int
    ) -> State:
        """Returns the state extended by the images `rows` of the store.

        `before` is the number of images that the state was learned from.
        """


class SeparableMethod(ScoringMethod, Protocol):
    """A method that can derive, from a state with an array `source`, the state without some of its images."""

    def held_out(
        self, state: State, store: SignalStore, params: Any, fold: NDArray[np.intp]
    ) -> Callable[[NDArray[np.intp]], State]:
        """Returns a function that maps rows to the state as if it were learned from the images `rows` alone.

        `store` holds the images that the state was learned from. `fold` (N,) is the fold of each of them. `rows`
        must be the images of all folds but one.
        """


if TYPE_CHECKING:  # the type checker compares the library's own methods with the protocols
    from psdl.methods import exemplars, padim, paper, patchcore, shared

    _METHODS: tuple[ScoringMethod, ...] = (exemplars, padim, paper, patchcore, shared)
    _EXTENDABLE: tuple[ExtendableMethod, ...] = (exemplars, shared)
    _SEPARABLE: tuple[SeparableMethod, ...] = (shared,)


_registered: dict[str, ScoringMethod] = {}


def names() -> tuple[str, ...]:
    """Returns the sorted names of all available methods: built-in ones, those of `register`, and those of entry
    points."""
    return tuple(sorted({*BUILT_IN, *_registered, *entry_points(group=GROUP).names}))


def register(name: str, method: ScoringMethod) -> None:
    """Adds a method under this name in the current process.

    Other processes that read models of it, such as workers and the command line, find methods by entry points
    only. Raises PsdlError if a method of the library has this name.
    """
    if name in BUILT_IN:
        raise PsdlError(f"the method {name} is the library's own: register another name")
    _registered[name] = method
    load.cache_clear()


@cache
def load(name: str) -> ScoringMethod:
    """Returns the method of this name; built-in methods come first, then those of `register`, then entry points.

    Raises PsdlError if the name is unknown, with a list of the known names, and if a method of another
    distribution cannot be imported or lacks a member.
    """
    if name in BUILT_IN:
        return cast(ScoringMethod, import_module(f"psdl.methods.{name}"))
    if name in _registered:
        return _registered[name]
    found = entry_points(group=GROUP, name=name)
    if not found:
        raise plugins.unknown("method", name, names())
    return _imported(next(iter(found)))


def _imported(entry: EntryPoint) -> ScoringMethod:
    """Returns the method of an entry point. Raises PsdlError if it cannot be imported or lacks a member."""
    origin = f"the method {entry.name} ({entry.value}" + (f" of {entry.dist.name})" if entry.dist else ")")
    try:
        found = entry.load()
    except Exception as error:
        raise PsdlError(f"{origin} cannot be imported: {type(error).__name__}: {error}") from error
    missing = [member for member in MEMBERS if not hasattr(found, member)]
    if missing:
        raise PsdlError(f"{origin} lacks {', '.join(missing)}: see psdl.methods.base.ScoringMethod")
    return cast(ScoringMethod, found)


def extendable(method: ScoringMethod) -> TypeGuard[ExtendableMethod]:
    """Returns whether the method's states can learn from more images."""
    return hasattr(method, "extend")


def separable(method: ScoringMethod) -> TypeGuard[SeparableMethod]:
    """Returns whether the method can derive states without some of the images."""
    return hasattr(method, "held_out")


def method_of(part: Part) -> ScoringMethod:
    """Returns the method of a branch of a recipe. Raises PsdlError like `load`."""
    return load(part.method)


def params_of(part: Part) -> Any:
    """Returns the settings of a branch's method as a value of its Params.

    Raises PsdlError like `load`, and TypeError on a setting that the method does not have.
    """
    return method_of(part).Params(**part.params)
