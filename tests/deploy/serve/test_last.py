"""The last images that a server judged: kept only if it is told to, so many, for those who may ask."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request

import numpy as np
from PIL import Image

from psdl.deploy.client import Unscored
from psdl.deploy.serve import last
from psdl.deploy.serve.bounds import Bounds
from tests import parts


def asked(url: str, data: bytes | None = None, token: str = "") -> tuple[int, bytes]:
    headers = {"Content-Type": "image/png", **({"Authorization": f"Bearer {token}"} if token else {})}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def picture(n: int) -> bytes:
    content = io.BytesIO()
    Image.fromarray(parts.good(np.random.default_rng(n))).save(content, "PNG")
    return content.getvalue()


def test_the_last_images_are_told_and_given(start, model_file, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("sesame\n")
    tokens.chmod(0o600)
    url = f"{start(model_file, '--last', 2, '--token-file', tokens).url}/v1"
    for n in range(3):
        assert asked(f"{url}/score", picture(n), "sesame")[0] == 200
    assert asked(f"{url}/score", b"no picture", "sesame")[0] == 422
    assert asked(f"{url}/last")[0] == asked(f"{url}/last/3")[0] == 401
    found = json.loads(asked(f"{url}/last", token="sesame")[1])
    assert [row["n"] for row in found["rows"]] == [2, 3]
    assert [row["verdict"] for row in found["rows"]][1] == "ERROR"
    assert found["count"] == 4
    assert asked(f"{url}/last/2", token="sesame") == (200, picture(2))
    status, said = asked(f"{url}/last/0", token="sesame")
    assert (status, "no longer" in json.loads(said)["error"]) == (404, True)
    later = json.loads(asked(f"{url}/last?after=2&began={found['began']}", token="sesame")[1])
    assert [row["n"] for row in later["rows"]] == [3]
    other = json.loads(asked(f"{url}/last?after=2&began=other", token="sesame")[1])
    assert [row["n"] for row in other["rows"]] == [2, 3]


def test_without_being_told_a_server_keeps_none(server):
    status, said = asked(f"{server.url}/v1/last")
    assert (status, "--last" in json.loads(said)["error"]) == (404, True)


def test_no_more_bytes_are_held_than_there_is_room_for(monkeypatch):
    monkeypatch.setattr(last, "ROOM", 1000)
    kept = last.Last(Bounds(last=100))
    for n in range(50):
        kept.take("m", [(f"{n}", bytes(300))], [Unscored(f"{n}", "no", 422)])
        assert kept.held <= 1000
    assert [row["n"] for row in kept.rows(-1, "")] == [47, 48, 49]
    kept.take("m", [("large", bytes(5000))], [Unscored("large", "no", 422)])
    assert (kept.held, kept.rows(-1, "")) == (0, [])
