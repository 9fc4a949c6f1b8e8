"""Statistics of a labelled dataset as in the paper: shares, labels per second, co-occurrence, lengths (spec §9)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from evoked.core.errors import DatasetError
from evoked.dataset.labels import POSITIVE_FROM, LabelRows
from evoked.dataset.pairs import Pair

__all__ = ["Statistics", "statistics"]


@dataclass(frozen=True)
class Statistics:
    """Statistics of a labelled dataset. Shares are in [0, 1], of valid seconds unless noted otherwise.

    Attributes:
        expressions: K names.
        videos: number of contents.
        seconds: their total length.
        valid_seconds: number of valid seconds.
        lengths: content's name → its seconds.
        shares: expression → share of seconds in which it is on; None where no second is valid.
        positives: expression → seconds in which it is on.
        cardinality: labels per second; None where no second is valid.
        several: share of seconds with more than one expression on; None likewise.
        co_occurrence: K×K, C[i][j] = #(i and j) / #(i); a row of None where i is never on.
        reactions: content's name → number of reactions; empty without pairs.
    """

    expressions: tuple[str, ...]
    videos: int
    seconds: int
    valid_seconds: int
    lengths: dict[str, int]
    shares: dict[str, float | None]
    positives: dict[str, int]
    cardinality: float | None
    several: float | None
    co_occurrence: tuple[tuple[float | None, ...], ...]
    reactions: dict[str, int]

    @property
    def valid_share(self) -> float | None:
        """Share of all seconds that are valid; None where there are no seconds."""
        return self.valid_seconds / self.seconds if self.seconds else None

    @property
    def reactions_per_content(self) -> float | None:
        """Mean number of reactions; None without pairs. The paper has 2.66."""
        return sum(self.reactions.values()) / len(self.reactions) if self.reactions else None

    def as_dict(self) -> dict[str, object]:
        """Plain JSON values, with the two derived numbers."""
        values = asdict(self)
        values["expressions"] = list(self.expressions)
        values["co_occurrence"] = [list(row) for row in self.co_occurrence]
        return values | {"valid_share": self.valid_share, "reactions_per_content": self.reactions_per_content}


def statistics(labels: Mapping[str, LabelRows], pairs: Sequence[Pair] = ()) -> Statistics:
    """Compute the statistics of a dataset.

    Args:
        labels: content's name → its labels, all with the same expressions.
        pairs: of reactions and contents; contents that are not in `labels` are not counted.

    Returns:
        Its statistics.

    Raises:
        DatasetError: if there are no labels, or they differ in expressions.
    """
    if not labels:
        raise DatasetError("there are no labels to count; annotate some reactions first")
    videos = sorted(labels)
    names = labels[videos[0]].labels.names
    if differing := [v for v in videos if labels[v].labels.names != names]:
        first = differing[0]
        raise DatasetError(f"labels of {first!r} are {labels[first].labels.names}, of {videos[0]!r} {names}")
    on = (
        np.concatenate([labels[v].labels.values[labels[v].labels.valid] for v in videos]) >= POSITIVE_FROM
    )  # (seconds, names)
    joint = on.T.astype(np.int64) @ on.astype(np.int64)  # (names, names): seconds with i and j
    counts = np.diag(joint)
    reactions = Counter(p.content for p in pairs)
    return Statistics(
        expressions=names,
        videos=len(videos),
        seconds=sum(labels[v].labels.grid.steps for v in videos),
        valid_seconds=len(on),
        lengths={v: labels[v].labels.grid.steps for v in videos},
        shares={name: float(counts[k] / len(on)) if len(on) else None for k, name in enumerate(names)},
        positives={name: int(counts[k]) for k, name in enumerate(names)},
        cardinality=float(on.sum() / len(on)) if len(on) else None,
        several=float((on.sum(axis=1) > 1).mean()) if len(on) else None,
        co_occurrence=tuple(
            tuple(float(c / counts[i]) if counts[i] else None for c in joint[i]) for i in range(len(names))
        ),
        reactions={v: reactions[v] for v in videos} if pairs else {},
    )
