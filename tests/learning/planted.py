"""A planted world: features like those of real nets, and labels that follow a known rule from the sound.

An event is a hidden loudness above a threshold. Sound columns carry it with noise; "amusement" is on while the
mean loudness of the last four seconds is high, "surprise" where it has just jumped, "interest" is tossed with a
coin. Pictures and faces carry nothing that helps: smooth scenes, as in a film.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.dataset.examples import Example

EXPRESSIONS = ("amusement", "interest", "surprise")


@dataclass(frozen=True)
class World:
    """Widths of the features and how hard the rule is to see."""

    image: int = 40
    face: int = 16
    audio: int = 24
    noise: float = 0.5
    flip: float = 0.0


def video(world: World, name: str, seconds: int, seed: int) -> tuple[Example, NDArray[np.float64]]:
    """One video and the best score that anybody could give "amusement" and "surprise", (T, 3)."""
    law, draw = np.random.default_rng(99), np.random.default_rng(seed)
    loud = np.repeat((draw.random(seconds // 4 + 1) < 0.35), 4)[:seconds] * draw.uniform(0.8, 1.2, seconds)
    recent = np.array([loud[max(0, t - 3) : t + 1].mean() for t in range(seconds)])
    jump = np.diff(loud, prepend=loud[0])
    best = np.stack([recent, np.zeros(seconds), jump], axis=1)
    labels = np.stack([recent > 0.55, draw.random(seconds) < 0.4, jump > 0.5], axis=1)
    labels ^= draw.random(labels.shape) < world.flip
    scenes = np.repeat(draw.normal(0, 1, (seconds // 7 + 1, 10)), 7, axis=0)[:seconds]
    image = np.maximum(0, scenes @ law.normal(0, 1, (10, world.image)) + draw.normal(0, 0.5, (seconds, world.image)))
    face = draw.normal(0, 1, (seconds, world.face)) * np.repeat(
        draw.random((seconds, 2)) < 0.6, world.face // 2, axis=1
    )
    voice = law.normal(0, 1, world.audio)
    audio = 1 + loud[:, None] * voice + draw.normal(0, world.noise, (seconds, world.audio))
    features = {"image": image, "face": face, "audio": np.maximum(audio, 0)}
    valid = draw.random(seconds) < 0.9
    labels = np.where(valid[:, None], labels, False).astype(np.float32)
    halves = {n: f.astype(np.float16) for n, f in features.items()}
    return Example(name, halves, labels, valid, EXPRESSIONS), best


def videos(world: World, count: int, seconds: int, seed: int = 0) -> list[Example]:
    """Several videos of about one length."""
    return [video(world, f"v{seed}-{i}.mp4", seconds + i, 1000 * seed + i)[0] for i in range(count)]
