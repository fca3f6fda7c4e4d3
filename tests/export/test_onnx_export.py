"""The exported graph is the library's scoring: same scores, maps and verdicts, with nothing but a runtime."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from psdl import Detector, PsdlError, recipe
from psdl.export.export import VERDICTS, write
from psdl.model.known import Classifier
from psdl.training.options import FitOptions
from psdl.types import InputRule
from tests.parts import defective, good, psdl, refused, save

NAMES = ("score", "p_value", "verdict", "map", "anomaly_score")
RULES = {
    "lanczos": InputRule(resize=(64, 96)),
    "bicubic": InputRule(resize=(80, 64), filter="bicubic"),
    "crop and window": InputRule(crop=(90, 100), resize=(80, 80), window=(64, 72)),
    "shorter": InputRule(resize=None, shorter=64),
    "none": InputRule(resize=None),
}


def images(sizes: list[tuple[int, int]], count: int = 10) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [good(rng, sizes[n % len(sizes)]) for n in range(count)]


def alike(detector: Detector, file, pictures) -> None:
    session = ort.InferenceSession(str(file))
    for pixels in pictures:
        known = detector.score(pixels)
        found = dict(zip(NAMES, session.run(None, {"image": pixels}), strict=True))
        assert float(found["score"]) == pytest.approx(known.score, abs=1e-4, rel=1e-5)
        assert float(found["anomaly_score"]) == pytest.approx(known.anomaly, abs=1e-4)
        np.testing.assert_allclose(found["map"], known.input_map, atol=2e-3)
        assert float(found["p_value"]) == pytest.approx(known.verdict.p_value)
        assert VERDICTS[int(found["verdict"])] == known.verdict.verdict


@pytest.mark.parametrize("rule", RULES)
def test_a_graph_scores_alike_for_every_input_rule(tmp_path, rule):
    detector = Detector(replace(recipe("fast"), input=RULES[rule])).fit(images([(96, 128)]))
    write(detector.model, tmp_path / "m.onnx")
    rng = np.random.default_rng(5)
    alike(detector, tmp_path / "m.onnx", [good(rng), defective(rng)[0], np.zeros((96, 128, 3), np.uint8)])


@pytest.mark.parametrize("name", ["fast", "default"])
def test_known_defects_are_told_alike(tmp_path, name):
    """With a classifier of random weights, which reads every average."""
    detector = Detector(replace(recipe(name), input=InputRule(resize=(96, 96)))).fit(images([(96, 128)]))
    model, rng = detector.model, np.random.default_rng(2)
    weights = rng.normal(size=sum(model.averages.blocks)) / 100
    known = Classifier(weights, 1.1, 0.2, unit=2.0, middle=0.4, spread=0.5, mean=0.1, deviation=0.6)
    detector = Detector.of(replace(model, classifier=known))
    write(detector.model, tmp_path / "m.onnx")
    alike(detector, tmp_path / "m.onnx", [good(rng), defective(rng)[0]])
    assert detector.score(defective(rng)[0]).known is not None


def test_all_parts_of_the_default_and_images_of_any_size(tmp_path):
    detector = Detector(replace(recipe("default"), input=InputRule(resize=(96, 96)))).fit(
        images([(96, 128), (200, 90), (60, 60)])
    )
    write(detector.model, tmp_path / "m.onnx")
    rng = np.random.default_rng(5)
    sizes = [(96, 128), (301, 77), (33, 400), (96, 96)]
    alike(detector, tmp_path / "m.onnx", [defective(rng, size)[0] for size in sizes])
    facts = {entry.key: entry.value for entry in onnx.load(tmp_path / "m.onnx").metadata_props}
    assert float(facts["threshold"]) == detector.model.calibration.threshold


@pytest.mark.parametrize("score", ["smooth-top", "max", "top-percent"])
def test_a_region_of_interest_and_every_image_score(tmp_path, score):
    roi = np.zeros((96, 128), bool)
    roi[20:80, 30:100] = True
    base = replace(recipe("fast"), input=InputRule(resize=(64, 96)), image_score=score)
    detector = Detector(base, FitOptions(roi=roi)).fit(images([(96, 128)]))
    write(detector.model, tmp_path / "m.onnx")
    rng = np.random.default_rng(5)
    alike(detector, tmp_path / "m.onnx", [good(rng), defective(rng)[0]])
    assert np.isnan(detector.score(good(rng)).input_map).any()


def test_the_verb_writes_and_refuses(tmp_path, model_file):
    detector = Detector("fast").fit(images([(96, 128)]))
    detector.save(tmp_path / "m.psdl")
    done = psdl("export", tmp_path / "m.psdl", "--onnx", tmp_path / "m.onnx")
    assert done.returncode == 0, done.stderr
    assert "image (h,w,3) uint8 -> score" in done.stdout
    refused(psdl("export", model_file, "--onnx", tmp_path / "p.onnx"), "method paper cannot be exported")
    assert not (tmp_path / "p.onnx").exists()
    refused(psdl("export", tmp_path / "m.psdl", "--onnx", tmp_path / "none/m.onnx"), "no folder")


def test_models_that_have_no_graph_say_why(tmp_path):
    for n in range(6):
        save(images([(128, 128)], 6)[n], tmp_path / f"{n}.png")
    tiled = Detector(recipe("fast", tile=128)).fit(images([(160, 160)], 6))
    with pytest.raises(PsdlError, match="tiles"):
        write(tiled.model, tmp_path / "m.onnx")
    keep = Detector(replace(recipe("fast"), input=InputRule(resize=None, shorter=64, window=(64, 64))))
    with pytest.raises(PsdlError, match="2 sizes"):
        write(keep.fit(images([(96, 128), (128, 96)])).model, tmp_path / "m.onnx")
