"""Progress of long work: a plain callable that the caller passes in."""

from typing import Protocol

__all__ = ["Progress", "part", "silent"]


class Progress(Protocol):
    """Called now and then with how much is done, in the unit of the work (seconds of video, epochs)."""

    def __call__(self, done: float, total: float | None, note: str = "") -> None:
        """`total` is None where it is not known; `note` is a few words, e.g. the current loss."""
        ...


def part(whole: Progress, start: float, end: float, words: str = "") -> Progress:
    """Progress of one part, reported as the share `start` … `end` of the whole; `words` where it has no note."""

    def report(done: float, total: float | None, note: str = "") -> None:
        share = min(1.0, done / total) if total else 0.0
        whole(start + (end - start) * share, 1.0, note or words)

    return report


def silent(done: float, total: float | None, note: str = "") -> None:
    """Show nothing."""
