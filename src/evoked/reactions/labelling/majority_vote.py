"""From viewers' faces to one label per second of film: the majority vote.

At each second, the 18 ticks of the 3 s window centred on it; an expression is on if more than half
of the visible ticks are on (Sun et al. 2020, section 3.2, say "majority" and no more). Ties are off and
invisible ticks don't vote: decided here. Ticks of all faces of all reactions are pooled, because the
paper has one label vector per second of a content and does not say how several reactions merge.
Everything is counted in whole numbers, so that the order of viewers changes no bit of the result.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from evoked.core.settings import Share, setting, settings
from evoked.core.time_grid import ANNOTATION_FPS, TimeGrid
from evoked.core.track import Track
from evoked.reactions.alignment.offset_map import OffsetMap

WINDOW_S = Fraction(3)
THRESHOLD = 0.5


@settings
class VoteConfig:
    """How ticks become labels."""

    merge: Literal["pool", "any", "viewer"] = setting(
        "pool",
        "pool: ticks of all faces vote together; any: on if one reaction's own vote is on; "
        "viewer: each viewer has one vote, their own majority",
    )
    quorum: int = setting(9, "fewest visible ticks in a second's 3 s window (18 per viewer) for a label", ge=1)
    min_viewers: int = setting(1, "fewest viewers seen in a second's window for a label", ge=1)
    reaction_lag_s: float = setting(0.0, "seconds a face is taken to be behind the film")
    thresholds: dict[str, Share] = setting(
        {}, "a tick is on at this score or above, e.g. amusement=0.4; else the recogniser's own, else 0.5"
    )

    def levels(self, names: Sequence[str], own: Mapping[str, float] | None = None) -> tuple[float, ...]:
        """The score from which on a tick is on, for each name: set here, else the recogniser's own, else 0.5.

        Args:
            names: expressions.
            own: the recogniser's operating point, name → score; it may lack some.

        Raises:
            ValueError: if a threshold is set for an expression that is none of the names.
        """
        told = self.thresholds
        if strange := [n for n in told if n not in names]:
            raise ValueError(f"no expression {strange[0]!r} to set a threshold for; there are: {', '.join(names)}")
        return tuple(told.get(n, (own or {}).get(n, THRESHOLD)) for n in names)


@dataclass(frozen=True, eq=False)
class Votes:
    """What the viewers of a content expressed, once a second.

    Attributes:
        labels: 1 Hz, 0 or 1; valid where there are at least `quorum` visible ticks and `min_viewers` viewers.
        viewers: int64, shape (seconds,): faces with at least one visible tick in the window.
        ticks: int64, shape (seconds,): visible ticks of all viewers in the window.
        share: 1 Hz, share of the votes that are on, in [0, 1]: of the visible ticks, or with merge "viewer" of
            the viewers; valid where there is any vote.
        agreement: float64, shape (seconds,): share of viewers whose own majority is the label, mean
            over expressions, in [0, 1]; NaN where there is no label. One viewer alone may disagree with
            a label of merge "any" only.
    """

    labels: Track
    viewers: NDArray[np.int64]
    ticks: NDArray[np.int64]
    share: Track
    agreement: NDArray[np.float64]


def operating_thresholds(described: Mapping[str, object]) -> dict[str, float]:
    """The operating point that a recogniser (`describe`), or the provenance of its tables, tells of; {} if none.

    Raises:
        ValueError: if it is no mapping of names to scores within 0 … 1.
    """
    found = described.get("thresholds", {})
    if not isinstance(found, Mapping) or not all(
        isinstance(v, int | float) and not isinstance(v, bool) and 0 <= v <= 1 for v in found.values()
    ):
        raise ValueError(f"a recogniser's thresholds must be expression → score within 0 … 1, got {found!r}")
    return {str(name): float(value) for name, value in found.items()}


def viewer_grid(seconds: TimeGrid) -> TimeGrid:
    """The 6 Hz grid of a content whose 1 Hz grid is `seconds`."""
    return TimeGrid(ANNOTATION_FPS, seconds.steps * int(ANNOTATION_FPS), seconds.start)


def onto_content(viewer: Track, offsets: OffsetMap, ticks: TimeGrid, *, reaction_lag_s: float = 0.0) -> Track:
    """Move a viewer's Track from the reaction's time to the content's.

    Args:
        viewer: scores on the reaction's time.
        offsets: where the content is in the reaction.
        ticks: the content's 6 Hz grid, see `ticks_of`.
        reaction_lag_s: seconds a face is taken to be behind the film.

    Returns:
        The nearest tick of the viewer at each content tick, computed in integers; not valid
        where no segment covers the tick, the reaction is over, or the viewer was not visible.
    """
    steps = offsets.nearest_steps(ticks, viewer.grid, reaction_lag_s)
    covered = steps >= 0
    valid = np.zeros(ticks.steps, dtype=np.bool_)
    valid[covered] = viewer.valid[steps[covered]]
    values = np.zeros((ticks.steps, len(viewer.names)), dtype=np.float32)
    values[covered] = viewer.values[steps[covered]]
    return Track.masked(ticks, viewer.names, values, valid)


def majority_vote(
    ballots: Sequence[Track],
    seconds: TimeGrid,
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
        config: merging and quorum; reaction_lag_s is used when ballots are moved and thresholds by `levels`, not here.
        thresholds: a tick is on where its score is at or above this; one number, or one per name.
        reactions: which reaction each ballot is from, for merge "any"; each its own if not given.

    Returns:
        Votes on `seconds`. With merge "any" a second is valid where any reaction's vote is, on where
        one of them is on, and `share` is the largest of their shares. With merge "viewer" the quorum is of
        each viewer's own ticks: who has fewer has no vote.

    Raises:
        ValueError: if there are no ballots, they differ in grid or names, or counts do not match.
    """
    config = config or VoteConfig()
    _check(ballots, reactions)
    names = ballots[0].names
    on, seen = _counts(ballots, seconds, _levels(thresholds, len(names)))
    viewers = (seen > 0).sum(axis=0)
    labels, share, voted, valid = _merged(on, seen, config, reactions)
    valid &= viewers >= config.min_viewers
    labels &= valid[:, None]
    own = 2 * on > seen[:, :, None]  # (viewers, seconds, names)
    same = ((own == labels) & (seen > 0)[:, :, None]).sum(axis=(0, 2))
    cast = viewers * len(names)
    agreement = np.divide(same, cast, out=np.full(len(same), np.nan), where=valid & (cast > 0))
    return Votes(
        Track.masked(seconds, names, labels.astype(np.float32), valid),
        viewers.astype(np.int64),
        seen.sum(axis=0),
        Track.masked(seconds, names, share, voted),
        agreement,
    )


def majority_vote_each(
    ballots: Sequence[Track],
    seconds: TimeGrid,
    config: VoteConfig | None = None,
    *,
    thresholds: float | Sequence[float] = 0.5,
) -> tuple[Votes, ...]:
    """The votes of each viewer alone, in the order of the ballots; arguments as for `vote`."""
    return tuple(majority_vote([ballot], seconds, config, thresholds=thresholds) for ballot in ballots)


def centred_window(second: Fraction, ticks: TimeGrid) -> tuple[int, int]:
    """First and past-last tick of the 3 s window centred on a second: [second − 1.5, second + 1.5)."""
    first = ceil((second - WINDOW_S / 2 - ticks.start) * ticks.rate)
    end = ceil((second + WINDOW_S / 2 - ticks.start) * ticks.rate)
    return min(max(first, 0), ticks.steps), min(max(end, 0), ticks.steps)


def _merged(
    on: NDArray[np.int64], seen: NDArray[np.int64], config: VoteConfig, reactions: Sequence[str] | None
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Labels and shares (seconds, names), where any vote was cast, and where there is a label (seconds,)."""
    if config.merge == "viewer":
        votes = seen >= config.quorum  # (viewers, seconds)
        yes, cast = ((2 * on > seen[:, :, None]) & votes[:, :, None]).sum(axis=0), votes.sum(axis=0)
        labels, share, valid = _majority(yes, cast, 1)
        return labels, share, valid.copy(), valid
    if config.merge == "pool":
        groups = np.zeros(len(seen), dtype=np.int64)
    else:
        groups = np.unique(list(reactions) if reactions else np.arange(len(seen)), return_inverse=True)[1]
    kinds = [groups == g for g in range(int(groups.max()) + 1)]
    parts = [_majority(on[kind].sum(axis=0), seen[kind].sum(axis=0), config.quorum) for kind in kinds]
    return (
        np.any([p[0] for p in parts], axis=0),
        np.max([p[1] for p in parts], axis=0),
        np.any(seen > 0, axis=0),
        np.any([p[2] for p in parts], axis=0),
    )


def _majority(
    on: NDArray[np.int64], seen: NDArray[np.int64], quorum: int
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.bool_]]:
    """Labels and shares (seconds, names), and validity (seconds,); off and 0 where nothing was seen."""
    valid = seen >= quorum
    labels = (2 * on > seen[:, None]) & valid[:, None]
    return labels, on / np.maximum(seen, 1)[:, None], valid


def _counts(
    ballots: Sequence[Track], seconds: TimeGrid, levels: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ticks that are on (viewers, seconds, names) and that are visible (viewers, seconds)."""
    bounds = np.array([centred_window(seconds.second(i), ballots[0].grid) for i in range(seconds.steps)]).reshape(-1, 2)
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
