"""Cross-validation folds of whole videos, never of seconds (spec §9)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evoked.core.errors import DatasetError
from evoked.core.files import digest

__all__ = ["Fold", "audit", "make_folds"]


@dataclass(frozen=True)
class Fold:
    """One fold: train on `train`, score on `held_out`.

    Attributes:
        number: from 0.
        train, held_out: names of videos, sorted.
    """

    number: int
    train: tuple[str, ...]
    held_out: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        return {"number": self.number, "train": list(self.train), "held_out": list(self.held_out)}


def make_folds(
    seconds: Mapping[str, int], count: int, *, seed: int = 0, groups: Mapping[str, str] | None = None
) -> tuple[Fold, ...]:
    """Assign videos to folds so that each is held out once; equal names, lengths and seed give equal folds.

    Groups are assigned from the longest to the shortest, each to the fold with the fewest seconds so far; groups of
    equal length in a random order (of seed and name), which does not depend on the order of `seconds`.

    Args:
        seconds: video's name → its length.
        count: number of folds; at most one per group is made.
        seed: of the random order.
        groups: video's name → the group that it must not be separated from (a channel, a near-duplicate); a video
            without one is a group by itself.

    Returns:
        The folds, numbered from 0.

    Raises:
        ValueError: if count is below 2.
        DatasetError: if there are fewer than 2 groups: nothing would be left to train on.
    """
    if count < 2:
        raise ValueError(f"need at least 2 folds, got {count}")
    members: dict[tuple[bool, str], list[str]] = {}  # (is a named group, its name): a video may have a group's name
    for video in sorted(seconds):
        named = groups is not None and video in groups
        members.setdefault((named, groups[video] if groups and named else video), []).append(video)
    if len(members) < 2:
        raise DatasetError(
            "cannot hold videos out in turn: that needs two videos, or two groups of videos, got "
            f"{_count_text(seconds, members)}; add content from another source"
        )
    lengths = {key: sum(seconds[v] for v in videos) for key, videos in members.items()}
    order = sorted(members, key=lambda key: (-lengths[key], digest([seed, *key])))
    held_out: list[list[str]] = [[] for _ in range(min(count, len(members)))]
    load = [0] * len(held_out)
    for key in order:
        lightest = min(range(len(held_out)), key=lambda i: (load[i], len(held_out[i]), i))
        held_out[lightest] += members[key]
        load[lightest] += lengths[key]
    videos = set(seconds)
    return tuple(Fold(i, tuple(sorted(videos - set(out))), tuple(sorted(out))) for i, out in enumerate(held_out))


def _count_text(videos: Mapping[str, int], groups: Mapping[tuple[bool, str], list[str]]) -> str:
    if len(videos) < 2:
        return f"{len(videos) or 'none'}"
    return f"{len(videos)} videos in {len(groups)} group"


def audit(folds: Sequence[Fold], groups: Mapping[str, str] | None = None) -> None:
    """Check that no video and no group is in both halves of a fold, or held out in two folds.

    Args:
        folds: of one cross-validation.
        groups: as for `make_folds`.

    Raises:
        DatasetError: naming the first video or group that leaks.
    """
    fold_of_video: dict[str, int] = {}
    fold_of_group: dict[str, int] = {}
    groups = groups or {}
    for fold in folds:
        if leaked := set(fold.train) & set(fold.held_out):
            raise DatasetError(f"fold {fold.number}: {min(leaked)!r} is trained on and held out")
        if not fold.train or not fold.held_out:
            raise DatasetError(f"fold {fold.number} has nothing to {'hold out' if fold.train else 'train on'}")
        if leaked := {groups[v] for v in fold.train if v in groups} & {groups[v] for v in fold.held_out if v in groups}:
            raise DatasetError(f"fold {fold.number}: group {min(leaked)!r} is trained on and held out")
        for video in fold.held_out:
            if fold_of_video.setdefault(video, fold.number) != fold.number:
                raise DatasetError(f"{video!r} is held out in folds {fold_of_video[video]} and {fold.number}")
            group = groups.get(video)
            if group is not None and fold_of_group.setdefault(group, fold.number) != fold.number:
                raise DatasetError(f"group {group!r} is held out in folds {fold_of_group[group]} and {fold.number}")
