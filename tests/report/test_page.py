"""The report in a real browser: what people do with it works, nothing is loaded, no name becomes markup."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from psdl import Detector
from psdl.report import page as report
from psdl.types import Sample
from tests import parts
from tests.browser import watched

FAST = ("--recipe", "fast")
NASTY = (
    "<script>document.title='hacked'</script>.png",
    "\"><img src=x onerror=document.title='hacked'>.png",
    "'; alert(1); '&amp;</script>.png",
    "two\nlines\t.png",
    "\u202e\u05e9\u05dc\u05d5\u05dd evil\u202c.png",
    "$\\frac{1}{0}$ {{ 7 * 7 }} {% raw %}.png",
    "n" * 296 + ".png",
)


@pytest.fixture
def opened(browser):
    """Opens a page file; the test fails on any console error and on any request but the file's own."""
    problems = []

    def open_page(file: Path, width: int = 1280):
        page = browser.new_page(viewport={"width": width, "height": 900})
        watched(page, lambda url: url.startswith("data:") or url == file.as_uri(), problems)
        page.goto(file.as_uri())
        return page

    yield open_page
    for context in browser.contexts:
        context.close()
    assert problems == []


@pytest.fixture(scope="module")
def measured(mvtec, tmp_path_factory) -> Path:
    """The report of `run` on the tiny set, one model for each category."""
    out = tmp_path_factory.mktemp("report")
    done = parts.psdl(
        "run", mvtec, "--out", out, "--each", *FAST, "--false-reject", "0.1", "--images", "0", "--quiet"
    )
    assert done.returncode == 0, done.stderr
    return out / "report.html"


def shown(page) -> list[str]:
    """Names of the cards, in order."""
    return page.locator("#gallery .card > .name[title]").evaluate_all("cards => cards.map(card => card.title)")


def test_the_page_says_what_to_reject(opened, measured):
    page = opened(measured)
    rows = [json.loads(line) for line in (measured.parent / "images.jsonl").read_text().splitlines()]
    bad = [row["path"] for row in rows if row["verdict"] == "NG"]
    refused = sum(row["verdict"] == "NG" and row["label"] == 0 for row in rows)
    said = f"0 of 8 defective passed as OK, {refused} of 8 good were rejected."
    assert said in page.locator(".lead").inner_text()
    assert said in measured.read_text()  # without its program the page says the same
    assert "bad" not in page.locator("#lead").get_attribute("class").split()
    assert "at most" in page.locator(".promise").first.inner_text()
    assert set(shown(page)[: len(bad)]) == set(bad)
    assert page.locator(".card.is-NG").count() == len(bad)
    assert page.locator("#acceptance tbody tr th").first.inner_text() == "good"
    assert "0 missed" in page.locator("#acceptance-title ~ .wide").inner_text()
    assert "show one item" not in page.locator("#acceptance").inner_text()
    assert page.locator(".histogram:visible .broad svg").is_visible()
    assert page.locator(".curves svg").count() == 2


def test_the_slider_shows_at_once_what_it_would_do(opened, measured):
    page = opened(measured)
    before = page.locator("#what-if").inner_text()
    slider = page.locator(".slider:visible")
    slider.focus()
    slider.fill(slider.get_attribute("max"))
    after = page.locator("#what-if").inner_text()
    assert before != after
    left = re.search(r"4 defective: \d OK, \d REVIEW, ([01]) NG", after)  # one may lie far beyond the axis
    assert left
    assert "psdl calibrate" in after
    assert "bolt.psdl --threshold" in after
    expect(page.locator("#tally-NG")).to_have_text(str(4 + int(left[1])))
    passed = int(re.search(r"4 defective: (\d) OK", after)[1])
    expect(page.locator("#lead")).to_contain_text(f"{passed} of 8 defective passed as OK")
    other = 4  # the other model's images, which stay as they were
    expect(page.locator(".card.is-NG")).to_have_count(other + int(left[1]))
    page.locator("#threshold-number").fill("1000000")
    page.locator("#threshold-number").press("Tab")
    assert re.search(r"4 defective: \d OK, \d REVIEW, 0 NG", page.locator("#what-if").inner_text())
    page.locator("#reset").click()
    assert page.locator("#what-if").inner_text() == before
    page.locator("#threshold-number").fill("-99")
    page.locator("#threshold-number").press("Tab")
    assert "4 good: 0 OK, 0 REVIEW, 4 NG (100\u00a0%)" in page.locator("#what-if").inner_text()
    page.locator("#model").select_option("1")
    assert "4 defective: 0 OK, 0 REVIEW, 4 NG" in page.locator("#what-if").inner_text()


def test_filters_search_and_sort(opened, measured):
    page = opened(measured)
    page.locator("#query").fill("NUT/test/blot")
    assert page.locator("#count").inner_text() == "4 of 16 images"
    page.locator("#query").fill("")
    page.locator("#truth").select_option("good")
    page.locator("#category").select_option("bolt")
    assert all(name.startswith("bolt/test/good") for name in shown(page))
    page.locator("#sort").select_option("name")
    assert shown(page) == sorted(shown(page))
    page.locator("#truth").select_option("")
    page.locator("input[value=OK]").uncheck()
    rows = [json.loads(line) for line in (measured.parent / "images.jsonl").read_text().splitlines()]
    odd = [row["path"] for row in rows if row["verdict"] != "OK" and row["category"] == "bolt"]
    assert sorted(shown(page)) == sorted(odd)
    page.locator("input[value=table]").check()
    assert page.locator("#table tbody tr").count() == len(odd)
    page.locator("#table thead button", has_text="score").click()
    scores = [float(text) for text in page.locator("#table tbody td.number:nth-child(5)").all_text_contents()]
    scores = scores or [float(row.split("\t")[4]) for row in page.locator("#table tbody tr").all_inner_texts()]
    assert scores in (sorted(scores), sorted(scores, reverse=True))
    page.locator("input[value=NG]").uncheck()
    page.locator("input[value=REVIEW]").uncheck()
    assert page.locator("#count").inner_text() == "0 of 16 images"


def test_the_gallery_goes_by_keyboard(opened, measured):
    page = opened(measured)
    names = shown(page)
    page.locator("#gallery button").first.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("#dialog")
    assert dialog.is_visible()
    assert dialog.locator("h2 bdi").first.inner_text() == names[0]
    assert dialog.locator("#panels figure").count() == 2
    assert "Region 1" in dialog.inner_text()
    assert "deviations above good images" not in dialog.inner_text()  # until the numbers are asked for
    dialog.locator("summary").first.click()
    assert "deviations above good images" in dialog.inner_text()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert dialog.locator("h2 bdi").first.inner_text() == names[1]
    page.keyboard.press("h")
    assert not page.locator("#panels .over img.heat").first.is_visible()
    page.keyboard.press("h")
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    page.locator("[data-open]").first.click()
    assert dialog.is_visible()


def test_pictures_show_the_defect_where_it_is(opened, measured, mvtec):
    """The outline drawn in the page lies on the planted blot."""
    page = opened(measured)
    page.locator("#query").fill("bolt/test/blot/000")
    box = page.locator("#gallery svg path").evaluate(
        "path => { const b = path.getBBox(); return [b.x, b.y, b.width, b.height]; }"
    )
    mask = parts.opened(mvtec / "bolt/ground_truth/blot/000.png") > 0
    y, x = np.nonzero(mask)
    middle = box[0] + box[2] / 2, box[1] + box[3] / 2
    assert abs(middle[0] - x.mean()) < 12
    assert abs(middle[1] - y.mean()) < 12


def test_a_phone_shows_it_without_scrolling_sideways(opened, measured):
    page = opened(measured, width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".histogram:visible .narrow svg").is_visible()
    page.locator("#gallery button").first.click()
    assert page.locator("#dialog").bounding_box()["width"] <= 390


def test_names_and_labels_stay_text(opened, model_file, tmp_path):
    rng = np.random.default_rng(0)
    detector = Detector.load(model_file)
    judged = []
    for n, name in enumerate(NASTY):
        path = parts.save(parts.defective(rng)[0], tmp_path / f"{n}.png")
        sample = Sample(str(path), name, NASTY[0], "test", 1, NASTY[n - 2], part=NASTY[n % 2])
        judged.append((sample, detector.score(path)))
    for n in range(3):
        path = parts.save(parts.good(rng), tmp_path / f"good {n}.png")
        judged.append((Sample(str(path), f"good {n}", NASTY[n], "test", 0, "good"), detector.score(path)))
    file = tmp_path / "report.html"
    list(report.write(judged, file, report.About(lambda _: Path(NASTY[0]))))
    page = opened(file)
    assert page.title() == "Inspection report"
    assert "by item (several pictures here show one" in page.locator("#acceptance").inner_text()
    assert sorted(shown(page)) == sorted([*NASTY, "good 0", "good 1", "good 2"])
    page.locator("#gallery button").first.click()
    page.keyboard.press("Escape")
    page.locator("input[value=table]").check()
    assert page.locator("img[src=x]").count() == 0
    assert page.locator("body script").count() == 3
    assert page.title() == "Inspection report"
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_ticked_suspects_become_the_list_to_leave_out(opened, mvtec, tmp_path):
    page = opened(_suspects(mvtec, tmp_path))
    names = shown(page)
    assert len(names) == 12
    page.locator(".card input[type=checkbox]").nth(0).check()
    page.locator(".card input[type=checkbox]").nth(2).check()
    listed = page.locator("#drop").input_value().splitlines()
    assert sorted(listed) == sorted([names[0], names[2]])
    page.locator(".card input[type=checkbox]").nth(0).uncheck()
    (tmp_path / "drop.txt").write_text(page.locator("#drop").input_value())
    done = parts.psdl(
        "fit", mvtec, "--category", "nut", "--model", tmp_path / "m", *FAST, "--drop", tmp_path / "drop.txt"
    )
    assert "11 good to learn from" in done.stdout, done.stderr


def _suspects(mvtec: Path, folder: Path) -> Path:
    file = folder / "suspects.html"
    done = parts.psdl("fit", mvtec, "--category", "nut", "--model", folder / "m", *FAST, "--suspects", file)
    assert done.returncode == 0, done.stderr
    return file


@pytest.mark.slow
def test_five_hundred_images_stay_below_15_mb(model_file, mvtec, tmp_path):
    """Real files of 1000 x 750 pixels, with texture and colour that compress badly."""
    rng = np.random.default_rng(1)
    detector = Detector.load(model_file)
    pixels = [parts.defective(rng, (750, 1000))[0] for _ in range(5)]
    paths = [parts.save(p, tmp_path / f"{n}.png") for n, p in enumerate(pixels)]
    results = detector.score(paths)
    judged = [(Sample(str(paths[n % 5]), f"{n}.png", "bolt"), results[n % 5]) for n in range(500)]
    file = tmp_path / "report.html"
    assert sum(1 for _ in report.write(judged, file, report.About(lambda _: model_file))) == 500
    assert 1e6 < file.stat().st_size < 15e6
