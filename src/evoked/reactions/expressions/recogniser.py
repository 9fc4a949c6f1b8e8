"""The interface of expression recognisers."""

from collections.abc import Mapping
from typing import Protocol

from evoked.core.track import Track

__all__ = ["PROTOTYPE", "Recogniser", "unreliable_expressions"]

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
        Expressions that it scores, but cannot tell reliably, are given as `unreliable`, expression → reason.
        """
        ...


def unreliable_expressions(described: Mapping[str, object]) -> dict[str, str]:
    """Expression → why its scores and labels are not reliable, of a recogniser's description or a result's provenance.

    Args:
        described: `Recogniser.describe()`, or the config in the provenance of a result.

    Returns:
        A sentence for each; empty where nothing is said about reliability.
    """
    reasons = described.get("unreliable")
    return {str(name): str(reason) for name, reason in reasons.items()} if isinstance(reasons, Mapping) else {}
