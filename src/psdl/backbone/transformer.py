"""Prepares timm's vision transformers for export: inputs of any size, and taps at the quarters of their depth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psdl.backbone.zoo import quarters

MODULE = "vision_transformer"  # the timm module of these networks


def is_transformer(name: str) -> bool:
    """Returns whether a timm name is that of a vision transformer."""
    from timm.models import is_model_in_modules

    return bool(is_model_in_modules(name.split(".")[0], [MODULE]))


def blocks(model: Any) -> dict[str, str]:
    """Returns {layer1 to layer4: name of the block that ends this quarter of the depth} of a timm vision
    transformer."""
    return quarters([f"blocks.{n}" for n in range(len(model.blocks))])


@contextmanager
def traced() -> Iterator[None]:
    """While the context lasts, timm resamples position embeddings bicubically without antialiasing, for any grid
    size.

    timm's own function applies an antialiasing filter when the grid is smaller than that of the weights, for which
    ONNX has no operator.
    """
    from timm.models import vision_transformer

    own = vision_transformer.resample_abs_pos_embed
    vision_transformer.resample_abs_pos_embed = _resampled
    try:
        yield
    finally:
        vision_transformer.resample_abs_pos_embed = own


def _resampled(embedding: Any, new_size: Any, old_size: Any = None, num_prefix_tokens: int = 1, **_: Any) -> Any:
    """Returns embeddings (1,T,C), prefix tokens first, resampled to a grid of `new_size` (h,w)."""
    import torch

    prefix, grid = embedding[:, :num_prefix_tokens], embedding[:, num_prefix_tokens:]
    channels = int(embedding.shape[2])
    side = round(int(grid.shape[1]) ** 0.5)
    rows, columns = old_size or (side, side)
    laid = grid.reshape(1, rows, columns, channels).permute(0, 3, 1, 2)
    found = torch.nn.functional.interpolate(laid, size=tuple(new_size), mode="bicubic", antialias=False)
    return torch.cat([prefix, found.permute(0, 2, 3, 1).reshape(1, -1, channels)], dim=1)
