"""A whole study: run it, and read what it wrote."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from evoked.api.arguments import File, as_path, or_silent
from evoked.core.progress import Progress
from evoked.core.step_outcome import StepOutcome
from evoked.core.study_layout import StudyLayout
from evoked.core.track import Track
from evoked.dataset.labels import Labels, read_labels
from evoked.dataset.viewers import ViewerSeries, read_viewers
from evoked.learning.evaluation.scores import Scores, read_scores
from evoked.parallel.executors import ExecutorName, open_executor
from evoked.prediction.predictor import Model, load_model
from evoked.prediction.writers import read_predictions
from evoked.study.layout import open_study
from evoked.study.run import run_study
from evoked.study.selection import StepSelection
from evoked.weights.cache import default_cache

__all__ = ["StudyResults", "run"]


@dataclass(frozen=True, eq=False)
class StudyResults:
    """Results of a study; they are read from its folder when they are accessed.

    Attributes:
        folder: paths of the study.
        outcomes: how each step of each file ended.
    """

    folder: StudyLayout
    outcomes: tuple[StepOutcome, ...]

    @property
    def failed(self) -> tuple[StepOutcome, ...]:
        """The outcomes of what failed, each with its reason."""
        return tuple(outcome for outcome in self.outcomes if outcome.state == "failed")

    @property
    def report(self) -> Path:
        """The report page."""
        return self.folder.report

    @property
    def labels(self) -> dict[str, Labels]:
        """Content → its labels. DatasetError if the study has none."""
        return read_labels(self.folder.labels)

    @property
    def viewers(self) -> tuple[ViewerSeries, ...]:
        """The scores of each viewer on the content's time, with who it is. DatasetError if the study has none."""
        return read_viewers(self.folder.viewers)

    @property
    def predictions(self) -> dict[str, Track]:
        """Content → its held-out predictions; empty where a study of one content has none."""
        tables = {content: self.folder.prediction(content) for content in self.folder.contents}
        return {content: read_predictions(table) for content, table in tables.items() if table.exists()}

    @property
    def scores(self) -> Scores:
        """Scores of the held-out predictions. DatasetError if the study has none."""
        return read_scores(self.folder.scores)

    @property
    def model(self) -> Model:
        """The model trained on all contents. CheckpointError if the study has none."""
        return load_model(self.folder.model)

    def __repr__(self) -> str:
        return f"StudyResults({str(self.folder.root)!r}: {len(self.outcomes)} items, {len(self.failed)} failed)"


def run(
    study: File,
    *,
    only: str = "",
    until: str = "",
    preset: str = "",
    executor: ExecutorName | None = None,
    workers: int = 1,
    address: str | None = None,
    offline: bool = False,
    progress: Progress | None = None,
) -> StudyResults:
    """Take a study folder from videos to labels, a trained model, scores and a report.

    Results of an earlier run that are still valid are kept. A file that cannot be used is among the failed outcomes,
    and the others are processed.

    Args:
        study: folder with contents/ and reactions/, and optionally study.toml and pairs.csv.
        only: the one step that is done: align, annotate, label, features, hold out, evaluate, train or report; what it
            reads must be up to date. "": all steps.
        until: the last step that is done. "": all steps.
        preset: "paper": every setting of the paper, where study.toml says nothing else; "": as study.toml has it.
        executor: where items run: serial, processes or ray; None: serial for one worker, processes for several.
        workers: number of items processed at once.
        address: of a running Ray cluster; None: without one.
        offline: use only networks that are in the cache.
        progress: called with the work done of one item, its total, and the item as note.

    Returns:
        The results.

    Raises:
        StudyError: if the folder is no study or its study.toml cannot be used.
        BusyError: if another process runs the same study.
        ValueError: if executor and workers do not fit together, or a step does not exist.
        WorkerError: if Ray is not installed or its cluster cannot be reached.
    """
    root, selection = as_path(study), StepSelection(only, until)
    name = executor or ("serial" if workers == 1 else "processes")
    pool = None if name == "serial" and workers == 1 else open_executor(name, workers=workers, address=address)
    outcomes = run_study(root, _View(or_silent(progress)), default_cache(offline=offline), pool, selection, preset)
    return StudyResults(open_study(root.absolute()), tuple(outcomes))  # valid in another working folder too


class _View:
    """Passes the progress of each item on; the outcomes are in the results."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    @contextmanager
    def bar(self, label: str) -> Iterator[Progress]:
        def report(done: float, total: float | None, note: str = "") -> None:
            self._progress(done, total, f"{label}: {note}" if note else label)

        yield report

    def item(self, item: StepOutcome) -> None:
        """Nothing is printed."""

    def redo(self, label: str, why: str) -> None:
        """Nothing is printed."""
