"""Regions of interest, alignment, poses: where parts lie in the input, and how maps come back from there."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from psdl import Detector, recipe
from psdl.datasets.read import read
from psdl.errors import PsdlError
from psdl.input import affine, preprocess, registration
from psdl.training import roi as regions
from psdl.training.options import FitOptions
from psdl.types import Grid, InputRule
from tests import parts

SIDE = 160
PLACES = [(64, 64), (192, 64), (64, 192), (192, 192)]


def part(
    rng: np.random.Generator, away: float = 0, degrees: float = 0, blot: tuple[int, int] | None = None, hole=True
):
    """A plate with a hole and a label, which may lie `away` pixels off and turned; a blot at (x,y) of it."""
    canvas = Image.new("RGB", (2 * SIDE, 2 * SIDE), (45, 50, 60))
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((110, 120, 210, 200), fill=(150, 150, 140))
    if hole:
        draw.ellipse((122, 132, 146, 156), fill=(70, 60, 60))
    draw.rectangle((170, 165, 200, 190), fill=(200, 190, 120))
    if blot:
        draw.ellipse(
            (110 + blot[0] - 7, 120 + blot[1] - 7, 110 + blot[0] + 7, 120 + blot[1] + 7), fill=(240, 60, 60)
        )
    shift = rng.uniform(-away, away, 2)
    turned = canvas.rotate(rng.uniform(-degrees, degrees), Image.Resampling.BICUBIC, translate=tuple(shift))
    half = SIDE // 2
    pixels = np.asarray(turned.crop((half, half, half + SIDE, half + SIDE)), float)
    return np.clip(pixels + rng.normal(0, 3, pixels.shape), 0, 255).astype(np.uint8)


def test_turns_are_pillows_and_moves_are_undone():
    pixels = part(np.random.default_rng(0))
    turned = Image.fromarray(pixels).rotate(17, Image.Resampling.NEAREST)
    transform = affine.turn(17, (SIDE / 2, SIDE / 2))
    mine = Image.fromarray(pixels).transform(
        (SIDE, SIDE), Image.Transform.AFFINE, transform, Image.Resampling.NEAREST
    )
    assert np.mean(np.asarray(turned) != np.asarray(mine)) < 0.001
    back = affine.chain(affine.inverse(transform), affine.scale(2, 3), affine.scale(1 / 2, 1 / 3), transform)
    np.testing.assert_allclose(back, affine.shift(0, 0), atol=1e-9)


@pytest.mark.parametrize("scale", [1.0, 0.75])
def test_what_a_moved_input_shows_comes_back_to_where_it_was(scale):
    pixels = np.zeros((200, 300, 3), np.uint8)
    pixels[50:90, 120:180] = 255
    rule = InputRule(resize=None, shorter=128, window=(112, 112))
    geometry = preprocess.posed(preprocess.plan(rule, (200, 300)), (8, 0.5, 0.2))
    geometry = preprocess.scaled(preprocess.registered(geometry, affine.turn(5, (50, 60))), scale)
    shown = preprocess.shown(pixels, geometry, rule)[..., 0] > 127
    mask = preprocess.mask_to_input(pixels[..., 0] > 0, geometry)
    assert np.mean(shown != mask) < 0.01
    assert mask.any()
    back = preprocess.mask_to_source(shown, geometry)
    assert np.mean(back != (pixels[..., 0] > 0)) < 0.005
    x, y = preprocess.point_to_source(
        (float(np.nonzero(shown)[1].mean()), float(np.nonzero(shown)[0].mean())), geometry
    )
    assert abs(x - 150) <= 2
    assert abs(y - 70) <= 2
    assert not np.isfinite(preprocess.map_to_source(shown.astype(np.float32), geometry)).all()


@pytest.mark.parametrize(("mode", "degrees"), [("shift", 0), ("rigid", 9)])
def test_registration_finds_the_move_that_was_made(mode, degrees):
    pixels = part(np.random.default_rng(1))
    rule = InputRule(resize=(256, 256))
    straight = preprocess.plan(rule, pixels.shape[:2])
    made = affine.chain(affine.turn(degrees, (128, 128)), affine.shift(14, -9))
    crooked = preprocess.grey(preprocess.shown(pixels, preprocess.registered(straight, made), rule))
    reference = registration.reference([preprocess.grey(preprocess.shown(pixels, straight, rule))], mode)
    found = registration.register(crooked, reference, mode)
    left = [np.hypot(*np.subtract(affine.at(affine.chain(made, found), point), point)) for point in PLACES]
    assert max(left) < 1
    assert registration.register(np.full((256, 256), 7, np.uint8), reference, mode) is None


def test_auto_aligns_parts_that_lie_elsewhere_each_time_and_finds_their_defects():
    rng = np.random.default_rng(2)
    good = [part(rng, 12, 6) for _ in range(24)]
    chosen = Detector("fast", FitOptions(align="auto"), false_reject=0.05).fit(good)
    assert chosen.alignment == "rigid"
    missing = [part(np.random.default_rng(n), 12, 6, hole=False) for n in range(50, 58)]

    def apart(detector):
        return np.mean([r.score / r.verdict.threshold for r in detector.score(missing)])

    assert apart(chosen) > 1.5
    bad = [part(np.random.default_rng(n), 12, 6, (52, 22)) for n in range(50, 58)]
    seen = chosen.score(bad)
    assert {r.verdict.verdict for r in seen} == {"NG"}
    for pixels, result in zip(bad, seen, strict=True):
        red = (pixels[..., 0] > 200) & (pixels[..., 1] < 100)
        y, x = np.unravel_index(np.nanargmax(result.map), red.shape)
        middle = np.argwhere(red).mean(axis=0)
        assert np.hypot(y - middle[0], x - middle[1]) < 14


def test_auto_leaves_parts_that_always_lie_the_same_alone():
    rng = np.random.default_rng(3)
    assert Detector("fast", FitOptions(align="auto")).fit([part(rng) for _ in range(20)]).alignment == "none"


def test_an_aligned_model_is_the_same_after_its_file(tmp_path):
    rng = np.random.default_rng(4)
    detector = Detector("fast", FitOptions(align="shift")).fit([part(rng, 8) for _ in range(12)])
    detector.save(tmp_path / "m.psdl")
    again, image_ = Detector.load(tmp_path / "m.psdl"), part(rng, 8)
    assert again.alignment == "shift"
    np.testing.assert_array_equal(again.score(image_).map, detector.score(image_).map)
    assert max(max(pair) for pair in again.selftest()) <= 1


def test_cells_of_a_region_are_those_it_touches():
    roi = np.zeros((64, 96), bool)
    roi[15:17, 30:40] = True
    assert Grid(4, 6, (64, 96), roi).cells.tolist() == [1, 2, 7, 8]
    assert Grid(4, 6, (64, 96)).positions == 24


@pytest.fixture(scope="module")
def halves():
    """A detector that looks at the left half only, and good images."""
    rng = np.random.default_rng(5)
    good = [part(rng) for _ in range(20)]
    roi = np.zeros((SIDE, SIDE), bool)
    roi[:, :85] = True
    return Detector("default", FitOptions(roi=roi), false_reject=0.05).fit(good), good, roi


def test_outside_its_region_nothing_is_seen_and_inside_all(halves):
    detector, _, roi = halves
    rng = np.random.default_rng(6)
    clean, right, left = detector.score([part(rng), part(rng, blot=(80, 20)), part(rng, blot=(20, 65))])
    assert clean.score < detector.model.calibration.threshold
    assert right.score < detector.model.calibration.threshold
    assert left.verdict.verdict == "NG"
    assert left.mask.any()
    assert not left.mask[~roi].any()
    assert left.regions[0].reasons
    assert np.isfinite(left.regions[0].peak)
    for result in (clean, left):
        np.testing.assert_array_equal(np.isfinite(result.map), result.roi)
    assert np.mean(clean.roi != roi) < 0.01


def test_a_region_travels_in_the_model_file(halves, tmp_path):
    detector, good, _ = halves
    detector.save(tmp_path / "m.psdl")
    again = Detector.load(tmp_path / "m.psdl")
    np.testing.assert_array_equal(again.score(good[0]).map, detector.score(good[0]).map)
    assert max(max(pair) for pair in again.selftest()) <= 1


def test_polygons_files_and_masks_say_the_same(tmp_path):
    corners = [[10, 10], [100, 10], [100, 90], [10, 90]]
    (tmp_path / "roi.json").write_text(json.dumps(corners))
    mask = np.zeros((SIDE, SIDE), bool)
    mask[10:91, 10:101] = True
    parts.save(255 * mask, tmp_path / "roi.png")
    given = [corners, [corners], mask, tmp_path / "roi.json", str(tmp_path / "roi.png")]
    items = [part(np.random.default_rng(0))] * 2
    found = [regions.frame(items, InputRule(), roi, map).roi for roi in given]
    for roi in found[1:]:
        np.testing.assert_array_equal(roi, found[0])


@pytest.mark.parametrize(
    ("roi", "words"),
    [
        ([[1, 2], [3, 4]], "at least three corners"),
        ("nothing.json", "cannot be read as a polygon"),
        ([[1, 1], [2, 1], [2, 2]], "covers"),
        (np.ones((10, 10), bool), "is 10 x 10 pixels, but the first image is 160 x 160"),
    ],
)
def test_what_is_no_region_is_refused(roi, words):
    with pytest.raises(PsdlError) as error:
        regions.frame([part(np.random.default_rng(0))] * 2, InputRule(), roi, map)
    assert words in str(error.value)


def test_metrics_pictures_and_report_respect_a_region(tmp_path):
    data = parts.mvtec(tmp_path / "data", ("bolt",))
    (tmp_path / "roi").mkdir()
    (tmp_path / "roi/bolt.json").write_text("[[0, 0], [128, 0], [128, 60], [0, 60]]")
    done = parts.psdl(
        "run", data, "--recipe", "fast", "--roi", tmp_path / "roi", "--out", tmp_path / "out", "--quiet", "--maps"
    )
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "out/metrics.json").read_text())["categories"]["bolt"]
    assert metrics["pixel_auroc"] > 0.5
    assert parts.psdl("inspect", tmp_path / "out/model.psdl").stdout.count("region of interest") == 1
    picture = parts.opened(next((tmp_path / "out/pictures/bolt").rglob("*.png")))
    assert picture.std() > 10


def test_each_category_has_its_own_region_or_none(tmp_path):
    with pytest.raises(PsdlError, match="named after a category"):
        regions.roi_files(str(tmp_path), ["bolt"], True)
    (tmp_path / "bolt.json").write_text("[]")
    assert regions.roi_files(str(tmp_path), ["bolt", "nut"], True)["nut"] is None
    with pytest.raises(PsdlError, match="add `each`"):
        regions.roi_files(str(tmp_path), ["bolt", "nut"], False)
    assert regions.roi_files("one.png", ["bolt", "nut"], False) == dict.fromkeys(("bolt", "nut"), "one.png")


def test_rd_mvtec_turns_each_image_by_its_name(tmp_path):
    data = parts.mvtec(tmp_path, ("bolt",))
    found = read(data, "rd_mvtec")
    assert found.rule.window == (224, 224)
    poses = {s.name: s.pose for s in found.samples}
    assert len(set(poses.values())) == len(poses)
    assert all(-10 <= turn <= 10 for turn, _, _ in poses.values())
    assert {s.name: s.pose for s in read(data / "bolt", "rd_mvtec").samples} == {
        name.removeprefix("bolt/"): pose for name, pose in poses.items()
    }
    assert read(data).layout == "mvtec"
    blot = next(s for s in found.samples if s.mask)
    pixels = parts.opened(data / blot.mask)
    geometry = preprocess.posed(preprocess.plan(found.rule, pixels.shape), blot.pose)
    shown = preprocess.shown(np.repeat(pixels[..., None], 3, axis=2), geometry, found.rule)[..., 0] > 127
    assert np.mean(shown != preprocess.mask_to_input(pixels > 0, geometry)) < 0.01
    rule = replace(recipe("fast"), input=found.rule)
    detector = Detector(rule).fit([s for s in found.samples if s.split == "train"])
    assert detector.score(blot.path).input_map.shape == (224, 224)
