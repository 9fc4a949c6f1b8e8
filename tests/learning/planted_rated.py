"""Synthetic clips as training data."""

import numpy as np

from evoked.learning.recognition.training_clips import ClipDataset
from staging.planted_clips import PlantedClips, PlantedFaces

WORLD = PlantedFaces(strength=1.5, width=8)


def rated_of(clips: PlantedClips, world: PlantedFaces = WORLD) -> ClipDataset:
    names = tuple(f"clip {i}" for i in range(len(clips.rows)))
    people = tuple(f"person {p}" for p in clips.person)
    return ClipDataset(world.expressions, names, tuple(np.asarray(r) for r in clips.rows), clips.said, people, {})


def stills_of(count: int, people: int, seed: int) -> ClipDataset:
    """Stills shown for 3 s: an expression that is on or off, and constant looks of each person."""
    random = np.random.default_rng([seed, 9])
    person, on = random.integers(people, size=count), random.random((count, 2)) < 0.5
    rows = random.normal(0, 0.5, (count, 8))
    rows[:, :2] += 2.0 * on
    rows[:, 2:] += random.normal(0, 1, (people, 6))[person]
    clips = tuple(np.repeat(row[None], 18, axis=0).astype(np.float32) for row in rows)
    names = tuple(f"still {i}" for i in range(count))
    return ClipDataset(("doubt", "joy"), names, clips, on.astype(np.float64), tuple(f"person {p}" for p in person), {})
