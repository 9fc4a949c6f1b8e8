"""Training examples: features and labels of one content, joined second by second."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import DatasetError
from evoked.core.rows import Rows
from evoked.features.files import StoredRows

__all__ = ["SLACK_ROWS", "Example", "join"]

SLACK_ROWS = 5
"""Features and labels of one video may differ by this many seconds: a last second that only one of the two
counts, or a rounding of the length. LIRIS-ACCEDE differs by a few rows too (spec §8)."""


@dataclass(frozen=True, eq=False)
class Example:
    """One content of T seconds, for training or scoring.

    Attributes:
        video: the content's name; the key for folds.
        features: modality → float16 or float32, shape (T, D), all finite; zeros where absent (no face, no sound).
            Arrays, or rows on disk, which are checked as they are read.
        labels: float32, shape (T, K), each in [0, 1], or with `values` any number; zeros where not valid.
        valid: bool, shape (T,); False where a second must be neither trained on nor scored.
        expressions: names of the columns of `labels`, K.
        notes: for the user, e.g. that rows were cut.
        values: whether labels are continuous, as valence is, rather than shares in [0, 1].

    Raises:
        ValueError: if shapes, types or values do not fit together.
    """

    video: str
    features: Mapping[str, Rows]
    labels: NDArray[np.float32]
    valid: NDArray[np.bool_]
    expressions: tuple[str, ...]
    notes: tuple[str, ...] = ()
    values: bool = False

    def __post_init__(self) -> None:
        example, steps = f"example {self.video!r}", len(self.valid)
        if self.valid.shape != (steps,) or self.valid.dtype != np.bool_:
            raise ValueError(f"{example}: valid must be bool of shape (T,), got {self.valid.dtype} {self.valid.shape}")
        if not self.expressions or len(set(self.expressions)) != len(self.expressions):
            raise ValueError(f"{example}: expressions must be one or more different names, got {self.expressions}")
        shape = (steps, len(self.expressions))
        if self.labels.shape != shape or self.labels.dtype != np.float32:
            raise ValueError(
                f"{example}: labels must be float32 of shape (T, K) = {shape}, "
                f"got {self.labels.dtype} {self.labels.shape}"
            )
        if self.values and not np.isfinite(self.labels).all():
            raise ValueError(f"{example}: labels must be finite")
        if not self.values and not ((self.labels >= 0) & (self.labels <= 1)).all():
            raise ValueError(f"{example}: labels must be from 0 to 1")
        if not self.features:
            raise ValueError(f"{example}: needs at least one modality")
        for name, rows in self.features.items():
            if rows.ndim != 2 or len(rows) != steps or rows.dtype not in (np.float16, np.float32):
                raise ValueError(
                    f"{example}: {name} must be float16 or float32 of shape ({steps}, D), got {rows.dtype} {rows.shape}"
                )
            if isinstance(rows, np.ndarray) and not np.isfinite(rows).all():
                raise ValueError(f"{example}: {name} holds numbers that are not finite; absent rows must be zero")

    def only(self, names: Sequence[str]) -> "Example":
        """The same example with these modalities alone: the others are never read."""
        if set(self.features) == set(names):
            return self
        return replace(self, features={name: self.features[name] for name in names})

    @property
    def seconds(self) -> int:
        """Number of seconds, T."""
        return len(self.valid)

    @property
    def widths(self) -> dict[str, int]:
        """Modality → its number of features, D."""
        return {name: rows.shape[1] for name, rows in self.features.items()}


def join(
    video: str,
    features: Mapping[str, Rows],
    labels: NDArray[np.float32],
    valid: NDArray[np.bool_],
    expressions: tuple[str, ...],
) -> Example:
    """Join features and labels of one video; a few extra rows of the longer one are cut, and that is noted.

    Args:
        video: the content's name.
        features: modality → (T, D); all modalities of one length.
        labels: (T', K); ignored where not valid.
        valid: (T',).
        expressions: K names.

    Returns:
        The example, of min(T, T') seconds.

    Raises:
        DatasetError: if features and labels differ by more than SLACK_ROWS seconds, or modalities differ.
    """
    lengths = {name: len(rows) for name, rows in features.items()}
    if len(set(lengths.values())) > 1:
        raise DatasetError(f"{video}: modalities differ in length: {lengths}. Make its features again")
    feature_rows, label_rows = next(iter(lengths.values()), 0), len(valid)
    if abs(feature_rows - label_rows) > SLACK_ROWS:
        raise DatasetError(
            f"{video}: features have {feature_rows} seconds and labels {label_rows}; "
            "they are not of the same video. Make both again from one file"
        )
    steps = min(feature_rows, label_rows)
    equal = feature_rows == label_rows
    notes = () if equal else (f"features {feature_rows} s and labels {label_rows} s: cut to {steps} s",)
    mask = np.array(valid[:steps], dtype=np.bool_)
    targets = np.where(mask[:, None], labels[:steps], np.float32(0)).astype(np.float32)
    cut = {name: _first(rows, steps) for name, rows in features.items()}
    return Example(video, cut, targets, mask, tuple(expressions), notes)


def _first(rows: Rows, steps: int) -> Rows:
    return rows.first(steps) if isinstance(rows, StoredRows) else rows[:steps]
