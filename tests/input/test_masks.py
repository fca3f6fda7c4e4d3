"""Masks as people draw and save them: every kind gives the same pixels, or one sentence."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from psdl.datasets import check
from psdl.errors import PsdlError
from psdl.input import coco, levels, masks
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


def drawn(path, values, size=SIZE):
    path.write_text(json.dumps(values))
    return masks.read(str(path), size, "part.png")


def pixels_of(mask):
    file = io.BytesIO()
    Image.fromarray(mask).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


CORNERS = [[16, 8], [31, 8], [31, 23], [16, 23]]
SHAPES = {
    "polygon": {"points": CORNERS},
    "rectangle": {"shape_type": "rectangle", "points": [[31, 8], [16, 23]]},
    "rotation": {"shape_type": "rotation", "points": CORNERS},
    "mask": {"shape_type": "mask", "points": [[16, 8], [31, 23]], "mask": pixels_of(np.ones((16, 16), bool))},
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_of_labelme_are_drawn_where_they_are(name, tmp_path):
    said = {"shapes": [SHAPES[name]], "imageHeight": SIZE[0], "imageWidth": SIZE[1]}
    assert np.array_equal(drawn(tmp_path / "m.json", said), TRUE)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"shapes": [{"points": CORNERS}], "imageHeight": 20, "imageWidth": 28}, "but its mask"),
        ({"shapes": [{"points": [[9, 9], [300, 9], [300, 90]]}]}, "points outside of an image of 56 x 40"),
        ({"shapes": [{"shape_type": "ellipse", "points": CORNERS}]}, "type 'ellipse' are not known"),
        ({"shapes": [{"shape_type": "oriented_rectangle", "points": CORNERS[:2]}]}, "a polygon of 2 points"),
        ({"shapes": [{"shape_type": "mask", "points": CORNERS, "mask": "no"}]}, "pixels that cannot be read"),
        (
            {"images": [{"id": 1, "file_name": "part.png", "height": 56, "width": 40}], "annotations": []},
            "but its mask",
        ),
        (
            {
                "images": [{"id": 1, "file_name": "part.png"}],
                "annotations": [{"image_id": "1", "segmentation": {"counts": [0, 2240], "size": [56, 40]}}],
            },
            "runs of an image of 40 x 56",
        ),
    ],
)  # fmt: skip
def test_annotations_of_another_size_or_kind_are_refused(values, words, tmp_path):
    with pytest.raises(PsdlError) as error:
        drawn(tmp_path / "m.json", values)
    assert words in str(error.value)
    if "mask" in words:  # sizes are known before work starts
        with pytest.raises(PsdlError, match="masks must have the image's size"):
            masks.check(str(tmp_path / "m.json"), SIZE, "part.png")


@pytest.mark.parametrize("levels", [(0, 128), (0, 100), (20, 220), (0, 64)])
def test_lossy_masks_are_cut_at_half_of_their_levels(levels, tmp_path):
    Image.fromarray(np.where(TRUE, levels[1], levels[0]).astype(np.uint8)).save(tmp_path / "m.jpg", quality=95)
    assert np.array_equal(masks.marked(str(tmp_path / "m.jpg")), TRUE)


def test_levels_of_a_lossy_mask_that_may_be_noise_are_refused(tmp_path):
    Image.fromarray(TRUE.astype(np.uint8)).save(tmp_path / "m.jpg")
    with pytest.raises(PsdlError, match=r"m.jpg has levels from 0 to 1 alone in a lossy file"):
        masks.marked(str(tmp_path / "m.jpg"))


def test_noise_of_saved_masks_is_no_defect_but_kinds_are(tmp_path):
    rng = np.random.default_rng(0)
    noise = np.where(TRUE, 255 - rng.integers(0, 3, SIZE), rng.integers(0, 3, SIZE))
    spot, kinds = np.where(TRUE, 255, 0), np.where(TRUE, 254, 0)
    spot[0, 0], kinds[30:34, 30:34] = 3, 1
    wanted = {"noise": (noise, TRUE), "spot": (spot, TRUE), "kinds": (kinds, kinds > 0)}
    for name, (grey, true) in wanted.items():
        Image.fromarray(grey.astype(np.uint8)).save(tmp_path / "m.png")
        assert np.array_equal(masks.marked(str(tmp_path / "m.png")), true), name
    rgba((255, 0, 0), 100 * TRUE.astype(np.uint8)).save(tmp_path / "m.png")
    assert np.array_equal(masks.marked(str(tmp_path / "m.png")), TRUE)


def test_a_photograph_given_as_a_mask_is_doubted(tmp_path):
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    photo = (120 + 60 * np.sin(x / 7) + 40 * np.cos(y / 5)).astype(np.uint8)
    Image.fromarray(photo).save(tmp_path / "part.png")
    sample = Sample(str(tmp_path / "part.png"), "part.png", "p", "test", 1, "d", str(tmp_path / "part.png"))
    kept, said = check.with_masks([sample], map)
    assert kept[0].mask is None
    assert "1 of 1 a photograph, as it seems" in said[0]


@pytest.mark.parametrize("name", SAVED)
def test_masks_of_every_kind_look_like_masks(name, tmp_path):
    ending, image = SAVED[name]
    image.save(tmp_path / f"m.{ending}")
    assert levels.like_mask(str(tmp_path / f"m.{ending}"))


@pytest.mark.parametrize("quality", [40, 75, 95])
def test_regions_of_interest_in_lossy_files_are_as_large_as_drawn(quality, tmp_path):
    Image.fromarray(GREY).resize((SIZE[1] * 4, SIZE[0] * 4), 0).save(tmp_path / "r.jpg", quality=quality)
    found = roi._mask(str(tmp_path / "r.jpg"), (SIZE[0] * 4, SIZE[1] * 4))
    assert abs(int(found.sum()) - 16 * int(TRUE.sum())) <= 0.03 * 16 * TRUE.sum()


def test_regions_of_interest_of_another_size_and_photographs_are_refused(tmp_path):
    (tmp_path / "r.json").write_text(
        json.dumps({"shapes": [{"points": CORNERS}], "imageHeight": 400, "imageWidth": 560})
    )
    with pytest.raises(PsdlError, match="is 56 x 40 but"):
        roi._mask(str(tmp_path / "r.json"), SIZE)
    Image.fromarray(np.arange(SIZE[0] * SIZE[1]).reshape(SIZE).astype(np.uint8)).save(tmp_path / "r.png")
    with pytest.raises(PsdlError, match="looks like a photograph"):
        roi._mask(str(tmp_path / "r.png"), SIZE)
