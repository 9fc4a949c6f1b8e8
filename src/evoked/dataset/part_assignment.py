"""Which videos train, validate and test: by a hash that later videos do not change, or alike in every expression.

By hash, a video's group (itself, or its channel) alone decides, so a video that is added moves no other. Stratified,
groups are assigned so that each expression has the wanted share of its seconds in every part; that depends on all of
them, so it is done once, written to the manifest, and later videos go by hash.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evoked.core.errors import DatasetError
from evoked.core.files import digest
from evoked.core.settings import setting, settings
from evoked.dataset.labels import POSITIVE_FROM, LabelRows
from evoked.dataset.split import PARTS

__all__ = ["ExpressionSeconds", "PartComparison", "SplitConfig", "assign_parts", "compare_parts", "count_seconds"]

HASH_DIGITS = 13
"""Hex digits of the hash: 52 bits, all that a float holds."""
PASSES, EXCHANGES = 20, 200
"""Of the improvement of a stratified split: passes, and how many others a group may be exchanged with in each."""
EXPRESSION_WEIGHT, VIDEO_WEIGHT = 5.0, 0.2
"""Of the distance in an expression's share and in the number of videos, against that in seconds, which is 1."""
RAREST = 1e-3
"""Share of an expression; rarer ones count as if they were as frequent."""


@settings
class SplitConfig:
    """How videos are assigned to parts."""

    train_percent: int = setting(60, "videos that train", ge=1, le=98)
    validate_percent: int = setting(15, "videos that choose the epoch; the rest test", ge=1, le=98)
    strategy: Literal["hash", "stratify"] = setting(
        "hash",
        "hash: of each video's group, so that added videos move none; stratify: every expression alike in all parts",
    )
    split_seed: int = setting(0, "another seed, another split")

    @property
    def shares(self) -> tuple[float, float, float]:
        """Of train, validate and test; they sum to 1."""
        train, validate = self.train_percent / 100, self.validate_percent / 100
        if train + validate >= 1:
            raise ValueError("train_percent and validate_percent leave nothing to test on; they must be below 100")
        return train, validate, 1 - train - validate


class ExpressionSeconds(NamedTuple):
    """What a video weighs in a split.

    Attributes:
        expressions: names, K.
        positives: video → seconds with each expression, shape (K,).
        seconds: video → valid seconds.
    """

    expressions: tuple[str, ...]
    positives: Mapping[str, NDArray[np.float64]]
    seconds: Mapping[str, int]


@dataclass(frozen=True)
class PartComparison:
    """Whether the parts' distributions of expressions are alike, as the paper verified for its split.

    Attributes:
        seconds: part → valid seconds.
        shares: part → expression → share of its valid seconds; None where it has none.
        largest_difference: largest distance of a part's share from that of all parts, in [0, 1].
        expression, part: where that is.
        p: share of random splits of the same videos, with as many in each part, in which it is at least as large,
            (1 + k) / (1 + n).
    """

    seconds: Mapping[str, int]
    shares: Mapping[str, Mapping[str, float | None]]
    largest_difference: float
    expression: str
    part: str
    p: float


def count_seconds(labels: Mapping[str, LabelRows], threshold: float = POSITIVE_FROM) -> ExpressionSeconds:
    """Seconds of each expression in each video.

    Args:
        labels: video → labels.
        threshold: soft labels are on from here.

    Returns:
        The counts.

    Raises:
        DatasetError: if there are no labels, or videos have different expressions.
    """
    names = next(iter(labels.values())).labels.names if labels else ()
    if not names or any(rows.labels.names != names for rows in labels.values()):
        raise DatasetError("need labels of one set of expressions in all videos")
    tracks = {video: rows.labels for video, rows in labels.items()}
    return ExpressionSeconds(
        names,
        {v: (t.values[t.valid] >= threshold).sum(axis=0).astype(np.float64) for v, t in tracks.items()},
        {v: int(t.valid.sum()) for v, t in tracks.items()},
    )


def assign_parts(
    videos: Sequence[str],
    config: SplitConfig | None = None,
    *,
    kept: Mapping[str, str] | None = None,
    groups: Mapping[str, str] | None = None,
    counts: ExpressionSeconds | None = None,
) -> dict[str, str]:
    """Assign each video to a part.

    Args:
        videos: names, in any order.
        config: shares, strategy and seed.
        kept: video → part, of those that are assigned already; their groups stay with them.
        groups: video → group that is not split (a channel); a video without one is a group by itself.
        counts: of `count_seconds`, for the strategy stratify.

    Returns:
        Video → part, for all videos in their order.

    Raises:
        DatasetError: if a part would be empty, there are fewer groups than parts, or a group that must stay together
            is in two parts already.
        ValueError: if stratify has no counts.
    """
    config, kept, named = config or SplitConfig(), kept or {}, groups or {}
    members: dict[tuple[bool, str], list[str]] = {}
    for video in sorted(videos):
        members.setdefault((video in named, named.get(video, video)), []).append(video)
    if len(members) < len(PARTS):
        what = f"group{'' if len(members) == 1 else 's'} of {len(videos)} videos" if named else "videos"
        raise DatasetError(f"{len(members)} {what} cannot be split into {', '.join(PARTS)}: three are the least")
    parts = _of_kept_groups(members, kept)
    waiting = [key for key in members if key not in parts]
    if config.strategy == "stratify" and not parts:
        if counts is None:
            raise ValueError("the strategy stratify needs counts of expressions")
        parts = _stratified({key: members[key] for key in waiting}, counts, config)
    else:
        parts |= {key: _by_hash(key, config) for key in waiting}
    if absent := [part for part in PARTS if part not in parts.values()]:
        raise DatasetError(
            f"no video would be in the part {absent[0]}: {len(members)} are too few to be split by hash. "
            "Give --strategy stratify, another --split-seed, or a table video,part"
        )
    part_of = {video: parts[key] for key, own in members.items() for video in own}
    return {video: part_of[video] for video in videos}


def _of_kept_groups(
    members: Mapping[tuple[bool, str], list[str]], kept: Mapping[str, str]
) -> dict[tuple[bool, str], str]:
    parts: dict[tuple[bool, str], str] = {}
    for key, own in members.items():
        found = sorted({kept[video] for video in own if video in kept})
        if len(found) > 1:
            raise DatasetError(
                f"the group {key[1]!r} is in the parts {' and '.join(found)} already, so it cannot be kept together; "
                "split again from the start with --again, or without groups"
            )
        if found:
            parts[key] = found[0]
    return parts


def _by_hash(key: tuple[bool, str], config: SplitConfig) -> str:
    at = int(digest([config.split_seed, *key])[:HASH_DIGITS], 16) / 16**HASH_DIGITS
    train, validate, _ = config.shares
    return PARTS[0] if at < train else PARTS[1] if at < train + validate else PARTS[2]


def _stratified(
    members: Mapping[tuple[bool, str], list[str]], counts: ExpressionSeconds, config: SplitConfig
) -> dict[tuple[bool, str], str]:
    """The longest group first, then single moves and exchanges while they help; videos without labels by hash."""
    keys = [key for key, own in members.items() if any(video in counts.positives for video in own)]
    parts = {key: _by_hash(key, config) for key in members if key not in keys}
    if not keys:
        raise DatasetError("no video has labels to stratify by")
    balance = _Balance(np.array([_weight(members[key], counts) for key in keys]), np.array(config.shares))
    order = sorted(range(len(keys)), key=lambda i: (-balance.weights[i, -2], digest([config.split_seed, *keys[i]])))
    chosen = balance.spread(order)
    random = np.random.default_rng(config.split_seed)
    for _ in range(PASSES):
        if not balance.improve(chosen, order, random):
            break
    return parts | {key: PARTS[chosen[i]] for i, key in enumerate(keys)}


def _weight(videos: Sequence[str], counts: ExpressionSeconds) -> NDArray[np.float64]:
    """Seconds of each expression, valid seconds and videos of a group."""
    known = [video for video in videos if video in counts.positives]
    positives = np.sum([counts.positives[video] for video in known], axis=0)
    return np.array([*positives, sum(counts.seconds[video] for video in known), len(known)], dtype=np.float64)


class _Balance:
    """How far the parts are from what was asked: in each expression's share, in seconds and in videos.

    Args:
        weights: of `_weight`, shape (groups, K + 2).
        shares: of the parts.

    Attributes:
        weights: as given.
    """

    def __init__(self, weights: NDArray[np.float64], shares: NDArray[np.float64]) -> None:
        self.weights = weights
        seconds, videos = max(weights[:, -2].sum(), 1.0), weights[:, -1].sum()
        share = weights[:, :-2].sum(axis=0) / seconds
        excess = (weights[:, :-2] - weights[:, -2:-1] * share) / seconds / np.sqrt(np.maximum(share, RAREST))
        columns = [EXPRESSION_WEIGHT * excess, weights[:, -2:-1] / seconds, VIDEO_WEIGHT * weights[:, -1:] / videos]
        self._rows = np.concatenate(columns, axis=1)  # (groups, K + 2)
        self._wanted = np.outer(shares, self._rows.sum(axis=0))  # (parts, K + 2)
        self._scale = 1 / shares

    def _cost(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of sums of shape (…, parts, K + 2), shape (…)."""
        cost: NDArray[np.float64] = (((sums - self._wanted) * self._scale[:, None]) ** 2).sum(axis=(-2, -1))
        return cost

    def spread(self, order: Sequence[int]) -> NDArray[np.int64]:
        """Assign one group after the other to the part that is shortest of seconds; no part stays empty."""
        left = np.outer(1 / self._scale, [self.weights[:, -2].sum()])[:, 0]
        chosen = np.zeros(len(self.weights), dtype=np.int64)
        for position, i in enumerate(order):
            chosen[i] = position if position < len(PARTS) else int(np.argmax(left * self._scale))
            left[chosen[i]] -= self.weights[i, -2]
        return chosen

    def improve(self, chosen: NDArray[np.int64], order: Sequence[int], random: np.random.Generator) -> bool:
        """Move or exchange single groups where that lowers the cost.

        Args:
            chosen: part of each group; changed in place.
            order: of the groups.
            random: draws whom a group may be exchanged with, where there are many.

        Returns:
            Whether anything was changed.
        """
        rows, changed = self._rows, False
        sums = np.stack([rows[chosen == part].sum(axis=0) for part in range(len(PARTS))])
        for i in order:
            here, now = int(chosen[i]), float(self._cost(sums))
            options: list[tuple[float, int, int]] = []  # cost, part, the group that comes back (−1: none)
            if (chosen == here).sum() > 1:
                for part in set(range(len(PARTS))) - {here}:
                    moved = sums.copy()
                    moved[here] -= rows[i]
                    moved[part] += rows[i]
                    options.append((float(self._cost(moved)), part, -1))
            others = np.flatnonzero(chosen != here)
            if len(others) > EXCHANGES:
                others = random.choice(others, EXCHANGES, replace=False)
            swapped = np.repeat(sums[None], len(others), axis=0)
            difference, at = rows[i] - rows[others], np.arange(len(others))
            swapped[:, here] -= difference
            swapped[at, chosen[others]] += difference
            costs = self._cost(swapped)
            if len(others):
                j = int(np.argmin(costs))
                options.append((float(costs[j]), int(chosen[others[j]]), int(others[j])))
            cost, part, back = min(options, default=(np.inf, here, -1))
            if cost < now - 1e-15:
                sums[here] -= rows[i]
                sums[part] += rows[i]
                if back >= 0:
                    sums[part] -= rows[back]
                    sums[here] += rows[back]
                    chosen[back] = here
                chosen[i], changed = part, True
        return changed


def compare_parts(
    parts: Mapping[str, str], counts: ExpressionSeconds, *, permutations: int = 999, seed: int = 0
) -> PartComparison:
    """Compare the parts' distributions of expressions, by random splits of the same videos.

    Args:
        parts: video → part.
        counts: of `count_seconds`.
        permutations: number of random splits.
        seed: of the random splits.

    Returns:
        Shares of each part, and how unusual their largest difference is.

    Raises:
        DatasetError: if no video has both a part and valid seconds.
    """
    videos = sorted(v for v in parts if counts.seconds.get(v, 0) > 0)
    if not videos:
        raise DatasetError("no video has both a part and labels, so parts cannot be compared")
    present = [name for name in PARTS if name in {parts[v] for v in videos}]
    codes = np.array([present.index(parts[v]) for v in videos])
    positives = np.array([counts.positives[v] for v in videos])
    seconds = np.array([counts.seconds[v] for v in videos], dtype=np.float64)
    overall = positives.sum(axis=0) / seconds.sum()

    def shares(assigned: NDArray[np.int64]) -> NDArray[np.float64]:
        member = (assigned == np.arange(len(present))[:, None]).astype(np.float64)  # (parts, videos)
        table: NDArray[np.float64] = (member @ positives) / (member @ seconds)[:, None]
        return table

    found = shares(codes)
    distance = np.abs(found - overall)
    at = np.unravel_index(int(np.argmax(distance)), distance.shape)
    random = np.random.default_rng(seed)
    drawn = [np.abs(shares(random.permutation(codes)) - overall).max() for _ in range(permutations)]
    lengths = {name: int(seconds[codes == i].sum()) for i, name in enumerate(present)}
    by_part = {
        name: {e: float(s) for e, s in zip(counts.expressions, row, strict=True)}
        for name, row in zip(present, found, strict=True)
    }
    p = (1 + sum(d >= distance.max() - 1e-12 for d in drawn)) / (1 + permutations)
    return PartComparison(lengths, by_part, float(distance.max()), counts.expressions[at[1]], present[at[0]], float(p))
