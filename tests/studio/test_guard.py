"""Another page in the same browser can neither read nor post; nothing leads out of what may be shown."""

from __future__ import annotations

import http.server
import threading
from urllib.parse import quote, urlsplit

import numpy as np
import pytest
from playwright.sync_api import expect

from tests import parts


@pytest.fixture(scope="module")
def hostile():
    """A server of another port of this machine, whose page tries what it can on the address after `#`."""
    page = b"""<!doctype html><title>waiting</title><body></body><script type="module">
    const url = location.hash.slice(1), found = [];
    const tried = async (name, work) => {
      try { found.push(`${name}: ${await work()}`); } catch { found.push(`${name}: refused`); }
    };
    const loaded = (one, address) => new Promise((good, bad) => {
      one.onload = one.onopen = () => good("open");
      one.onerror = bad;
      if (address) one.src = address;
    });
    const blind = { method: "POST", mode: "no-cors", body: "{}" };
    await tried("read", async () => (await fetch(`${url}api/state`)).status);
    await tried("post", async () => (await fetch(`${url}api/jobs/learn`, blind)).type);
    const watch = { ...blind, body: JSON.stringify({ kind: "camera", where: "http://127.0.0.1:1/" }) };
    await tried("watch", async () => (await fetch(`${url}api/line`, watch)).type);
    const put = { method: "PUT", body: "x" };
    await tried("put", async () => (await fetch(`${url}api/drops/d?name=x.png`, put)).status);
    await tried("events", () => loaded(new EventSource(`${url}api/events`)));
    await tried("picture", () => loaded(new Image(), `${url}page/icon.svg`));
    document.title = found.join("; ");
    </script>"""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_a_page_of_another_port_gets_nothing(start, browser, project, hostile):
    studio = start(project)
    before = len(studio.get("state")["jobs"])
    page = browser.new_page()
    page.goto(f"{hostile}#{studio.url}")
    page.wait_for_timeout(500)
    for _ in range(100):
        if page.title() != "waiting":
            break
        page.wait_for_timeout(100)
    said = dict(one.split(": ", 1) for one in page.title().split("; "))
    assert said["read"] == "refused"
    assert said["events"] == "refused"
    assert said["picture"] == "refused"
    assert said["put"] == "refused"
    assert said["post"] in ("refused", "opaque")
    assert said["watch"] in ("refused", "opaque")
    assert studio.get("state")["line"]["on"] is False
    assert not list((project / "images").rglob("x.png"))
    assert len(studio.get("state")["jobs"]) == before
    page.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:80"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({}, 200),
    ],
    ids=str,
)
def test_each_request_must_come_from_the_own_page(guarded, headers, status):
    assert guarded.ask("GET", "api/state", headers=headers)[0] == status
    assert guarded.ask("POST", "api/forget", {"keys": []}, headers=headers)[0] == status
    if status != 200:
        assert guarded.ask("GET", "api/events", headers=headers)[0] == status


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A studio that may show one folder only."""
    from tests.studio.conftest import started

    root = tmp_path_factory.mktemp("guarded")
    rng = np.random.default_rng(1)
    parts.save(parts.good(rng), root / "allowed/a.png")
    parts.save(parts.good(rng), root / "secret/b.png")
    (root / "allowed/way").symlink_to(root / "secret")
    studio = started(root / "project", root / "log", "--allow", root / "allowed")
    yield studio
    assert studio.end() == 0
    assert "Traceback" not in (root / "log").read_text()


def test_folders_outside_are_neither_listed_nor_added(guarded):
    root = guarded.folder.parent
    assert guarded.get("browse")["path"] == str(root / "allowed")
    for path in (root, root / "secret", root / "allowed/../secret", root / "allowed/way", "/", "/etc"):
        status, said = guarded.ask("GET", f"api/browse?path={quote(str(path))}")
        assert (status, "outside" in said["error"]) == (422, True), path
        status, said = guarded.ask("POST", "api/folders", {"path": str(path)})
        assert (status, "outside" in said["error"]) == (422, True), path


def test_a_table_in_an_allowed_folder_leads_nowhere_else(guarded):
    root = guarded.folder.parent
    tables = root / "allowed/tables"
    tables.mkdir()
    (tables / "split.csv").write_text(f"path,mask,label,split,group\n{root}/secret/b.png,,good,train,\n")
    status, said = guarded.ask("POST", "api/folders", {"path": str(tables)})
    assert status == 422
    assert "outside" in said["error"]
    assert guarded.get("images") == []


@pytest.mark.parametrize(
    "name", ["../x.png", "/etc/x.png", "a/../../x.png", ".hidden.png", "x.exe", "a\\..\\x.png", ""]
)
def test_dropped_names_stay_inside_the_project(guarded, name):
    status, said = guarded.ask("PUT", f"api/drops/d?name={quote(name)}", b"data")
    assert status == 422, said
    assert not list(guarded.folder.rglob("x.*"))


def test_dropped_files_are_bounded(guarded):
    """A body that says it is larger is refused before it is read; one that lies is cut off."""
    import socket

    where = urlsplit(guarded.url)
    with socket.create_connection((where.hostname, where.port)) as line:
        head = ("PUT /api/drops/d?name=big.png HTTP/1.1", f"Host: {where.netloc}", "Content-Length: 9999999999")
        line.sendall("\r\n".join((*head, "", "")).encode())
        assert b" 413 " in line.recv(1000)
    assert not list(guarded.folder.rglob("*big.png*"))


@pytest.mark.parametrize(
    "path",
    [
        "pictures/001/pictures/..%2f..%2fproject.json",
        "images/0000000000000000/small",
        "models/..",
        "files/001/model",
    ],
)
def test_what_is_not_there_is_said(guarded, path):
    status, said = guarded.ask("GET", f"api/{path}")
    assert status in (404, 422)
    assert b"roi" not in (said if isinstance(said, bytes) else repr(said).encode())


def test_tokens_are_asked_for(start, tmp_path, browser):
    tokens = tmp_path / "tokens"
    tokens.write_text("open-sesame\n")
    tokens.chmod(0o600)
    studio = start(None, "--token-file", tokens)
    assert studio.ask("GET", "api/state")[0] == 401
    assert studio.ask("GET", "api/state", headers={"Authorization": "Bearer wrong"})[0] == 401
    assert studio.ask("GET", "api/state", headers={"Authorization": "Bearer open-sesame"})[0] == 200
    assert studio.ask("POST", "api/login", {"token": "wrong"})[0] == 401
    page = browser.new_page()
    page.goto(studio.url)
    page.get_by_label("Token").fill("open-sesame")
    page.get_by_role("button", name="Enter").click()
    expect(page.locator("h1")).to_contain_text("Find what is wrong")
    page.reload()
    expect(page.locator("h1")).to_contain_text("Find what is wrong")
    assert "open-sesame" not in page.evaluate("document.cookie")
    page.close()


def test_other_machines_need_a_token(tmp_path):
    done = parts.psdl("studio", tmp_path / "p", "--host", "0.0.0.0", "--port", "0", "--no-browser")
    parts.refused(done, "--token-file")
    assert not (tmp_path / "p/labels.csv").exists()


def test_one_server_a_project(start, project):
    start(project)
    parts.refused(parts.psdl("studio", project, "--port", "0", "--no-browser"), "another psdl studio")
