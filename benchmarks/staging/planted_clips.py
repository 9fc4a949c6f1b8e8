"""Planted clips of "faces" whose best possible score is known, to hold a recogniser's trainer against.

Each expression is a hidden switch that goes on and off at every tick by known odds. What is seen of it is its
direction among D numbers, plus noise; what people say depends on how many of the 18 ticks it was on. The exact
probability of "yes" given all that is seen then follows by a forward pass over (switch, ticks so far): no net can
rank better than it, save by luck. Person after person has a constant look of their own in the other directions: a net
that learns people instead of expressions fails on new ones.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["PlantedClips", "PlantedFaces"]


@dataclass(frozen=True, eq=False)
class PlantedClips:
    """Clips, n of them.

    Attributes:
        rows: float32 (n, ticks, D), what is seen.
        said: (n, K), share of the raters who said yes.
        shown: bool (n, K), whether the expression was on in enough ticks: what a rater means to say.
        best: (n, K), the exact probability of `shown` given the rows.
        person: (n,) number of the person who is seen.
    """

    rows: NDArray[np.float32]
    said: NDArray[np.float64]
    shown: NDArray[np.bool_]
    best: NDArray[np.float64]
    person: NDArray[np.int64]


@dataclass(frozen=True)
class PlantedFaces:
    """The world that clips are drawn from.

    Attributes:
        begins: per expression, the odds that it is on at the first tick, and
        comes: that it comes on at a tick, if it was off; it goes off with odds of `goes`.
        strength: how far an expression moves the face, in deviations of the noise of a tick.
        width: numbers per tick, D.
        ticks, enough: of a clip's ticks, in so many an expression must be on to be shown.
        raters, slip: how many people rate a clip, and how often one says the opposite.
        seed: draws the directions.
    """

    begins: tuple[float, ...] = (0.4, 0.3, 0.1)
    comes: tuple[float, ...] = (0.08, 0.05, 0.02)
    goes: float = 0.1
    strength: float = 1.2
    width: int = 8
    ticks: int = 18
    enough: int = 9
    raters: int = 3
    slip: float = 0.05
    seed: int = 0

    @property
    def expressions(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(f"planted {k}" for k in range(len(self.begins)))

    def clips(self, count: int, people: int, seed: int) -> PlantedClips:
        """Draw clips, shared out among people by lot; other seeds are other people."""
        draw = np.random.default_rng([seed, 1])
        turned = np.linalg.qr(np.random.default_rng(self.seed).normal(size=(self.width, self.width)))[0]
        classes = len(self.begins)
        on = np.zeros((count, self.ticks, classes), dtype=np.bool_)
        on[:, 0] = draw.random((count, classes)) < self.begins
        for k in range(1, self.ticks):
            odds = np.where(on[:, k - 1], 1 - self.goes, self.comes)
            on[:, k] = draw.random((count, classes)) < odds
        person = draw.integers(people, size=count)
        looks = draw.normal(0, 2, (people, self.width - classes))  # only where no expression is seen
        seen = draw.normal(size=(count, self.ticks, self.width))
        seen[..., :classes] += self.strength * on
        seen[..., classes:] += looks[person][:, None]
        shown = on.sum(axis=1) >= self.enough
        slips = draw.random((self.raters, count, classes)) < self.slip
        best = np.stack([self._posterior(seen[..., k], k) for k in range(classes)], axis=1)
        rows = (seen @ turned.T).astype(np.float32)
        return PlantedClips(rows, (shown ^ slips).mean(axis=0), shown, best, person)

    def _posterior(self, seen: NDArray[np.float64], k: int) -> NDArray[np.float64]:
        """(n, ticks) along an expression's direction → probability that it was on in enough ticks, (n,)."""
        told = np.exp(self.strength * seen - self.strength**2 / 2)  # likelihood of on over that of off
        count = len(seen)
        alpha = np.zeros((count, 2, self.ticks + 1))  # (clips, off or on, ticks on so far)
        alpha[:, 0, 0] = 1 - self.begins[k]
        alpha[:, 1, 1] = self.begins[k] * told[:, 0]
        for t in range(1, self.ticks):
            off = alpha[:, 0] * (1 - self.comes[k]) + alpha[:, 1] * self.goes
            on = alpha[:, 0] * self.comes[k] + alpha[:, 1] * (1 - self.goes)
            alpha[:, 0] = off
            alpha[:, 1, 1:] = on[:, :-1] * told[:, t, None]
            alpha[:, 1, 0] = 0
            alpha /= alpha.sum(axis=(1, 2), keepdims=True)
        by_count = alpha.sum(axis=1)
        share = by_count[:, self.enough :].sum(axis=1) / by_count.sum(axis=1)
        return np.asarray(share)
