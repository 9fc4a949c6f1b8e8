"""A recogniser's folder with weights drawn at random: all but what training gives."""

from pathlib import Path

import numpy as np

from evoked.faces.descriptors import models_of, width_of
from evoked.model.recognition import RecognitionConfig, recognition_shapes
from evoked.model.recognition_checkpoint import OperatingPoint, Recognition, save_recognition
from evoked.weights.catalogue import NETS


def drawn(
    describes: tuple[str, ...],
    expressions: tuple[str, ...] = ("amusement", "doubt"),
    thresholds: tuple[float, ...] = (0.2, 0.6),
    seed: int = 0,
    passed: bool = True,
) -> Recognition:
    config = RecognitionConfig(describes, width_of(describes), expressions, units=8)
    draw = np.random.default_rng(seed)
    arrays = {n: draw.normal(0, 0.4, s).astype(np.float32) for n, s in recognition_shapes(config).items()}
    arrays["scale.deviation"] = np.ones(config.width, dtype=np.float32)
    points = tuple(OperatingPoint(t, "precision", 0.8, 0.4, 4, 8, 40) for t in thresholds)
    nets = {name: NETS[name].sha256 for name in models_of(describes)}
    calibration = tuple((1.5, 0.3) for _ in expressions)
    row = {"correlation": 0.9, "lag_s": 0.2, "rise_s": 0.2, "fall_s": None if passed else 2.25, "passed": passed}
    moving = {
        "source": "stills",
        "limit_s": 0.5,
        "least_correlation": 0.8,
        "expressions": dict.fromkeys(expressions, row),
    }
    return Recognition(config, arrays, calibration, points, nets, moving_faces=moving)


def folder_of(place: Path, describes: tuple[str, ...], seed: int = 0) -> Path:
    save_recognition(place, drawn(describes, seed=seed))
    return place
