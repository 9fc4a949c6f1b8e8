"""A recogniser that was trained on rated clips (spec §3); interchangeable with the prototype recogniser.

Scores are shifted in log-odds so that one half is the expression's operating point: the probability at which the
wanted precision was reached on held-out ratings. The majority vote can therefore use one half as its threshold; the
ranking of scores is that of the probabilities.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import CheckpointError
from evoked.core.track import Track
from evoked.faces.descriptors import DESCRIPTORS, column_names, models_of, width_of
from evoked.metrics.calibration import log_odds
from evoked.model.recognition import RecognitionForward
from evoked.model.recognition_checkpoint import OperatingPoint, Recognition, load_recognition
from evoked.weights.catalogue import NETS

__all__ = ["TrainedRecogniser", "forward_fill", "load_trained"]


@dataclass(frozen=True, eq=False)
class TrainedRecogniser:
    """Scores expressions with a trained recogniser.

    Attributes:
        recognition: the checkpoint.
        digest: sha256 of its arrays, for the provenance of results.
        names: expressions to score, in order.

    Raises:
        ValueError: for an expression it was not trained on.
    """

    recognition: Recognition
    digest: str
    names: tuple[str, ...]
    _forward: RecognitionForward = field(init=False, repr=False)

    def __post_init__(self) -> None:
        known = self.recognition.config.expressions
        if unknown := [name for name in self.names if name not in known]:
            raise ValueError(f"was not trained on {', '.join(unknown)}; it knows {', '.join(known)}")
        object.__setattr__(self, "_forward", RecognitionForward(self.recognition.config, self.recognition.arrays))

    @property
    def describes(self) -> tuple[str, ...]:
        """Names of the face descriptors that it was trained on."""
        return self.recognition.config.describes

    def describe(self) -> dict[str, object]:
        """For provenance: the recogniser, its operating points, and which of them are not reliable."""
        points = dict(zip(self.recognition.config.expressions, self.recognition.points, strict=True))
        unreliable = {name: _point_error(points[name]) for name in self.names if points[name].rule != "precision"}
        unreliable |= self.unvalidated()
        described: dict[str, object] = {
            "recogniser": "trained",
            "recogniser_sha256": self.digest,
            "expressions": list(self.names),
            "operating_points": {name: points[name].threshold for name in self.names},
        }
        return described | ({"unreliable": unreliable} if unreliable else {})

    def unvalidated(self) -> dict[str, str]:
        """Expression → why its score is not known to follow a face that changes, of those it scores.

        From the check on moving faces after its training; an expression that could not be checked, because no clip or
        every clip shows it, is not listed.
        """
        check = self.recognition.moving_faces
        if not check:
            return dict.fromkeys(self.names, "the recogniser was not checked on moving faces")
        reasons = {}
        for name in self.names:
            row = check["expressions"].get(name, {"passed": False})
            if row["passed"] is False:
                figures = (
                    f"{label} {row[key]:.2f}{unit}"
                    for label, key, unit in (
                        ("correlation", "correlation", ""),
                        ("lag", "lag_s", " s"),
                        ("rise", "rise_s", " s"),
                        ("fall", "fall_s", " s"),
                    )
                    if row.get(key) is not None
                )
                reasons[name] = (
                    f"its score does not follow moving faces ({', '.join(figures)}; needed: at least "
                    f"{check['least_correlation']:g} and at most {check['limit_s']:g} s)"
                )
        return reasons

    def probabilities(self, described: Track) -> Track:
        """Calibrated probabilities in [0, 1]: about a share p of the clips with probability p show the expression.

        Args:
            described: one person's descriptions at 6 Hz, columns as `column_names(describes)`.

        Returns:
            A Track on the same grid, valid where the descriptions are. Each frame is scored from the 3 s before
            it. Frames without a visible face repeat the last visible one; after 3 s without a face, as at the start,
            the window starts again with the first visible frame.

        Raises:
            ValueError: for other columns.
        """
        expected = column_names(self.describes)
        if described.names != expected:
            raise ValueError(f"this recogniser reads {', '.join(self.describes)} ({len(expected)} columns), in order")
        probabilities = np.zeros((described.grid.steps, len(self.names)), dtype=np.float32)
        columns = [self.recognition.config.expressions.index(name) for name in self.names]
        for steps, rows in forward_fill(described, self.recognition.config.ticks):
            p = self._calibrated(self._forward(rows))
            probabilities[steps] = p[:, columns]
        return Track.masked(described.grid, self.names, probabilities, described.valid)

    def score(self, described: Track, /) -> Track:
        """Probabilities shifted in log-odds so that one half is the operating point."""
        p = self.probabilities(described)
        points = dict(zip(self.recognition.config.expressions, self.recognition.points, strict=True))
        cuts = log_odds([points[name].threshold for name in self.names])
        score = 1 / (1 + np.exp(-(log_odds(np.nan_to_num(p.values)) - cuts)))
        return Track.masked(p.grid, p.names, score, p.valid)

    def _calibrated(self, p: NDArray[np.float32]) -> NDArray[np.float64]:
        slope, shift = np.array(self.recognition.calibration).T
        return np.asarray(1 / (1 + np.exp(-(slope * log_odds(p) + shift))))


def _point_error(point: OperatingPoint) -> str:
    """Why an operating point is not one at which the wanted precision was reached."""
    if point.rule == "none":
        return "no rated clip, or every one, shows it: its threshold was not chosen"
    measured = "" if point.precision is None else f", {point.precision:.2f} was measured"
    shown = f"{point.positives} of {point.clips} clips show it"
    return f"the wanted precision is not sure on held-out people ({shown}{measured})"


def forward_fill(track: Track, frames: int) -> list[tuple[slice, NDArray[np.float32]]]:
    """Split a person's frames at gaps of `frames` or more; shorter gaps repeat the frame before.

    Args:
        track: descriptions of one person.
        frames: shortest gap at which to split, in frames.

    Returns:
        For each run: its frames as a slice, and their rows, shape (n, D); empty where no frame is valid.
    """
    seen = np.flatnonzero(track.valid)
    if not len(seen):
        return []
    runs = []
    for run in np.split(seen, np.flatnonzero(np.diff(seen) > frames) + 1):
        first, last = int(run[0]), int(run[-1])
        source = run[np.searchsorted(run, np.arange(first, last + 1), side="right") - 1]
        runs.append((slice(first, last + 1), track.values[source]))
    return runs


def load_trained(folder: Path, names: tuple[str, ...] | None = None) -> TrainedRecogniser:
    """Read a trained recogniser.

    Args:
        folder: as written by `evoked recogniser train`.
        names: expressions to score; all that it was trained on where None.

    Returns:
        The recogniser.

    Raises:
        CheckpointError: if the folder has none, it is damaged, it reads descriptors that this version does not
            have, or it was not trained on one of the names.
    """
    recognition, digest = load_recognition(folder)
    config = recognition.config
    if unknown := [name for name in config.describes if name not in DESCRIPTORS]:
        raise CheckpointError(
            f"the recogniser in {folder} reads {unknown[0]}, which this version does not make. Update evoked"
        )
    if width_of(config.describes) != config.width:
        raise CheckpointError(f"the recogniser in {folder} reads {config.width} numbers a face. Train it again")
    for name in models_of(config.describes):
        if recognition.nets.get(name) != NETS[name].sha256:
            raise CheckpointError(
                f"the recogniser in {folder} was trained on another {name} than this version runs. Train it again"
            )
    try:
        return TrainedRecogniser(recognition, digest, names or config.expressions)
    except ValueError as error:
        raise CheckpointError(f"the recogniser in {folder} {error}. Name others, or train it on more") from error
