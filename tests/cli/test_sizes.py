"""--resize and --size: the network's input, and maps at the image's own size."""

from __future__ import annotations

from collections import Counter

import pytest

from psdl import Detector
from psdl.datasets import check
from psdl.errors import PsdlError
from psdl.types import InputRule
from tests import parts


@pytest.mark.parametrize(
    ("resize", "side", "expected"),
    [
        (None, None, (184, 360)),
        ("square", None, (256, 256)),
        (None, 320, (224, 456)),
        ("square", 320, (320, 320)),
        ("keep", None, (184, 360)),
        ("keep", 128, (88, 184)),
        ("none", None, None),
    ],
)
def test_the_ways_to_the_networks_size(resize, side, expected):
    rule = check.sized(InputRule(), Counter({(100, 200): 5}), resize, side)
    assert rule.resize == expected


@pytest.mark.parametrize(
    ("resize", "side", "words"),
    [
        ("stretch", None, "unknown value of `resize` 'stretch'"),
        (None, 8, "`size` is 8"),
        ("none", 64, "leave one out"),
        ("none", None, "needs images of one size, found 20 x 10 to 40 x 30"),
    ],
)
def test_what_cannot_be_is_refused(resize, side, words):
    with pytest.raises(PsdlError) as error:
        check.sized(InputRule(), Counter({(10, 20): 1, (30, 40): 2}), resize, side)
    assert words in str(error.value)


@pytest.mark.parametrize(("size", "kept"), [((100, 150), False), ((100, 152), True), ((152, 100), True)])
def test_long_images_keep_their_ratio_unless_a_layout_has_its_own_rule(size, kept):
    sizes = Counter({size: 3, (100, 100): 1})
    assert (check.sized(InputRule(white=1.0), sizes, None, None).resize != (256, 256)) == kept
    for own in (InputRule(None, None, 256, (224, 224)), InputRule((100, 100), (500, 250))):
        assert check.sized(own, sizes, None, None) == own


@pytest.mark.slow
def test_a_budget_gives_the_largest_size_that_keeps_it(mvtec, tmp_path):
    model, folder = tmp_path / "m.psdl", mvtec / "nut/train/good"
    fit = ("fit", folder, "--model", model, "--recipe", "fast")
    sizes = []
    for budget in (10, 40):
        done = parts.psdl(*fit, "--budget", budget)
        assert done.returncode == 0, done.stderr
        assert f"of {budget} allowed" in done.stdout
        sizes.append(Detector.load(model).recipe.input.resize[0])
    assert 96 <= sizes[0] < sizes[1] <= 512
    parts.refused(parts.psdl(*fit, "--budget", 0.2), "--budget is 0.2 ms", "smallest size, 96 pixels")
    parts.refused(parts.psdl(*fit, "--budget", 10, "--size", 128), "--size was given with --budget")
    parts.refused(parts.psdl(*fit, "--budget", 10, "--resize", "none"), "--resize none was given with --budget")


def test_people_are_told_where_large_images_are_seen_small():
    sizes = Counter({(3000, 4000): 3})
    (said,) = check.shrunk(InputRule(), sizes, 1.25)
    assert said == (
        "images are shrunk from 4000 x 3000 to 320 x 320 pixels: a defect of fewer than 19 pixels is hard to see;"
        " try `size` or `tile`"
    )
    assert check.shrunk(InputRule(resize=(768, 1024)), sizes, 1.0) == []
    assert check.shrunk(InputRule(resize=None), sizes, 1.0) == []
    assert check.shrunk(InputRule(crop=(1000, 500), resize=(500, 250)), Counter({(1260, 500): 1}), 0.75) == []


def test_a_crop_gives_the_ratio_that_is_kept():
    rule = InputRule(crop=(1000, 500), resize=(500, 250))
    assert check.sized(rule, Counter({(1240, 500): 1}), "keep", 354) == InputRule((1000, 500), (504, 248))


@pytest.mark.parametrize(("asked", "size"), [(("keep",), (224, 296)), (("none",), (96, 128))])
def test_a_model_keeps_its_ratio_and_maps_have_the_images_size(mvtec, tmp_path, asked, size):
    model = tmp_path / "m.psdl"
    folder = mvtec / "nut/train/good"
    done = parts.psdl("fit", folder, "--model", model, "--recipe", "fast", "--quiet", "--resize", *asked)
    assert done.returncode == 0, done.stderr
    result = Detector.load(model).score(mvtec / "nut/test/blot/000.png")
    assert result.input_map.shape == size
    assert result.map.shape == parts.SIZE
    assert result.verdict.verdict == "NG"
