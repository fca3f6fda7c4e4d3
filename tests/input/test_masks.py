"""Masks as people draw and save them: every kind gives the same pixels, or one sentence."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from psdl.datasets import check
from psdl.errors import PsdlError
from psdl.input import coco, masks
from psdl.training import roi
from psdl.types import Sample

SIZE = (40, 56)
TRUE = np.zeros(SIZE, bool)
TRUE[8:24, 16:32] = True
GREY = 255 * TRUE.astype(np.uint8)


def rgba(colour, alpha):
    out = np.zeros((*SIZE, 4), np.uint8)
    out[..., :3], out[..., 3] = colour, alpha
    return Image.fromarray(out)


def palette(values, colours):
    image = Image.fromarray(values.astype(np.uint8), "P")
    image.putpalette([*colours, *[0] * (768 - len(colours))])
    return image


def painted(ground, mark):
    return Image.fromarray(np.where(TRUE[..., None], mark, ground).astype(np.uint8))


SAVED = {
    "plain": ("png", Image.fromarray(GREY)),
    "one bit": ("png", Image.fromarray(TRUE)),
    "ones": ("png", Image.fromarray(TRUE.astype(np.uint8))),
    "16 bit": ("png", Image.fromarray(TRUE.astype(np.uint16) * 65535)),
    "kinds of defects": ("png", Image.fromarray(np.where(np.arange(SIZE[1]) < 20, 1, 3).astype(np.uint8) * TRUE)),
    "JPEG": ("jpg", Image.fromarray(GREY)),
    "JPEG in colour": ("jpg", painted((0, 0, 0), (255, 0, 0))),
    "alpha on black": ("png", rgba(0, GREY)),
    "alpha on white": ("png", rgba(255, GREY)),
    "alpha, both": ("png", rgba(GREY[..., None], 255)),
    "grey with alpha": ("png", Image.fromarray(np.stack([np.full(SIZE, 255, np.uint8), GREY], -1), "LA")),
    "white ground of a palette": ("png", palette(TRUE, [255, 255, 255, 200, 0, 0])),
    "black and white palette": ("png", palette(~TRUE, [255, 255, 255, 0, 0, 0])),
    "red on white": ("png", painted((255, 255, 255), (200, 0, 0))),
    "blue on black": ("png", painted((0, 0, 0), (0, 0, 60))),
}


@pytest.mark.parametrize("name", SAVED)
def test_every_kind_of_mask_gives_the_same_pixels(name, tmp_path):
    ending, image = SAVED[name]
    path = str(tmp_path / f"m.{ending}")
    image.save(path)
    found = masks.read(path, SIZE, "part.png")
    edge = np.zeros(SIZE, bool)
    if ending == "jpg":  # whose edges are a guess
        edge[6:26, 14:34] = True
        edge[10:22, 18:30] = False
    assert np.array_equal(found & ~edge, TRUE & ~edge)
    assert masks.doubt(found) == ""


def test_soft_edges_are_cut_at_half(tmp_path):
    soft = Image.fromarray(GREY).resize((SIZE[1] * 4, SIZE[0] * 4), Image.Resampling.BICUBIC)
    soft.save(tmp_path / "m.png")
    found = masks.read(str(tmp_path / "m.png"), (SIZE[0] * 4, SIZE[1] * 4), "part.png")
    assert abs(int(found.sum()) - 16 * int(TRUE.sum())) <= 8  # the corners are rounded


def test_several_masks_are_united_and_doubtful_ones_named(tmp_path):
    left, right = TRUE.copy(), TRUE.copy()
    left[:, 20:], right[:, :20] = False, False
    for name, mask in {"1": left, "2": right, "inverted": ~TRUE, "empty": TRUE & False}.items():
        Image.fromarray(mask).save(tmp_path / f"{name}.png")
    both = masks.read((str(tmp_path / "1.png"), str(tmp_path / "2.png")), SIZE, "part.png")
    assert np.array_equal(both, TRUE)
    doubts = {
        name: masks.doubt(masks.read(str(tmp_path / f"{name}.png"), SIZE, "x")) for name in ("inverted", "empty")
    }
    assert doubts == {"inverted": "inverted, as it seems (true nearly everywhere)", "empty": "empty"}
    Image.fromarray(GREY).save(tmp_path / "part.png")
    paths = [None, str(tmp_path / "1.png"), str(tmp_path / "inverted.png"), str(tmp_path / "empty.png")]
    samples = [Sample(str(tmp_path / "part.png"), f"{n}.png", "p", "test", 1, "d", m) for n, m in enumerate(paths)]
    kept, said = check.with_masks(samples, map)
    assert [bool(s.mask) for s in kept] == [False, True, False, False]
    assert [line.split(",")[0].split(": ")[1] for line in said] == [
        "1 of 4 empty",
        "1 of 4 inverted",
        "1 of 4 missing",
    ]
    with pytest.raises(PsdlError, match="masks must have the image's size"):
        masks.read(paths[1], (10, 10), "part.png")


def test_labelme_and_coco_draw_masks_and_regions_of_interest(tmp_path):
    shapes = [{"label": "dent", "shape_type": "rectangle", "points": [[16, 8], [31, 23]]}]
    (tmp_path / "part.json").write_text(json.dumps({"shapes": shapes, "imagePath": "part.png"}))
    assert np.array_equal(masks.read(str(tmp_path / "part.json"), SIZE, "part.png"), TRUE)
    counts = np.diff(np.flatnonzero(np.diff(np.r_[2, TRUE.T.ravel().astype(int), 2])))
    images = [{"id": n, "file_name": f"sub/{n}.png"} for n in range(4)]
    drawn = [
        {"image_id": 0, "segmentation": [[16, 8, 31, 8, 31, 23, 16, 23]]},
        {"image_id": 1, "segmentation": {"counts": counts.tolist(), "size": list(SIZE)}},
        {"image_id": 2, "bbox": [16, 8, 16, 16]},
    ]
    (tmp_path / "all.json").write_text(json.dumps({"images": images, "annotations": drawn}))
    for n in range(4):
        found = masks.read(f"{tmp_path / 'all.json'}#sub/{n}.png", SIZE, f"{n}.png")
        assert np.array_equal(found, TRUE & (n < 3)), n
    assert np.array_equal(roi._mask(str(tmp_path / "part.json"), SIZE), TRUE)
    (tmp_path / "odd.json").write_text('{"shapes": [{"points": 3}]}')
    with pytest.raises(PsdlError, match="shapes that cannot be drawn"):
        masks.read(str(tmp_path / "odd.json"), SIZE, "part.png")


def test_compressed_runs_of_coco():
    # 5 false, 3 true, 4 false, 40 true, 4 false: the fourth and fifth as differences from the last but one
    assert coco._numbers("534U10") == [5, 3, 4, 40, 4]
