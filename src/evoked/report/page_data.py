"""What a report tells: plain values, read once from the results and checked no further.

Everything on the page comes from these; nothing here knows of files' formats or of HTML.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evoked.core.track import Track
from evoked.dataset.labels import Labels
from evoked.dataset.statistics import Statistics
from evoked.learning.evaluation.scores import Scores
from evoked.reactions.alignment.offset_map import OffsetMap

__all__ = ["LogItem", "NetInfo", "PageContent", "PageData", "PageReaction", "ProvenanceSummary", "VisibleSpan"]


@dataclass(frozen=True, eq=False)
class PageContent:
    """A video that was watched or is predicted. `file` is None where it is not there."""

    name: str
    file: Path | None = None
    labels: Labels | None = None
    prediction: Track | None = None

    @property
    def seconds(self) -> int:
        """How many seconds are labelled or predicted, valid or not; 0 where there are neither."""
        labelled = self.labels.labels.grid.steps if self.labels else 0
        return max(labelled, self.prediction.grid.steps if self.prediction else 0)


@dataclass(frozen=True)
class VisibleSpan:
    """When one viewer's face was seen: half open spans in seconds of the reaction, and the share of ticks."""

    viewer: str
    spans: tuple[tuple[float, float], ...]
    share: float


@dataclass(frozen=True)
class PageReaction:
    """A recording of people who watched. `content` is None where nobody knows what they watched."""

    name: str
    content: str | None
    length_s: float
    viewers: tuple[VisibleSpan, ...]
    alignment: OffsetMap | None


@dataclass(frozen=True)
class LogItem:
    """How one step of one file ended. `state` is done, failed, kept or left out."""

    kind: str
    name: str
    step: str
    state: str
    reason: str = ""


@dataclass(frozen=True)
class NetInfo:
    """A pretrained net that took part."""

    name: str
    sha256: str
    licence: str


@dataclass(frozen=True)
class ProvenanceSummary:
    """What made the results.

    Attributes:
        config: step → its settings, as JSON text.
        inputs: file name → sha256.
        notes: what the steps noted, each once.
    """

    config: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    nets: tuple[NetInfo, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PageData:
    """All that one page tells.

    Attributes:
        kind: "study", or "prediction" for one predicted video without labels.
        notes: what a reader must know before anything else, e.g. that a study is staged.
        missing: what is not there or cannot be read, each one sentence, by part of the page
            (timeline, scores, labels, reactions, items, made).
    """

    kind: str
    name: str
    notes: tuple[str, ...]
    expressions: tuple[str, ...]
    contents: tuple[PageContent, ...]
    reactions: tuple[PageReaction, ...] = ()
    statistics: Statistics | None = None
    scores: Scores | None = None
    items: tuple[LogItem, ...] = ()
    made: ProvenanceSummary = field(default_factory=ProvenanceSummary)
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
