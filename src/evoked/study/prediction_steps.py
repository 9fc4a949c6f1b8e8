"""The steps of a study that predict: features, held-out predictions, scores, the model, the report page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from evoked.core.errors import FILE_ERRORS, WeightsMissing, failure_of
from evoked.core.extras import INSTALL_TRAINING, missing_for_training
from evoked.core.progress import Progress
from evoked.core.provenance import Provenance
from evoked.core.study_layout import StudyLayout
from evoked.dataset.folds import Fold, make_folds
from evoked.dataset.labels import read_labels
from evoked.features.extract import digests
from evoked.features.jobs import FeaturesTask, run_features_task
from evoked.learning.training.config import HISTORY
from evoked.model.checkpoint import ABOUT, ARRAYS
from evoked.study.prediction_jobs import (
    EvaluateTask,
    FoldTask,
    ReportTask,
    TrainTask,
    load_study_examples,
    run_evaluate_task,
    run_fold_task,
    run_report_task,
    run_train_task,
)
from evoked.study.runner import Runner, Work
from evoked.study.settings import Settings
from evoked.weights.cache import Cache, CacheLocation
from evoked.weights.catalogue import NETS

__all__ = ["CODE", "HELD_OUT", "MODEL_FILES", "PredictionSteps"]

CODE = {"features": 6, "hold out": 2, "evaluate": 2, "train": 1, "report": 6}
"""Code version of each step; see `label_steps.CODE`."""
HELD_OUT = "held out: predicted by a model that did not learn from this video"
LABELS = "labels.parquet"
MODEL_FILES = (ARRAYS, ABOUT, HISTORY)
"""Files of a model's folder."""


@dataclass
class PredictionSteps:
    """Plans the prediction steps of one study and passes them to the runner.

    Attributes:
        folder, settings, runner: of the study.
        cache: where the pretrained networks are.
    """

    folder: StudyLayout
    settings: Settings
    runner: Runner
    cache: Cache
    _nets: dict[str, str] | None = None

    def describe(self, contents: Sequence[str]) -> list[str]:
        """Compute the features of these contents; the names of those that have features."""
        done = self.runner.do_all(self.features_work(name) for name in contents)
        return [name for name, good in done.items() if good]

    def features_work(self, content: str) -> Work:
        """The work of computing one content's features, once a second."""
        out, source = self.folder.features(content), self.folder.content(content)
        config = self.settings.features.as_dict()
        nets = self._digests()
        sha = self.runner.records.content_digest(source)
        track = {"audio_track": self.settings.features.audio_track} if self.settings.features.audio_track else {}
        key = self.runner.records.key(code=CODE["features"], source=sha, config={**config, **track}, nets=nets)
        provenance = Provenance("features", config, {content: sha}, nets)
        task = FeaturesTask(source, out, self.settings.features, CacheLocation.of(self.cache), provenance)
        return Work("features", content, key, (out,), partial(_describe, task))

    def _digests(self) -> dict[str, str]:
        """Network → sha256; the catalogue's for a file that is missing: the step itself fails then."""
        if self._nets is None:
            try:
                self._nets = digests(self.settings.features, self.cache)
            except WeightsMissing:
                self._nets = {name: NETS[name].sha256 for name in self.settings.features.chosen.nets}
        return self._nets

    def learn(self, contents: Sequence[str]) -> None:
        """Cross-validate over these contents, score the held-out predictions, then train on all of the contents."""
        inputs = {name: self.runner.records.content_digest(self.folder.features(name)) for name in sorted(contents)}
        inputs[LABELS] = self.runner.records.content_digest(self.folder.labels)
        labelled = [name for name in read_labels(self.folder.labels) if name in inputs]
        selection = self.runner.selection
        if not selection.reads("hold out"):
            pass
        elif len(labelled) == 1:  # labels, model and page do not need held-out scores
            only = f"{labelled[0]} is the only content with labels, and held-out scores need two"
            self.runner.leave_out("hold out", "", f"{only}: add another content and its reactions to have them")
        elif (folds := self.hold_out(labelled, inputs)) and selection.does("evaluate"):
            self.evaluate(labelled, folds)
        if selection.does("train"):
            self.train(inputs)

    def hold_out(self, contents: Sequence[str], inputs: Mapping[str, str]) -> tuple[Fold, ...]:
        """Predict each content by a model that was trained on others; the folds do not depend on each other.

        Args:
            contents: names of the contents with labels and features.
            inputs: file name → sha256 of the features and the labels.

        Returns:
            The folds; nothing unless all predictions are in place.
        """
        try:
            loaded = load_study_examples(self.folder.labels, self.folder.features_folder, contents)
            lengths = {example.video: example.seconds for example in loaded.examples}
            folds = make_folds(lengths, self.settings.folds.count, seed=self.settings.folds.seed)
        except FILE_ERRORS as error:
            self.runner.fail("hold out", "", str(failure_of(error)))
            return ()
        works = [self.fold_work(fold, inputs) for fold in folds]
        if self._left_out("hold out", works):
            works = [work for work in works if self.runner.has(work)]
        self.runner.prepare(works)
        if self.settings.train.device == "cuda" or self.settings.train.devices > 1:  # each training has them to itself
            done = {work.name: self.runner.do(work) for work in works}
        else:
            done = self.runner.do_all(works)
        return folds if len(done) == len(folds) and all(done.values()) else ()

    def fold_work(self, fold: Fold, inputs: Mapping[str, str]) -> Work:
        """The work of predicting the contents that a fold holds out.

        Args:
            fold: which contents are trained on, and which are predicted.
            inputs: file name → sha256 of the features and the labels.

        Returns:
            The work, for the runner.
        """
        layout, settings, name = self.folder, self.settings, f"fold-{fold.number}"
        config = settings.plain("model", "train", "folds")
        key = self.runner.records.key(code=CODE["hold out"], inputs=inputs, config=config, fold=fold.as_dict())
        config["fold"] = fold.as_dict()
        provenance = Provenance("hold out", config, inputs, notes=(*settings.notes, HELD_OUT))
        predictions = tuple((video, layout.prediction(video)) for video in fold.held_out)
        folder, state = layout.fold(fold.number), layout.training_state / name
        places = (layout.labels, layout.features_folder, settings.model, settings.train, folder, state)
        task = FoldTask(fold, *places, predictions, provenance)
        outputs = [*(folder / file for file in MODEL_FILES), *(path for _, path in predictions)]
        return Work("hold out", name, key, outputs, partial(run_fold_task, task))

    def evaluate(self, contents: Sequence[str], folds: Sequence[Fold]) -> bool:
        """Score the held-out predictions against the labels.

        Args:
            contents: names of the contents with predictions.
            folds: that held them out.

        Returns:
            Whether the scores are in place.
        """
        records, notes = self.runner.records, self.settings.notes
        predictions = tuple((name, self.folder.prediction(name)) for name in contents)
        inputs = {f"{name}.parquet": records.content_digest(path) for name, path in predictions}
        inputs[LABELS] = records.content_digest(self.folder.labels)
        config = self.settings.plain("evaluate", "folds")
        key = records.key(code=CODE["evaluate"], inputs=inputs, config=config)
        task = EvaluateTask(
            self.folder.labels,
            predictions,
            tuple(fold.held_out for fold in folds),
            self.settings.evaluate,
            self.folder.scores,
            Provenance("evaluate", config, inputs, notes=notes),
        )
        return self.runner.do(Work("evaluate", "", key, (self.folder.scores,), partial(run_evaluate_task, task)))

    def train(self, inputs: Mapping[str, str]) -> bool:
        """Train on every content in `inputs`: the model that predicts new videos; whether it is in place."""
        layout, settings = self.folder, self.settings
        config = settings.plain("model", "train")
        key = self.runner.records.key(code=CODE["train"], inputs=inputs, config=config)
        contents = tuple(name for name in inputs if name != LABELS)
        places = (layout.labels, layout.features_folder, settings.model, settings.train, layout.model)
        task = TrainTask(contents, *places, layout.training_state, inputs, settings.notes)
        outputs = [layout.model / name for name in MODEL_FILES]
        work = Work("train", "", key, outputs, partial(run_train_task, task))
        return not self._left_out("train", [work]) and self.runner.do(work)

    def _left_out(self, step: str, works: Sequence[Work]) -> bool:
        """Leave a step out where the packages for training are missing and no earlier results hold; whether it is."""
        missing = missing_for_training()
        if not missing or all(self.runner.has(work) for work in works):
            return False
        self.runner.leave_out(step, "", f"{missing[0]} is not installed, so nothing is trained: {INSTALL_TRAINING}")
        return True

    def report(self, log: Mapping[str, object]) -> bool:
        """Write the page; whether it is in place. `log` is what it shows besides the results, as JSON values."""
        results = self.folder.results
        shown = sorted(
            p
            for subfolder in ("alignments", "annotations", "predictions", "features", "model")
            for p in (results / subfolder).glob("*")
            if p.is_file() and not p.name.startswith(".")
        )
        files = [
            *shown,
            *(p for p in (*self.folder.label_files[:2], self.folder.scores, self.folder.pairs) if p.is_file()),
        ]
        inputs = {str(p.relative_to(results)): self.runner.records.content_digest(p) for p in files}
        config = self.settings.plain("report", "about")
        key = self.runner.records.key(code=CODE["report"], inputs=inputs, config=config, given=log)
        do = partial(run_report_task, ReportTask(self.folder.root, self.settings.report, self.folder.report))
        return self.runner.do(
            Work("report", "", key, (self.folder.report,), do, archive=False)
        )  # large, and quickly written


def _describe(task: FeaturesTask, progress: Progress) -> str:
    """Run a task; returns what was wrong with the video, one line, mostly ""."""
    return "; ".join(run_features_task(task, progress).damage)
