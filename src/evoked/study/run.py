"""One folder, one command: every step of a study in its order.

check → align → annotate → label            (the label river)
      → features                            (the prediction river)
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

__all__ = ["WHOLE", "remove_stale", "run_study"]

WHOLE = ("label", "hold out", "evaluate")
"""Steps over the whole study whose results are taken away when they do not come about."""


def run_study(
    root: Path, show: ProgressView, cache: Cache | None = None, executor: Pool | None = None
) -> list[StepOutcome]:
    """Take a study from videos to a report; what is done already, and still holds, is kept.

    Args:
        root: the study's folder, see docs/architecture.md.
        show: told of progress and of each item as it ends.
        cache: where the pretrained nets are.
        executor: where independent items of the long steps (align, annotate, features) run together; None: one
            after another, here. The results are the same.

    Returns:
        How every item ended, in order.

    Raises:
        StudyError, DatasetError: if the folder, study.toml or pairs.csv are not as they should be at all.
        OutputError: if results cannot be written: nothing more would come of going on.
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
    remove_stale(folder, runner.ledger, runner.items)
    not_made = [[i.step, i.name, i.reason] for i in runner.items if i.state in ("failed", "left out")]
    runner.ledger.write_items(runner.items)
    predictions.report({"failed": not_made})
    runner.ledger.write_items(runner.items)
    return runner.items


def remove_stale(folder: StudyLayout, ledger: StepRecords, items: Sequence[StepOutcome]) -> None:
    """Take away results that this run did not make or keep: of videos that are gone, or that fail now.

    Left in place they would pass for results of what is in the folder today. What comes of videos that are still
    there is archived first: a line of pairs.csv that is set right again must not cost the work anew.
    """
    good = {(item.step, item.name) for item in items if item.state in ("done", "kept")}
    held_out = ("hold out", "") in good
    there = {"align": folder.reactions, "annotate": folder.reactions, "features": folder.contents}
    gone = False
    for step, part, suffix in (
        ("align", "alignments", ".json"),
        ("annotate", "annotations", ".parquet"),
        ("features", "features", ".safetensors"),
    ):
        for path in (folder.results / part).glob(f"*{suffix}"):
            if path.name.startswith("."):  # what a killed process was writing
                path.unlink()
                continue
            name = path.name.removesuffix(suffix)
            gone |= name not in there[step]
            if (step, name) not in good:
                ledger.archive(step, name)
                path.unlink()
    for step in (step for step in WHOLE if (step, "") not in good):
        ledger.archive(step, "")
    for path in (folder.results / "predictions").glob("*.parquet"):
        if not held_out or ("features", path.name.removesuffix(".parquet")) not in good:
            path.unlink()
    for step, path in (("label", folder.labels), ("evaluate", folder.scores)):
        if (step, "") not in good:
            path.unlink(missing_ok=True)
    ledger.forget_gone(there, (*WHOLE, "train"), gone)
