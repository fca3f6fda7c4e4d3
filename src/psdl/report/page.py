"""Writes report.html, one self-contained file that shows judged images to people."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from psdl._util import plugins
from psdl._util.atomic import atomic_write
from psdl.calibrate.guarantee import promise
from psdl.calibrate.thresholds import weights
from psdl.errors import PsdlError
from psdl.measure.metrics import KEYS
from psdl.model.card import card
from psdl.model.model import Model
from psdl.model.words import described
from psdl.report import acceptance, charts, found, heat, tables, thumbs
from psdl.report.tables import Judged
from psdl.types import F64, Calibration, Run, Sample

REGIONS = 10  # of an image that the page lists; images.jsonl has all
BORDER = 0.08  # of a side
TITLES = {"report": "Inspection report", "suspects": "Good images that look least like the rest"}


@dataclass(frozen=True)
class About:
    """What a page states beside its images. `model_of` gives the model file by which an image was judged;
    `summary` holds the metrics as `tables.write` returns them, if images are labelled; `facts` is a line about the
    run; `mode` is "report" or "suspects"."""

    model_of: Callable[[Sample], Path]
    summary: Mapping[str, Any] | None = None
    facts: str = ""
    mode: str = "report"


def write(judged: Judged, path: Path, about: About, run: Run = map) -> Iterator[tuple[int, int]]:
    """Writes the report, and yields (1, number of pictures) after each picture. `run` is the map that makes
    them."""
    yield from _write(judged, path, about, run)


def write_suspects(judged: Judged, path: Path, model_of: Callable[[Sample], Path], run: Run = map) -> None:
    """Writes the page of good images that look least like the rest, on which to tick those that are not good."""
    bad = sum(sample.label == 1 for sample, _ in judged)
    facts = f"The {len(judged) - bad} of the good images learned from that score highest when they are held out"
    facts += f", or look like known defects; and {bad} known defects that look good." if bad else "."
    for _ in _write(judged, path, About(model_of, None, facts, "suspects"), run):
        pass


def check_target(path: Path) -> None:
    """Raises PsdlError if no page can be written at `path`; to be called before learning, which may take long."""
    if not path.parent.is_dir():
        raise PsdlError(f"no folder {path.parent} for the page {path.name}: make it first")


def beside(strangest: Judged) -> list[str]:
    """Returns advice if the most anomalous places of good images lie mostly at the border; else no line."""
    places = []
    for _, result in strangest:
        (x, y), (height, width) = result.strangest.peak_at, result.geometry.source
        places.append(min(x / width, 1 - x / width, y / height, 1 - y / height) < BORDER)
    if len(places) < 5 or 3 * sum(places) <= 2 * len(places):
        return []
    return [
        f"in {sum(places)} of the {len(places)} good images that look least like the rest the strangest place lies"
        " at the border: where that is no part, set `roi`"
    ]


def facts(images: int, seconds: float) -> str:
    """Returns a line about the run: the number of images, how long judging them took, and the time of day."""
    now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    each = 1000 * seconds / max(images, 1)
    return f"{images} images judged in {seconds:.1f} s, {each:.0f} ms each, reading included. {now}."


def _write(judged: Judged, path: Path, page: About, run: Run) -> Iterator[tuple[int, int]]:
    check_target(path)
    shown = _pictured(judged)
    room = thumbs.ROOM // max(len(shown), 1)
    pictures = []
    for picture in run(lambda n: thumbs.thumb(*judged[n], room), shown):
        pictures.append(picture)
        yield 1, len(shown)
    with atomic_write(path) as temporary:
        temporary.write_text(_text(judged, shown, pictures, page), encoding="utf-8", errors="replace")


def _pictured(judged: Judged) -> list[int]:
    """Returns indices of the images that get a picture: all, or those with the highest score over threshold."""
    margins = [result.score / abs(result.verdict.threshold or 1) for _, result in judged]
    return sorted(np.argsort(-np.array(margins), kind="stable")[: thumbs.MOST].tolist()) if judged else []


def _text(judged: Judged, shown: Sequence[int], pictures: Sequence[Mapping[str, Any]], page: About) -> str:
    plugins.extra("report", "jinja2")
    from jinja2 import Environment
    from markupsafe import Markup

    assets = files("psdl.report") / "assets"
    names, models = _models(judged, page.model_of)
    data = _data(judged, shown, page.mode, names, models)
    labelled = data["labelled"]
    verdicts = [result.verdict.verdict for _, result in judged]
    counts = {name: verdicts.count(name) for name in ("NG", "REVIEW", "OK")}
    lead, tone = _lead(judged, page.mode)
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((assets / "report.html.j2").read_text(encoding="utf-8"))
    text = template.render(
        mode=page.mode,
        title=TITLES[page.mode],
        lead=lead,
        tone=tone,
        tally=counts,
        facts=page.facts,
        models=models,
        acceptance=acceptance.rows(judged) if page.mode == "report" else [],
        grouped=acceptance.grouped(judged),
        names=[sample.name for sample, _ in judged],
        scores=[result.score for _, result in judged],
        categories=_metrics(page.summary) if page.summary else [],
        columns=tables.titles(),
        found=found.shares(page.summary) if page.summary else [],
        found_columns=list(tables.FOUND.values()),
        found_notes=tables.intervals(page.summary) if page.summary else [],
        curves=Markup(charts.curves(_sets(judged))) if labelled else "",
        parts=tables.part_rows(judged),
        labelled=labelled,
        several=data["several"],
        scale=_scale(judged),
        pale=any(result.seen is not None for _, result in judged[:1]),
        version=version("psdl"),
        style=Markup((assets / "report.css").read_text(encoding="utf-8")),
        script=Markup((assets / "report.js").read_text(encoding="utf-8")),
        data=Markup(_json(data)),
        pictures=Markup(_json(pictures)),
    )
    return text + "\n"


def _json(value: Any) -> str:
    """Returns JSON that may stand inside a script element whatever its strings hold."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _lead(judged: Judged, mode: str) -> tuple[str, str]:
    """Returns the page's first sentence and its tone; report.js makes the same sentence for other thresholds."""
    if mode == "suspects":
        return "Look through these before anything is promised: a bad part among the good ones hides its like.", ""
    verdicts = [(sample.label, result.verdict.verdict) for sample, result in judged]
    review = sum(verdict == "REVIEW" for _, verdict in verdicts)
    reviewed = f" {review} {'is' if review == 1 else 'are'} for a person to look at." if review else ""
    good = [verdict for label, verdict in verdicts if label == 0]
    bad = [verdict for label, verdict in verdicts if label == 1]
    if not good and not bad:
        rejected = sum(verdict == "NG" for _, verdict in verdicts)
        tone = "bad" if rejected else "doubt" if review else "fine"
        return f"{rejected} of {len(verdicts)} images are NG: reject these parts.{reviewed}", tone
    missed, refused = bad.count("OK"), good.count("NG")
    said = [f"{missed} of {len(bad)} defective passed as OK"] if bad else []
    said += [f"{refused} of {len(good)} good were rejected"] if good else []
    return f"{', '.join(said)}.{reviewed}", "bad" if missed else "doubt" if refused else "fine"


def _models(judged: Judged, model_of: Callable[[Sample], Path]) -> tuple[dict[int, int], list[dict[str, Any]]]:
    """Returns {id of a model: its index}, and what the page shows of each model."""
    places: dict[int, int] = {}
    found: list[dict[str, Any]] = []
    for sample, result in judged:
        if id(result.model) not in places:
            places[id(result.model)] = len(found)
            inside = [(s, r) for s, r in judged if r.model is result.model]
            found.append(_model(result.model, model_of(sample), inside))
    return places, found


def _model(model: Model, file: Path, inside: Judged) -> dict[str, Any]:
    known = model.calibration
    scores = np.array([result.score for _, result in inside])
    low, high = _axis(scores, known)
    return {
        "title": file.name,
        "file": str(file),
        "promise": [line[0].upper() + line[1:] for line in (*promise(known), *found.defects(model))],
        "histograms": {form: charts.histogram(_by_truth(inside), low, high, form) for form in charts.SIZES},
        "low": low,
        "high": high,
        "count": len(inside),
        "card": described(card(model)),
        "threshold": known.threshold,
        "review": known.review_threshold,
        "middle": float(np.median(known.scores)),
        "scores": known.scores.tolist(),
        "weights": weights(known.items).tolist(),
        "items": known.groups,
        "rates": [known.rates.false_reject, known.rates.review],
    }


def _axis(scores: F64, known: Calibration) -> tuple[float, float]:
    """Returns the ends of the score axis: it shows all good images, and most others beyond the threshold."""
    both = np.concatenate([scores, known.scores])
    high = max(known.threshold, float(np.quantile(both, 0.97)))
    low = min(known.threshold, float(both.min()))
    room = max(0.12 * (high - low), 1e-6)
    return low - room / 3, high + room


def _by_truth(inside: Judged) -> dict[str, F64]:
    truths = {"good": 0, "defective": 1, "not labelled": None}
    return {name: np.array([r.score for s, r in inside if s.label == label]) for name, label in truths.items()}


def _sets(judged: Judged) -> dict[str, tuple[F64, Any]]:
    """Returns scores and labels of each category's labelled images."""
    labelled = [(s, r) for s, r in judged if s.label is not None]
    names = sorted({s.category for s, _ in labelled})
    inside = {name: [(s, r) for s, r in labelled if s.category == name] for name in names}
    return {
        name: (np.array([r.score for _, r in pairs]), np.array([s.label == 1 for s, _ in pairs]))
        for name, pairs in inside.items()
    }


def _metrics(summary: Mapping[str, Any]) -> list[tuple[str, list[float | None]]]:
    rows = dict(summary["categories"])
    if len(rows) > 1:
        rows["mean"] = summary["mean"]
    return [(name, [row[key] for key in KEYS]) for name, row in rows.items()]


def _scale(judged: Judged) -> dict[str, str]:
    """Returns the ends of the colour scale in words, from the first model (they are alike for all)."""
    if not judged:
        return {"low": "", "high": ""}
    start, end = heat.scale(judged[0][1].calibration)
    low, high = (f"{float(f'{10**rarity:.1g}'):,.0f}" for rarity in (start, end))
    return {"low": low, "high": high}


def _places(result: Any) -> dict[str, Any]:
    """Returns the regions of an image's mask, or, if there are none, its most anomalous place."""
    found = [region for region in result.regions if region.masked]
    spot = None if found else asdict(result.strangest)
    return {"regions": [asdict(region) for region in found[:REGIONS]], "found": len(found), "spot": spot}


def _data(
    judged: Judged, shown: Sequence[int], mode: str, places: Mapping[int, int], models: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Returns the data that the page's script reads."""
    picture = {n: place for place, n in enumerate(shown)}
    kept = ("title", "file", "threshold", "review", "middle", "low", "high", "scores", "weights", "items", "rates")
    return {
        "mode": mode,
        "labelled": mode == "report" and any(sample.label is not None for sample, _ in judged),
        "several": len({sample.category for sample, _ in judged}) > 1,
        "parted": any(sample.part for sample, _ in judged),
        "axes": charts.AXES,
        "colours": {name: heat.gradient(9, name) for name in (heat.COLOURS, *heat.OTHERS)},
        "models": [{key: model[key] for key in kept} for model in models],
        "images": [
            {
                "name": sample.name,
                "category": sample.category,
                "part": sample.part,
                "label": sample.label,
                "kind": sample.kind,
                "score": result.score,
                "p": result.verdict.p_value,
                "anomaly": result.anomaly if result.known is not None else None,
                "known": result.known,
                "model": places[id(result.model)],
                "picture": picture.get(n, -1),
                "size": result.geometry.source[::-1],
                **_places(result),
            }
            for n, (sample, result) in enumerate(judged)
        ],
    }
