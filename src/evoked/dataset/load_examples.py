"""Load examples: features from a folder, joined with labels."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from evoked.core.errors import DatasetError
from evoked.core.progress import Progress, silent
from evoked.dataset.examples import Example, join
from evoked.dataset.labels import LabelRows
from evoked.dataset.result_files import find_result_files
from evoked.dataset.split import VideoSplit
from evoked.features.files import SUFFIX, open_features, read_features_provenance

__all__ = ["LoadedExamples", "feature_nets", "load_examples", "split_examples"]


LISTED = 20
"""Names in a note; of a released dataset thousands of videos may be gone."""


@dataclass(frozen=True, eq=False)
class LoadedExamples:
    """Examples, and how their features were made.

    Attributes:
        examples: in the order of the videos' names.
        made: how all the features were made, {"nets": name → sha256, "config": settings}; stored in the
            checkpoint, so that `predict` makes features in the same way.
        notes: for the user: rows that were cut, videos that were left out.
    """

    examples: tuple[Example, ...]
    made: Mapping[str, object]
    notes: tuple[str, ...]


def load_examples(labels: Mapping[str, LabelRows], folder: Path, progress: Progress = silent) -> LoadedExamples:
    """Join the features of every labelled video with its labels; features are read from disk only when used.

    Args:
        labels: video → labels, e.g. from `read_labels`.
        folder: with a file per video, VIDEO.safetensors.
        progress: called with the videos done and their total.

    Returns:
        An example per video that has both; features as float16, as they are stored. A second is valid where its
        label is and there is a picture.

    Raises:
        DatasetError: if no video has both, features were made in different ways, a file is damaged, or
            features and labels differ by more than a few seconds.
    """
    files = find_result_files(labels, folder, SUFFIX)
    if not files:
        raise DatasetError(
            f"{folder} has features of none of {len(labels)} labelled videos; make them: evoked features"
        )
    missing = sorted(labels.keys() - files.keys())
    more = f" and {len(missing) - LISTED} more" if len(missing) > LISTED else ""
    notes = [f"labelled but without features, left out: {', '.join(missing[:LISTED])}{more}"] if missing else []
    examples, present = [], set[str]()
    for done, (video, path) in enumerate(files.items()):
        progress(done, len(files), video)
        features, track = open_features(path), labels[video].labels
        present |= features.present
        valid = track.valid.copy()
        steps = min(len(valid), len(features.pictured))
        valid[:steps] &= features.pictured[:steps]
        examples.append(join(video, features.rows, track.values, valid, track.names))
        notes += [f"{video}: {note}" for note in examples[-1].notes]
    progress(len(files), len(files))
    notes += [f"{name}: no second of any video has it" for name in examples[0].features if name not in present]
    return LoadedExamples(tuple(examples), feature_nets(files), tuple(notes))


def split_examples(loaded: LoadedExamples, split: VideoSplit) -> tuple[LoadedExamples, tuple[str, ...]]:
    """The examples that training may see: those of the parts train and validate.

    Args:
        loaded: of `load_examples`.
        split: video → part.

    Returns:
        The examples, with notes on what was left out; and the names of those that validate.

    Raises:
        DatasetError: if no video with features trains.
    """
    parts = {example.video: split.parts.get(example.video) for example in loaded.examples}
    used = tuple(example for example in loaded.examples if parts[example.video] in ("train", "validate"))
    validate = tuple(sorted(video for video, part in parts.items() if part == "validate"))
    if len(used) == len(validate):
        raise DatasetError("no video of the part train has both features and labels, so there is nothing to train on")
    tested = sum(part == "test" for part in parts.values())
    note = f"split: {len(used) - len(validate)} videos train, {len(validate)} validate, {tested} test and are not seen"
    return replace(loaded, examples=used, notes=(*loaded.notes, *split.notes, note)), validate


def feature_nets(files: Mapping[str, Path]) -> dict[str, object]:
    """How all these feature files were made: {"nets": name → sha256, "config": settings}.

    Raises:
        DatasetError: if they were made in different ways; the first file that differs is named.
    """
    common: dict[str, object] = {}
    first = ""
    for video, path in files.items():
        provenance = read_features_provenance(path)
        settings = {"nets": provenance.get("nets", {}), "config": provenance.get("config", {})}
        if not common:
            common, first = settings, video
        elif settings != common:
            raise DatasetError(
                f"features of {video!r} and {first!r} were made with different networks or settings. "
                f"Delete {path} and make it again: evoked features"
            )
    return common
