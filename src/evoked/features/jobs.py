"""Describe one video of several and write its features, in whichever process the executor runs it."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from evoked.core.progress import Progress, silent
from evoked.features.extract import Extractor, FeatureConfig
from evoked.features.files import write_features
from evoked.media.probe import no_video_error, probe
from evoked.weights.cache import default_cache

__all__ = ["FeaturesDone", "FeaturesTask", "run_features_task"]


@dataclass(frozen=True)
class FeaturesTask:
    """One video to describe.

    Attributes:
        video: the file.
        output: the safetensors file to write.
        config: which networks, and their settings.
        offline: use only networks that the cache holds.
    """

    video: Path
    output: Path
    config: FeatureConfig
    offline: bool = False


@dataclass(frozen=True)
class FeaturesDone:
    """What was written for a task.

    Attributes:
        seconds: rows of the file, one per second.
        damage: what was wrong with the video, one line each.
    """

    seconds: int
    damage: tuple[str, ...] = ()


def run_features_task(task: FeaturesTask, progress: Progress = silent) -> FeaturesDone:
    """Describe a video and write its features; the networks are loaded once per process.

    Args:
        task: the video, and where its features go.
        progress: called with the seconds done and their total.

    Returns:
        How many seconds were written, and what was wrong with the video.

    Raises:
        EvokedError: if the video, a network or the output cannot be used.
    """
    if probe(task.video).picture is None:  # an unusable file is reported before any network is fetched
        raise no_video_error(task.video)
    extractor = _extractor(task.config, task.offline)
    found = extractor(task.video, progress)
    made_by = extractor.provenance(task.video)
    write_features(task.output, found, replace(made_by, notes=(*made_by.notes, *found.damage)))
    return FeaturesDone(found.grid.steps, found.damage)


@lru_cache(maxsize=1)
def _extractor(config: FeatureConfig, offline: bool) -> Extractor:
    return Extractor(config, default_cache(offline=offline))
