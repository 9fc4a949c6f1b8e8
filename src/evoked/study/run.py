"""Run a study: every step of a study folder, in order.

check → align → annotate → label            (label_steps.py)
      → features                            (prediction_steps.py)
            → hold out → evaluate → train → report
"""

from collections.abc import Sequence
from pathlib import Path

from evoked.core.study_layout import StudyLayout
from evoked.parallel.pool import Pool
from evoked.study.build_records import StepOutcome, StepRecords
from evoked.study.label_steps import LabelSteps, playable
from evoked.study.layout import open_study
from evoked.study.prediction_steps import PredictionSteps
from evoked.study.runner import ProgressView, Runner
from evoked.study.settings import read_settings
from evoked.weights.cache import Cache

__all__ = ["STUDY_STEPS", "remove_stale", "run_study"]

STUDY_STEPS = ("label", "hold out", "evaluate")
"""Steps over the whole study whose results are removed when the step does not succeed."""


def run_study(
    root: Path, show: ProgressView, cache: Cache | None = None, executor: Pool | None = None
) -> list[StepOutcome]:
    """Process a study from videos to a report; results that are still valid are kept.

    Args:
        root: the study's folder, see docs/architecture.md.
        show: gets the progress and each item as it ends.
        cache: where the pretrained networks are.
        executor: where independent items of the long steps (align, annotate, features) run in parallel; None: one
            after another, in this process. The results are the same.

    Returns:
        How every item ended, in order.

    Raises:
        StudyError, DatasetError: if the folder, study.toml or pairs.csv cannot be used at all.
        OutputError: if results or records cannot be written: going on would be useless.
    """
    folder = open_study(root)
    settings = read_settings(root)
    runner = Runner(StepRecords(folder.results), show, executor)
    cache = cache or Cache()
    contents, reactions = playable(folder, runner)
    labels = LabelSteps(folder, settings, runner, cache, contents)
    labels.run(reactions)
    predictions = PredictionSteps(folder, settings, runner, cache)
    described = predictions.describe(sorted(contents))
    if not any(item.step == "label" for item in runner.failed) and described:
        predictions.learn(described)
    remove_stale(folder, runner.records, runner.items)
    not_done = [[i.step, i.name, i.reason] for i in runner.items if i.state in ("failed", "left out")]
    runner.records.write_items(runner.items)
    predictions.report({"failed": not_done})
    runner.records.write_items(runner.items)
    return runner.items


def remove_stale(folder: StudyLayout, records: StepRecords, items: Sequence[StepOutcome]) -> None:
    """Remove results that the run neither computed nor kept: of videos that are gone, or that fail now.

    Left in place they would look like results of the videos that are in the folder today. Results of videos that are
    still there are cached first: correcting a line of pairs.csv must not cost the work again.

    Args:
        folder: paths of the study, with the videos of today.
        records: of the study.
        items: how the items of the run ended.
    """
    good = {(item.step, item.name) for item in items if item.state in ("done", "kept")}
    held_out = ("hold out", "") in good
    present = {"align": folder.reactions, "annotate": folder.reactions, "features": folder.contents}
    gone = False
    for step, subfolder, suffix in (
        ("align", "alignments", ".json"),
        ("annotate", "annotations", ".parquet"),
        ("features", "features", ".safetensors"),
    ):
        for path in (folder.results / subfolder).glob(f"*{suffix}"):
            if path.name.startswith("."):  # half-written by a process that was killed
                path.unlink()
                continue
            name = path.name.removesuffix(suffix)
            gone |= name not in present[step]
            if (step, name) not in good:
                records.archive(step, name)
                path.unlink()
    for step in (step for step in STUDY_STEPS if (step, "") not in good):
        records.archive(step, "")
    for path in (folder.results / "predictions").glob("*.parquet"):
        if not held_out or ("features", path.name.removesuffix(".parquet")) not in good:
            path.unlink()
    for step, path in (("label", folder.labels), ("evaluate", folder.scores)):
        if (step, "") not in good:
            path.unlink(missing_ok=True)
    records.forget_gone(present, (*STUDY_STEPS, "train"), gone)
