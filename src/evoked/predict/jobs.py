"""Several videos, wherever they are worked on: each predicted, and written where it was asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from evoked.core.errors import OutputError
from evoked.core.progress import Progress, silent
from evoked.core.provenance import Provenance
from evoked.core.track import Track
from evoked.features.extract import Features
from evoked.media.probe import no_video_error, probe
from evoked.predict.predictor import Model, Predictor, load_model, predict_features
from evoked.predict.writers import FORMATS, check_format, write_predictions
from evoked.weights.cache import default_cache


@dataclass(frozen=True)
class PredictTask:
    """One video to predict.

    Attributes:
        video: the file.
        model: folder of the model.
        output: where the prediction goes; None = nowhere, the caller takes it from the result.
        threshold: for .vtt.
        threads: of the nets, 0 = as many as there are cores.
        offline: use only nets that the cache holds.
    """

    video: Path
    model: Path
    output: Path | None = None
    threshold: float = 0.5
    threads: int = 0
    offline: bool = False


@dataclass(frozen=True, eq=False)
class Prediction:
    """Result of a task; `damage` says what was wrong with the file or is not in it, one line each."""

    track: Track
    provenance: Provenance
    damage: tuple[str, ...] = ()


def run_predict_task(task: PredictTask, progress: Progress = silent) -> Prediction:
    """Predict a video and write the result; model and nets are loaded once per process.

    Raises:
        EvokedError: if the video, the model, a net or the output is not as it should be.
    """
    if probe(task.video).picture is None:  # what cannot be used is reported at once, before any net is fetched
        raise no_video_error(task.video)
    predictor = _predictor(task.model.resolve(), task.threads, task.offline)
    found = predictor.features(task.video, progress)
    about = predictor.provenance(task.video)
    told = (*found.damage, *missing_audio_note(predictor.model, found))
    about = replace(about, notes=(*about.notes, *told))
    made = Prediction(predict_features(predictor.model, found), about, told)
    if task.output:
        write_predictions(task.output, made.track, made.provenance, threshold=task.threshold)
    return made


def missing_audio_note(model: Model, features: Features) -> tuple[str, ...]:
    """A line where the model learnt from sound and this video has none: it can only go by the rest."""
    reads = {m.name for m in model.checkpoint.config.modalities}
    if "audio" not in reads or features.audio.valid.any():
        return ()
    return ("it has no sound, which the model goes by as well: predicted from what is seen alone",)


def output_paths(videos: Sequence[Path], output: Path | None, suffix: str | None) -> dict[Path, Path | None]:
    """Where each video's prediction goes.

    Args:
        videos: files to predict.
        output: a file for a single video, a folder for any number (NAME.EXT.suffix in it), or None.
        suffix: for a folder: one of FORMATS, without or with its dot; parquet if not given.

    Raises:
        OutputError: if the suffix is none that can be written, several videos shall go to one file, or two
            videos of one name into one folder.
    """
    if output is None:
        return dict.fromkeys(videos)
    if len(videos) == 1 and not suffix and not output.is_dir() and output.suffix:
        check_format(output)
        return {videos[0]: output}
    if output.suffix.lower() in FORMATS and not output.is_dir():
        why = f"{len(videos)} videos cannot all go to {output}" if len(videos) > 1 else "--format goes with a folder"
        raise OutputError(f"{why}; name a folder, and the kind of file with --format")
    ending = "." + (suffix or "parquet").lstrip(".")
    places = {video: output / f"{video.name}{ending}" for video in videos}
    check_format(output / f"x{ending}")
    if len(set(places.values())) < len(places):
        raise OutputError(
            f"two videos have the same name and would overwrite each other in {output}; predict them apart"
        )
    return dict(places)


@lru_cache(maxsize=1)
def _predictor(model: Path, threads: int, offline: bool) -> Predictor:
    return Predictor(load_model(model, threads), default_cache(offline=offline), threads)
