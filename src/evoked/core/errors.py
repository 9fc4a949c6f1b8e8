"""What can go wrong, as a tree.

EvokedError                 something outside the program is not as it should be
├── MediaError              a video or sound file
│   ├── MissingMedia        ... is not there, is a folder, is empty, or is no media file
│   ├── NoPictureError      ... has no video stream, or not one frame could be decoded
│   └── NoSoundError        ... has no audio stream
├── WeightsError            a pretrained net's file
│   ├── WeightsMissing      ... cannot be had (offline, no network, no such file)
│   └── WeightsMismatch     ... is not the file the catalogue names
├── AlignmentError          a reaction has nothing in common with the content
├── LibraryError            a library of contents on disk
├── DatasetError            pairs, a manifest, labels, features or a split
├── CheckpointError         a trained model's file
├── TrainingError           training cannot start here, or came apart (no such device, a loss that is no number)
├── StudyError              a study folder or its study.toml
├── OutputError             a result could not be written (disk full, no permission)
└── WorkerError             a process that worked on an item died, or there is nowhere to run it

A wrong argument is a ValueError, never one of these: it is mended in code, not in the world.
Every message says what is wrong, where, and what to do, on one line.
"""

from pathlib import Path

__all__ = [
    "AlignmentError",
    "CheckpointError",
    "DatasetError",
    "EvokedError",
    "LibraryError",
    "MediaError",
    "MissingMedia",
    "NoPictureError",
    "NoSoundError",
    "OutputError",
    "StudyError",
    "TrainingError",
    "WeightsError",
    "WeightsMismatch",
    "WeightsMissing",
    "WorkerError",
]


class EvokedError(Exception):
    """Base of all errors that a user, not a programmer, can mend."""


class MediaError(EvokedError):
    """A video or sound file cannot be used."""


class MissingMedia(MediaError):
    """There is no such media file: absent, a folder, empty, or not media."""


class NoPictureError(MediaError):
    """The file has no video stream, or no frame of it can be decoded."""


class NoSoundError(MediaError):
    """The file has no audio stream."""


class WeightsError(EvokedError):
    """A pretrained net's file is absent or wrong."""


class WeightsMissing(WeightsError):
    """A net's file cannot be had: offline, no network, or not where it was said to be."""


class WeightsMismatch(WeightsError):
    """The file on disk is not the one the catalogue names."""

    def __init__(self, name: str, path: Path, found: str, expected: str) -> None:
        super().__init__(
            f"weights {name!r}: {path} has sha256 {found[:12]}…, the catalogue says {expected[:12]}…. "
            f"Delete the file and run: evoked weights fetch {name}"
        )


class AlignmentError(EvokedError):
    """A reaction and a content have nothing in common that could be aligned."""


class LibraryError(EvokedError):
    """A library of contents is not as it should be."""


class DatasetError(EvokedError):
    """Pairs, labels, features or a split are not as they should be."""


class CheckpointError(EvokedError):
    """A trained model's file is absent, damaged, or of another make."""


class TrainingError(EvokedError):
    """Training cannot start on this machine, or its numbers came apart."""


class StudyError(EvokedError):
    """A study folder or its settings are not as they should be."""


class OutputError(EvokedError):
    """A result could not be written."""


class WorkerError(EvokedError):
    """A process that worked on an item died, or the place where work should run is not there."""
