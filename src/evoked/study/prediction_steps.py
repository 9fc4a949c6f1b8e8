"""The steps of a study that predict: features, held-out predictions, scores, the model, the report page.

The trainer takes seconds to import, so only a run that trains imports it; a run that keeps everything ends sooner.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from evoked.core.errors import WeightsMissing
from evoked.core.extras import INSTALL_TRAINING, missing_for_training
from evoked.core.progress import Progress
from evoked.core.provenance import Provenance
from evoked.core.study_layout import StudyLayout
from evoked.dataset.folds import make_folds
from evoked.dataset.labels import read_labels
from evoked.dataset.load_examples import LoadedExamples, load_examples
from evoked.features.extract import digests
from evoked.features.jobs import FeaturesTask, run_features_task
from evoked.learning.evaluation.evaluate import evaluate
from evoked.learning.evaluation.scores import write_scores
from evoked.learning.training.config import HISTORY
from evoked.model.checkpoint import ABOUT, ARRAYS
from evoked.prediction.writers import read_predictions, write_predictions
from evoked.report.page import write_report
from evoked.study.runner import Runner, Work
from evoked.study.settings import Settings
from evoked.weights.cache import Cache, CacheLocation
from evoked.weights.catalogue import NETS

__all__ = ["CODE", "HELD_OUT", "PredictionSteps"]

CODE = {"features": 4, "hold out": 1, "evaluate": 1, "train": 1, "report": 2}
"""Code version of each step; see `label_steps.CODE`."""
HELD_OUT = "held out: predicted by a model that did not learn from this video"


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
        inputs["labels.parquet"] = self.runner.records.content_digest(self.folder.labels)
        labelled = [name for name in read_labels(self.folder.labels) if name in inputs]
        if len(labelled) == 1:  # labels, model and page do not need held-out scores
            only = f"{labelled[0]} is the only content with labels, and held-out scores need two"
            self.runner.leave_out("hold out", "", f"{only}: add another content and its reactions to have them")
        elif self.hold_out(labelled, inputs):
            self.evaluate(labelled)
        self.train(inputs)

    def hold_out(self, contents: Sequence[str], inputs: Mapping[str, str]) -> bool:
        """Predict each content by a model that was trained on others.

        Args:
            contents: names of the contents with labels and features.
            inputs: file name → sha256 of the features and the labels.

        Returns:
            Whether the predictions are in place.
        """
        config = self.settings.plain("model", "train", "folds")
        key = self.runner.records.key(code=CODE["hold out"], inputs=inputs, config=config)
        outputs = [self.folder.prediction(name) for name in contents]

        def do(progress: Progress) -> None:
            from evoked.learning.experiments.cross_validation import cross_validate

            loaded = self._examples(contents)
            folds = make_folds(
                {e.video: e.seconds for e in loaded.examples},
                self.settings.folds.count,
                seed=self.settings.folds.seed,
            )
            held_out = cross_validate(
                loaded.examples,
                self.settings.model,
                self.settings.train,
                folds,
                self.folder.folds,
                features=loaded.made,
                progress=progress,
            )
            for name, track in held_out.predictions.items():
                fold = next(f for f in held_out.folds if name in f.held_out)
                provenance = Provenance(
                    "hold out", {**config, "fold": fold.as_dict()}, inputs, notes=(*self.settings.notes, HELD_OUT)
                )
                write_predictions(self.folder.prediction(name), track, provenance)

        return self._train(Work("hold out", "", key, outputs, do))

    def evaluate(self, contents: Sequence[str]) -> bool:
        """Score the held-out predictions of these contents against the labels; whether the scores are in place."""
        records = self.runner.records
        inputs = {f"{name}.parquet": records.content_digest(self.folder.prediction(name)) for name in contents}
        inputs["labels.parquet"] = records.content_digest(self.folder.labels)
        config = self.settings.plain("evaluate", "folds")
        key = records.key(code=CODE["evaluate"], inputs=inputs, config=config)

        def do(progress: Progress) -> None:
            labels = read_labels(self.folder.labels)
            predictions = {name: read_predictions(self.folder.prediction(name)) for name in contents}
            folds = make_folds(
                {name: predictions[name].grid.steps for name in contents},
                self.settings.folds.count,
                seed=self.settings.folds.seed,
            )
            scores = evaluate(
                predictions,
                {name: labels[name] for name in contents},
                self.settings.evaluate,
                folds=[f.held_out for f in folds],
                notes=self.settings.notes,
            )
            write_scores(self.folder.scores, scores, Provenance("evaluate", config, inputs, notes=self.settings.notes))

        return self.runner.do(Work("evaluate", "", key, (self.folder.scores,), do))

    def train(self, inputs: Mapping[str, str]) -> bool:
        """Train on every content in `inputs`: the model that predicts new videos; whether it is in place."""
        config = self.settings.plain("model", "train")
        key = self.runner.records.key(code=CODE["train"], inputs=inputs, config=config)
        outputs = [self.folder.model / name for name in (ARRAYS, ABOUT, HISTORY)]

        def do(progress: Progress) -> None:
            from evoked.learning.training.model_folder import train_model

            loaded = self._examples([name for name in inputs if name != "labels.parquet"])
            state = self.folder.results / "state" / "training"
            train_model(
                self.folder.model,
                loaded,
                self.settings.model,
                self.settings.train,
                inputs=inputs,
                state=state,
                notes=self.settings.notes,
                progress=progress,
            )

        return self._train(Work("train", "", key, outputs, do))

    def _train(self, work: Work) -> bool:
        """Do work that trains; it is left out where the packages for it are missing and no earlier result holds."""
        missing = missing_for_training()
        if missing and not self.runner.has(work):
            self.runner.leave_out(
                work.step, work.name, f"{missing[0]} is not installed, so nothing is trained: {INSTALL_TRAINING}"
            )
            return False
        return self.runner.do(work)

    def report(self, log: Mapping[str, object]) -> bool:
        """Write the page; whether it is in place. `log` is what it shows besides the results, as JSON values."""
        results = self.folder.results
        shown = sorted(
            p
            for subfolder in ("alignments", "annotations", "predictions", "features", "model")
            for p in (results / subfolder).glob("*")
            if p.is_file() and not p.name.startswith(".")
        )
        files = [*shown, *(p for p in (self.folder.labels, self.folder.scores, self.folder.pairs) if p.is_file())]
        inputs = {str(p.relative_to(results)): self.runner.records.content_digest(p) for p in files}
        config = self.settings.plain("report", "about")
        key = self.runner.records.key(code=CODE["report"], inputs=inputs, config=config, given=log)

        def do(progress: Progress) -> None:
            write_report(self.folder.root, self.settings.report, self.folder.report, progress)

        return self.runner.do(
            Work("report", "", key, (self.folder.report,), do, archive=False)
        )  # large, and quickly written

    def _examples(self, contents: Sequence[str]) -> LoadedExamples:
        labels = read_labels(self.folder.labels)
        wanted = {name: rows for name, rows in labels.items() if name in set(contents)}
        loaded = load_examples(wanted, Path(self.folder.results / "features"))
        missing = sorted(labels.keys() - wanted.keys())
        note = f"labelled but without features, left out: {', '.join(missing)}"
        return replace(loaded, notes=(*loaded.notes, note)) if missing else loaded


def _describe(task: FeaturesTask, progress: Progress) -> str:
    """Run a task; returns what was wrong with the video, one line, mostly ""."""
    return "; ".join(run_features_task(task, progress).damage)
