"""Run a study: every step of a study folder, in order.

check → align → annotate → label            (label_steps.py)
      → features                            (prediction_steps.py)
            → hold out → evaluate → train → report
"""

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from evoked.core.errors import OutputError
from evoked.core.locks import locked
from evoked.core.names import original_name
from evoked.core.step_outcome import StepOutcome
from evoked.core.study_layout import StudyLayout
from evoked.parallel.pool import Pool
from evoked.study.build_records import StepRecords
from evoked.study.label_steps import LabelSteps, playable
from evoked.study.layout import open_study
from evoked.study.prediction_steps import MODEL_FILES, PredictionSteps
from evoked.study.runner import ProgressView, Runner
from evoked.study.selection import ALL_STEPS, StepSelection
from evoked.study.settings import Settings, checked_settings
from evoked.weights.cache import Cache

__all__ = ["STUDY_STEPS", "StaleFile", "remove_stale", "run_study", "stale_files"]

STUDY_STEPS = ("label", "hold out", "evaluate")
"""Steps over the whole study whose results are removed when the step does not succeed."""
VIDEO_FILES = (
    ("align", "alignments", ".json"),
    ("annotate", "annotations", ".parquet"),
    ("features", "features", ".safetensors"),
)
"""Step, folder and suffix of the results that there are one of per video."""
HALF_WRITTEN = re.compile(r"\..+\.\d+\.part\.\w+")
"""What `writing` calls a file before it is whole."""
NOT_GOOD = "its step failed, was left out or has no input"


def run_study(
    root: Path,
    show: ProgressView,
    cache: Cache | None = None,
    executor: Pool | None = None,
    selection: StepSelection = ALL_STEPS,
    preset: str = "",
) -> list[StepOutcome]:
    """Process a study from videos to a report; results that are still valid are kept.

    Args:
        root: the study's folder, see docs/architecture.md.
        show: gets the progress and each item as it ends.
        cache: where the pretrained networks are.
        executor: where independent items of the long steps (align, annotate, features) run in parallel; None: one
            after another, in this process. The results are the same.
        selection: which steps are done. A run of some steps removes no results and leaves the log of the last whole
            run as it is.
        preset: used instead of the one that study.toml names; "": that one.

    Returns:
        How every item ended, in order.

    Raises:
        StudyError, DatasetError: if the folder, study.toml or pairs.csv cannot be used at all.
        BusyError: if another process runs the study.
        OutputError: if results or records cannot be written: going on would be useless.
    """
    folder = open_study(root)
    settings = checked_settings(folder, preset)
    with locked(root, "evoked run"):
        return _run(folder, settings, Runner(StepRecords(folder.results), show, executor, selection), cache or Cache())


def _run(folder: StudyLayout, settings: Settings, runner: Runner, cache: Cache) -> list[StepOutcome]:
    contents, reactions = playable(folder, runner)
    selection = runner.selection
    if selection.reads("align"):
        LabelSteps(folder, settings, runner, cache, contents).run(reactions)
    predictions = PredictionSteps(folder, settings, runner, cache)
    described = predictions.describe(sorted(contents)) if selection.reads("features") else []
    learns = selection.reads("hold out", "train") and not runner.blocked
    if learns and described and not any(item.step == "label" for item in runner.failed):
        predictions.learn(described)
    if not selection.whole:
        if selection.does("report"):
            predictions.report({"failed": _not_done(runner)})
        return runner.items
    for path, place in remove_stale(folder, runner.records, runner.items, runner.outputs):
        runner.set_aside(path, place)
    not_done = _not_done(runner)
    _write_items(runner)
    predictions.report({"failed": not_done})
    _write_items(runner)
    return runner.items


def _not_done(runner: Runner) -> list[list[str]]:
    return [[i.step, i.name, i.reason] for i in runner.items if i.state in ("failed", "left out")]


def _write_items(runner: Runner) -> None:
    """Write the log of the run; one that keeps everything needs no log, such as on a disk that is read-only."""
    try:
        runner.records.write_items(runner.items)
    except OutputError as error:
        if any(item.state not in ("kept", "left out") for item in runner.items):
            raise
        if runner.items[-1].step == "report":
            runner.leave_out("log", "", f"nothing was to be done, and that could not be noted: {error}")


class StaleFile(NamedTuple):
    """A result file that a run removes.

    Attributes:
        step: that wrote it.
        name: of the video it is of; "" for a file of the whole study and for a half-written one.
        path: of the file.
        why: one line.
    """

    step: str
    name: str
    path: Path
    why: str


def stale_files(
    folder: StudyLayout, good: Collection[tuple[str, str]], outputs: Mapping[tuple[str, str], Sequence[Path]]
) -> list[StaleFile]:
    """Result files that do not belong to any item of a run.

    Args:
        folder: paths of the study, with the videos of today.
        good: (step, name) of the items that the run computes or keeps; ("hold out", ""): all folds, which are not
            known yet.
        outputs: the same for the files of the folds; others are told by their names.

    Returns:
        The files, with the step and the item that each belonged to.
    """
    stale = []
    present = _present(folder)
    for step, subfolder, suffix in VIDEO_FILES:
        for path in sorted((folder.results / subfolder).glob(f"*{suffix}")):
            name = original_name(path.name.removesuffix(suffix), present[step])
            if HALF_WRITTEN.fullmatch(path.name):
                stale.append(StaleFile(step, "", path, "half-written by a run that was killed"))
            elif (step, name) not in good:
                why = NOT_GOOD if name in present[step] else "its video is gone"
                stale.append(StaleFile(step, name, path, why))
    held_out = {path for item, paths in outputs.items() if item[0] == "hold out" and item in good for path in paths}
    all_folds = ("hold out", "") in good
    for path in sorted(folder.predictions_folder.glob("*.parquet")):
        name = original_name(path.name.removesuffix(".parquet"), present["features"])
        if not (all_folds or path in held_out) or ("features", name) not in good:
            stale.append(StaleFile("hold out", name, path, NOT_GOOD))
    for path in sorted(folder.folds.glob("fold-*/*")):
        if HALF_WRITTEN.fullmatch(path.name) or (path.name in MODEL_FILES and not (all_folds or path in held_out)):
            stale.append(StaleFile("hold out", path.parent.name, path, NOT_GOOD))
    for step, path in (*(("label", file) for file in folder.label_files), ("evaluate", folder.scores)):
        if (step, "") not in good and path.exists():
            stale.append(StaleFile(step, "", path, NOT_GOOD))
    return stale


def remove_stale(
    folder: StudyLayout,
    records: StepRecords,
    items: Sequence[StepOutcome],
    outputs: Mapping[tuple[str, str], Sequence[Path]],
) -> list[tuple[Path, Path]]:
    """Remove results that the run neither computed nor kept: of videos that are gone, or that fail now.

    Left in place they would look like results of the videos that are in the folder today. Results of videos that are
    still there are cached first: correcting a line of pairs.csv must not cost the work again. A file that evoked did
    not write is set aside.

    Args:
        folder: paths of the study, with the videos of today.
        records: of the study.
        items: how the items of the run ended.
        outputs: (step, name) → files of the items.

    Returns:
        Where each file was that was set aside, and where it is now.
    """
    good = {(item.step, item.name) for item in items if item.in_place}
    present = _present(folder)
    stale = stale_files(folder, good, outputs)
    of_videos = [file for file in stale if file.name and file.step in present]
    for file in of_videos:
        records.archive(file.step, file.name)
    of_study = [("label", ""), ("evaluate", ""), *(("hold out", name) for name in records.names("hold out"))]
    for item in (item for item in of_study if item not in good):
        records.archive(*item)
    moved = []
    for file in stale:
        if HALF_WRITTEN.fullmatch(file.path.name) or records.own.holds(file.step, file.path):
            file.path.unlink(missing_ok=True)
        elif file.path.is_file():
            moved.append((file.path, records.own.set_aside(file.path)))
        if file.path.is_relative_to(folder.folds):
            with suppress(OSError):
                file.path.parent.rmdir()  # unless the user keeps something in it
    gone = any(file.name not in present[file.step] for file in of_videos)
    records.forget_gone(present, (*STUDY_STEPS, "train"), gone)
    return moved


def _present(folder: StudyLayout) -> dict[str, tuple[str, ...]]:
    """Step → names of the videos that it is for, as they are in the study today."""
    return {"align": folder.reactions, "annotate": folder.reactions, "features": folder.contents}
