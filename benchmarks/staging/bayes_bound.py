"""What can be known of a planted world, and so the best score that anybody can reach in it.

An event is a chain of two states that is seen through normal noise, so the chance that it is felt at a second,
given all features up to that second, is exact: the forward filter, and a few steps back for its delay. Nobody
who sees only the features knows more, and no other ranking has a greater expected precision at any recall
(Neyman and Pearson). Labels err independently of the features, and the chance of a label grows with the chance of the
truth, so that the same ranking is the best against the labels, too, however long the errors last.

The bound is the average precision of that ranking on the very seconds that are scored. It knows the law, the kind
of scene and more than a window; a model has to learn the law. On few positives luck can lift a score above it.

Source: Rabiner 1989, A tutorial on hidden Markov models, III (forward and backward variables).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evoked.metrics.average_precision import average_precision, chance_level
from staging.planted_features import FACES, Event, Planted, World, affect_weights, directions, signs


@dataclass(frozen=True)
class Bound:
    """The best average precision for one expression; None where no second has it.

    Attributes:
        expression: which.
        truth, truth_chance: against what was felt.
        labels, labels_chance: against what the machine says, noise and all.
        told: against what the machine says, by somebody who is told what was felt: what the noise alone leaves.
    """

    expression: str
    truth: float | None
    truth_chance: float | None
    labels: float | None
    labels_chance: float | None
    told: float | None


def evidence(world: World, video: Planted) -> NDArray[np.float64]:
    """log P(row | event on) − log P(row | event off) of each second and event, (T, K)."""
    steps = len(video.valid)
    total = np.zeros((steps, len(world.events)))
    for name, rows in video.features.items():
        things = FACES if name == "face" else 1
        own, _, _ = directions(world, name)
        along = rows.astype(np.float64).reshape(steps, things, -1) @ own.T  # (T, things, K)
        present = video.faces if name == "face" else np.ones((steps, 1), dtype=np.bool_)
        for k, event in enumerate(world.events.values()):
            strength = event.shows.get(name, 0.0) * signs(event, name, video.kind)[:, None]
            total[:, k] += (present * (strength * along[..., k] - strength**2 / 2)).sum(axis=1)
    return total


def knowable(world: World, video: Planted) -> NDArray[np.float64]:
    """Chance that each expression is felt at each second, given all features up to that second, (T, K)."""
    logs = evidence(world, video)
    return np.stack([_felt(event, logs[:, k]) for k, event in enumerate(world.events.values())], axis=1)


def _felt(event: Event, logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(on at t − delay | evidence up to t), (T,)."""
    turn = np.array([[1 - event.onset, event.onset], [1 / event.length_s, 1 - 1 / event.length_s]])
    padded = np.concatenate([np.zeros(event.delay_s), logs])  # before the video nothing is seen
    likely = np.stack([np.exp(-np.maximum(padded, 0)), np.exp(np.minimum(padded, 0))], axis=1)  # up to a factor
    forward = np.empty_like(likely)
    state = np.array([1 - event.share, event.share])
    for t, now in enumerate(likely):
        state = (state @ turn if t else state) * now
        state = state / state.sum()
        forward[t] = state
    steps = len(logs)
    back = np.ones((steps, 2))
    for ago in range(event.delay_s):  # from the newest second back to the one after the event's
        seen = likely[event.delay_s - ago :][:steps]
        back = (back * seen) @ turn.T
        back /= back.sum(axis=1, keepdims=True)
    joint = forward[:steps] * back
    return np.asarray(joint[:, 1] / joint.sum(axis=1))


def bounds(world: World, videos: Sequence[Planted]) -> tuple[Bound, ...]:
    """The best scores over all seconds with labels of these videos."""
    kept = [video.valid for video in videos]
    best = np.concatenate([knowable(world, v)[keep] for v, keep in zip(videos, kept, strict=True)])
    truth = np.concatenate([v.truth[keep] for v, keep in zip(videos, kept, strict=True)])
    labels = np.concatenate([v.labels[keep] for v, keep in zip(videos, kept, strict=True)])
    return tuple(
        Bound(
            name,
            average_precision(best[:, k], truth[:, k]),
            chance_level(truth[:, k]),
            average_precision(best[:, k], labels[:, k]),
            chance_level(labels[:, k]),
            average_precision(truth[:, k].astype(np.float64), labels[:, k]),
        )
        for k, name in enumerate(world.events)
    )


def knowable_affect(world: World, video: Planted) -> NDArray[np.float64]:
    """The mean of valence and arousal given the features up to each second, (T, 2): the least squared error.

    Up to the clipping to −1 … 1, which few seconds need.
    """
    return knowable(world, video) @ affect_weights(world)
