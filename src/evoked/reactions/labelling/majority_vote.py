"""Labels of a content, one per second, by majority vote over its viewers.

The vote at a second counts the 18 frames (6 Hz) of the 3 s window centred on it; an expression is on if more than
half of the visible frames are on (Sun et al. 2020, section 3.2, specify no more than "majority"). Two rules are
choices of this implementation: ties are off, and frames without a visible face do not vote. Windows at the ends of
the content hold fewer frames, and the quorum shrinks with them (`quorum_frames`). Frames of all faces of all reactions
are pooled, because the paper has one label vector per second of a content and does not describe how several
reactions are merged. Votes are counted as integers, so that results do not depend on the order of viewers.
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

__all__ = [
    "VoteConfig",
    "Votes",
    "centred_window",
    "centred_windows",
    "majority_vote",
    "majority_vote_each",
    "onto_content",
    "operating_thresholds",
    "quorum_frames",
    "viewer_grid",
]

WINDOW_S = Fraction(3)
THRESHOLD = 0.5


@settings
class VoteConfig:
    """Settings of the majority vote."""

    merge: Literal["pool", "any", "viewer"] = setting(
        "pool",
        "pool: frames of all faces vote together; any: on if the vote of one reaction is on; "
        "viewer: each viewer has one vote, the majority of their frames",
    )
    quorum: int = setting(
        9,
        "fewest visible frames (6 Hz) in a second's 3 s window (18 per viewer) for a label; the same share of the "
        "frames of a window that the content's first or last second cuts short",
        ge=1,
    )
    min_viewers: int = setting(1, "fewest viewers visible in a second's window for a label", ge=1)
    reaction_lag_s: float = setting(0.0, "seconds a face is taken to be behind the content")
    thresholds: dict[str, Share] = setting(
        {}, "a frame is on at this score or above, e.g. amusement=0.4; else the recogniser's threshold, else 0.5"
    )

    def levels(self, names: Sequence[str], operating_point: Mapping[str, float] | None = None) -> tuple[float, ...]:
        """The score from which on a frame is on, for each name: set here, else the recogniser's, else 0.5.

        Args:
            names: expressions.
            operating_point: the recogniser's, name → score; names may be missing.

        Returns:
            A score in [0, 1] for each of `names`.

        Raises:
            ValueError: if a threshold is set for an expression that is none of the names.
        """
        thresholds = self.thresholds
        if strange := [n for n in thresholds if n not in names]:
            raise ValueError(f"no expression {strange[0]!r} to set a threshold for; there are: {', '.join(names)}")
        return tuple(thresholds.get(n, (operating_point or {}).get(n, THRESHOLD)) for n in names)


@dataclass(frozen=True, eq=False)
class Votes:
    """Labels of a content, one per second, with the counts of the votes.

    Attributes:
        labels: 1 Hz, 0 or 1; valid where enough frames (6 Hz) are visible (`quorum_frames`) and `min_viewers` viewers.
        viewers: int64, shape (seconds,): viewers with at least one visible frame in the window.
        ticks: int64, shape (seconds,): visible frames (6 Hz) of all viewers in the window.
        share: 1 Hz, share of the votes that are on, in [0, 1]: of the visible frames, or with merge "viewer" of
            the viewers; valid where at least one vote was cast.
        agreement: float64, shape (seconds,): share of viewers whose individual majority equals the label, mean
            over expressions, in [0, 1]; NaN where there is no label. One viewer alone may disagree with
            a label of merge "any" only.
    """

    labels: Track
    viewers: NDArray[np.int64]
    ticks: NDArray[np.int64]
    share: Track
    agreement: NDArray[np.float64]


def operating_thresholds(described: Mapping[str, object]) -> dict[str, float]:
    """The operating point in a recogniser's description (`describe`) or the provenance of its tables; {} if none.

    Raises:
        ValueError: if it is not a mapping of names to scores within 0 … 1.
    """
    thresholds = described.get("thresholds", {})
    if not isinstance(thresholds, Mapping) or not all(
        isinstance(v, int | float) and not isinstance(v, bool) and 0 <= v <= 1 for v in thresholds.values()
    ):
        raise ValueError(f"a recogniser's thresholds must be expression → score within 0 … 1, got {thresholds!r}")
    return {str(name): float(value) for name, value in thresholds.items()}


def viewer_grid(seconds: TimeGrid) -> TimeGrid:
    """The 6 Hz grid of a content whose 1 Hz grid is `seconds`."""
    return TimeGrid(ANNOTATION_FPS, seconds.steps * int(ANNOTATION_FPS), seconds.start)


def onto_content(viewer: Track, offsets: OffsetMap, content_grid: TimeGrid, *, reaction_lag_s: float = 0.0) -> Track:
    """Move a viewer's Track from the reaction's time to the content's.

    Args:
        viewer: scores on the reaction's time.
        offsets: where the content is in the reaction.
        content_grid: the content's 6 Hz grid, see `viewer_grid`.
        reaction_lag_s: seconds a face is taken to be behind the content.

    Returns:
        The viewer's nearest frame at each frame of the content, computed in integers; not valid
        where no segment covers the frame, the reaction is over, or the viewer was not visible.
    """
    steps = offsets.nearest_steps(content_grid, viewer.grid, reaction_lag_s)
    covered = steps >= 0
    valid = np.zeros(content_grid.steps, dtype=np.bool_)
    valid[covered] = viewer.valid[steps[covered]]
    values = np.zeros((content_grid.steps, len(viewer.names)), dtype=np.float32)
    values[covered] = viewer.values[steps[covered]]
    return Track.masked(content_grid, viewer.names, values, valid)


def majority_vote(
    ballots: Sequence[Track],
    seconds: TimeGrid,
    config: VoteConfig | None = None,
    *,
    thresholds: float | Sequence[float] | None = None,
    reactions: Sequence[str] | None = None,
) -> Votes:
    """One label per expression and second, by majority.

    Args:
        ballots: one Track per viewer on the content's time (`onto_content`), all on one grid with
            the same names. Their order does not matter.
        seconds: the content's 1 Hz grid.
        config: merging, quorum and thresholds; reaction_lag_s is used when ballots are moved, not here.
        thresholds: a frame is on where its score is at or above this; one number, or one per name. None: those of the
            config, else 0.5.
        reactions: the reaction of each ballot, for merge "any"; None: every ballot is a reaction of its own.

    Returns:
        Votes on `seconds`. With merge "any" a second is valid where any reaction's vote is, on where
        one of them is on, and `share` is the largest of their shares. With merge "viewer" the quorum applies to
        the frames of each viewer: a viewer with fewer has no vote.

    Raises:
        ValueError: if there are no ballots, they differ in grid or names, counts do not match, or the config sets
            another threshold than is given.
    """
    config = config or VoteConfig()
    _check(ballots, reactions)
    names = ballots[0].names
    bounds = centred_windows(seconds, ballots[0].grid)
    on, seen = _counts(ballots, bounds, _levels(thresholds, names, config))
    viewers = (seen > 0).sum(axis=0)
    quorum = quorum_frames(config.quorum, bounds[:, 1] - bounds[:, 0], ballots[0].grid)
    result, voted = _merged(on, seen, config, quorum, reactions)
    valid = result.valid & (viewers >= config.min_viewers)
    labels = result.labels & valid[:, None]
    majorities = 2 * on > seen[:, :, None]  # (viewers, seconds, names)
    same = ((majorities == labels) & (seen > 0)[:, :, None]).sum(axis=(0, 2))
    cast = viewers * len(names)
    agreement = np.divide(same, cast, out=np.full(len(same), np.nan), where=valid & (cast > 0))
    return Votes(
        Track.masked(seconds, names, labels.astype(np.float32), valid),
        viewers.astype(np.int64),
        seen.sum(axis=0),
        Track.masked(seconds, names, result.share, voted),
        agreement,
    )


def majority_vote_each(
    ballots: Sequence[Track],
    seconds: TimeGrid,
    config: VoteConfig | None = None,
    *,
    thresholds: float | Sequence[float] | None = None,
) -> tuple[Votes, ...]:
    """The votes of each viewer alone.

    Args:
        ballots: one Track per viewer on the content's time, as for `majority_vote`.
        seconds: the content's 1 Hz grid.
        config: quorum and thresholds.
        thresholds: as for `majority_vote`.

    Returns:
        Votes for each ballot, in order.

    Raises:
        ValueError: as `majority_vote`.
    """
    return tuple(majority_vote([ballot], seconds, config, thresholds=thresholds) for ballot in ballots)


def centred_window(second: Fraction, grid: TimeGrid) -> tuple[int, int]:
    """The frames of the 3 s window centred on a second: [second − 1.5, second + 1.5).

    Args:
        second: centre of the window, in seconds.
        grid: of the frames.

    Returns:
        First frame, and the one past the last; both within the grid.
    """
    first = ceil((second - WINDOW_S / 2 - grid.start) * grid.rate)
    end = ceil((second + WINDOW_S / 2 - grid.start) * grid.rate)
    return min(max(first, 0), grid.steps), min(max(end, 0), grid.steps)


def centred_windows(seconds: TimeGrid, grid: TimeGrid) -> NDArray[np.int64]:
    """The window of `centred_window` of every second of a grid, computed in integers.

    Args:
        seconds: the centres.
        grid: of the frames.

    Returns:
        First frame, and the one past the last, shape (seconds.steps, 2).
    """
    step = grid.rate / seconds.rate
    bounds = []
    for shift in (-WINDOW_S / 2, WINDOW_S / 2):
        start = (seconds.start + shift - grid.start) * grid.rate  # frame i · step + start, rounded up
        scaled = np.arange(seconds.steps) * (step.numerator * start.denominator) + start.numerator * step.denominator
        bounds.append(-(-scaled // (step.denominator * start.denominator)))
    return np.clip(np.stack(bounds, axis=1), 0, grid.steps)


def quorum_frames(quorum: int, frames: NDArray[np.int64], grid: TimeGrid) -> NDArray[np.int64]:
    """The fewest visible frames for a label, of windows that hold a given number of frames.

    A whole window needs `quorum`; one that holds fewer frames needs the same share of them, rounded up.

    Args:
        quorum: for a whole window (18 frames at 6 Hz).
        frames: of each window, from `centred_window`.
        grid: of the frames.

    Returns:
        A number for each window, at least 1.
    """
    full_window = WINDOW_S * grid.rate
    scaled = -(-quorum * frames * full_window.denominator // full_window.numerator)  # rounded up, in integers
    return np.maximum(scaled, 1)


@dataclass(frozen=True, eq=False)
class _Majority:
    """Result of counting votes: labels and shares (seconds, names), and where there is a label (seconds,)."""

    labels: NDArray[np.bool_]
    share: NDArray[np.float64]
    valid: NDArray[np.bool_]


def _merged(
    on: NDArray[np.int64],
    seen: NDArray[np.int64],
    config: VoteConfig,
    quorum: NDArray[np.int64],
    reactions: Sequence[str] | None,
) -> tuple[_Majority, NDArray[np.bool_]]:
    """The result of the vote, and where any vote was cast (seconds,)."""
    if config.merge == "viewer":
        votes = seen >= quorum  # (viewers, seconds)
        yes, cast = ((2 * on > seen[:, :, None]) & votes[:, :, None]).sum(axis=0), votes.sum(axis=0)
        result = _majority(yes, cast, np.ones_like(cast))
        return result, result.valid.copy()
    if config.merge == "pool":
        groups = np.zeros(len(seen), dtype=np.int64)
    else:
        groups = np.unique(list(reactions) if reactions else np.arange(len(seen)), return_inverse=True)[1]
    members = [groups == g for g in range(int(groups.max()) + 1)]
    results = [_majority(on[rows].sum(axis=0), seen[rows].sum(axis=0), quorum) for rows in members]
    merged = _Majority(
        np.any([r.labels for r in results], axis=0),
        np.max([r.share for r in results], axis=0),
        np.any([r.valid for r in results], axis=0),
    )
    return merged, np.any(seen > 0, axis=0)


def _majority(on: NDArray[np.int64], seen: NDArray[np.int64], quorum: NDArray[np.int64]) -> _Majority:
    """Majority of the counts, shape (seconds, names) and (seconds,); off and 0 where nothing was visible."""
    valid = seen >= quorum
    labels = (2 * on > seen[:, None]) & valid[:, None]
    return _Majority(labels, on / np.maximum(seen, 1)[:, None], valid)


def _counts(
    ballots: Sequence[Track], bounds: NDArray[np.int64], levels: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Frames within each window that are on (viewers, seconds, names) and that are visible (viewers, seconds)."""
    seen = np.stack([b.valid for b in ballots])  # (viewers, frames)
    on = np.stack([np.nan_to_num(b.values, nan=-np.inf) >= levels for b in ballots]) & seen[:, :, None]
    return _within(on, bounds), _within(seen, bounds)


def _within(flags: NDArray[np.bool_], bounds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of true flags along axis 1 between each pair of bounds."""
    sums = np.zeros((flags.shape[0], flags.shape[1] + 1, *flags.shape[2:]), dtype=np.int64)
    np.cumsum(flags, axis=1, out=sums[:, 1:])
    counts: NDArray[np.int64] = sums[:, bounds[:, 1]] - sums[:, bounds[:, 0]]
    return counts


def _levels(
    thresholds: float | Sequence[float] | None, names: tuple[str, ...], config: VoteConfig
) -> NDArray[np.float32]:
    """The threshold of each expression; one that the config sets is never left unused."""
    if thresholds is None:
        return np.array(config.levels(names), dtype=np.float32)
    levels = np.atleast_1d(np.asarray(thresholds, dtype=np.float32))
    if levels.shape not in ((1,), (len(names),)):
        raise ValueError(
            f"thresholds must be one number or one for each of {len(names)} expressions, got {levels.size}"
        )
    level_of = dict(zip(names, np.broadcast_to(levels, len(names)), strict=True))
    for name, level in zip(names, config.levels(names), strict=True):
        if name in config.thresholds and level_of[name] != np.float32(level):
            raise ValueError(
                f"the config sets the threshold of {name} to {level}, but {level_of[name]:g} is given as well"
            )
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
