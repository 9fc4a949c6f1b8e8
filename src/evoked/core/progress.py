"""How long work tells where it stands: a plain callable, given by whoever shows it."""

from typing import Protocol


class Progress(Protocol):
    """Called now and then with how much is done, in the unit of the work (seconds of video, epochs)."""

    def __call__(self, done: float, total: float | None, note: str = "") -> None:
        """`total` is None where it is not known; `note` is a few words, e.g. the current loss."""
        ...


def silent(done: float, total: float | None, note: str = "") -> None:
    """Show nothing."""
