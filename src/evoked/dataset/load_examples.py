"""Features from a folder and labels from a table, joined into examples."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evoked.core.errors import DatasetError
from evoked.core.progress import Progress, silent
from evoked.dataset.examples import Example, join
from evoked.dataset.labels import LabelRows
from evoked.dataset.result_files import find_result_files
from evoked.features.files import SUFFIX, open_features, read_features_provenance

__all__ = ["LoadedExamples", "feature_nets", "load_examples"]


@dataclass(frozen=True, eq=False)
class LoadedExamples:
    """Examples, and where their features come from.

    Attributes:
        examples: in the order of the videos' names.
        made: what all the features were made with, {"nets": name → sha256, "config": settings}; it goes into
            the checkpoint, so that `predict` makes the same.
        notes: what a reader must know: rows that were cut, videos that were left out.
    """

    examples: tuple[Example, ...]
    made: Mapping[str, Any]
    notes: tuple[str, ...]


def load_examples(labels: Mapping[str, LabelRows], folder: Path, progress: Progress = silent) -> LoadedExamples:
    """Put the features of every labelled video beside its labels; their numbers stay on disk until they are used.

    Args:
        labels: video → labels, e.g. from `read_labels`.
        folder: with a file per video, VIDEO.safetensors.
        progress: counts videos.

    Returns:
        An example per video that has both; features as float16, as they are stored, read from their
        file whenever some are asked for. A second is valid
        where its label is and there is a picture.

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
    notes = [f"labelled but without features, left out: {', '.join(missing)}"] if missing else []
    examples, present = [], set[str]()
    for done, (video, path) in enumerate(files.items()):
        progress(done, len(files), video)
        found, track = open_features(path), labels[video].labels
        present |= found.present
        valid = track.valid.copy()
        steps = min(len(valid), len(found.pictured))
        valid[:steps] &= found.pictured[:steps]
        examples.append(join(video, found.rows, track.values, valid, track.names))
        notes += [f"{video}: {note}" for note in examples[-1].notes]
    progress(len(files), len(files))
    notes += [f"{name}: no second of any video has it" for name in examples[0].features if name not in present]
    return LoadedExamples(tuple(examples), feature_nets(files), tuple(notes))


def feature_nets(files: Mapping[str, Path]) -> dict[str, Any]:
    """Nets and settings that all these feature files were made with.

    Raises:
        DatasetError: naming the first file that was made in another way.
    """
    made: dict[str, Any] = {}
    first = ""
    for video, path in files.items():
        provenance = read_features_provenance(path)
        own = {"nets": provenance.get("nets", {}), "config": provenance.get("config", {})}
        if not made:
            made, first = own, video
        elif own != made:
            raise DatasetError(
                f"features of {video!r} and {first!r} were made with different nets or settings. "
                f"Delete {path} and make it again: evoked features"
            )
    return made
