"""A defect is marked by the mouse: a mask that the verbs read, and the place of what a person corrects."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from psdl.datasets.read import read
from psdl.input import masks
from tests import parts


def marked(project, name: str) -> np.ndarray:
    """The mask of an image by the project's table, as the verbs read it."""
    sample = next(one for one in read(project / "labels.csv").samples if one.name.endswith(name))
    assert sample.label == 1
    return masks.read(sample.mask, parts.SIZE, name)


def key_of(studio, name: str) -> str:
    return next(row[0] for row in studio.get("images") if row[1].endswith(name))


def png(alpha: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.dstack([np.full((*alpha.shape, 3), 99, np.uint8), alpha.astype(np.uint8)])).save(
        content, "PNG"
    )
    return content.getvalue()


def stroke(page, *places: tuple[float, float]) -> None:
    """Drags the mouse over the picture, through places in shares of its width and height."""
    box = page.locator(".fit canvas").bounding_box()
    for n, (x, y) in enumerate(places):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=8)
        if not n:
            page.mouse.down()
    page.mouse.up()


def test_a_defect_is_painted_erased_and_cleared(start, opened, project, tmp_path):
    """What is painted is a mask that `psdl evaluate` measures by; the picture's own file stays as it is."""
    studio = start(project)
    page = opened(studio, "pictures")
    page.get_by_role("button", name="known to be defective").click()
    page.locator(".cell", has_text="0.png").dblclick()
    page.get_by_role("button", name="Mark the defect…").click()
    page.locator(".fit canvas").wait_for()
    stroke(page, (0.25, 0.5), (0.75, 0.5))
    page.get_by_label("eraser").check()
    stroke(page, (0.7, 0.3), (0.7, 0.7))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name="Change the marked defect…")).to_be_visible()
    expect(page.locator("img.marked")).to_have_count(1)
    found, (height, width) = marked(project, "blot/0.png"), parts.SIZE
    assert found[height // 2, int(0.3 * width) : int(0.6 * width)].all()
    assert not found[height // 2, int(0.7 * width)]
    assert not found[: height // 4].any()
    done = parts.psdl("evaluate", project / "models/001.psdl", project / "labels.csv", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "pixel_auroc" in json.dumps(json.loads((tmp_path / "out/metrics.json").read_text()))
    page.get_by_role("button", name="Change the marked defect…").click()
    page.locator(".fit canvas").wait_for()
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("button", name="Mark the defect…")).to_be_visible()
    assert not list((project / "masks").iterdir())


def test_a_correction_tells_the_place(start, opened, project):
    """`This is defective, here`: a click; the place found can be taken; both stay with the correction."""
    studio = start(project)
    page = opened(studio, "check")
    page.get_by_role("button", name=re.compile("^OK")).click()
    page.locator(".cell").first.click()
    name = page.locator("dialog h2").inner_text()
    page.keyboard.press("m")
    page.locator(".fit canvas").wait_for()
    stroke(page, (0.5, 0.5))
    page.get_by_role("button", name="Save").click()
    expect(page.locator("dialog button.on").first).to_contain_text("This part is defective")
    expect(page.get_by_label("what you marked")).to_be_checked()
    found, (height, width) = marked(project, f"good/{name}"), parts.SIZE
    assert found[height // 2, width // 2]
    assert 0 < found.mean() < 0.02
    assert studio.get("state")["corrections"] == 1
    page.keyboard.press("d")  # taken back: it is good again, as the folder said
    expect(page.locator("dialog button.on")).to_have_count(0)
    assert next(row for row in studio.get("images") if row[1].endswith(f"good/{name}"))[3] == "good"
    page.keyboard.press("Escape")
    page.get_by_role("button", name=re.compile("^NG")).click()
    page.locator(".cell").first.click()
    name = page.locator("dialog h2").inner_text()
    page.get_by_role("button", name="Defective, here…").click()
    page.get_by_role("button", name="Take what was found").click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("what you marked")).to_be_visible()
    assert marked(project, f"blot/{name}").mean() > 0.01
    assert next(row for row in studio.get("images") if row[1].endswith(f"blot/{name}"))[3] == "blot"


def test_by_keys_alone(start, opened, project):
    studio = start(project)
    page = opened(studio, "check")
    page.locator(".cell").first.click()
    name = page.locator("dialog h2").inner_text()
    page.locator(".spot").first.wait_for()
    page.keyboard.press("m")
    page.locator(".stage.draw").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.get_by_role("button", name="Save").press("Enter")
    expect(page.locator(".verdict")).to_be_visible()
    assert marked(project, f"blot/{name}").any()


def test_a_part_learned_from_that_is_marked_is_no_longer_learned_from(start, project):
    studio = start(project)
    key = key_of(studio, "train/good/00.png")
    alpha = np.zeros((48, 64))
    alpha[10:20, 10:20] = 255
    assert studio.ask("PUT", f"api/images/{key}/mask", png(alpha)) == (200, {"marked": True})
    assert studio.get("state")["counts"] == {"learn": 13, "check": 7, "out": 0}
    assert np.array_equal(marked(project, "good/00.png"), np.kron(alpha > 0, np.ones((2, 2), bool)))
    status, shown = studio.ask("GET", f"api/images/{key}/mask")
    assert status == 200
    assert Image.open(io.BytesIO(shown)).size == (128, 96)
    studio.post("forget", {"keys": [key]})
    assert not list((project / "masks").iterdir())


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b"", 422, "cannot be read"),
        (b"no picture", 422, "cannot be read"),
        (png(np.ones((1, 3000))), 422, "at most 2048 pixels"),
        (png(np.full((40, 40), 255))[:60], 422, "cannot be read"),
        (b"\x89PNG" + bytes(17 * 2**20), 413, "larger than"),
    ],
    ids=["empty", "text", "wide", "cut", "long"],
)
def test_what_is_no_mask_is_refused(start, project, content, status, said):
    studio = start(project)
    key = key_of(studio, "blot/0.png")
    found, answer = studio.ask("PUT", f"api/images/{key}/mask", content)
    assert (found, said in answer["error"]) == (status, True)
    assert not (project / "masks").exists() or not list((project / "masks").iterdir())
    assert studio.ask("GET", f"api/images/{key}/mask")[0] == 422
