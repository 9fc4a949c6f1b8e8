"""Everything study.toml may set, in one place: a section per room that is called."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evoked.core.errors import StudyError
from evoked.core.settings import setting
from evoked.faces.detect import DetectConfig
from evoked.features.extract import FeatureConfig
from evoked.learning.evaluation.evaluate import EvaluateConfig
from evoked.learning.training.config import TrainConfig
from evoked.model.config import ModelSettings
from evoked.reactions.alignment.config import MatchConfig
from evoked.reactions.content_region.detector import ContentRegionConfig
from evoked.reactions.labelling.majority_vote import VoteConfig
from evoked.reactions.viewers.annotation import AnnotateConfig
from evoked.report.config import ReportConfig
from evoked.study.layout import StudyHeader, config_values, parse_sections, read_toml, read_toml_file

__all__ = ["SECTIONS", "FoldConfig", "Settings", "read_settings", "read_settings_file"]


@dataclass(frozen=True)
class FoldConfig:
    """How contents are held out in turn."""

    count: int = setting(5, "turns; each content is held out in one of them (fewer contents, fewer turns)")
    seed: int = setting(0, "which contents go together")

    def __post_init__(self) -> None:
        if self.count < 2:
            raise ValueError(f"count must be at least 2, got {self.count}")


SECTIONS: Mapping[str, type] = {
    "align": MatchConfig,
    "window": ContentRegionConfig,
    "detect": DetectConfig,
    "annotate": AnnotateConfig,
    "votes": VoteConfig,
    "features": FeatureConfig,
    "model": ModelSettings,
    "train": TrainConfig,
    "folds": FoldConfig,
    "evaluate": EvaluateConfig,
    "report": ReportConfig,
}


@dataclass(frozen=True)
class Settings:
    """A study's settings, every default filled in; one attribute per section of study.toml."""

    about: StudyHeader
    align: MatchConfig
    window: ContentRegionConfig
    detect: DetectConfig
    annotate: AnnotateConfig
    votes: VoteConfig
    features: FeatureConfig
    model: ModelSettings
    train: TrainConfig
    folds: FoldConfig
    evaluate: EvaluateConfig
    report: ReportConfig

    @property
    def notes(self) -> tuple[str, ...]:
        """What every result must say, e.g. that the data is staged."""
        return (self.about.note,) if self.about.note else ()

    def plain(self, *names: str) -> dict[str, Any]:
        """Some sections as plain values, for keys and provenance."""
        return {name: config_values(getattr(self, name)) for name in names}


def read_settings(root: Path) -> Settings:
    """The settings of a study folder; StudyError if study.toml holds a mistake."""
    return _settings(read_toml(root), root / "study.toml")


def read_settings_file(path: Path) -> Settings:
    """The settings of a study.toml wherever it is; StudyError if it cannot be read or holds a mistake."""
    return _settings(read_toml_file(path), path)


def _settings(values: Mapping[str, Any], path: Path) -> Settings:
    about, made = parse_sections(values, SECTIONS)
    try:
        made["votes"].levels(about.expressions)
    except ValueError as error:
        raise StudyError(f"{path} [votes]: {error}") from error
    return Settings(about, **made)
