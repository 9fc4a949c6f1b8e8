"""Synthetic clips as training data."""

import numpy as np

from evoked.learning.recognition.training_clips import ClipDataset
from staging.planted_clips import PlantedClips, PlantedFaces

WORLD = PlantedFaces(strength=1.5, width=8)


def rated_of(clips: PlantedClips, world: PlantedFaces = WORLD) -> ClipDataset:
    names = tuple(f"clip {i}" for i in range(len(clips.rows)))
    people = tuple(f"person {p}" for p in clips.person)
    return ClipDataset(world.expressions, names, tuple(np.asarray(r) for r in clips.rows), clips.said, people, {})
