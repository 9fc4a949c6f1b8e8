"""A trained recogniser on disk: `recogniser.safetensors` and `recogniser.json` in one folder. See stored.py."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evoked.core.files import sha256
from evoked.model.recognition import RecognitionConfig, recognition_shapes
from evoked.model.stored import StoredModel

__all__ = ["ABOUT", "ARRAYS", "OperatingPoint", "Recognition", "load_recognition", "save_recognition"]

STORED = StoredModel("recogniser", "evoked recogniser train", format=1)
ARRAYS, ABOUT = STORED.arrays, STORED.about


@dataclass(frozen=True)
class OperatingPoint:
    """Probability from which an expression counts as shown, and its metrics on held-out ratings.

    Attributes:
        threshold: a calibrated probability in (0, 1).
        rule: "precision" if the target precision was reached as surely as asked, "f0.5" if the best F0.5 was taken
            instead, "none" if there were no positives or no negatives: the threshold is then 0.5.
        precision, recall: of held-out clips at the threshold; None where undefined.
        on, positives, clips: number of held-out clips above it, with the expression, and in total.
    """

    threshold: float
    rule: str
    precision: float | None
    recall: float | None
    on: int
    positives: int
    clips: int


@dataclass(frozen=True, eq=False)
class Recognition:
    """A trained recogniser and its description.

    Attributes:
        config: its shape.
        arrays: every array of `recognition_shapes(config)`, float32.
        calibration: per expression (slope, shift): calibrated log-odds = slope · log-odds of the model + shift.
        points: per expression, its operating point.
        nets: pretrained networks of the face descriptors → SHA-256.
        held_out: metrics on held-out ratings (average precision, reliability …); JSON values only.
        training: settings and course of the training; JSON values only.
        provenance: as `Provenance.as_dict` gives it.
        moving_faces: the check on faces that change (`learning/recognition/moving_check.py`); JSON values only, empty
            where there was none.
    """

    config: RecognitionConfig
    arrays: Mapping[str, NDArray[np.float32]]
    calibration: tuple[tuple[float, float], ...]
    points: tuple[OperatingPoint, ...]
    nets: Mapping[str, str] = field(default_factory=dict)
    held_out: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    moving_faces: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        classes = len(self.config.expressions)
        if len(self.calibration) != classes or len(self.points) != classes:
            raise ValueError(
                f"{classes} expressions need a calibration and an operating point each, got "
                f"{len(self.calibration)} and {len(self.points)}"
            )
        for name, (slope, shift), point in zip(self.config.expressions, self.calibration, self.points, strict=True):
            if not (np.isfinite([slope, shift]).all() and slope > 0 and 0 < point.threshold < 1):
                raise ValueError(
                    f"{name}: slope must be above 0 and the threshold within 0 … 1, got {slope}, {point.threshold}"
                )

    def about(self) -> dict[str, object]:
        """The content of recogniser.json."""
        names = self.config.expressions
        return {
            "format": STORED.format,
            "shape": asdict(self.config) | {"describes": list(self.config.describes), "expressions": list(names)},
            "calibration": {n: list(c) for n, c in zip(names, self.calibration, strict=True)},
            "points": {n: asdict(p) for n, p in zip(names, self.points, strict=True)},
            "nets": dict(self.nets),
            "held_out": dict(self.held_out),
            "training": dict(self.training),
            "provenance": dict(self.provenance),
            "moving_faces": dict(self.moving_faces),
        }


def save_recognition(folder: Path, recognition: Recognition) -> None:
    """Write a recogniser into a folder; each file is replaced atomically.

    Args:
        folder: created if missing.
        recognition: the recogniser.

    Raises:
        OutputError: if it cannot be written.
        ValueError: if the arrays do not fit the config.
    """
    STORED.save(folder, recognition.about(), recognition.arrays, recognition_shapes(recognition.config))


def load_recognition(folder: Path) -> tuple[Recognition, str]:
    """Read a recogniser.

    Returns:
        The recogniser, and the SHA-256 of the file of its arrays, for the provenance of results.

    Raises:
        CheckpointError: if a file is missing or damaged, of a newer format, or does not fit its own config.
    """
    about, arrays = STORED.load(folder)
    return _recognition_from(folder, about, arrays), sha256(folder / ARRAYS)


def _recognition_from(folder: Path, about: Mapping[str, Any], arrays: Mapping[str, NDArray[np.float32]]) -> Recognition:
    try:
        shape = dict(about["shape"])
        config = RecognitionConfig(
            **shape | {name: tuple(str(v) for v in shape[name]) for name in ("describes", "expressions")}
        )
        names = config.expressions
        recognition = Recognition(
            config,
            arrays,
            tuple((float(about["calibration"][n][0]), float(about["calibration"][n][1])) for n in names),
            tuple(OperatingPoint(**about["points"][n]) for n in names),
            *(about.get(key, {}) for key in ("nets", "held_out", "training", "provenance", "moving_faces")),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise STORED.description_error(folder, error) from error
    STORED.check(folder, arrays, recognition_shapes(config))
    return recognition
