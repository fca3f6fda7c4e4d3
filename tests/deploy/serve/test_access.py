"""Who may ask: tokens, guesses, other sites' pages, TLS and Unix sockets."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request

from psdl import PsdlError
from psdl.deploy.serve import access
from psdl.deploy.serve.access import Pages, Tokens
from psdl.deploy.serve.bounds import Refused
from psdl.deploy.serve.run import Where


def asked(token: str | None, client: str = "10.0.0.1", scheme: str = "Bearer") -> Request:
    headers = [] if token is None else [(b"authorization", f"{scheme} {token}".encode("latin-1"))]
    return Request({"type": "http", "headers": headers, "client": (client, 1)})


def status(tokens: Tokens, token: str | None, client: str = "10.0.0.1", scheme: str = "Bearer") -> int:
    try:
        tokens.check(asked(token, client, scheme))
    except Refused as error:
        return error.status
    return 200


@pytest.fixture
def file(tmp_path) -> Path:
    found = tmp_path / "tokens"
    found.write_bytes("\ufeff# of the line\n\nalpha\n  beta-123456  \n".encode())
    found.chmod(0o600)
    return found


def test_comments_and_marks_of_editors_are_no_tokens(file):
    tokens = Tokens(file)
    assert len(tokens) == 2
    assert [status(tokens, token) for token in ("alpha", "beta-123456")] == [200, 200]
    assert [
        status(tokens, token) for token in ("# of the line", "\xef\xbb\xbfalpha", "", None, "alph", "f\u00efrst")
    ] == [401] * 6
    assert status(tokens, "alpha", scheme="Basic") == 401


def test_a_file_that_others_can_write_is_refused(file):
    for mode in (0o620, 0o602, 0o666):
        file.chmod(mode)
        with pytest.raises(PsdlError, match="can be written by others"):
            Tokens(file)


@pytest.mark.parametrize("content", ["", "# nothing\n", "\n \n", "two words\n", "\u00fcmlaut\n"])
def test_a_file_without_tokens_is_refused(file, content):
    file.write_text(content)
    with pytest.raises(PsdlError, match="token"):
        Tokens(file)


def test_tokens_change_with_their_file_and_stay_when_it_is_bad(file):
    tokens = Tokens(file)
    assert status(tokens, "alpha") == 200
    file.write_text("gamma\n")
    tokens.read()
    assert (status(tokens, "gamma"), status(tokens, "alpha")) == (200, 401)
    file.write_text("")
    with pytest.raises(PsdlError, match="no token"):
        tokens.read()
    assert status(tokens, "gamma") == 200


def test_guesses_are_few_and_cost_those_nothing_who_know_a_token(file, monkeypatch):
    tokens = Tokens(file, guesses=5)
    assert status(tokens, "alpha", "10.0.0.2") == 200
    found = [status(tokens, f"guess{n}", client) for client in ("10.0.0.1", "10.0.0.2") for n in range(8)]
    assert found == ([401] * 5 + [429] * 3) * 2
    assert status(tokens, "alpha", "10.0.0.1") == 429  # else a guess would be told by its answer
    assert status(tokens, "alpha", "10.0.0.2") == 200  # known from there before
    assert status(tokens, "alpha", "10.0.0.3") == 200
    late = time.monotonic() + 61
    monkeypatch.setattr(access, "time", SimpleNamespace(monotonic=lambda: late))
    assert status(tokens, "alpha", "10.0.0.1") == 200


def test_neighbours_in_a_network_of_ipv6_guess_together(file):
    tokens = Tokens(file, guesses=5)
    assert [status(tokens, "x", f"2001:db8::{n}") for n in range(7)] == [401] * 5 + [429] * 2


def answers(hosts: Sequence[str] | None, asks: Sequence[Mapping[str, str]]) -> list[int]:
    """The statuses of a page behind the check, asked with these headers."""
    page = FastAPI()
    page.get("/")(lambda: "well")
    page.add_middleware(Pages, hosts=hosts)

    async def ask() -> list[int]:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(page), base_url="http://localhost:8100"
        ) as client:
            return [(await client.get("/", headers=headers)).status_code for headers in asks]

    return asyncio.run(ask())


def test_names_that_are_not_the_servers_are_refused():
    names = ["localhost", "localhost:8100", "127.0.0.1:9", "[::1]:8100", "LOCALHOST.", "line7"]
    assert answers(["localhost", "127.0.0.1", "::1", "line7"], [{"host": name} for name in names]) == [200] * 6
    others = [
        "evil.example",
        "localhost.evil.example:8100",
        "evil@localhost.example",
        "",
        "[::1",
        "127.0.0.1.nip.io",
    ]
    assert answers(["localhost", "127.0.0.1", "::1"], [{"host": name} for name in others]) == [421] * 6
    assert answers(None, [{"host": "anything"}]) == [200]


def test_pages_of_other_sites_are_refused_whatever_the_name():
    own = {"origin": "http://localhost:8100", "sec-fetch-site": "same-origin"}
    others = [
        {"origin": origin}
        for origin in ("https://evil.example", "null", "http://localhost", "https://localhost:8100")
    ]
    others += [{"sec-fetch-site": site} for site in ("cross-site", "same-site")]
    for hosts in (None, ["localhost"]):
        assert answers(hosts, [own, {"sec-fetch-site": "none"}]) == [200, 200]
        assert answers(hosts, others) == [403] * 6


def test_where_a_server_may_listen():
    Where().check(tokens=False)
    Where("::1").check(tokens=False)
    Where("0.0.0.0").check(tokens=True)
    assert Where("0.0.0.0").names([]) is None
    assert Where("0.0.0.0").names(["line7"]) == ("line7", *access.HERE)
    assert "127.0.0.1" in (Where().names([]) or ())
    for where in (Where("0.0.0.0"), Where("line7"), Where("")):
        with pytest.raises(PsdlError, match="--token-file"):
            where.check(tokens=False)
    with pytest.raises(PsdlError, match="belong together"):
        Where(certificate=Path("c.pem")).check(tokens=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    """A certificate of this machine's names, signed by itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    try:
        subprocess.run(
            [*made, "-addext", names, "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
            check=True,
            capture_output=True,
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("openssl is not here")
    return folder / "cert.pem", folder / "key.pem"


def test_certificates_that_do_not_serve_are_one_sentence(certificate, tmp_path):
    cert, key = certificate
    Where(certificate=cert, key=key).check(tokens=False)
    (tmp_path / "junk.pem").write_text("no certificate")
    for pair in ((key, cert), (tmp_path / "none.pem", key), (cert, tmp_path / "junk.pem")):
        with pytest.raises(PsdlError, match="give PEM files"):
            Where(certificate=pair[0], key=pair[1]).check(tokens=False)


def test_tls_answers_and_plain_words_do_not(start, model_file, certificate):
    cert, key = certificate
    server = start(model_file, "--certificate", cert, "--key", key)
    assert server.url.startswith("https://127.0.0.1:")
    known = ssl.create_default_context(cafile=str(cert))
    assert httpx.get(f"{server.url}/healthz", verify=known).json() == {"status": "alive"}
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/healthz")
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://127.0.0.1:{server.port}/healthz")


def test_a_unix_socket_answers_its_user_and_group_and_is_removed(start, model_file, tmp_path):
    path = tmp_path / "psdl.sock"
    server = start(model_file, "--socket", path)
    assert os.stat(path).st_mode & 0o007 == 0
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client:
        assert client.get("http://line7/healthz").json() == {"status": "alive"}
    with pytest.raises(PsdlError, match="is there already"):
        Where(unix=path).listen()
    assert server.end() == 0
    assert not path.exists()
    path.write_text("a file")
    with pytest.raises(PsdlError, match="is there already"):
        Where(unix=path).listen()
