"""Model files that were changed: every mutation ends in the one error or in the same bits."""

from __future__ import annotations

import os
import random

import numpy as np
import pytest

from psdl import Detector, PsdlError
from psdl.model import file as modelfile
from tests import parts

MANY = int(os.environ.get("PSDL_MUTATIONS", "300"))  # changed models in all; make test-mutations: 2,000
PROBE = parts.defective(np.random.default_rng(9))[0]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A model file's bytes, the file, and what it says of an image."""
    rng = np.random.default_rng(0)
    file = tmp_path_factory.mktemp("whole") / "m.psdl"
    Detector("fast").fit([parts.good(rng, (64, 64)) for _ in range(10)]).save(file)
    return file.read_bytes(), file, Detector.load(file).score(PROBE, threads=1)


def opened(data, file):
    """What a model of these bytes says of an image, None where it is refused."""
    changed = file.with_name("changed.psdl")
    changed.write_bytes(data)
    try:
        found = Detector.load(changed)
        found.selftest()
        return found.score(PROBE, threads=1)
    except PsdlError:
        return None


def damaged(data, draw):
    """The bytes with one fault, of a kind that `draw` chooses."""
    found, kind, place = bytearray(data), draw.randrange(5), draw.randrange(len(data))
    header = draw.randrange(8 + int.from_bytes(data[:8], "little"))
    if kind == 0:
        found[place] ^= 1 << draw.randrange(8)
    elif kind == 1:
        found[header] ^= 1 << draw.randrange(8)
    elif kind == 2:
        del found[place:]
    elif kind == 3:
        found[place : place + 4096] = bytes(len(found[place : place + 4096]))
    else:
        found += os.urandom(draw.randrange(1, 5000))
    return bytes(found)


def test_any_damage_is_refused_or_changes_nothing(whole):
    data, file, before = whole
    draw, refused = random.Random(42), 0
    for _ in range(MANY * 2 // 3):
        after = opened(damaged(data, draw), file)
        refused += after is None
        assert after is None or (after.score == before.score and np.array_equal(after.map, before.map))
    assert refused > 0.85 * (MANY * 2 // 3)


WORDS = (None, True, -1, 0, 3, 2**70, -0.5, 1e300, float("nan"), "", "x", [], {}, [[[]]], "../../etc/passwd")


def places(value, path=()):
    """All paths into a card."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield (*path, key)
        yield from places(one, (*path, key))


def put(card, path, value):
    for key in path[:-1]:
        card = card[key]
    if value is put:
        del card[path[-1]]
    else:
        card[path[-1]] = value


def test_a_card_that_was_made_to_lie_ends_in_the_one_error_or_judges(whole):
    """The digest is right here: whoever made the file meant it. No value may end in a traceback."""
    content, file, _ = whole
    draw = random.Random(1)

    def change(card, _):
        path = draw.choice([p for p in places(card) if p[0] not in ("learned", "options", "versions")])
        put(card, path, draw.choice((put, *WORDS)))

    with np.errstate(all="ignore"):
        for _ in range(MANY // 5):
            opened(parts.sealed(content, change), file)


def test_arrays_that_were_made_to_lie_end_in_the_one_error_or_judge(whole):
    content, file, _ = whole
    draw = random.Random(2)

    def change(_, arrays):
        name = draw.choice(sorted(arrays))
        array = arrays[name]
        how = draw.choice(["nan", "gone", "zero", "short", "flat", "type", "large", "empty", "turned"])
        if how == "gone":
            del arrays[name]
        elif how == "nan" and array.size and np.issubdtype(array.dtype, np.inexact):
            array.reshape(-1)[0] = np.nan
        else:
            arrays[name] = {
                "nan": array[:0],
                "zero": np.zeros_like(array),
                "short": array[:-1],
                "flat": array.reshape(-1),
                "type": array.astype(np.int8 if array.dtype != np.int8 else np.float64),
                "large": np.concatenate([array, array]),
                "empty": array[:0],
                "turned": np.ascontiguousarray(array[::-1]),
            }[how]

    with np.errstate(all="ignore"):
        for _ in range(MANY * 2 // 15):
            opened(parts.sealed(content, change), file)


def test_dictionaries_that_were_lost_fail_the_self_test(whole, tmp_path):
    """Zeroed or not a number: where no digest tells, the images do."""
    content, _, _ = whole
    for name in ("coarse/matrix", "coarse/dictionary", "coarse/unseen_mean"):
        lost = parts.sealed(content, lambda _, arrays, name=name: arrays[name].fill(0))
        (tmp_path / "m.psdl").write_bytes(lost)
        assert max(max(pair) for pair in Detector.load(tmp_path / "m.psdl").selftest()) > 1, name
    detector = Detector.load(whole[1])
    broken = detector.model.golden.scores * np.nan
    from psdl.calibrate import selftest

    now = selftest.replace(detector.model.golden, scores=broken)
    found = selftest.deviations(detector.model.golden, now, detector.model.calibration)
    assert all(not pair[0] <= 1 for pair in found)


def test_a_signed_model_is_known_and_another_is_not(whole, tmp_path, monkeypatch):
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    from cryptography.hazmat.primitives import serialization as form

    def keys(name):
        key = ed25519.Ed25519PrivateKey.generate()
        private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
        public = key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
        (tmp_path / name).write_bytes(private)
        (tmp_path / f"{name}.pub").write_bytes(public)
        return tmp_path / name

    ours, theirs = keys("ours.pem"), keys("theirs.pem")
    file = tmp_path / "m.psdl"
    file.write_bytes(whole[0])
    monkeypatch.setenv("PSDL_TRUSTED_KEY", f"{ours}.pub")
    with pytest.raises(PsdlError, match="is not signed"):
        Detector.load(file)
    modelfile.sign(file, ours)
    assert Detector.load(file).score(PROBE, threads=1).score == whole[2].score
    modelfile.sign(file, theirs, tmp_path / "n.psdl")
    with pytest.raises(PsdlError, match="signed by another key"):
        Detector.load(tmp_path / "n.psdl")
    with pytest.raises(PsdlError, match="holds no private key"):
        modelfile.sign(file, f"{ours}.pub")
    monkeypatch.setenv("PSDL_TRUSTED_KEY", str(tmp_path / "none"))
    with pytest.raises(PsdlError, match="cannot be read"):
        Detector.load(file)
    monkeypatch.delenv("PSDL_TRUSTED_KEY")
    assert modelfile.opened(file).signed is not None
    (tmp_path / "again.psdl").write_bytes(file.read_bytes())
    Detector.load(file).save(tmp_path / "again.psdl")  # whoever writes anew signs anew
    assert modelfile.opened(tmp_path / "again.psdl").signed is None
    assert (tmp_path / "again.psdl.bak").read_bytes() == file.read_bytes()


def test_a_card_knows_the_image_scores_that_there_are():
    from psdl.model.card import IMAGE_SCORES
    from psdl.scoring.anomaly_map import RULES

    assert set(IMAGE_SCORES) == set(RULES)


def test_images_of_another_size_than_those_learned_from_are_refused():
    from dataclasses import replace

    from psdl import recipe
    from psdl.types import InputRule

    rng = np.random.default_rng(0)
    free = replace(recipe("fast"), input=InputRule(resize=None))
    detector = Detector(free).fit([parts.good(rng, (64, 64)) for _ in range(10)])
    with pytest.raises(PsdlError, match="input of 128 x 96 pixels"):
        detector.score(PROBE)
