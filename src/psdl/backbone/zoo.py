"""The backbones that are known by name, as data, and the meaning of layer1 to layer4 for other networks.

Taps are listed in the order of depth, with the names of timm's modules. The taps of EfficientNet b5 to b7 are
block outputs at the indices of the paper's reference code, counted over all blocks (b5: 13, 19, 26; b6: 15, 22,
30; b7: 18, 28, 37).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Entry:
    """One backbone of the zoo.

    `timm` is the name of the timm model, with the tag of its weights where it has one; None means that the graph
    is part of the package. `taps` maps each tap to a timm module. `licence` is the licence of the weights.
    `members` is empty but for a pair of packaged networks, which see the same input: it maps the name of each to
    what its taps are called before their own name.
    """

    timm: str | None
    taps: dict[str, str]
    licence: str
    members: dict[str, str] = field(default_factory=dict)


LAYERS = ("layer1", "layer2", "layer3", "layer4")


def quarters(names: Sequence[str]) -> dict[str, str]:
    """Returns {layer1 to layer4: the name that ends this quarter of `names`}, which are in the order of depth."""
    return {layer: names[-(-n * len(names) // 4) - 1] for n, layer in enumerate(LAYERS, 1)}


SECOND = "lite2_"  # before the taps of the second network of a pair
_LITE0 = {"layer1": "blocks.1", "layer2": "blocks.2", "layer3": "blocks.4", "layer4": "blocks.6"}
_LITE2 = {"layer1": "blocks.1", "layer2": "blocks.2", "layer3": "blocks.4"}
_RESNET = {f"layer{i}": f"layer{i}" for i in (1, 2, 3, 4)}

ZOO: dict[str, Entry] = {
    "efficientnet_lite0": Entry(None, _LITE0, "Apache-2.0"),
    "efficientnet_lite2": Entry(None, _LITE2, "Apache-2.0"),
    "efficientnet_lite0+lite2": Entry(
        None,
        {**_LITE0, **{SECOND + tap: module for tap, module in _LITE2.items()}},
        "Apache-2.0",
        {"efficientnet_lite0": "", "efficientnet_lite2": SECOND},
    ),
    "resnet18": Entry("resnet18.tv_in1k", _RESNET, "BSD-3-Clause"),
    "wide_resnet50_2": Entry("wide_resnet50_2.tv_in1k", _RESNET, "BSD-3-Clause"),
    "efficientnet_b5": Entry(
        "tf_efficientnet_b5",
        {"layer1": "blocks.3.0", "layer2": "blocks.3.6", "layer3": "blocks.4.6"},
        "Apache-2.0",
    ),
    "efficientnet_b6": Entry(
        "tf_efficientnet_b6",
        {"layer1": "blocks.3.0", "layer2": "blocks.3.7", "layer3": "blocks.4.7"},
        "Apache-2.0",
    ),
    "efficientnet_b7": Entry(
        "tf_efficientnet_b7",
        {"layer1": "blocks.3.0", "layer2": "blocks.4.0", "layer3": "blocks.4.9"},
        "Apache-2.0",
    ),
}
