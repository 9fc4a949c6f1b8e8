"""The errors that evoked raises, as a tree.

EvokedError                 something outside the program is wrong: a file, a device, the network
├── MediaError              a video or sound file
│   ├── MissingMedia        ... does not exist, is a folder, is empty, or is not a media file
│   ├── NoPictureError      ... has no video stream, or not one frame could be decoded
│   └── NoSoundError        ... has no audio stream
├── WeightsError            the file of a pretrained network
│   ├── WeightsMissing      ... cannot be fetched (offline, no network, no such file)
│   └── WeightsMismatch     ... is not the file that the catalogue lists
├── AlignmentError          a reaction has nothing in common with the content
├── LibraryError            a library of contents on disk
├── DatasetError            pairs, a manifest, labels, features or a split
├── CheckpointError         a trained model's file
├── TrainingError           training cannot start here, or has diverged (no such device, a loss that is not finite)
├── StudyError              a study folder or its study.toml
├── BusyError               another process works on the same folder
├── OutputError             a result could not be written (disk full, no permission)
└── WorkerError             a worker process died, or there is nowhere to run one

A wrong argument is a ValueError, never one of these: it is fixed in the calling code.
Every message states what is wrong, where, and what to do, on one line.
"""

from pathlib import Path

__all__ = [
    "FILE_ERRORS",
    "AlignmentError",
    "BusyError",
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
    "failure_of",
]


class EvokedError(Exception):
    """Base of all errors that a user, not a programmer, can fix."""


class MediaError(EvokedError):
    """A video or sound file cannot be used."""


class MissingMedia(MediaError):
    """The media file does not exist, is a folder, is empty, or is not a media file."""


class NoPictureError(MediaError):
    """The file has no video stream, or no frame of it can be decoded."""


class NoSoundError(MediaError):
    """The file has no audio stream."""


class WeightsError(EvokedError):
    """The file of a pretrained network is absent or wrong."""


class WeightsMissing(WeightsError):
    """The file of a pretrained network cannot be fetched (offline, no network) or is not at the given path."""


class WeightsMismatch(WeightsError):
    """The file on disk is not the one that the catalogue lists.

    Args:
        name: of the network.
        path: the file on disk.
        actual: its sha256, hex digits.
        expected: the sha256 in the catalogue, hex digits.
    """

    def __init__(self, name: str, path: Path, actual: str, expected: str) -> None:
        super().__init__(
            f"weights {name!r}: {path} has sha256 {actual[:12]}…, the catalogue says {expected[:12]}…. "
            f"Delete the file and run: evoked weights fetch {name}"
        )


class AlignmentError(EvokedError):
    """A reaction and a content have nothing in common that could be aligned."""


class LibraryError(EvokedError):
    """A content library is damaged, or lacks what is asked of it."""


class DatasetError(EvokedError):
    """Pairs, labels, features or a split are missing or wrong."""


class CheckpointError(EvokedError):
    """A trained model's file is absent, damaged, or of another format."""


class TrainingError(EvokedError):
    """Training cannot start on this machine, or has diverged."""


class StudyError(EvokedError):
    """A study folder or its settings are missing or wrong."""


class OutputError(EvokedError):
    """A result could not be written."""


class BusyError(EvokedError):
    """Another process works on the same folder."""


class WorkerError(EvokedError):
    """A worker process died, or the cluster on which it should run cannot be reached."""


FILE_ERRORS = (EvokedError, OSError, UnicodeError)
"""What the work on one file may raise without taking the other files with it; anything else is a bug."""


def failure_of(error: EvokedError | OSError | UnicodeError) -> EvokedError:
    """The error of one file as an EvokedError, on one line; an EvokedError as it is."""
    if isinstance(error, EvokedError):
        return error
    if isinstance(error, OSError) and error.strerror:
        names = f" ({error.filename})" if error.filename else ""
        failure = EvokedError(f"{error.strerror}{names}. Check that the file can be read and is whole")
    else:
        reason = " ".join(str(error).split()) or type(error).__name__
        failure = EvokedError(f"{reason}. Check that the file can be read and is whole")
    failure.__cause__ = error
    return failure
