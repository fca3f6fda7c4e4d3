"""psdl fit: learns from good images and writes a model file."""

from __future__ import annotations

import getpass
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from psdl.cli import options
from psdl.errors import PsdlError
from psdl.training.options import FitOptions

if TYPE_CHECKING:
    from psdl.cli.lines import Lines
    from psdl.datasets.read import Found
    from psdl.types import Progress, Run, Sample

KEPT = ("drop", "max_memory", "on_error")  # options of learning that may be given with --extend


@options.with_fit_options
def fit(
    context: typer.Context,
    data: options.Data,
    model: Annotated[Path, typer.Option(help="The model file to write; with --each, the folder to fill.")],
    chosen: FitOptions,
    extend: Annotated[
        str | None,
        typer.Option(
            help="A model that is to know these good images too, without those it was learned from; its settings"
            " stay."
        ),
    ] = None,
    force: options.Force = False,
    by: options.By = "",
    config: options.Config = None,
    category: options.Category = None,
    each: options.Each = False,
    layout: options.Layout = None,
    good: options.Good = None,
    bad: options.Bad = None,
    calibrate: options.Calibrate = None,
    defects: options.Defects = None,
    suspects: options.Suspects = None,
    parts: options.Parts = None,
    device: options.Device = "auto",
    jobs: options.Jobs = None,
    cluster: options.Cluster = None,
    quiet: options.Quiet = False,
) -> None:
    """Learn from good images and write a model file."""
    from psdl.cli.lines import Lines, Reading
    from psdl.jobs import opened

    lines = Lines(quiet)
    if extend:
        _check_settings(context)
    reading = Reading(layout, category, parts, good, bad, chosen.published)
    found = lines.read(data, reading)
    with opened(jobs, cluster, lines.say) as work:
        learning = Learning(lines, chosen, work, device)
        if extend:
            learning.extend(extend, found, model, by, force)
        else:
            apart = learning.others(calibrate, reading._replace(good=None, bad=None))
            known = learning.known(defects, reading, each)
            learning.learn(found, model, each, Beside(apart, known, force, by), suspects)


def _check_settings(context: typer.Context) -> None:
    """Raises PsdlError if options are given that an extended model has already settled."""
    settled = {one for one in FitOptions.names() if one not in KEPT} | {"each", "calibrate", "defects"}
    for name in sorted(settled):
        source = context.get_parameter_source(name)
        if source is not None and source.name != "DEFAULT":
            flag = f"--{name.replace('_', '-')}"
            raise PsdlError(f"{flag} was given with --extend, but the model has settled that: leave it out")


class Beside(NamedTuple):
    """Images beside those that are learned from: good ones that set the thresholds (`apart`), accepted by `force`
    although they score as no good image does; and known defects (`known`), given by the person `by`."""

    apart: tuple[Sample, ...] | None = None
    known: tuple[Sample, ...] = ()
    force: bool = False
    by: str = ""

    def of(self, file: Path, files: dict[str, Path], category: str, each: bool) -> Beside:
        """Returns the images for one model; if `each` is set, those of its own category."""
        apart = tuple(s for s in self.apart or () if not each or files.get(s.category) == file)
        known = (replace(s, category=category) for s in self.known if not each or s.category == category)
        return Beside(apart or None, tuple(known), self.force, self.by)


NOTHING = Beside()


@dataclass(frozen=True)
class Learning:
    """Learning as the command line does it: the options, where work runs, and where lines go."""

    lines: Lines
    chosen: FitOptions
    work: int | Run | None
    device: str

    def others(self, data: str | None, reading: Any) -> tuple[Sample, ...] | None:
        """Returns the good images of another folder, which set the thresholds; None if no folder is given."""
        from psdl.cli.calibrate import good_of

        return good_of(self.lines, data, reading, None, self.chosen.on_error) if data else None

    def known(self, data: str | None, reading: Any, each: bool) -> tuple[Sample, ...]:
        """Returns the known defects of a folder or table; none if none is given."""
        from psdl.cli.defects import defects_of

        named = reading.category if each else None
        return defects_of(self.lines, data, named, self.chosen) if data else ()

    def extend(self, old: str, found: Found, model: Path, by: str, force: bool = False) -> None:
        """Extends the model `old` by the good images among the samples, and writes the result to `model`."""

        from psdl.api import Detector
        from psdl.calibrate.guarantee import promise
        from psdl.cli.calibrate import kept_as
        from psdl.datasets import check
        from psdl.datasets.read import without
        from psdl.model.file import check_target
        from psdl.workflows.extend import extended

        lines = self.lines
        check_target(model)
        detector = Detector.load(old, self.device)
        rule = detector.recipe.input
        good, _ = without(check.learning(found.samples), self.chosen.drop)
        good = check.learning(lines.usable(good, rule, self.chosen.on_error).samples)
        lines.say(*check.check(good, rule, map).lines)
        lines.say(*check.strangers(detector.model.categories, good))
        with lines.progress() as progress:
            new = extended(detector, good, by or getpass.getuser(), lines.context(self.work, progress), force)
        kept = new.save(model)
        lines.say(f"wrote {model}", *kept_as(kept), *promise(new.model.calibration))

    def learn(
        self,
        found: Found,
        model: Path,
        each: bool,
        beside: Beside = NOTHING,
        suspects: Path | None = None,
    ) -> dict[str, Path]:
        """Learns one model, or one for each category, and returns {category: its model file}. With `suspects` it
        also writes the page of good images that look least like the rest."""
        from psdl.datasets import check
        from psdl.datasets.read import without
        from psdl.jobs import over, runner
        from psdl.model.file import check_target, model_files
        from psdl.report import page
        from psdl.training.roi import roi_files

        files = model_files(model, found.samples, each)
        rois = roi_files(self.chosen.roi, sorted(files), each)
        good, dropped = without((*check.learning(found.samples), *beside.known), self.chosen.drop)
        beside = beside._replace(known=tuple(s for s in beside.known if s in set(good)))
        if suspects:
            page.check_target(suspects)
        if each:
            model.mkdir(parents=True, exist_ok=True)
        wanted = sorted(set(files.values()))
        for file in wanted:
            check_target(file)

        def one(file: Path, progress: Progress) -> Any:
            inside = [s for s in found.samples if files[s.category] == file]
            names = {s.name for s in inside}
            category = inside[0].category
            own_beside = beside.of(file, files, category, each)
            chosen = replace(
                self.chosen, roi=rois[category], drop=[name for name in dropped if name in names] or None
            )
            said = self.lines.of(category) if len(wanted) > 1 else self.lines
            own = Learning(said, chosen, self.work, self.device)
            return own.write(found._replace(samples=tuple(inside)), file, own_beside, said.named_stages(progress))

        with self.lines.progress() as progress:
            strangest = [
                pair for some in over(self.work)(lambda file: one(file, progress), wanted) for pair in some
            ]
        if suspects:
            page.write_suspects(strangest, suspects, lambda s: files[s.category], runner(None))
            self.lines.say(f"wrote {suspects}")
        return files

    def write(self, found: Found, file: Path, beside: Beside, progress: Progress) -> Any:
        """Learns and writes one model file, with thresholds set on the good images `beside` if there are any.
        Returns images whose labels look wrong, and the good images that look least like the rest, with their
        held-out results."""
        from psdl.api import Detector
        from psdl.calibrate.guarantee import promise
        from psdl.cli.calibrate import Setting, kept_as, on_images
        from psdl.cli.defects import learn_defects
        from psdl.datasets import check
        from psdl.report import page
        from psdl.training import checkpoint
        from psdl.training.defects import check_count

        good = check.learning(found.samples)
        if beside.known:
            check_count(len(beside.apart or good), bool(beside.apart))
        unfinished = checkpoint.folder_of(file)
        detector = Detector(options=self.chosen, device=self.device)
        detector.fit(found, replace(self.lines.context(self.work, progress), checkpoint=unfinished))
        if beside.apart:
            how = Setting({}, force=beside.force)
            on_images(detector, check.learning(beside.apart), how, self.lines, self.work)
        context = self.lines.context(self.work, progress)
        by = beside.by or getpass.getuser()
        doubtful = learn_defects(detector, beside.known, good, by, context, self.lines) if beside.known else []
        kept = detector.save(file)
        checkpoint.finished(unfinished)
        strangest = detector.strangest
        self.lines.say(*page.beside(strangest) if self.chosen.roi is None else ())
        least = ", ".join(f"{sample.name} ({result.score:.4g})" for sample, result in strangest[:3])
        words = promise(detector.model.calibration)
        self.lines.say(f"wrote {file}", *kept_as(kept), *words, f"least like the other good images: {least}")
        return [*doubtful, *strangest]
