"""Files and arrays to pixels, pixels to network input and back."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from psdl.errors import PsdlError
from psdl.input import decode, preprocess
from psdl.types import InputRule
from tests import parts

RULES = [
    InputRule(),
    InputRule(resize=None, shorter=64, window=(56, 56), filter="bicubic"),
    InputRule(crop=(80, 100), resize=(40, 50)),
]


@pytest.fixture
def pixels():
    return parts.good(np.random.default_rng(0))


@pytest.mark.parametrize("extension", ["png", "bmp", "tif", "webp"])
def test_lossless_files_bytes_pil_and_arrays_are_the_same_pixels(tmp_path, pixels, extension):
    path = parts.save(
        pixels, tmp_path / f"Größe 1.{extension.upper()}", **({"lossless": True} if extension == "webp" else {})
    )
    for source in (str(path), path, path.read_bytes(), Image.open(path), pixels):
        np.testing.assert_array_equal(decode.pixels(source), pixels)


def test_grey_palette_transparent_and_cmyk_images_become_rgb(tmp_path, pixels):
    picture = Image.fromarray(pixels)
    for mode in ("L", "P", "RGBA", "CMYK", "1", "LA"):
        found = decode.pixels(picture.convert("L").convert("1") if mode == "1" else picture.convert(mode))
        assert found.shape == pixels.shape
        assert found.dtype == np.uint8
    np.testing.assert_array_equal(decode.pixels(pixels[:, :, 0])[:, :, 2], pixels[:, :, 0])
    np.testing.assert_array_equal(decode.pixels(np.dstack([pixels, pixels[:, :, :1]])), pixels)


@pytest.mark.parametrize("kind", ["png", "tif", "jpg"])
def test_orientation_tags_are_applied(tmp_path, pixels, kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / f"turned.{kind}"
    Image.fromarray(pixels).save(path, exif=exif, **({"quality": 95} if kind == "jpg" else {}))
    found = decode.pixels(path).astype(int)
    assert np.abs(found - np.rot90(pixels, -1)).mean() <= (4 if kind == "jpg" else 0)
    assert decode.header(str(path)) == found.shape[:2]


@pytest.mark.parametrize("rule", [*RULES, InputRule(moving="nearest")])
@pytest.mark.parametrize("transform", [None, (1.0, 0.1, 2.0, -0.1, 1.0, 1.0)])
def test_grey_images_are_resized_by_one_channel_to_the_same_pixels(pixels, rule, transform):
    grey = np.repeat(pixels[..., :1], 3, axis=2)
    assert preprocess.plain(pixels) is pixels
    assert preprocess.plain(grey).shape == grey.shape[:2]
    one = pixels.copy()
    one[:] = grey
    one[33, 47, 2] ^= 1  # one sample that is not grey, where a first look does not see it
    assert preprocess.plain(one) is one
    geometry = replace(preprocess.plan(rule, grey.shape[:2]), transform=transform)
    found = preprocess.shown(preprocess.plain(grey), geometry, rule)
    assert found.shape == (*geometry.input, 3)
    np.testing.assert_array_equal(found, preprocess.shown(grey, geometry, rule))


@pytest.mark.parametrize("rule", RULES)
def test_a_map_comes_back_at_the_images_own_size(rule):
    size = (120, 160)
    geometry = preprocess.plan(rule, size)
    h, w = geometry.input
    values = np.add.outer(np.linspace(0, 1, h), np.linspace(0, 2, w)).astype(np.float32)
    back = preprocess.map_to_source(values, geometry)
    assert back.shape == size
    inside = np.isfinite(back)
    assert inside.any()
    assert inside.all() == (rule.crop is None and rule.window is None)
    assert (np.diff(back[60][inside[60]]) >= 0).all()


@pytest.mark.parametrize("rule", RULES)
def test_a_mask_there_and_back_moves_no_further_than_a_stride(rule):
    mask = np.zeros((120, 160), bool)
    mask[50:70, 70:90] = True
    geometry = preprocess.plan(rule, mask.shape)
    there = preprocess.mask_to_input(mask, geometry)
    assert there.shape == geometry.input
    back = preprocess.mask_to_source(there, geometry)
    for axis in (0, 1):
        found, expected = np.nonzero(back.any(axis=1 - axis))[0], np.nonzero(mask.any(axis=1 - axis))[0]
        assert abs(found[0] - expected[0]) <= 16
        assert abs(found[-1] - expected[-1]) <= 16


def test_the_papers_rules_give_its_sizes():
    mvtec = InputRule(resize=None, shorter=256, window=(224, 224), filter="bicubic")
    assert preprocess.plan(mvtec, (700, 1000)).input == (224, 224)
    assert preprocess.plan(InputRule(crop=(1000, 500), resize=(500, 250)), (1260, 500)).input == (500, 250)


def test_normalisation():
    inputs = np.full((1, 2, 2, 3), 255, np.uint8)
    found = preprocess.normalise(inputs, (127.0,) * 3, (128.0,) * 3)
    assert found.shape == (1, 3, 2, 2)
    np.testing.assert_array_equal(found, np.float32(1))


def test_brightness_is_that_of_the_lit_parts_however_much_dark_ground_there_is():
    small, large = (np.zeros((40, 40, 3), np.uint8) for _ in range(2))
    small[:10, :10] = large[:30] = 120
    assert preprocess.brightness(small) == preprocess.brightness(large) == 120
    assert preprocess.brightness(np.zeros((8, 8, 3), np.uint8)) == 0
    inside = np.zeros((40, 40), bool)
    inside[20:] = True
    assert preprocess.brightness(small, inside) == 0


def test_an_image_is_brought_to_one_brightness_under_any_lamp_but_not_out_of_the_dark():
    bright = np.random.default_rng(0).integers(100, 200, (16, 16, 3)).astype(np.uint8) & 0xFE
    full, half = (preprocess.gain(pixels, 85.0) * pixels.astype(float) for pixels in (bright, bright // 2))
    np.testing.assert_allclose(full, half, rtol=1e-12)
    assert preprocess.gain(bright, None) == 1.0
    assert preprocess.gain(np.zeros((8, 8, 3), np.uint8), 85.0) == preprocess.GAINS[1]
    found = preprocess.normalise(bright[None], (10.0,) * 3, (5.0,) * 3, 0.5)
    np.testing.assert_allclose(found[0], (bright.transpose(2, 0, 1) / 2 - 10) / 5)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((9, 9), np.int16), "array of int16, expected uint8"),
        (np.zeros((9, 9), np.uint16), "it is not known which one is white"),
        (np.full((9, 9), np.nan), "that are no numbers"),
        (np.zeros((9, 9, 2), np.uint8), "shape (9, 9, 2)"),
        (np.zeros((9, 9, 3)), "array of float64"),
    ],
)
def test_arrays_that_are_no_images_are_refused(array, words):
    with pytest.raises(PsdlError) as error:
        decode.pixels(array)
    assert words in str(error.value)


def test_broken_files_are_refused_with_their_name(tmp_path, pixels):
    path = parts.save(pixels, tmp_path / "a.jpg")
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(path.read_bytes()[:-200])
    text = tmp_path / "text.png"
    text.write_text("no image")
    for file, words in (
        (cut, "cut short"),
        (text, "not an image"),
        (tmp_path / "n", "no file"),
    ):
        with pytest.raises(PsdlError) as error:
            decode.pixels(str(file))
        assert words in str(error.value)
        assert str(file) in str(error.value)
    for file in (cut, text):
        with pytest.raises(PsdlError):
            decode.header(str(file))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    with pytest.raises(PsdlError):
        decode.pixels(buffer.getvalue()[:500])


@pytest.mark.parametrize(
    ("kind", "dtype", "white"),
    [("png", np.uint16, 4095), ("tif", np.uint16, 65535), ("tif", np.float32, 1), ("tif", np.int32, 1023)],
)
def test_deep_samples_become_bytes_by_their_white(tmp_path, pixels, kind, dtype, white):
    grey = pixels[:, :, 0]
    deep = (grey / 255 * white).astype(dtype) if dtype is np.float32 else np.rint(grey / 255 * white).astype(dtype)
    path = tmp_path / f"deep.{kind}"
    Image.fromarray(deep).save(path)
    for source in (path, path.read_bytes(), deep if dtype != np.int32 else path):
        found = decode.pixels(source, white=white)
        assert np.abs(found[:, :, 1].astype(int) - grey).max() <= 1
    assert decode.white_of(decode.largest(path)) == white
    assert decode.header(str(path)) == grey.shape
    assert decode.largest(pixels) is None


def test_16_bit_files_that_use_their_range_need_no_white_and_darker_ones_do(tmp_path, pixels):
    grey = pixels[:, :, 0].astype(np.uint16)
    np.testing.assert_array_equal(decode.pixels(257 * grey)[:, :, 0], grey)
    with pytest.raises(PsdlError, match=r"up to .*, and it is not known which one is white"):
        decode.pixels(16 * grey)
    assert decode.pixels(16 * grey, white=255.0).min() > 0  # above white is white, as in a camera


def test_deep_samples_keep_their_orientation_tag(tmp_path, pixels):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(257 * pixels[:, :, 0].astype(np.uint16)).save(tmp_path / "turned.tif", exif=exif)
    found = decode.pixels(tmp_path / "turned.tif")
    np.testing.assert_array_equal(found[:, :, 0], np.rot90(pixels[:, :, 0], -1))
    assert decode.header(str(tmp_path / "turned.tif")) == found.shape[:2]


@pytest.mark.parametrize(
    ("largest", "white"), [(0.3, 1), (1, 1), (200, 255), (256, 1023), (4000, 4095), (65535, 65535), (1e6, 1e6)]
)
def test_the_white_of_a_camera_is_the_largest_sample_of_its_bits(largest, white):
    assert decode.white_of(largest) == white


def test_images_smaller_than_the_rule_cuts_are_refused():
    with pytest.raises(PsdlError, match="is 160 x 120 pixels, but the model's input rule cuts 500 x 1000"):
        preprocess.plan(InputRule(crop=(1000, 500)), (120, 160))


def test_a_scaled_geometry_shows_the_same_part_in_whole_multiples():
    geometry = preprocess.plan(InputRule(resize=None, shorter=256, window=(224, 224)), (400, 600))
    assert preprocess.scaled(geometry, 1.0) == geometry
    for scale in (0.75, 1.25):
        found = preprocess.scaled(geometry, scale, 32)
        assert found.input == (round(224 * scale / 32) * 32,) * 2
        ratio = found.input[0] / geometry.input[0]
        np.testing.assert_allclose(found.window, np.array(geometry.window) * ratio, atol=1)
        np.testing.assert_allclose(found.resized, np.array(geometry.resized) * ratio, atol=1)
    tiny = preprocess.scaled(preprocess.plan(InputRule(), (9, 9)), 0.01, 32)
    assert tiny.input == (32, 32)
