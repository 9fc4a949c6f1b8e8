"""Describe one video of several and write its features, as a job of an executor."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from evoked.core.damage import Damage, of_file
from evoked.core.progress import Progress, silent
from evoked.core.provenance import Provenance
from evoked.features.extract import Extractor, FeatureConfig, Features
from evoked.features.files import write_features
from evoked.media.probe import no_video_error, probe
from evoked.weights.cache import CacheLocation

__all__ = ["FeaturesDone", "FeaturesTask", "extract_once", "run_features_task"]


@dataclass(frozen=True)
class FeaturesTask:
    """One video to describe.

    Attributes:
        video: the file.
        output: the safetensors file to write.
        config: the set of networks, and their settings.
        cache: where the networks are.
        provenance: of the features; derived from the video and the networks where None.
    """

    video: Path
    output: Path
    config: FeatureConfig
    cache: CacheLocation
    provenance: Provenance | None = None


@dataclass(frozen=True)
class FeaturesDone:
    """The result of a task.

    Attributes:
        seconds: rows of the file, one per second.
        damage: damage of the file, one line each.
        defects: the same with kinds and seconds.
    """

    seconds: int
    damage: tuple[str, ...] = ()
    defects: tuple[Damage, ...] = ()


def run_features_task(task: FeaturesTask, progress: Progress = silent) -> FeaturesDone:
    """Describe a video and write its features; the networks are loaded once per process.

    Args:
        task: the video, and where its features go.
        progress: called with the seconds done and their total.

    Returns:
        The number of seconds written, and damage of the file.

    Raises:
        EvokedError: if the video, a network or the output cannot be used.
    """
    # an unusable file is reported before any network is fetched
    if probe(task.video, task.config.audio_track).picture is None:
        raise no_video_error(task.video)
    networks = tuple(sorted(task.provenance.nets.items())) if task.provenance else ()
    extractor = _extractor(task.config, task.cache, networks)
    features = extractor(task.video, progress)
    made_by = task.provenance or extractor.provenance(task.video)
    damage = tuple(f"{task.video.name}: {line}" for line in features.damage)
    defects = (*made_by.damage, *of_file(task.video.name, features.defects))
    write_features(task.output, features, replace(made_by, notes=(*made_by.notes, *damage), damage=defects))
    return FeaturesDone(features.grid.steps, features.damage, features.defects)


def extract_once(video: Path, config: FeatureConfig, cache: CacheLocation, progress: Progress = silent) -> Features:
    """Describe a video and write nothing; the networks are loaded once per process.

    Args:
        video: a media file with a picture.
        config: the set of networks, and their settings.
        cache: where the networks are.
        progress: called with the seconds done and their total.

    Returns:
        Its features.

    Raises:
        EvokedError: if the video or a network cannot be used.
    """
    if probe(video, config.audio_track).picture is None:
        raise no_video_error(video)
    return _extractor(config, cache, ())(video, progress)


@lru_cache(maxsize=1)
def _extractor(config: FeatureConfig, cache: CacheLocation, _networks: tuple[tuple[str, str], ...]) -> Extractor:
    """Opened again where the networks changed, such as a file of the user's."""
    return Extractor(config, cache.open())
