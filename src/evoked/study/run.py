"""One folder, one command: every step of a study in its order.

check → align → annotate → label            (the label river)
      → features                            (the prediction river)
            → hold out → evaluate → train → report
"""

from pathlib import Path

from evoked.study.folder import open_folder
from evoked.study.labelling import LabelRiver, playable
from evoked.study.ledger import Item, Ledger
from evoked.study.predicting import PredictionRiver
from evoked.study.runner import Runner, Show
from evoked.study.settings import read_settings
from evoked.weights.cache import Cache


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
    failed = [[item.step, item.name, item.reason] for item in runner.failed]
    runner.ledger.write_items(runner.items)
    predictions.report({"failed": failed})
    runner.ledger.write_items(runner.items)
    return runner.items
