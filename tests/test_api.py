"""The library: what an image scores does not depend on the door, the batch or the threads."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

import psdl
from psdl import Detector, PsdlError
from psdl.jobs.context import RunContext
from psdl.training.options import FitOptions
from tests import parts


@pytest.fixture(scope="module")
def detector(model_file):
    return Detector.load(model_file)


def test_one_score_for_every_source_and_every_batch(detector, mvtec):
    path = mvtec / "bolt/test/blot/001.png"
    pixels = np.asarray(Image.open(path))
    single = detector.score(path)
    sources = [str(path), path, path.read_bytes(), Image.open(path), pixels]
    others = [mvtec / f"bolt/test/good/00{n}.png" for n in range(4)]
    for result in detector.score([*others, *sources])[4:] + [detector.score(s) for s in sources]:
        assert result.score == single.score
        np.testing.assert_array_equal(result.map, single.map)
    assert [r.score for r in detector.score(np.stack([pixels, pixels]))] == [single.score] * 2
    for jobs in (1, 2, 5):
        assert [r.score for r in detector.results([path, path], jobs=jobs)] == [single.score] * 2


def test_the_command_line_scores_the_same(detector, model_file, mvtec):
    folder = mvtec / "bolt/test"
    done = parts.psdl("predict", model_file, folder, "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == 8
    for row in rows:
        result = detector.score(row["path"])
        assert row["score"] == result.score
        assert row["threshold"] == result.verdict.threshold
        assert row["verdict"] == result.verdict.verdict
        assert row["p_value"] == result.verdict.p_value


def test_a_result_has_map_mask_and_verdict_at_the_images_size(detector, mvtec):
    result = detector.score(mvtec / "bolt/test/blot/000.png")
    assert result.map.shape == parts.SIZE
    assert result.map.dtype == np.float32
    assert result.mask.shape == parts.SIZE
    assert result.verdict.verdict in ("OK", "NG")
    assert 0 < result.verdict.p_value <= 1


def test_defects_score_above_good_parts(detector, mvtec):
    good = [detector.score(mvtec / f"bolt/test/good/00{n}.png").score for n in range(4)]
    bad = [detector.score(mvtec / f"bolt/test/blot/00{n}.png").score for n in range(4)]
    assert min(bad) > max(good)


def test_learning_from_a_folder_from_arrays_and_from_files_is_the_same(mvtec, tmp_path):
    recipe = psdl.recipe("paper", layer="layer4", iterations=1, sparsity=0.01)
    folder = mvtec / "nut/train/good"
    files = sorted(folder.iterdir())
    models = [
        Detector(recipe, FitOptions(groups="given")).fit(source, RunContext(jobs=jobs))
        for source, jobs in [(folder, None), ([np.asarray(Image.open(f).convert("RGB")) for f in files], 1)]
    ]
    probe = mvtec / "nut/test/blot/000.png"
    assert models[0].score(probe).score == models[1].score(probe).score
    assert models[0].model.calibration.threshold == models[1].model.calibration.threshold
    models[0].save(tmp_path / "m.psdl")
    assert Detector.load(tmp_path / "m.psdl").score(probe).score == models[0].score(probe).score


@pytest.mark.slow
def test_two_runs_with_one_seed_give_the_same_bytes(mvtec, tmp_path):
    for name in ("a", "b"):
        done = parts.psdl(
            "run", mvtec, "--out", tmp_path / name, "--layer", "layer4", "--iterations", "2", "--images", "0"
        )
        assert done.returncode == 0, done.stderr
    for file in ("images.csv", "metrics.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_multiple_layers(mvtec):
    recipe = psdl.recipe("paper", type="multiple", iterations=1, sparsity=0.05)
    detector = Detector(recipe).fit(sorted((mvtec / "nut/train/good").iterdir()))
    assert detector.model.network.taps == ("layer1", "layer2", "layer3")
    assert detector.model.states["multiple"].arrays["dictionary"].shape == (256, 169, 169)


def test_the_threshold_is_of_images_that_the_dictionaries_did_not_see(mvtec):
    """An image that was learned from keeps the score that it had when it was held out."""
    files = sorted((mvtec / "bolt/train/good").iterdir())
    detector = Detector(psdl.recipe("paper", iterations=5)).fit(files)
    results = detector.predict(files)
    assert all(result.learned for result in results)
    assert sorted(r.score for r in results) == pytest.approx(list(detector.model.calibration.scores))
    again = [np.flip(np.asarray(Image.open(file).convert("RGB")), 1).copy() for file in files]
    assert not any(result.learned for result in detector.predict(again))


def test_misuse_is_named(mvtec):
    with pytest.raises(PsdlError, match="has learned nothing yet"):
        Detector().score(mvtec / "bolt/test/good/000.png")
    with pytest.raises(PsdlError, match="1 good images were given: at least 2"):
        Detector().fit([mvtec / "bolt/test/good/000.png"])
    with pytest.raises(PsdlError, match=r"false-reject rate is 0\b"):
        Detector(false_reject=0)
    with pytest.raises(PsdlError, match="`layer` is a setting of the recipe paper, not of default"):
        psdl.recipe("default", layer="layer2")
    with pytest.raises(PsdlError, match="unknown recipe 'papr': choose one of paper"):
        Detector("papr")
    with pytest.raises(PsdlError, match="unknown type"):
        psdl.recipe("paper", type="double")
    with pytest.raises(PsdlError, match="leave one out"):
        psdl.recipe("paper", type="multiple", layer="layer2")
    with pytest.raises(PsdlError, match=r"sparsity is 1\.5"):
        psdl.recipe("paper", sparsity=1.5)
    with pytest.raises(PsdlError, match="`jobs` is 0"):
        Detector().fit([mvtec / "bolt/test/good/000.png"] * 2, RunContext(jobs=0))


def test_images_of_one_group_cannot_be_held_out(mvtec):
    samples = [psdl.Sample(str(p), p.name, "bolt", group="g") for p in (mvtec / "bolt/train/good").iterdir()]
    with pytest.raises(PsdlError, match="one group"):
        Detector().fit(samples)


def test_the_default_recipe_finds_defects_and_scores_alone_as_in_a_batch(mvtec, tmp_path):
    detector = Detector().fit(mvtec / "bolt/train/good")
    assert detector.recipe.name == "default"
    paths = [mvtec / f"bolt/test/{kind}/00{n}.png" for kind in ("good", "blot") for n in range(4)]
    scores = [r.score for r in detector.score(paths)]
    assert min(scores[4:]) > max(scores[:4])
    assert [detector.score(p).score for p in paths] == scores
    detector.save(tmp_path / "m.psdl")
    assert Detector.load(tmp_path / "m.psdl").score(paths[0]).score == scores[0]
    assert all({"unseen_mean", "unseen_scale"} <= set(s.arrays) for s in detector.model.states.values())


def test_another_lamp_changes_little_where_light_is_matched_and_much_where_it_is_kept(mvtec):
    good = sorted((mvtec / "bolt/train/good").iterdir())
    pixels = np.asarray(Image.open(mvtec / "bolt/test/good/000.png").convert("RGB"))
    lamps = [np.minimum(np.round(factor * pixels), 255).astype(np.uint8) for factor in (1.0, 0.7, 0.8, 1.2)]
    moved = {}
    for light in ("match", "keep"):
        first, *others = Detector(psdl.recipe("fast", light=light)).fit(good).score(lamps)
        moved[light] = sum(abs(other.score - first.score) for other in others)
    assert moved["match"] < moved["keep"] / 2
    with pytest.raises(PsdlError, match="unknown value of `light` 'brighter'"):
        psdl.recipe(light="brighter")


def test_a_seed_changes_what_is_drawn_and_nothing_else_does():
    one, other = psdl.recipe(seed=1), psdl.recipe(seed=2)
    assert [recipe.seed for recipe in (one, other)] == [1, 2]
    assert [psdl.recipe("padim", seed=n).parts[0].params["seed"] for n in (1, 2)] == [1, 2]
    assert one != other
    assert psdl.recipe(seed=1) == one


@pytest.mark.parametrize("value", ["0.1", True, [0.1]])
@pytest.mark.parametrize("name", ["false_reject", "review", "confidence"])
def test_a_rate_that_is_no_number_is_one_sentence(name, value):
    with pytest.raises(PsdlError, match="give a number, a share such as"):
        Detector("fast", **{name: value})


def test_labels_and_images_too_small_are_one_sentence():
    images = [parts.good(np.random.default_rng(n), (64, 64)) for n in range(4)]
    with pytest.raises(PsdlError, match="fit learns from good images, without labels"):
        Detector("fast").fit(images, [0, 0, 0, 1])
    detector = Detector("fast").fit(images)
    for small in (np.zeros((1, 1), np.uint8), np.zeros((7, 64, 3), np.uint8), Image.new("L", (64, 3))):
        with pytest.raises(PsdlError, match="expected at least 8 x 8"):
            detector.predict(small)


@pytest.mark.parametrize("given", [None, 5, b"bytes"])
def test_what_holds_no_images_is_one_sentence(given):
    with pytest.raises(PsdlError, match="give a folder, a table or a list of images"):
        Detector("fast").fit(given)


def test_samples_among_other_images_are_refused():
    images = [parts.good(np.random.default_rng(n), (64, 64)) for n in range(3)]
    with pytest.raises(PsdlError, match="samples were given among other images"):
        Detector("fast").fit([*images, psdl.Sample("a.png", "a.png", "x", label=0)])
