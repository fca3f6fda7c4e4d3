"""What people do in the studio, in a real browser, with real images, from an empty folder on."""

from __future__ import annotations

import csv
import re

import numpy as np
from playwright.sync_api import expect

from psdl import Detector
from psdl.datasets.read import read
from tests import parts


def test_from_an_empty_folder_to_a_defect_that_is_seen(start, opened, pictures):
    """Stories 1, 3 and 4: a folder is chosen, one button learns, the defects are NG and explained."""
    studio = start()
    page = opened(studio)
    expect(page.locator("h1")).to_contain_text("Find what is wrong")
    page.get_by_role("button", name="Open a folder…").click()
    page.get_by_label("Folder", exact=True).fill(str(pictures))
    page.get_by_role("button", name="Go").click()
    page.get_by_role("button", name="▸ train").wait_for()
    page.get_by_role("button", name="Use this folder").click()
    expect(page.locator(".lead")).to_have_text("14 pictures of good parts to learn from, 6 to be checked.")
    page.get_by_role("button", name="Next: learn").click()
    page.get_by_text("More settings").click()
    page.get_by_label("Method").select_option("fast")
    page.get_by_role("button", name="Learn", exact=True).click()
    page.get_by_role("button", name="Next: see the 6 checked parts").click()
    expect(page.locator(".lead")).to_contain_text("3 parts of 6 to reject")
    expect(page.locator(".cell .badge.NG")).to_have_count(3)
    assert page.locator(".cell").first.locator(".truth").inner_text() == "blot"
    page.locator(".cell").first.click()
    dialog = page.locator("dialog")
    expect(dialog.locator(".verdict")).to_contain_text("unlike the good parts")
    expect(dialog.locator(".spot").first).to_contain_text("Strangest place")
    expect(dialog.locator(".pair img")).to_have_count(2)
    expect(dialog.locator(".layers path")).to_have_count(1)
    page.keyboard.press("o")
    expect(dialog.locator(".layers path")).to_have_count(0)
    before = dialog.locator("h2").inner_text()
    page.keyboard.press("ArrowRight")
    expect(dialog.locator("h2")).not_to_have_text(before)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert Detector.load(studio.folder / "models/001.psdl").model.categories == ("project",)


def test_a_folder_that_was_asked_for_first_and_comes_last_is_not_taken(start, opened, pictures):
    """The chooser's first folder may take longer to be listed than the one that is typed meanwhile."""
    page = opened(start())

    def slowly(route):
        if route.request.url.endswith("path="):
            page.wait_for_timeout(1500)
        route.continue_()

    page.route("**/browse?path=*", slowly)
    page.get_by_role("button", name="Open a folder…").click()
    page.get_by_label("Folder", exact=True).fill(str(pictures))
    expect(page.get_by_role("button", name="Use this folder")).to_be_disabled()
    page.get_by_role("button", name="Go").click()
    page.get_by_role("button", name="▸ train").wait_for()
    page.wait_for_timeout(2000)
    expect(page.get_by_label("Folder", exact=True)).to_have_value(str(pictures))
    expect(page.get_by_role("button", name="▸ train")).to_be_visible()


def test_the_table_of_labels_is_one_that_the_verbs_read(project, tmp_path):
    found = read(project / "labels.csv")
    assert found.layout == "manifest"
    assert sum(s.split == "train" and s.label == 0 for s in found.samples) == 14
    assert sum(s.split == "test" and s.label == 1 for s in found.samples) == 3
    done = parts.psdl("fit", project / "labels.csv", "--model", tmp_path / "m.psdl", "--recipe", "fast")
    assert "14 good to learn from" in done.stdout, done.stderr


def test_images_are_marked_by_key_many_at_once(start, opened, project):
    """Story 2: arrows and space select, x leaves out, g takes back; two windows see the same."""
    studio = start(project)
    page, other = opened(studio, "pictures"), opened(studio, "pictures")
    page.get_by_role("button", name=re.compile("good, to learn from")).click()
    grid = page.get_by_role("listbox", name="pictures")
    grid.focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(page.locator(".actions b")).to_have_text("2 selected")
    page.keyboard.press("x")
    expect(page.locator(".lead")).to_contain_text("12 pictures of good parts")
    expect(other.locator(".lead")).to_contain_text("12 pictures of good parts")
    with (project / "labels.csv").open(newline="") as table:
        assert [row["use"] for row in csv.DictReader(table)].count("out") == 2
    page.get_by_role("button", name=re.compile("left out")).click()
    grid.focus()
    page.keyboard.press("Control+a")
    page.keyboard.press("g")
    expect(page.locator(".lead")).to_contain_text("14 pictures of good parts")


def test_dropped_files_are_kept_and_judged(start, opened, project):
    """Story 4: new images dropped onto the page get verdicts; a damaged one a sentence, and the others go on."""
    studio = start(project)
    rng = np.random.default_rng(8)
    bad = parts.save(parts.defective(rng)[0], project.parent / "new/bad one.png")
    broken = project.parent / "new/broken.png"
    broken.write_bytes(bad.read_bytes()[:500])
    page = opened(studio, "check")
    expect(page.locator(".lead")).to_contain_text("of 6")
    page.get_by_role("button", name="Add new parts…").click()
    page.locator("input[type=file]").first.set_input_files([bad, broken])
    page.get_by_role("button", name="close").click()
    expect(page.get_by_role("button", name=re.compile("^cannot be read"))).to_contain_text("1")
    expect(page.get_by_role("button", name=re.compile("^NG"))).to_contain_text("4")
    kept = list((project / "images").rglob("*.png"))
    assert sorted(path.name for path in kept) == ["bad one.png", "broken.png"]


def test_the_limit_is_tried_and_applied_and_rolled_back(start, opened, project):
    """Stories 4 and 6: the slider says what it would do; applied it is a version with who and why; the one before
    can be used again."""
    studio = start(project)
    page = opened(studio, "check")
    page.locator(".limit summary").click()
    said = page.locator(".what-if")
    expect(said).to_contain_text("finds 3 of 3 defective parts")
    slider = page.locator(".slider")
    slider.fill(slider.get_attribute("max"))
    expect(page.get_by_role("button", name="Apply this limit")).to_be_visible()
    slider.fill(slider.get_attribute("min"))
    expect(said).to_contain_text("rejects 3 of 3 good ones")
    page.get_by_label(re.compile("^Why")).fill("too strict on purpose")
    page.get_by_role("button", name="Apply this limit").click()
    expect(page.locator(".lead")).to_contain_text("6 parts of 6 to reject")
    studio.idle()
    history = Detector.load(project / "models/002.psdl").model.history
    assert history[-1]["what"] == "threshold set by hand"
    assert "too strict on purpose" in history[-1]["by"]
    page.get_by_role("button", name="Models").click()
    expect(page.locator(".version").first).to_contain_text("too strict on purpose")
    page.get_by_role("button", name="Use this one").click()
    page.get_by_role("button", name=re.compile("3 Check")).click()
    expect(page.locator(".lead")).to_contain_text("3 parts of 6 to reject")


def test_a_correction_says_what_it_changes_before_it_is_applied(start, opened, project):
    """Story 5: a good part that was NG raises the limit, after a look at what that does."""
    studio = start(project)
    page = opened(studio, "check")
    page.locator(".cell").first.click()
    page.keyboard.press("g")
    expect(page.locator("dialog button.on")).to_contain_text("This part is good")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="See what they would change").click()
    panel = page.locator(".corrections")
    expect(panel).to_contain_text("would be rejected")
    assert studio.get("state")["model"] == "001"
    page.get_by_role("button", name="Use the corrected model").click()
    state = studio.until(lambda state: state["model"] == "002")
    assert state["models"][1]["threshold"] > state["models"][0]["threshold"]
    assert state["models"][1]["what"] == "corrected"


def test_the_region_of_interest_is_drawn_and_learned_by(start, opened, project):
    """Story 2: a rectangle and a polygon by the mouse; the next model looks there alone."""
    studio = start(project)
    page = opened(studio, "pictures")
    page.get_by_role("button", name="Where to look…").click()
    canvas = page.locator(".fit svg")
    canvas.wait_for()
    box = canvas.bounding_box()

    def at(x: float, y: float) -> tuple[float, float]:
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    page.mouse.move(*at(0.1, 0.1))
    page.mouse.down()
    page.mouse.move(*at(0.6, 0.9), steps=4)
    page.mouse.up()
    page.get_by_label(re.compile("a polygon")).check()
    for corner in ((0.7, 0.2), (0.9, 0.2), (0.8, 0.8), (0.7, 0.2)):
        page.mouse.click(*at(*corner))
    expect(page.locator("polygon")).to_have_count(2)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("dialog")).to_have_count(0)
    rectangle, polygon = studio.get("state")["roi"]
    assert np.allclose(rectangle[0], (0.1 * 128, 0.1 * 96), atol=2)
    assert len(polygon) == 3
    studio.post("jobs/learn")
    studio.idle()
    inside = Detector.load(project / "models/002.psdl").model.frame.roi
    assert 0.3 < inside.mean() < 0.7


def test_models_are_exported_tested_compared_and_reported(start, opened, project):
    """Stories 6 and 8."""
    studio = start(project)
    version = studio.post("jobs/learn")["job"]
    studio.until(lambda state: next(job for job in state["jobs"] if job["id"] == version)["state"] == "done")
    page = opened(studio, "models")
    newest = page.locator(".version").first
    newest.get_by_role("button", name="Export ONNX").click()
    newest.get_by_role("link", name="ONNX file").wait_for()
    newest.get_by_role("button", name="Self-test").click()
    expect(newest).to_contain_text("It judges here as where it was made.")
    newest.get_by_role("button", name="Make a report").click()
    link = newest.get_by_role("link", name="Open the report")
    link.wait_for()
    status, report = studio.ask("GET", link.get_attribute("href").lstrip("/"))
    assert status == 200
    assert b"Inspection report" in report
    page.locator("select").select_option("001")
    expect(page.locator(".compare")).to_contain_text("6 parts judged by both")
    expect(page.get_by_text("Both say the same of every part.")).to_be_visible()
