"""Where the two rivers meet: what a content shows and what its viewers expressed, second by second."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import DatasetError
from evoked.core.rows import Rows
from evoked.features.files import StoredRows

__all__ = ["SLACK_ROWS", "Example", "join"]

SLACK_ROWS = 5
"""Features and labels of one video may differ by this many seconds: a last second that only one of the
two rivers counts, or a rounding of the length. LIRIS-ACCEDE differs by a few rows too (spec §8)."""


@dataclass(frozen=True, eq=False)
class Example:
    """One content video, ready to be learnt from or scored: T seconds.

    Attributes:
        video: the content's name; the key for folds.
        features: modality → float16 or float32, shape (T, D), all finite; zeros where nothing was there
            to describe (no face, no sound). Arrays, or rows on disk, which are checked as they are read.
        labels: float32, shape (T, K), each 0 or 1, or with `values` any number; zeros where not valid.
        valid: bool, shape (T,); False where a second must be neither learnt from nor scored.
        expressions: what each column of `labels` is, K names.
        notes: what a reader must know, e.g. that rows were cut.
        values: whether labels are numbers to be met, as valence is, rather than on or off.

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
        where, steps = f"example {self.video!r}", len(self.valid)
        if self.valid.shape != (steps,) or self.valid.dtype != np.bool_:
            raise ValueError(f"{where}: valid must be bool of shape (T,), got {self.valid.dtype} {self.valid.shape}")
        if not self.expressions or len(set(self.expressions)) != len(self.expressions):
            raise ValueError(f"{where}: expressions must be one or more different names, got {self.expressions}")
        shape = (steps, len(self.expressions))
        if self.labels.shape != shape or self.labels.dtype != np.float32:
            raise ValueError(
                f"{where}: labels must be float32 of shape (T, K) = {shape}, "
                f"got {self.labels.dtype} {self.labels.shape}"
            )
        if self.values and not np.isfinite(self.labels).all():
            raise ValueError(f"{where}: labels must be finite")
        if not self.values and not np.isin(self.labels, (0.0, 1.0)).all():
            raise ValueError(f"{where}: labels must be 0 or 1")
        if not self.features:
            raise ValueError(f"{where}: needs at least one modality")
        for name, rows in self.features.items():
            if rows.ndim != 2 or len(rows) != steps or rows.dtype not in (np.float16, np.float32):
                raise ValueError(
                    f"{where}: {name} must be float16 or float32 of shape ({steps}, D), got {rows.dtype} {rows.shape}"
                )
            if isinstance(rows, np.ndarray) and not np.isfinite(rows).all():
                raise ValueError(f"{where}: {name} holds numbers that are not finite; absent is zero here")

    def only(self, names: Sequence[str]) -> "Example":
        """The same with these modalities alone: others are never read."""
        if set(self.features) == set(names):
            return self
        return replace(self, features={name: self.features[name] for name in names})

    @property
    def seconds(self) -> int:
        """How many rows there are, T."""
        return len(self.valid)

    @property
    def widths(self) -> dict[str, int]:
        """Modality → how many numbers describe one second."""
        return {name: rows.shape[1] for name, rows in self.features.items()}


def join(
    video: str,
    features: Mapping[str, Rows],
    labels: NDArray[np.float32],
    valid: NDArray[np.bool_],
    expressions: tuple[str, ...],
) -> Example:
    """Put features and labels of one video together; a few rows too many are cut, and that is noted.

    Args:
        video: the content's name.
        features: modality → (T, D); all modalities of one length.
        labels: (T', K); what stands where not valid is not looked at.
        valid: (T',).
        expressions: K names.

    Raises:
        DatasetError: if features and labels differ by more than SLACK_ROWS seconds, or modalities differ.
    """
    lengths = {name: len(rows) for name, rows in features.items()}
    if len(set(lengths.values())) > 1:
        raise DatasetError(f"{video}: modalities differ in length: {lengths}. Make its features anew")
    described, labelled = next(iter(lengths.values()), 0), len(valid)
    if abs(described - labelled) > SLACK_ROWS:
        raise DatasetError(
            f"{video}: features have {described} seconds and labels {labelled}; "
            "they are not of the same video. Make both anew from one file"
        )
    steps = min(described, labelled)
    notes = () if described == labelled else (f"features {described} s and labels {labelled} s: cut to {steps} s",)
    seen = np.array(valid[:steps], dtype=np.bool_)
    clean = np.where(seen[:, None], labels[:steps], np.float32(0)).astype(np.float32)
    cut = {name: _first(rows, steps) for name, rows in features.items()}
    return Example(video, cut, clean, seen, tuple(expressions), notes)


def _first(rows: Rows, steps: int) -> Rows:
    return rows.first(steps) if isinstance(rows, StoredRows) else rows[:steps]
