"""The vector code against NumPy, on this processor and on others that it can pass for."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba import njit

from psdl.sparse.arrays import aligned, padded
from psdl.sparse.pursuits.step_simd import largest, most_gain, step
from psdl.sparse.simd import number, product, products

ROOT = Path(__file__).parents[2]
DTYPES = (np.float32, np.float64)
INTS = {np.float32: np.int32, np.float64: np.int64}
# Processors without AVX-512, and without fused multiply-add and half precision.
OTHERS = {
    "haswell": "+64bit,+sse2,+sse4.2,+popcnt,+avx,+avx2,+fma,+f16c,+bmi,+bmi2",
    "nehalem": "+64bit,+sse2,+sse4.2,+popcnt",
}


@njit
def multiplied(out, weights, rows, cut):
    """Four signals at once, then each alone, each in two parts."""
    products(out, 0, weights, 0, rows, 0, cut)
    products(out, 0, weights, 0, rows, cut, rows.shape[0])
    for n in range(4):
        product(out, 4 + n, weights, n, rows, 0, cut)
        product(out, 4 + n, weights, n, rows, cut, rows.shape[0])


@njit
def stepped(a, rows, h, t, gram, inverse, c, mask):
    return step(a, 1, rows, h, t, gram, 2, inverse, c, mask, 1)


@njit
def best(a, mask, left, floor):
    return largest(a, 1, mask, 0), most_gain(a, 1, mask, 0, left, floor, 0.5)


@njit
def numbers(bits, out):
    for i in range(bits.shape[0]):
        out[i] = number(bits[i])


def filled(rng, shape, dtype):
    array = aligned(shape, dtype)
    array[...] = rng.normal(size=shape)
    return array


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("vectors", [1, 2, 3, 5, 8, 9, 16, 17, 24, 31, 33, 48])
def test_products_equal_numpys_and_one_signal_those_of_four(dtype, vectors):
    rng = np.random.default_rng(vectors)
    width = vectors * padded(1, dtype)
    rows, weights, out = (
        filled(rng, (13, width), dtype),
        filled(rng, (4, 13), dtype),
        filled(rng, (8, width), dtype),
    )
    for cut in (0, 5, 13):
        multiplied(out, weights, rows, cut)
        np.testing.assert_allclose(out[:4], weights @ rows, rtol=1e-4, atol=1e-4)
        np.testing.assert_array_equal(out[:4], out[4:])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("width", "t"), [(16, 0), (64, 1), (112, 4), (256, 7), (304, 12)])
def test_a_step_subtracts_updates_and_chooses(dtype, width, t):
    rng = np.random.default_rng(width)
    a, rows, gram = (filled(rng, s, dtype) for s in ((4, width), (2, 13, width), (3, width)))
    h = filled(rng, (2, 13, 13), dtype)
    mask = np.full((2, width), np.iinfo(INTS[dtype]).max, INTS[dtype])
    mask[1, ::3] = 0
    new = (gram[2] - h[1, t, :t] @ rows[1, :t]) * dtype(0.7)
    expected = a[1] - dtype(0.3) * new
    found = stepped(a, rows, h, t, gram, 0.7, 0.3, mask)
    np.testing.assert_allclose(rows[1, t], new, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(a[1], expected, rtol=1e-4, atol=1e-4)
    assert found == np.argmax(np.abs(a[1]) * (mask[1] > 0))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_first_of_equals_is_chosen_among_those_that_count(dtype):
    rng = np.random.default_rng(0)
    for width in (16, 48, 256, 800):
        for _ in range(20):
            a = aligned((4, width), dtype)
            a[...] = rng.integers(-3, 4, (4, width))
            mask = np.where(rng.random((1, width)) < 0.7, np.iinfo(INTS[dtype]).max, 0).astype(INTS[dtype])
            left = rng.choice([0.25, 0.5, 1], (1, width)).astype(dtype)
            floor = rng.choice([0, 0.4], width).astype(dtype)
            magnitude, gain = best(a, mask, left, floor)
            counts = mask[0] > 0
            assert magnitude == np.argmax(np.where(counts, np.abs(a[1]), -1))
            assert gain == np.argmax(np.where(counts & (left[0] > floor), np.square(a[1] / 2) / left[0], -1))


def test_every_float16_number_is_read_as_it_is():
    bits = np.arange(2**16, dtype=np.uint16)
    values = bits.view(np.float16)
    finite = np.isfinite(values)
    out = np.empty(finite.sum(), np.float32)
    numbers(bits[finite], out)
    np.testing.assert_array_equal(out, values[finite].astype(np.float32))


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the processors named are x86")
@pytest.mark.parametrize("name", OTHERS)
def test_other_processors_give_the_same_codes(name, tmp_path):
    features = {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": OTHERS[name], "NUMBA_CACHE_DIR": str(tmp_path)}
    here = "tests/sparse/"
    tests = [
        here + "test_simd.py::test_every_float16_number_is_read_as_it_is",
        here + "test_simd.py::test_a_step_subtracts_updates_and_chooses",
        here + "test_family.py::test_pursuits_of_every_working_set_follow_float64",
        here + "test_prepared.py",
    ]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, env=os.environ | features, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
