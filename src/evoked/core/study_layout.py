"""Paths of the inputs and results of a study."""

from dataclasses import dataclass, field
from pathlib import Path

from evoked.core.names import derived_name

__all__ = ["MEDIA", "StudyLayout"]

MEDIA = {
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".flv"),
    *(".3gp", ".ogv", ".mxf", ".vob"),
}
"""Suffixes of files that are taken for videos; every other thing in the folders is passed over and named."""


@dataclass(frozen=True)
class StudyLayout:
    """Paths of a study.

    Attributes:
        root: the study's folder.
        contents, reactions: file names, sorted.
    """

    root: Path
    contents: tuple[str, ...] = field(default=())
    reactions: tuple[str, ...] = field(default=())

    @property
    def results(self) -> Path:
        """The folder of everything that evoked writes."""
        return self.root / "results"

    @property
    def contents_folder(self) -> Path:
        """The folder of the content videos."""
        return self.root / "contents"

    @property
    def reactions_folder(self) -> Path:
        """The folder of the recordings."""
        return self.root / "reactions"

    @property
    def settings_toml(self) -> Path:
        """The study's settings; optional."""
        return self.root / "study.toml"

    @property
    def rating(self) -> Path:
        """The folder of the rating store, its secret and the clips that were cut."""
        return self.root / "rating"

    @property
    def truth(self) -> Path:
        """The ground truth; only staged studies have it."""
        return self.root / "truth.json"

    @property
    def pairs_csv(self) -> Path:
        """The pairs of reaction and content, where the user gives them."""
        return self.root / "pairs.csv"

    @property
    def participants_csv(self) -> Path:
        """Who is seen in each recording, where the user says so."""
        return self.root / "participants.csv"

    def given_alignment(self, reaction: str) -> Path:
        """The alignment of a reaction, where the user gives it; results hold the one that is used."""
        return self.root / "alignments" / derived_name(reaction, ".json")

    def content(self, name: str) -> Path:
        """A content video."""
        return self.contents_folder / name

    def reaction(self, name: str) -> Path:
        """A recording of someone watching."""
        return self.reactions_folder / name

    @property
    def alignments_folder(self) -> Path:
        """The folder of the offset maps, one JSON file per reaction."""
        return self.results / "alignments"

    @property
    def annotations_folder(self) -> Path:
        """The folder of the viewers' scores, one table per reaction."""
        return self.results / "annotations"

    @property
    def features_folder(self) -> Path:
        """The folder of the contents' features, one safetensors file per content."""
        return self.results / "features"

    @property
    def predictions_folder(self) -> Path:
        """The folder of the predictions, one table per content."""
        return self.results / "predictions"

    def alignment(self, reaction: str) -> Path:
        """The offset map of a reaction."""
        return self.alignments_folder / derived_name(reaction, ".json")

    def annotation(self, reaction: str) -> Path:
        """The viewers' scores of a reaction."""
        return self.annotations_folder / derived_name(reaction, ".parquet")

    def features(self, content: str) -> Path:
        """The features of a content."""
        return self.features_folder / derived_name(content, ".safetensors")

    def prediction(self, content: str) -> Path:
        """The predictions for a content."""
        return self.predictions_folder / derived_name(content, ".parquet")

    @property
    def labels(self) -> Path:
        """The labels of all contents."""
        return self.results / "labels.parquet"

    @property
    def viewers(self) -> Path:
        """The scores of each viewer, on the content's time."""
        return self.results / "viewers.parquet"

    @property
    def viewer_statistics(self) -> Path:
        """Statistics of the viewers by content, group and condition."""
        return self.results / "viewer_statistics.csv"

    @property
    def label_files(self) -> tuple[Path, ...]:
        """All files of the label step: labels, viewers, their statistics with the provenance beside."""
        statistics = self.viewer_statistics
        return self.labels, self.viewers, statistics, statistics.with_name(f"{statistics.name}.provenance.json")

    @property
    def pairs(self) -> Path:
        """The pairs that were used."""
        return self.results / "pairs.csv"

    @property
    def model(self) -> Path:
        """The folder of the model trained on all contents."""
        return self.results / "model"

    @property
    def model_json(self) -> Path:
        """What the model is and how it was trained."""
        return self.model / "model.json"

    @property
    def folds(self) -> Path:
        """Models and predictions of the held-out folds."""
        return self.results / "folds"

    def fold(self, number: int) -> Path:
        """The folder of the model of a held-out fold, numbered from 0."""
        return self.folds / f"fold-{number}"

    @property
    def scores(self) -> Path:
        """The scores."""
        return self.results / "scores.json"

    @property
    def report(self) -> Path:
        """The report page."""
        return self.results / "report.html"

    @property
    def state(self) -> Path:
        """The folder of the state that the next run reuses."""
        return self.results / "state"

    @property
    def training_state(self) -> Path:
        """The folder of what an interrupted training resumes from; folders of the folds in it."""
        return self.state / "training"

    @property
    def step_outcomes(self) -> Path:
        """How each step of the last run ended."""
        return self.state / "items.json"

    @property
    def previews(self) -> Path:
        """The folder of the contents' previews that the report embeds."""
        return self.state / "previews"
