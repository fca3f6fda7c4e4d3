"""The options of learning: one dataclass that the library, the command line, TOML files and web pages read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psdl._util import plugins
from psdl.errors import PsdlError

if TYPE_CHECKING:  # the command line makes its help of this file, so it loads nothing more
    from psdl.training.roi import Roi
    from psdl.types import Rates, Recipe

__all__ = ["FitOptions"]

GIVEN = "given as values"  # stands in a record for what was no plain value


def _about(text: str, *flags: str, **limits: float) -> dict[str, Any]:
    """Returns a field's metadata: its help, further flags on the command line, and limits of its value."""
    return {"help": text, "flags": flags, **limits}


@dataclass(frozen=True)
class FitOptions:
    """All options of learning a model.

    The help of each field is in its metadata; `psdl fit --help` and docs/cli.md show it. In Python `recipe` may
    also be a Recipe, `roi` also a mask (h,w) or a polygon [[x, y], ...], `max_memory` also a number of bytes, and
    `drop` also a list of names.
    """

    recipe: str | Recipe | None = field(
        default=None,
        metadata=_about(
            "default (or psdl); fast, its coarse part alone; the baselines padim, patchcore (a coreset of 5 %),"
            " patchcore-1, patchcore-10; or paper, the published method: the next settings are its.",
            "--recipe",
            "--method",
        ),
    )
    arch: str | None = field(
        default=None,
        metadata=_about("Backbone: efficientnet_lite0, resnet18, ..., a timm name, or an .onnx file."),
    )
    type: str | None = field(
        default=None, metadata=_about("paper: single (one layer) or multiple (layer1 to layer3).")
    )
    layer: str | None = field(default=None, metadata=_about("paper: the layer of --type single (layer3)."))
    sparsity: float | None = field(
        default=None, metadata=_about("paper: atoms a signal may use, as a share of its length (0.25).")
    )
    iterations: int | None = field(default=None, metadata=_about("paper: rounds of K-SVD (20)."))
    folds: int | None = field(
        default=None,
        metadata=_about(
            "Folds in which good images are held out for the threshold (paper: 3; default and fast: 20)."
        ),
    )
    seed: int = field(default=0, metadata=_about("Seed of the folds and of the choice of pictures."))
    weights: str | None = field(
        default=None,
        metadata=_about("Weights of the backbone: .safetensors or .pth, timm's or torchvision's names."),
    )
    false_reject: float = field(
        default=0.01, metadata=_about("Share of good images that the threshold may reject.")
    )
    review: float | None = field(
        default=None,
        metadata=_about(
            "Share of good images that a person may look at, rejected ones included (5 x false-reject)."
        ),
    )
    confidence: float = field(
        default=0.0,
        metadata=_about(
            "How sure the threshold must be to keep its rate for all new items, such as 0.95; 0: on average."
        ),
    )
    drop: str | Path | Sequence[str] | None = field(
        default=None, metadata=_about("Text file of good images to leave out, one name a line.")
    )
    resize: str | None = field(
        default=None,
        metadata=_about(
            "How images come to the network's size: square; keep, their aspect ratio kept; none, as large as they"
            " are. If not given as the layout has it; where that is square, keep for images longer than 3 : 2."
        ),
    )
    size: int | None = field(
        default=None, metadata=_about("The network's input size in pixels a side, of a square (256).")
    )
    budget: float | None = field(
        default=None,
        metadata=_about(
            "Milliseconds that judging one image may take on this machine: the input size is the largest that"
            " keeps it, from 96 to 512.",
            min=0.1,
        ),
    )
    tile: int | None = field(
        default=None,
        metadata=_about(
            "Pixels a side of the tiles in which the network sees large images, such as 512; sizes are then as"
            " with --resize none unless given. Recipes default, fast, patchcore."
        ),
    )
    roi: Roi | None = field(
        default=None,
        metadata=_about(
            "Region of interest: a mask image or a .json polygon in an image's pixels; or a folder of such files,"
            " named after the categories."
        ),
    )
    align: str | None = field(
        default=None,
        metadata=_about(
            "Register each image to the mean of the good ones: none, shift, rigid; or auto: as held-out good"
            " images say. Needs psdl\\[align]."
        ),
    )
    light: str | None = field(
        default=None,
        metadata=_about(
            "match: each image is brought to one brightness, so that another lamp changes little (default, fast);"
            " keep: brightness counts (the other recipes)."
        ),
    )
    groups: str = field(
        default="auto",
        metadata=_about(
            "Which images show one item: given, as the data set says; found, near-duplicates too; auto: found"
            " where the data set says nothing."
        ),
    )
    max_memory: str | int | None = field(
        default=None,
        metadata=_about(
            "Memory that learning may take, such as 2GB; signals beyond it go to temporary files (3GB, or what is"
            " free)."
        ),
    )
    bit_depth: int | None = field(
        default=None,
        metadata=_about(
            "Bits of the camera's samples in 16-bit files, such as 12; else learned from the good images."
        ),
    )
    on_error: str = field(
        default="fail",
        metadata=_about(
            "fail: stop at the first file that cannot be used; skip: leave such files out, and list them."
        ),
    )

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Returns the names of all options."""
        return tuple(one.name for one in fields(cls))

    @property
    def rates(self) -> Rates:
        """The rates that the thresholds shall keep. Raises PsdlError on values out of range."""
        from psdl.calibrate.rates import rates

        return rates(self.false_reject, self.review, self.confidence)

    def chosen_recipe(self) -> Recipe:
        """Returns the recipe with the given settings in place of its own.

        Raises PsdlError on values out of range, and on settings given beside a Recipe, which holds all of them
        itself.
        """
        from psdl.model import recipes
        from psdl.types import Recipe

        names = ("arch", "type", "layer", "sparsity", "iterations", "folds", "tile", "light")
        given = {name: getattr(self, name) for name in names}
        if not isinstance(self.recipe, Recipe):
            return recipes.recipe(self.recipe, **given, seed=self.seed)
        both = [name for name, value in given.items() if value is not None]
        if both:
            raise PsdlError(f"`{both[0]}` was given beside a Recipe: set it in the Recipe with psdl.recipe(...)")
        return self.recipe

    @property
    def published(self) -> bool:
        """Whether images are prepared as in the published method (recipe paper), which may cut borders away."""
        return self.chosen_recipe().name == "paper"

    def replaced(self, **changes: Any) -> FitOptions:
        """Returns these options with some of them changed. Raises PsdlError on an unknown name."""
        known = self.names()
        for name in changes:
            if name not in known:
                raise plugins.unknown("option", name, known)
        return replace(self, **changes)

    def record(self) -> Mapping[str, Any]:
        """Returns the options as plain values for the model file. An array or a Recipe is recorded as GIVEN."""
        return {one.name: _plain(getattr(self, one.name)) for one in fields(self)}

    @classmethod
    def of_record(cls, values: Mapping[str, Any], recipe: Recipe) -> FitOptions:
        """Returns the options that a model was learned with. If its record does not hold all of them as plain
        values, the result is the default options with the model's `recipe`."""
        from psdl.model.recipes import ALIASES, RECIPES

        known = {one.name: values[one.name] for one in fields(cls) if one.name in values}
        if (
            len(known) < len(fields(cls))
            or GIVEN in known.values()
            or known["recipe"] not in (None, *RECIPES, *ALIASES)
        ):
            return cls(recipe=recipe)
        return cls(**known)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value):
        return list(value)
    return GIVEN
