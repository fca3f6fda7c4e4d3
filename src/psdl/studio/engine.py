"""The library calls of each kind of job: learn, judge, correct, export, report. Runs in the worker process."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np

from psdl.api import Detector
from psdl.calibrate.guarantee import promise
from psdl.calibrate.thresholds import weights
from psdl.datasets import check, survey
from psdl.errors import PsdlError
from psdl.features.extractor import FeatureExtractor
from psdl.jobs import runner
from psdl.jobs.context import RunContext
from psdl.model import recipes
from psdl.model.card import card
from psdl.model.words import described
from psdl.report import tables, thumbs
from psdl.studio import results
from psdl.studio.labels import Image, key_of
from psdl.studio.project import Project, Values
from psdl.training import checkpoint, memory
from psdl.training.options import FitOptions
from psdl.types import InputRule, Progress, Sample

ROOM = 60_000  # bytes of one image's small pictures
RATE = 0.01  # share of good parts that may be rejected, where enough of them are known
FEWEST = 2.001  # good items that an automatic threshold rejects at least, so that no single one sets it
Say = Callable[[str], None]


def look(project: Project, progress: Progress, say: Say) -> Values:
    """Checks every image: which cannot be read, which are there twice, which pictures show one item."""
    samples = [image.sample(project.category) for image in project.images if image.use != "out"]
    named = [replace(sample, name=key_of(sample.path)) for sample in samples]
    found = survey.survey(named, runner(None), progress).values()
    broken: dict[str, str] = {}
    for sentence in found["unreadable"]:
        broken |= {key_of(s.path): sentence for s in samples if s.path in sentence}
    sizes: dict[str, int] = {}
    for category in found["categories"]:
        for size, count in category["sizes"].items():
            sizes[size] = sizes.get(size, 0) + count
    kept = ("identical", "pairs", "learned", "items", "tested", "leaks", "leaking")
    return {"unreadable": broken, "sizes": sizes, "images": len(samples), **{name: found[name] for name in kept}}


def learn(project: Project, version: str, by: str, progress: Progress, say: Say) -> Values:
    """Learns a version from the good images and writes its file; a run that was broken off is continued."""
    good = [image.sample(project.category) for image in project.used("learn")]
    settings, file = project.settings, project.model_file(version)
    kept = checkpoint.folder_of(file)
    run = RunContext(progress=progress, log=_saying(say), checkpoint=kept)
    detector = Detector(options=_options(project)).fit(good, run)
    if settings["false_reject"] is None:
        _rated(detector)
    detector.save(file)
    strange = _strangest(project, version, detector)
    facts = {"what": "learned", "base": version, "by": by, "strangest": strange, "settings": settings}
    values = _described(project, version, detector, facts)
    checkpoint.finished(kept)
    return values


def _options(project: Project) -> FitOptions:
    """Returns the options of learning that follow from a project's settings; unusable images are skipped."""
    settings = project.settings
    return FitOptions(
        recipe=settings["recipe"],
        false_reject=settings["false_reject"] or RATE,
        size=settings["size"],
        roi=project.roi_file,
        on_error="skip",
    )


class _Said(logging.Handler):
    """A log handler that calls a function with each message."""

    def __init__(self, say: Say) -> None:
        super().__init__()
        self.say = say

    def emit(self, record: logging.LogRecord) -> None:
        self.say(record.getMessage())


def _saying(say: Say) -> logging.Logger:
    log = logging.Logger("psdl.studio", logging.INFO)
    log.addHandler(_Said(say))
    return log


def _rated(detector: Detector) -> None:
    """Sets the rate that suits the number of good items: RATE or, if items are few, a rate so high that the most
    anomalous item alone, which may be a bad one, does not set the threshold."""
    alarm = min(0.25, FEWEST / (detector.model.calibration.groups + 1))
    if alarm > RATE:
        detector.edit(
            false_reject=alarm, review=max(5 * RATE, 2.5 * alarm), by="studio, as few good parts ask for"
        )


def _strangest(project: Project, version: str, detector: Detector) -> list[Values]:
    """Returns the good images with the highest held-out scores, the highest first, with pictures."""
    where = results.folder(project.root, version) / "strangest"

    def drawn(pair: tuple[Any, Any]) -> Values:
        sample, result = pair
        key = key_of(str(sample.path))
        kept = results.keep(where, key, thumbs.thumb(sample, result, ROOM))
        return {"key": key, "name": sample.name, "score": result.score, **kept}

    return list(runner(None)(drawn, detector.strangest))


def _described(project: Project, version: str, detector: Detector, facts: Values) -> Values:
    """Writes and returns what the page shows of a version."""
    model, known = detector.model, detector.model.calibration
    values = {
        "version": version,
        "on": datetime.now(UTC).isoformat(timespec="seconds"),
        "recipe": model.recipe.name,
        "learned": len(model.learned),
        "promise": promise(known),
        "threshold": known.threshold,
        "review_threshold": known.review_threshold,
        "rates": asdict(known.rates),
        "scores": known.scores.tolist(),
        "weights": weights(known.items).tolist(),
        "items": known.groups,
        "history": list(model.history),
        "card": described(card(model)),
        "strangest": [],
        **facts,
    }
    project.describe(version, values)
    return values


def judge(project: Project, version: str, progress: Progress, say: Say) -> Values:
    """Judges the images to check that this version has not judged yet. An image that cannot be read gets an
    error."""
    where = results.folder(project.root, version)
    todo = results.missing(where, project.used("check"))
    if not todo:
        return {"judged": 0}
    detector = Detector.load(project.model_file(version))
    writer = results.Writer(where)
    try:
        for image, (row, pictures) in zip(
            todo, runner(None)(partial(_judged, project, detector), todo), strict=True
        ):
            writer.add(image, row, pictures)
            progress("scores", 1, len(todo))
    finally:
        writer.close()
    return {"judged": len(todo)}


def _judged(project: Project, detector: Detector, image: Image) -> tuple[Values, Values | None]:
    """Returns the row of one image and its pictures; for an image that cannot be read, a row with the error."""
    sample = image.sample(project.category)
    try:
        result = detector.score(sample.path, threads=1)
        return tables.row(sample, result), thumbs.thumb(sample, result, ROOM)
    except PsdlError as error:
        return {"path": sample.name, "error": str(error)}, None


def edit(project: Project, version: str, base: str, by: str, why: str, values: Values) -> Values:
    """Writes a version with other rates, or a threshold set by hand, on the base of what `base` learned."""
    detector = Detector.load(project.model_file(base))
    detector.edit(false_reject=values.get("false_reject"), threshold=values.get("threshold"), by=_signed(by, why))
    detector.save(project.model_file(version))
    old = project.model(base)
    what = "threshold set" if values.get("threshold") is not None else "false-reject rate set"
    facts = {"what": what, "base": old["base"], "from": base, "by": by, "why": why, "settings": old["settings"]}
    facts |= {"corrections": old.get("corrections"), "strangest": old["strangest"]}
    return _described(project, version, detector, facts)


def correct(project: Project, version: str, base: str, by: str, progress: Progress, say: Say) -> Values:
    """Writes a version with people's corrections, judges the images by it, and returns its description."""
    from psdl.workflows.feedback import Correction, corrected

    said = [image for image in project.used("check") if image.said and image.label]
    if not said:
        raise PsdlError("nothing was corrected yet: say of a part that it is good, or that it is defective")
    corrections = [Correction(image.path, bool(image.good)) for image in said]
    found = corrected(Detector.load(project.model_file(base)), corrections, by, force=True)
    found.detector.save(project.model_file(version))
    old = project.model(base)
    facts: Values = {"what": "corrected", "base": version, "from": base, "by": by, "said": found.said}
    facts |= {"corrections": len(said), "settings": old["settings"]}
    values = _described(project, version, found.detector, facts)
    judge(project, version, progress, say)
    return values


def export(project: Project, version: str) -> Values:
    """Writes a version as one ONNX graph."""
    from psdl.export.export import write
    from psdl.model import file

    out = project.root / "exports"
    out.mkdir(exist_ok=True)
    write(file.read(project.model_file(version)), out / f"{version}.onnx")
    return {"file": f"{version}.onnx"}


def selftest(project: Project, version: str) -> Values:
    """Returns whether a version judges here as where it was made, and the largest deviation in tolerances."""
    worst = max(max(pair) for pair in Detector.load(project.model_file(version)).selftest())
    return {"passed": worst <= 1, "worst": float(worst)}


def report(project: Project, version: str, progress: Progress, say: Say) -> Values:
    """Writes the report on the images to check, one self-contained file as `psdl predict` writes it."""
    import time

    from psdl.report import page
    from psdl.workflows import resume

    out = results.folder(project.root, version)
    detector = Detector.load(project.model_file(version))
    chosen = [image.sample(project.category) for image in project.used("check")]
    usable = check.usable(chosen, detector.recipe.input, runner(None), lambda n: progress("files", n, len(chosen)))
    if not usable.samples:
        raise PsdlError("there are no images to report on: drop new images onto the page first")
    judged, start = [], time.perf_counter()
    for pair in resume.results(detector, usable.samples, out):
        judged.append(pair)
        progress("scores", 1, len(usable.samples))
    facts = page.facts(len(judged), time.perf_counter() - start)
    summary = tables.summed(judged) if _measurable(usable.samples) else None
    file, model = out / "report.html", project.model_file(version)
    for done, total in page.write(judged, file, page.About(lambda _: model, summary, facts), runner(None)):
        progress("report", done, total)
    tables.write_skipped(usable.skipped, out)
    resume.finished(out)
    return {"file": "report.html"}


def _measurable(samples: Sequence[Sample]) -> bool:
    """Returns whether every image has a label, and both good and defective images are there."""
    return {sample.label for sample in samples} == {0, 1}


def demo(project: Project, progress: Progress) -> Values:
    """Draws the demo's images into the project, and returns what the page needs to add one kind of part."""
    from psdl.workflows import demo as making

    folder = project.root / "images" / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    count = making.COUNT
    making.write(folder, lambda n: progress("drawn", n, count))
    return {
        "folder": str(folder),
        "part": next(iter(making.PARTS)),
        "false_reject": making.OPTIONS["false_reject"],
    }


def plan(project: Project) -> Values:
    """Returns a sentence on the memory that learning will take."""
    recipe, side = _options(project).chosen_recipe(), project.settings["size"] or check.SIDE
    recipe, network = recipes.with_network(replace(recipe, input=InputRule(resize=(side, side))), None)
    first = FeatureExtractor(recipe, network).extract(np.zeros((64, 64, 3), np.uint8)).signals
    return {"words": memory.plan(recipe, first, max(2, len(project.used("learn")))).words()}


def _signed(by: str, why: str) -> str:
    """Returns the name of the person, with the reason if one was given."""
    return f"{by}: {why}" if why else by
