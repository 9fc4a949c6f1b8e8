"""The mean score of each viewer at each second of a content: the curves behind the vote."""

from collections.abc import Sequence

import numpy as np

from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.reactions.labelling.majority_vote import VoteConfig, centred_windows, quorum_frames
from evoked.reactions.labelling.pipeline import ReactionViewers, viewers_on_content

__all__ = ["viewer_means"]


def viewer_means(
    reactions: Sequence[ReactionViewers], seconds: TimeGrid, config: VoteConfig
) -> list[tuple[str, str, Track]]:
    """The mean score of each viewer in the 3 s window of each second, the same frames that vote.

    Args:
        reactions: of one content.
        seconds: the content's 1 Hz grid.
        config: quorum and reaction lag.

    Returns:
        Reaction, viewer, and scores in [0, 1] at 1 Hz; a second with fewer visible frames than the quorum is not valid.
    """
    moved = viewers_on_content(reactions, seconds, config)
    if not moved:
        return []
    grid = moved[0][2].grid
    bounds = centred_windows(seconds, grid)
    quorum = quorum_frames(config.quorum, bounds[:, 1] - bounds[:, 0], grid)
    return [(reaction, viewer, _means(track, seconds, bounds, quorum)) for reaction, viewer, track in moved]


def _means(track: Track, seconds: TimeGrid, bounds: np.ndarray, quorum: np.ndarray) -> Track:
    """The mean of the visible frames between each pair of bounds."""
    sums = np.zeros((track.grid.steps + 1, len(track.names) + 1))
    np.cumsum(np.column_stack([np.nan_to_num(track.values), track.valid]), axis=0, out=sums[1:])
    totals = sums[bounds[:, 1]] - sums[bounds[:, 0]]
    seen = totals[:, -1].round().astype(np.int64)
    means = np.clip(totals[:, :-1] / np.maximum(seen, 1)[:, None], 0.0, 1.0)
    return Track.masked(seconds, track.names, means, seen >= quorum)
