"""The data of a report page: plain values, read once from the results.

Everything on the page comes from these classes; they do not depend on file formats or on HTML.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.step_outcome import StepOutcome
from evoked.core.track import Track
from evoked.dataset.labels import Labels
from evoked.dataset.statistics import Statistics
from evoked.dataset.viewer_statistics import StatisticRow
from evoked.learning.evaluation.scores import Scores
from evoked.reactions.alignment.offset_map import OffsetMap

__all__ = [
    "ContentViewers",
    "DamagedSpan",
    "MeanCurve",
    "NetworkInfo",
    "PageContent",
    "PageData",
    "PageReaction",
    "Peak",
    "ProvenanceSummary",
    "ViewerLine",
    "VisibleSpan",
]


@dataclass(frozen=True, eq=False)
class ViewerLine:
    """The scores of one participant in a content; of each combination of attributes, such as conditions, separately.

    Attributes:
        participant: name of the person.
        attributes: group, condition and so on; "" where unknown.
        scores: shape (seconds, expressions); NaN where not valid.
    """

    participant: str
    attributes: Mapping[str, str]
    scores: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MeanCurve:
    """The mean over some participants of a content.

    Attributes:
        column, value: who counts: an attribute and its value; both "" for everybody.
        participants: number of them.
        mean: shape (seconds, expressions); NaN where nobody has a value.
        low, high: pointwise 95 % bootstrap interval, the same shape; NaN under three participants.
    """

    column: str
    value: str
    participants: int
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ContentViewers:
    """The curves of a content's viewers.

    Attributes:
        names: expressions, the last axis of all arrays.
        lines: of the participants.
        curves: means; the first is over everybody.
    """

    names: tuple[str, ...]
    lines: tuple[ViewerLine, ...]
    curves: tuple[MeanCurve, ...]

    @property
    def participants(self) -> int:
        """Number of participants."""
        return len({line.participant for line in self.lines})


@dataclass(frozen=True)
class Peak:
    """A peak of a curve.

    Attributes:
        expression: its name.
        second: of the content.
        value: of the mean score over viewers, or of the predicted probability where there are no viewers.
        low, high: of its interval; None where there is none.
        share: of the votes at that second; None where unknown.
        predicted: probability at that second; None where there are no viewers or no prediction.
    """

    expression: str
    second: int
    value: float
    low: float | None
    high: float | None
    share: float | None
    predicted: float | None


@dataclass(frozen=True, eq=False)
class PageContent:
    """A content or a predicted video. `file` is None where the video file does not exist."""

    name: str
    file: Path | None = None
    labels: Labels | None = None
    prediction: Track | None = None
    viewers: ContentViewers | None = None
    peaks: tuple[Peak, ...] = ()

    @property
    def seconds(self) -> int:
        """Number of seconds with labels, viewers or predictions, valid or not; 0 where there are none."""
        labelled = self.labels.labels.grid.steps if self.labels else 0
        watched = len(self.viewers.curves[0].mean) if self.viewers else 0
        return max(labelled, watched, self.prediction.grid.steps if self.prediction else 0)


@dataclass(frozen=True)
class VisibleSpan:
    """When one viewer's face was visible.

    Attributes:
        viewer: name in the recording.
        spans: half open, in seconds of the reaction.
        share: of the frames (6 Hz).
        participant: who it is; "" where participants.csv does not say.
    """

    viewer: str
    spans: tuple[tuple[float, float], ...]
    share: float
    participant: str = ""


@dataclass(frozen=True)
class PageReaction:
    """A reaction video. `content` is None where its content is unknown, `file` where the recording does not exist."""

    name: str
    content: str | None
    length_s: float
    viewers: tuple[VisibleSpan, ...]
    alignment: OffsetMap | None
    file: Path | None = None


@dataclass(frozen=True)
class NetworkInfo:
    """A pretrained network that was used."""

    name: str
    sha256: str
    licence: str


@dataclass(frozen=True)
class DamagedSpan:
    """A defect of an input.

    Attributes:
        file: its name.
        from_s, to_s: where, as text for the page; "" where it is the whole file or unknown.
        text: what is wrong.
    """

    file: str
    from_s: str
    to_s: str
    text: str

    @classmethod
    def from_entry(cls, entry: Mapping[str, object]) -> "DamagedSpan":
        """From an entry of `damage` in a provenance."""
        times = [entry.get(name) for name in ("from_s", "to_s")]
        from_s, to_s = (f"{t:.1f}" if isinstance(t, int | float) else "" for t in times)
        return cls(str(entry.get("file", "")), from_s, to_s, str(entry.get("text", "")))


@dataclass(frozen=True)
class ProvenanceSummary:
    """The provenance of all results.

    Attributes:
        config: step → its settings, as JSON text.
        versions: program or library → version.
        networks: the pretrained networks.
        inputs: file name → sha256.
        notes: of the steps, each once.
        damage: defects of the inputs, each once.
        unreliable: expression → why the recogniser cannot tell it reliably.
    """

    config: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    networks: tuple[NetworkInfo, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    damage: tuple[DamagedSpan, ...] = ()
    unreliable: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PageData:
    """All data of one page.

    Attributes:
        kind: "study", or "prediction" for one predicted video without labels.
        notes: shown first, e.g. that a study is staged.
        viewer_rows: statistics of the viewers.
        participants: number of persons in the study.
        are_named: whether participants.csv says who they are; else each viewer of each recording counts as a person.
        missing: section of the page (timeline, scores, labels, reactions, items, made) → sentences about what does
            not exist or cannot be read.
    """

    kind: str
    name: str
    notes: tuple[str, ...]
    expressions: tuple[str, ...]
    contents: tuple[PageContent, ...]
    reactions: tuple[PageReaction, ...] = ()
    statistics: Statistics | None = None
    viewer_rows: tuple[StatisticRow, ...] = ()
    participants: int = 0
    are_named: bool = False
    scores: Scores | None = None
    items: tuple[StepOutcome, ...] = ()
    provenance: ProvenanceSummary = field(default_factory=ProvenanceSummary)
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
