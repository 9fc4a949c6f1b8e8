"""Progress of long work: a plain callable that the caller passes in."""

from typing import Protocol

__all__ = ["Progress", "part", "silent"]


class Progress(Protocol):
    """Called repeatedly with how much is done, in the unit of the work (seconds of video, epochs)."""

    def __call__(self, done: float, total: float | None, note: str = "") -> None:
        """`total` is None if unknown; `note` is a few words, e.g. the current loss."""
        ...


def part(progress: Progress, start: float, end: float, default_note: str = "") -> Progress:
    """Progress of one part of the work, reported as the share `start` … `end` of all of it.

    Args:
        progress: takes the progress of all the work.
        start: share of all the work, in [0, 1], that is done when the part begins.
        end: share that is done when the part ends.
        default_note: reported where the part gives no note.

    Returns:
        A callable that takes the progress of the part.
    """

    def report(done: float, total: float | None, note: str = "") -> None:
        share = min(1.0, done / total) if total else 0.0
        progress(start + (end - start) * share, 1.0, note or default_note)

    return report


def silent(done: float, total: float | None, note: str = "") -> None:
    """Report nothing.

    Args:
        done: ignored.
        total: ignored.
        note: ignored.
    """
