"""One folder, one command: every step of a study in its order.

check → align → annotate → label            (the label river)
      → features                            (the prediction river)
            → hold out → evaluate → train → report
"""

from collections.abc import Sequence
from pathlib import Path

from evoked.study.build_records import Item, Ledger
from evoked.study.label_steps import LabelRiver, playable
from evoked.study.layout import Folder, open_folder
from evoked.study.prediction_steps import PredictionRiver
from evoked.study.runner import Runner, Show
from evoked.study.settings import read_settings
from evoked.weights.cache import Cache

WHOLE = ("label", "hold out", "evaluate")
"""Steps over the whole study whose results are taken away when they do not come about."""


def run_study(root: Path, show: Show, cache: Cache | None = None) -> list[Item]:
    """Take a study from videos to a report; what is done already, and still holds, is kept.

    Args:
        root: the study's folder, see docs/house.md.
        show: told of progress and of each item as it ends.
        cache: where the pretrained nets are.

    Returns:
        How every item ended, in order.

    Raises:
        StudyError, DatasetError: if the folder, study.toml or pairs.csv are not as they should be at all.
        OutputError: if results cannot be written: nothing more would come of going on.
    """
    folder = open_folder(root)
    settings = read_settings(root)
    runner = Runner(Ledger(folder.results), show)
    cache = cache or Cache()
    contents, reactions = playable(folder, runner)
    labels = LabelRiver(folder, settings, runner, cache, contents)
    labels.run(reactions)
    predictions = PredictionRiver(folder, settings, runner, cache)
    described = predictions.describe(sorted(contents))
    if not any(item.step == "label" for item in runner.failed) and described:
        predictions.learn(described)
    sweep(folder, runner.ledger, runner.items)
    not_made = [[i.step, i.name, i.reason] for i in runner.items if i.state in ("failed", "left out")]
    runner.ledger.write_items(runner.items)
    predictions.report({"failed": not_made})
    runner.ledger.write_items(runner.items)
    return runner.items


def sweep(folder: Folder, ledger: Ledger, items: Sequence[Item]) -> None:
    """Take away results that this run did not make or keep: of videos that are gone, or that fail now.

    Left in place they would pass for results of what is in the folder today. What comes of videos that are still
    there is put by first: a line of pairs.csv that is set right again must not cost the work anew.
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
            name = path.name.removesuffix(suffix)
            gone |= name not in there[step]
            if (step, name) not in good:
                ledger.put_by(step, name)
                path.unlink()
    for step in (step for step in WHOLE if (step, "") not in good):
        ledger.put_by(step, "")
    for path in (folder.results / "predictions").glob("*.parquet"):
        if not held_out or ("features", path.name.removesuffix(".parquet")) not in good:
            path.unlink()
    for step, path in (("label", folder.labels), ("evaluate", folder.scores)):
        if (step, "") not in good:
            path.unlink(missing_ok=True)
    ledger.forget_gone(there, (*WHOLE, "train"), gone)
