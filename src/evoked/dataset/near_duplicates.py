"""Videos that show the same pictures: copies that were coded, cropped, mirrored or sped otherwise, and excerpts.

Hashes of seconds that agree in a band of their bits vote for a pair of videos and a shift in time; the pair is then
compared second by second. Each step looks at the seconds of all videos at once: no comparison of all pairs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evoked.dataset.perceptual_hash import VIEWS

__all__ = ["HashedVideo", "SimilarPair", "find_similar"]

BANDS = ((0, 21), (21, 21), (42, 22))
"""First bit and bits of each band: two hashes that differ in two bits or fewer agree in one at least."""
MOST_ALIKE = 64
"""A band of bits that more seconds share says nothing (fades, title cards)."""
NEAR = 12
"""Bits of 64 in which two pictures of one scene may differ."""
MIN_VOTES = 2
MIN_SECONDS = 6
"""Seconds that must agree, in different pictures."""
MIN_SHARE = 0.5
"""Of the seconds from the first that agrees to the last."""
SPEEDS = (1.0, 0.97, 1.03, 0.98, 1.02, 0.99, 1.01)
DRIFT_S = 2


@dataclass(frozen=True, eq=False)
class HashedVideo:
    """A video's hashes.

    Attributes:
        hashes: uint64, shape (seconds, len(VIEWS)).
        valid: shape (seconds,): where there is a picture to be recognised by.
    """

    hashes: NDArray[np.uint64]
    valid: NDArray[np.bool_]


@dataclass(frozen=True)
class SimilarPair:
    """Two videos with pictures in common.

    Attributes:
        first, second: names, in order.
        seconds: of the first that agree.
        share: of the shorter video's seconds.
        first_s, second_s: where the common stretch begins in each.
        mirrored: whether one is the mirror image of the other.
        cropped: whether one shows a part of the other's picture.
    """

    first: str
    second: str
    seconds: int
    share: float
    first_s: int
    second_s: int
    mirrored: bool
    cropped: bool


@dataclass(frozen=True, eq=False)
class _Seconds:
    """The valid seconds of all videos: their hashes, (n, views), video and second of each."""

    hashes: NDArray[np.uint64]
    video: NDArray[np.int64]
    second: NDArray[np.int64]


def find_similar(videos: Mapping[str, HashedVideo]) -> list[SimilarPair]:
    """Find all pairs of videos with pictures in common.

    Args:
        videos: name → hashes.

    Returns:
        Pairs, those with most seconds in common first.
    """
    names = sorted(videos)
    seconds = _gather([videos[name] for name in names])
    found: dict[tuple[int, int], SimilarPair] = {}
    for view, candidate in _candidates(seconds):
        key = (min(candidate[:2]), max(candidate[:2]))
        pair = _compare(names, videos, view, candidate)
        if pair is not None and (key not in found or pair.seconds > found[key].seconds):
            found[key] = pair
    return sorted(found.values(), key=lambda pair: (-pair.seconds, pair.first, pair.second))


def _gather(videos: Sequence[HashedVideo]) -> _Seconds:
    at = [np.flatnonzero(video.valid) for video in videos]
    return _Seconds(
        np.concatenate([v.hashes[rows] for v, rows in zip(videos, at, strict=True)])
        if videos
        else np.zeros((0, len(VIEWS)), np.uint64),
        np.repeat(np.arange(len(videos)), [len(rows) for rows in at]),
        np.concatenate(at) if at else np.zeros(0, np.int64),
    )


class _Candidate(NamedTuple):
    """Videos a (searched with, in a view) and b (found): at second `at` of a, b is `shift` further."""

    a: int
    b: int
    shift: int
    at: int


def _candidates(seconds: _Seconds) -> list[tuple[int, _Candidate]]:
    """The view and candidate of each pair of videos with votes enough."""
    whole, result = seconds.hashes[:, 0], []
    for view in range(len(VIEWS)):
        votes: list[NDArray[np.int64]] = []
        for start, width in BANDS:
            mask = np.uint64((1 << width) - 1)
            keys = ((whole >> np.uint64(start)) & mask).astype(np.uint32)
            order = np.argsort(keys, kind="stable")
            keys = keys[order]
            wanted = ((seconds.hashes[:, view] >> np.uint64(start)) & mask).astype(np.uint32)
            ranked = np.argsort(wanted, kind="stable")  # searched in order, which the processor's cache likes
            low = np.searchsorted(keys, wanted[ranked], "left")
            count = np.searchsorted(keys, wanted[ranked], "right") - low
            count[count > MOST_ALIKE] = 0
            query = np.repeat(ranked, count)
            step = np.arange(len(query)) - np.repeat(np.cumsum(count) - count, count)
            target = order[np.repeat(low, count) + step]
            good = seconds.video[query] != seconds.video[target]
            if view == 0:
                good &= seconds.video[query] < seconds.video[target]  # the other half says the same
            query, target = query[good], target[good]
            near = _distance(seconds.hashes[query, view], whole[target]) <= NEAR
            votes.append(np.stack([query[near], target[near]], axis=1))
        pairs = np.unique(np.concatenate(votes), axis=0)  # two bands may give the same pair of seconds
        result += [(view, candidate) for candidate in _counted(seconds, pairs)]
    return result


def _counted(seconds: _Seconds, pairs: NDArray[np.int64]) -> list[_Candidate]:
    """The best shift of each pair of videos with votes enough."""
    if not len(pairs):
        return []
    a, b = seconds.video[pairs[:, 0]], seconds.video[pairs[:, 1]]
    shift = seconds.second[pairs[:, 1]] - seconds.second[pairs[:, 0]]
    rows, group, counts = np.unique(
        np.stack([a, b, shift // (DRIFT_S + 1)], axis=1), axis=0, return_inverse=True, return_counts=True
    )
    middle = np.bincount(group, weights=seconds.second[pairs[:, 0]]) / counts
    best: dict[tuple[int, int], tuple[int, _Candidate]] = {}
    for (first, second, step), count, at in zip(rows.tolist(), counts.tolist(), middle.tolist(), strict=True):
        if count >= MIN_VOTES and count > best.get((first, second), (0,))[0]:
            best[first, second] = count, _Candidate(first, second, step * (DRIFT_S + 1) + DRIFT_S // 2, round(at))
    return [candidate for _, candidate in best.values()]


def _compare(
    names: Sequence[str], videos: Mapping[str, HashedVideo], view: int, candidate: _Candidate
) -> SimilarPair | None:
    """Compare two videos second by second along the shift, at the speed that fits best; None: they are not alike."""
    searched, other = names[candidate.a], names[candidate.b]
    a, b = videos[searched], videos[other]
    best: NDArray[np.int64] = np.zeros((0, 2), np.int64)
    for speed in SPEEDS:
        agreed = _agreed(a, b, view, candidate, speed)
        if len(agreed) > len(best):
            best = agreed
    if len(best) < MIN_SECONDS or _different(a.hashes[best[:, 0], view]) < MIN_SECONDS:
        return None
    span = int(best[-1, 0] - best[0, 0]) + 1
    if len(best) / span < MIN_SHARE:
        return None
    swapped = searched > other
    starts = [int(v) for v in best[0]]
    crop, mirrored = VIEWS[view]
    first, second = sorted((searched, other))
    shorter = min(len(a.valid), len(b.valid))
    return SimilarPair(
        first,
        second,
        len(best),
        min(1.0, len(best) / max(1, shorter)),
        starts[1] if swapped else starts[0],
        starts[0] if swapped else starts[1],
        mirrored,
        crop < 1,
    )


def _agreed(a: HashedVideo, b: HashedVideo, view: int, candidate: _Candidate, speed: float) -> NDArray[np.int64]:
    """Seconds of both that agree, (n, 2), around the shift: longest stretch without a gap of more than ten seconds."""
    own = np.flatnonzero(a.valid)
    nearest = np.full(len(own), 65, np.int64)
    partner = np.zeros(len(own), np.int64)
    for drift in range(-DRIFT_S, DRIFT_S + 1):
        other = np.round((own - candidate.at) * speed).astype(np.int64) + candidate.at + candidate.shift + drift
        inside = (other >= 0) & (other < len(b.valid))
        inside[inside] &= b.valid[other[inside]]
        distance = np.full(len(own), 65, np.int64)
        distance[inside] = _distance(a.hashes[own[inside], view], b.hashes[other[inside], 0])
        better = distance < nearest
        nearest[better], partner[better] = distance[better], other[better]
    near = np.flatnonzero(nearest <= NEAR)
    if not len(near):
        return np.zeros((0, 2), np.int64)
    runs = np.split(near, np.flatnonzero(np.diff(own[near]) > 10) + 1)
    longest = max(runs, key=len)
    return np.stack([own[longest], partner[longest]], axis=1)


def _different(hashes: NDArray[np.uint64]) -> int:
    """How many of these pictures differ from each that was counted before."""
    kept: list[np.uint64] = []
    for one in hashes:
        if not kept or int(_distance(np.array(kept), np.uint64(one)).min()) > NEAR // 2:
            kept.append(one)
            if len(kept) >= MIN_SECONDS:
                break
    return len(kept)


def _distance(a: NDArray[np.uint64], b: NDArray[np.uint64] | np.uint64) -> NDArray[np.int64]:
    bits: NDArray[np.int64] = np.bitwise_count(a ^ b).astype(np.int64)
    return bits
