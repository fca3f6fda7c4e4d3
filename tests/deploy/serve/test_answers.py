"""What a server says is what the library says."""

from __future__ import annotations

import base64
import io
import re

import httpx
import numpy as np
import pytest
from PIL import Image

from psdl import Detector, PsdlError
from psdl.deploy.client import answer_of, score

JPEG = {"content-type": "image/jpeg"}


@pytest.fixture
def images(mvtec):
    return sorted((mvtec / "bolt/test").rglob("*.png"))


def test_the_client_gets_what_the_library_says(server, model_file, images):
    found = score(server.url, images[:4], map="tiff")
    known = Detector.load(model_file).score(images[:4])
    assert found.model == "bolt"
    assert [one.name for one in found.results] == [image.name for image in images[:4]]
    for one, result in zip(found.results, known, strict=True):
        assert one.score == result.score
        assert (one.verdict, one.p_value) == (result.verdict.verdict, result.verdict.p_value)
        assert (one.height, one.width) == result.geometry.source
        assert tuple(one.regions) == result.regions
        np.testing.assert_array_equal(one.values(), result.map)
    assert any(one.regions for one in found.results)


def test_an_image_scores_alike_as_body_in_a_form_and_beside_others(server, images):
    alone = httpx.post(f"{server.url}/v1/score", content=images[0].read_bytes(), headers=JPEG).json()["results"]
    beside = score(server.url, [images[1], images[0], images[2]]).results
    assert alone[0]["score"] == beside[1].score


@pytest.mark.parametrize(("kind", "mode"), [("png", "RGB"), ("overlay", "RGBA")])
def test_a_map_in_colours_has_the_images_size(server, images, kind, mode):
    found = score(server.url, images[0], map=kind).results[0]
    picture = Image.open(io.BytesIO(base64.b64decode(found.map or "")))
    assert (picture.size, picture.mode) == ((found.width, found.height), mode)
    with pytest.raises(PsdlError, match="map='tiff'"):
        found.values()


def test_models_health_and_counts(server, images, model_file):
    score(server.url, images[0])
    (model,) = httpx.get(f"{server.url}/v1/models").json()
    known = Detector.load(model_file).model
    assert (model["name"], model["threshold"]) == ("bolt", known.calibration.threshold)
    assert model["tells_drift"] is False  # learned from twelve items
    assert httpx.get(f"{server.url}/healthz").json() == {"status": "alive"}
    ready = httpx.get(f"{server.url}/readyz").json()
    assert (ready["status"], ready["models"], ready["problems"]) == ("ready", ["bolt"], {})
    assert set(ready["loops"].values()) <= {"well"}
    text = httpx.get(f"{server.url}/metrics").text
    assert re.search(r'psdl_requests_total\{path="/v1/score",status="200"\} [1-9]', text)
    assert re.search(r'psdl_verdicts_total\{model="bolt",verdict="\w+"\} [1-9]', text)
    assert 'psdl_score{model="bolt",quantile="0.5"}' in text
    assert "psdl_request_seconds_bucket" in text
    assert "psdl_queue 0.0" in text


def test_the_page_describes_what_can_be_asked(server):
    described = httpx.get(f"{server.url}/openapi.json").json()
    ask = described["paths"]["/v1/score"]["post"]
    assert set(ask["requestBody"]["content"]) == {"image/*", "multipart/form-data"}
    assert {"200", "413", "429", "503"} <= set(ask["responses"])
    assert "p_value" in described["components"]["schemas"]["Scored"]["properties"]


def test_an_answer_survives_its_json_form(server, images):
    found = httpx.post(f"{server.url}/v1/score", content=images[-1].read_bytes(), headers=JPEG).json()
    assert answer_of(found) == score(server.url, images[-1].read_bytes()).__class__(
        "bolt", [answer_of(found).results[0]]
    )


def test_no_server_is_one_sentence():
    with pytest.raises(PsdlError, match="psdl serve"):
        score("http://127.0.0.1:9", b"x", timeout=2)
