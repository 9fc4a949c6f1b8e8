"""A model nobody trained, of the right shape: its numbers mean nothing, but they are always the same."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from evoked.core.expressions import EEV5
from evoked.features.extract import FeatureConfig, digests
from evoked.model.checkpoint import Checkpoint, save_checkpoint
from evoked.model.config import Answer, ModelSettings, shapes
from evoked.weights.cache import default_cache

WIDTHS = {"image": 1280, "face": 256, "audio": 1024}


def model_in(
    folder: Path, expressions: tuple[str, ...] = EEV5, answer: Answer = "probability", **about: object
) -> Path:
    """Write a small model that reads the default features; `about` replaces what it says of them."""
    fitted = ModelSettings(image_units=8, face_units=4, audio_units=4, window_s=3).fit(WIDTHS, expressions)
    config = replace(fitted, answer=answer)
    random = np.random.default_rng(0)
    arrays = {name: (random.normal(size=shape) * 0.3).astype(np.float32) for name, shape in shapes(config).items()}
    for name in arrays:
        if name.endswith(("variance", "deviation")):
            arrays[name] = np.ones_like(arrays[name])
    features = {"nets": digests(FeatureConfig(), default_cache()), "config": FeatureConfig().as_dict()}
    notes = {"notes": ["staged: these people did not watch this video"]}
    save_checkpoint(folder, Checkpoint(config, arrays, features={**features, **about}, provenance=notes))
    return folder
