"""What every expression recogniser offers."""

from typing import Protocol

from evoked.core.track import Track

__all__ = ["PROTOTYPE", "Recogniser"]

PROTOTYPE = "prototype"


class Recogniser(Protocol):
    """Anything that turns one viewer's face, frame by frame, into expression scores."""

    @property
    def names(self) -> tuple[str, ...]:
        """Which expressions, in order."""
        ...

    @property
    def describes(self) -> tuple[str, ...]:
        """Which descriptions of a face it reads, by their names in `faces.describe`, in order."""
        ...

    def score(self, described: Track, /) -> Track:
        """One person's descriptions side by side at 6 Hz → scores in [0, 1], absent where the face was.

        Above one half an expression counts as shown: that is what votes go by.
        """
        ...

    def describe(self) -> dict[str, object]:
        """What a result made by it must remember: plain values for its provenance.

        One that has an operating point names it as `thresholds`, expression → score: the vote cuts there.
        """
        ...
