"""From viewers' faces to one label per second of film: the majority vote.

At each second, the 18 ticks of the 3 s window centred on it; an expression is on if more than half
of the visible ticks are on (Sun et al. 2020, section 3.2, say "majority" and no more). Ties are off and
invisible ticks don't vote: decided here. Ticks of all faces of all reactions are pooled, because the
paper has one label vector per second of a content and does not say how several reactions merge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

import numpy as np
from numpy.typing import NDArray

from evoked.core.settings import setting
from evoked.core.timeline import Grid
from evoked.core.track import Track
from evoked.reactions.offsets import OffsetMap

TICKS_PER_S = Fraction(6)
WINDOW_S = Fraction(3)
MERGES = ("pool", "any")


@dataclass(frozen=True)
class VoteConfig:
    """How ticks become labels."""

    merge: str = setting("pool", "pool: ticks of all faces vote together; any: on if one reaction's own vote is on")
    quorum: int = setting(9, "fewest visible ticks in a second's 3 s window (18 per viewer) for a label")
    lag_s: float = setting(0.0, "seconds a face is taken to be behind the film")

    def __post_init__(self) -> None:
        if self.merge not in MERGES:
            raise ValueError(f"merge must be one of {', '.join(MERGES)}, got {self.merge!r}")
        if self.quorum < 1:
            raise ValueError(f"quorum must be at least 1 tick, got {self.quorum}")


@dataclass(frozen=True, eq=False)
class Votes:
    """What the viewers of a content expressed, once a second.

    Attributes:
        labels: 1 Hz, 0 or 1; valid where there are at least `quorum` visible ticks.
        viewers: int64, shape (seconds,): faces with at least one visible tick in the window.
        share: 1 Hz, share of the visible ticks that are on, in [0, 1]; valid where any tick is visible.
        agreement: float64, shape (seconds,): share of viewers whose own majority is the label, mean
            over expressions, in [0, 1]; NaN where there is no label.
    """

    labels: Track
    viewers: NDArray[np.int64]
    share: Track
    agreement: NDArray[np.float64]


def ticks_of(seconds: Grid) -> Grid:
    """The 6 Hz grid of a content whose 1 Hz grid is `seconds`."""
    return Grid(TICKS_PER_S, seconds.steps * int(TICKS_PER_S), seconds.start)


def onto_content(viewer: Track, offsets: OffsetMap, ticks: Grid, *, lag_s: float = 0.0) -> Track:
    """Move a viewer's Track from the reaction's time to the content's.

    Args:
        viewer: scores on the reaction's time.
        offsets: where the content stands in the reaction.
        ticks: the content's 6 Hz grid, see `ticks_of`.
        lag_s: seconds a face is taken to be behind the film.

    Returns:
        The nearest tick of the viewer at each content tick, worked out in whole numbers; not valid
        where no segment covers the tick, the reaction is over, or the viewer was not visible.
    """
    steps = offsets.nearest_steps(ticks, viewer.grid, lag_s)
    covered = steps >= 0
    valid = np.zeros(ticks.steps, dtype=np.bool_)
    valid[covered] = viewer.valid[steps[covered]]
    values = np.zeros((ticks.steps, len(viewer.names)), dtype=np.float32)
    values[covered] = viewer.values[steps[covered]]
    return Track.masked(ticks, viewer.names, values, valid)


def vote(
    ballots: Sequence[Track],
    seconds: Grid,
    config: VoteConfig | None = None,
    *,
    thresholds: float | Sequence[float] = 0.5,
    reactions: Sequence[str] | None = None,
) -> Votes:
    """One label per expression and second, by majority.

    Args:
        ballots: one Track per viewer on the content's time (`onto_content`), all on one grid with
            the same names. Their order does not matter.
        seconds: the content's 1 Hz grid.
        config: merging and quorum; lag_s is used when ballots are moved, not here.
        thresholds: a tick is on where its score is at or above this; one number, or one per name.
        reactions: which reaction each ballot is from, for merge "any"; each its own if not given.

    Returns:
        Votes on `seconds`. With merge "any" a second is valid where any reaction's vote is, on where
        one of them is on, and `share` is the largest of their shares.

    Raises:
        ValueError: if there are no ballots, they differ in grid or names, or counts do not match.
    """
    config = config or VoteConfig()
    _check(ballots, reactions)
    on, seen = _counts(ballots, seconds, _levels(thresholds, len(ballots[0].names)))
    if config.merge == "pool":
        groups = np.zeros(len(ballots), dtype=np.int64)
    else:
        groups = np.unique(list(reactions) if reactions else np.arange(len(ballots)), return_inverse=True)[1]
    kinds = [groups == g for g in range(int(groups.max()) + 1)]
    parts = [_majority(on[kind].sum(axis=0), seen[kind].sum(axis=0), config.quorum) for kind in kinds]
    labels = np.max([p[0] for p in parts], axis=0)  # (seconds, names)
    share = np.max([p[1] for p in parts], axis=0)
    valid = np.any([p[2] for p in parts], axis=0)  # (seconds,)
    names = ballots[0].names
    own = np.stack([_majority(o, s, 1)[0] for o, s in zip(on, seen, strict=True)])  # (viewers, seconds, names)
    same = ((own == labels).mean(axis=2) * (seen > 0)).sum(axis=0)
    viewers = (seen > 0).sum(axis=0)
    agreement = np.divide(same, viewers, out=np.full(len(same), np.nan), where=valid & (viewers > 0))
    return Votes(
        Track.masked(seconds, names, labels, valid),
        viewers.astype(np.int64),
        Track.masked(seconds, names, share, viewers > 0),
        agreement,
    )


def vote_each(
    ballots: Sequence[Track],
    seconds: Grid,
    config: VoteConfig | None = None,
    *,
    thresholds: float | Sequence[float] = 0.5,
) -> tuple[Votes, ...]:
    """The votes of each viewer alone, in the order of the ballots; arguments as for `vote`."""
    return tuple(vote([ballot], seconds, config, thresholds=thresholds) for ballot in ballots)


def window(second: Fraction, ticks: Grid) -> tuple[int, int]:
    """First and past-last tick of the 3 s window centred on a second: [second − 1.5, second + 1.5)."""
    first = ceil((second - WINDOW_S / 2 - ticks.start) * ticks.rate)
    end = ceil((second + WINDOW_S / 2 - ticks.start) * ticks.rate)
    return min(max(first, 0), ticks.steps), min(max(end, 0), ticks.steps)


def _majority(
    on: NDArray[np.int64], seen: NDArray[np.int64], quorum: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Labels 0/1 and shares (seconds, names), and validity (seconds,); 0 where nothing was seen."""
    valid = seen >= quorum
    labels = (2 * on > seen[:, None]) & valid[:, None]
    return labels.astype(np.float64), on / np.maximum(seen, 1)[:, None], valid


def _counts(
    ballots: Sequence[Track], seconds: Grid, levels: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ticks that are on (viewers, seconds, names) and that are visible (viewers, seconds)."""
    bounds = np.array([window(seconds.second(i), ballots[0].grid) for i in range(seconds.steps)]).reshape(-1, 2)
    seen = np.stack([b.valid for b in ballots])  # (viewers, ticks)
    on = np.stack([np.nan_to_num(b.values, nan=-np.inf) >= levels for b in ballots]) & seen[:, :, None]
    return _within(on, bounds), _within(seen, bounds)


def _within(flags: NDArray[np.bool_], bounds: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many flags along axis 1 are up between each pair of bounds."""
    sums = np.zeros((flags.shape[0], flags.shape[1] + 1, *flags.shape[2:]), dtype=np.int64)
    np.cumsum(flags, axis=1, out=sums[:, 1:])
    counts: NDArray[np.int64] = sums[:, bounds[:, 1]] - sums[:, bounds[:, 0]]
    return counts


def _levels(thresholds: float | Sequence[float], names: int) -> NDArray[np.float32]:
    levels = np.atleast_1d(np.asarray(thresholds, dtype=np.float32))
    if levels.shape not in ((1,), (names,)):
        raise ValueError(f"thresholds must be one number or one for each of {names} expressions, got {levels.size}")
    return levels


def _check(ballots: Sequence[Track], reactions: Sequence[str] | None) -> None:
    if not ballots:
        raise ValueError("a vote needs at least one ballot, got none")
    first = ballots[0]
    for i, ballot in enumerate(ballots):
        if (ballot.grid, ballot.names) != (first.grid, first.names):
            raise ValueError(
                f"ballot {i} is on {ballot.grid} for {ballot.names}, ballot 0 on {first.grid} for {first.names}"
            )
    if reactions is not None and len(reactions) != len(ballots):
        raise ValueError(f"reactions must name one reaction for each of {len(ballots)} ballots, got {len(reactions)}")
