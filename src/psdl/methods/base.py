"""What a scoring method offers, and how methods are found by name.

A method is a module, or any other object, with the members of `ScoringMethod`. The library's own methods are the
modules of this folder that `BUILT_IN` names. `register` adds one in this process. Another distribution adds
methods by entry points of the group `psdl.methods`, whose name is the method's name:

    [project.entry-points."psdl.methods"]
    mine = "my_package.my_method"

A part of a recipe then uses it by that name: `Part("mine", ("layer2",), "mine", {"scale": 1.0})`.
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
    """A way to score signals: it learns a state from good ones and gives distances of new ones.

    ARRAYS names the arrays of the state with their type and shape, as model files are checked by it: the letter P
    stands for the number of positions, F for the signal length, other letters for sizes that are the same wherever
    they stand. Names that end in `_mean` or `_scale` and begin with `unseen`, `code` or `residual` are taken. A
    state with an array `source`, the image that each atom was cut from, also has an array `dictionary` of atoms:
    good images are then scored by the dictionary without their own atoms, or as a `SeparableMethod` says.

    Params is a dataclass of plain values with defaults, the settings of the method in a recipe.
    """

    @property
    def ARRAYS(self) -> Mapping[str, tuple[Any, ...]]:
        """Name -> (type, size, ...) of each array of a state."""

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
        """The state learned from the images `rows` of the store. run: an ordered map that work may be given
        to; done: to be called with the number of positions that were just learned, P in all; device: where sparse
        coding runs, "cpu" or a torch device."""

    def workspace(self, images: int, positions: int, length: int, params: Any) -> int:
        """The bytes that `fit` takes beyond the store, for a store of this shape."""

    def ready(self, state: State, params: Any, device: str = "cpu") -> Mapping[str, Any]:
        """What `judge` reads, made from a state once. Raises ValueError if the state's arrays do not fit its
        grid."""

    def judge(self, ready: Mapping[str, Any], signals: Signals, threads: int = 1) -> Coded:
        """The distances of signals (n,P,F), the same bits for an image alone and in any batch."""


class ExtendableMethod(ScoringMethod, Protocol):
    """A method whose state can learn from more images without those that it was learned from."""

    def extend(
        self, state: State, store: SignalStore, rows: NDArray[np.intp], params: Any, run: Run, before: int
    ) -> State:
        """The state with what the images `rows` of the store add; before: how many images it was learned
        from."""


class SeparableMethod(ScoringMethod, Protocol):
    """A method whose state with an array `source` shows what it would be without some of its images."""

    def held_out(
        self, state: State, store: SignalStore, params: Any, fold: NDArray[np.intp]
    ) -> Callable[[NDArray[np.intp]], State]:
        """A function of rows: the state as if only the images `rows`, those of all folds but one, had been there;
        fold (N,): the fold of each image of the store, which the state was learned from."""


if TYPE_CHECKING:  # the type checker compares the library's own methods with the protocols
    from psdl.methods import exemplars, padim, paper, patchcore, shared

    _METHODS: tuple[ScoringMethod, ...] = (exemplars, padim, paper, patchcore, shared)
    _EXTENDABLE: tuple[ExtendableMethod, ...] = (exemplars, shared)
    _SEPARABLE: tuple[SeparableMethod, ...] = (shared,)


_registered: dict[str, ScoringMethod] = {}


def names() -> tuple[str, ...]:
    """The names of all methods that can be used here, sorted: the library's own, those of `register` and those of
    entry points."""
    return tuple(sorted({*BUILT_IN, *_registered, *entry_points(group=GROUP).names}))


def register(name: str, method: ScoringMethod) -> None:
    """Adds a method under this name, in this process alone; other processes that read models of it, such as
    workers and the command line, find methods by entry points. Raises PsdlError if the library has that name."""
    if name in BUILT_IN:
        raise PsdlError(f"the method {name} is the library's own: register another name")
    _registered[name] = method
    load.cache_clear()


@cache
def load(name: str) -> ScoringMethod:
    """The method of this name; the library's own come first, then those of `register`. Raises PsdlError that lists
    the known names where there is none, and where a method of another distribution cannot be imported or lacks a
    member."""
    if name in BUILT_IN:
        return cast(ScoringMethod, import_module(f"psdl.methods.{name}"))
    if name in _registered:
        return _registered[name]
    found = entry_points(group=GROUP, name=name)
    if not found:
        raise plugins.unknown("method", name, names())
    return _imported(next(iter(found)))


def _imported(entry: EntryPoint) -> ScoringMethod:
    """The method of an entry point."""
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
    """Whether the method's states can learn from more images."""
    return hasattr(method, "extend")


def separable(method: ScoringMethod) -> TypeGuard[SeparableMethod]:
    """Whether the method's states show what they would be without some of their images."""
    return hasattr(method, "held_out")


def method_of(part: Part) -> ScoringMethod:
    """The method of a part of a recipe. Raises PsdlError as `load` does."""
    return load(part.method)


def params_of(part: Part) -> Any:
    """The settings of a part's method. Raises TypeError on a name that the method does not know."""
    return method_of(part).Params(**part.params)
