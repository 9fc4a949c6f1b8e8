"""Where everything of a study is: the paths of its inputs and of its results."""

from dataclasses import dataclass, field
from pathlib import Path


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
        """Where everything goes that evoked makes."""
        return self.root / "results"

    @property
    def pairs_csv(self) -> Path:
        """Who watched what, where a person wrote it down."""
        return self.root / "pairs.csv"

    def content(self, name: str) -> Path:
        """A content video."""
        return self.root / "contents" / name

    def reaction(self, name: str) -> Path:
        """A recording of someone watching."""
        return self.root / "reactions" / name

    def alignment(self, reaction: str) -> Path:
        """Where the offset map of a reaction goes."""
        return self.results / "alignments" / f"{reaction}.json"

    def annotation(self, reaction: str) -> Path:
        """Where the viewers' scores of a reaction go."""
        return self.results / "annotations" / f"{reaction}.parquet"

    def features(self, content: str) -> Path:
        """Where a content's features go."""
        return self.results / "features" / f"{content}.safetensors"

    def prediction(self, content: str) -> Path:
        """Where the predictions for a content go."""
        return self.results / "predictions" / f"{content}.parquet"

    @property
    def labels(self) -> Path:
        """Where the labels of all contents go."""
        return self.results / "labels.parquet"

    @property
    def pairs(self) -> Path:
        """The pairs that were used."""
        return self.results / "pairs.csv"

    @property
    def model(self) -> Path:
        """The folder of the model that learnt from all contents."""
        return self.results / "model"

    @property
    def folds(self) -> Path:
        """Models and predictions of the held-out turns."""
        return self.results / "folds"

    @property
    def scores(self) -> Path:
        """Where the scores go."""
        return self.results / "scores.json"

    @property
    def report(self) -> Path:
        """Where the page goes."""
        return self.results / "report.html"
