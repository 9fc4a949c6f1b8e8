"""Every setting that study.toml may contain: one section per config class."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evoked.core.errors import EvokedError, StudyError
from evoked.core.settings import setting, settings
from evoked.core.study_layout import StudyLayout
from evoked.dataset.pairs import read_pairs
from evoked.dataset.participants import read_participants
from evoked.faces.detect import DetectConfig
from evoked.features.extract import FeatureConfig
from evoked.learning.evaluation.evaluate import EvaluateConfig
from evoked.learning.training.config import TrainConfig
from evoked.model.config import ModelSettings
from evoked.reactions.alignment.config import MatchConfig
from evoked.reactions.content_region.detector import ContentRegionConfig
from evoked.reactions.expressions.choose import open_recogniser
from evoked.reactions.labelling.majority_vote import VoteConfig
from evoked.reactions.viewers.annotation import AnnotateConfig
from evoked.report.config import ReportConfig
from evoked.study.layout import StudyHeader, config_values, parse_sections, read_toml, read_toml_file
from evoked.study.presets import with_preset

__all__ = ["SECTIONS", "FoldConfig", "Settings", "checked_settings", "read_settings", "read_settings_file"]


@settings
class FoldConfig:
    """The folds of the cross-validation.

    Raises:
        ValueError: if `count` is below 2.
    """

    count: int = setting(
        5, "number of folds; each content is held out in one of them (fewer contents, fewer folds)", ge=2
    )
    seed: int = setting(0, "seed of the random assignment of contents to folds")


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
    """A study's settings, with all defaults filled in; one attribute per section of study.toml."""

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
        """Notes that go into every result, e.g. that the data is staged."""
        return (self.about.note,) if self.about.note else ()

    def plain(self, *names: str) -> dict[str, Any]:
        """Some sections as plain JSON values, for keys and provenance."""
        return {name: config_values(getattr(self, name)) for name in names}


def read_settings(root: Path, preset: str = "") -> Settings:
    """The settings of a study folder.

    Args:
        root: the folder.
        preset: used instead of the one that study.toml names; "": that one.

    Returns:
        The settings.

    Raises:
        StudyError: if study.toml contains a mistake.
    """
    values = read_toml(root)
    return _settings({**values, "preset": preset} if preset else values, root / "study.toml")


def checked_settings(folder: StudyLayout, preset: str = "") -> Settings:
    """The settings of a study, checked against each other, with pairs.csv and participants.csv before any work.

    Args:
        folder: paths of the study.
        preset: as `read_settings` takes it.

    Returns:
        The settings.

    Raises:
        StudyError: if study.toml contains a mistake, or the recogniser cannot score the expressions.
        DatasetError: if pairs.csv or participants.csv cannot be used.
    """
    settings = read_settings(folder.root, preset)
    try:
        open_recogniser(
            settings.annotate.recogniser,
            settings.about.expressions,
            folder.root,
            allow_unvalidated=settings.annotate.allow_unvalidated,
        )
    except EvokedError as error:
        raise StudyError(f"{folder.settings_toml} [annotate] recogniser: {error}") from error
    if folder.pairs_csv.exists():
        read_pairs(folder.pairs_csv, folder.reactions, folder.contents)
    if folder.participants_csv.exists():
        read_participants(folder.participants_csv, folder.reactions, settings.about.expressions)
    return settings


def read_settings_file(path: Path) -> Settings:
    """The settings of any file like study.toml; StudyError if it cannot be read or contains a mistake."""
    return _settings(read_toml_file(path), path)


def _settings(values: Mapping[str, object], path: Path) -> Settings:
    about, configs = parse_sections(with_preset(values, SECTIONS), SECTIONS)
    try:
        configs["votes"].levels(about.expressions)
    except ValueError as error:
        raise StudyError(f"{path} [votes]: {error}") from error
    return Settings(about, **configs)
