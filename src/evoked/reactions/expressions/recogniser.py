"""The interface of expression recognisers."""

from typing import Protocol

from evoked.core.track import Track

__all__ = ["PROTOTYPE", "Recogniser"]

PROTOTYPE = "prototype"


class Recogniser(Protocol):
    """Anything that turns one viewer's face, frame by frame, into expression scores."""

    @property
    def names(self) -> tuple[str, ...]:
        """Expressions, in order."""
        ...

    @property
    def describes(self) -> tuple[str, ...]:
        """Names of the face descriptors (`faces/descriptors.py`) that it reads, in order."""
        ...

    def score(self, described: Track, /) -> Track:
        """Score one person's concatenated descriptions at 6 Hz: scores in [0, 1], valid where the descriptions are.

        An expression counts as shown above one half; the majority vote uses this threshold.
        """
        ...

    def describe(self) -> dict[str, object]:
        """Settings for the provenance of results, as plain values.

        A recogniser with an operating point gives it as `thresholds`, expression → score, for the majority vote.
        """
        ...
