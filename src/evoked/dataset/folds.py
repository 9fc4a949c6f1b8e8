"""Which videos are held out when: by whole videos, never by seconds (spec §9)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evoked.core.errors import DatasetError
from evoked.core.files import digest

__all__ = ["Fold", "audit", "make_folds"]


@dataclass(frozen=True)
class Fold:
    """One turn: learn from `train`, score on `held_out`.

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
    """Share videos out so that each is held out once; the same names, lengths and seed give the same folds.

    The longest group goes first, each to the fold that has fewest seconds so far; equal lengths are
    shuffled at random (by seed and name), never by the order in which they were given.

    Args:
        seconds: video's name → its length.
        count: how many folds; no more than there are groups are made.
        seed: another seed, other folds.
        groups: video's name → what it must stay together with (a channel, a film, a near-duplicate);
            a video that is not named is a group of its own.

    Raises:
        ValueError: if count is below 2.
        DatasetError: if there are fewer than 2 groups: nothing would be left to learn from.
    """
    if count < 2:
        raise ValueError(f"need at least 2 folds, got {count}")
    together: dict[tuple[bool, str], list[str]] = {}  # (is a named group, its name): a video may be called like a group
    for video in sorted(seconds):
        named = groups is not None and video in groups
        together.setdefault((named, groups[video] if groups and named else video), []).append(video)
    if len(together) < 2:
        raise DatasetError(
            "cannot hold videos out in turn: that needs two videos, or two groups of videos, got "
            f"{_counted(seconds, together)}; add content from another source"
        )
    lengths = {key: sum(seconds[v] for v in videos) for key, videos in together.items()}
    order = sorted(together, key=lambda key: (-lengths[key], digest([seed, *key])))
    held: list[list[str]] = [[] for _ in range(min(count, len(together)))]
    load = [0] * len(held)
    for key in order:
        lightest = min(range(len(held)), key=lambda i: (load[i], len(held[i]), i))
        held[lightest] += together[key]
        load[lightest] += lengths[key]
    every = set(seconds)
    return tuple(Fold(i, tuple(sorted(every - set(out))), tuple(sorted(out))) for i, out in enumerate(held))


def _counted(videos: Mapping[str, int], groups: Mapping[tuple[bool, str], list[str]]) -> str:
    if len(videos) < 2:
        return f"{len(videos) or 'none'}"
    return f"{len(videos)} videos in {len(groups)} group"


def audit(folds: Sequence[Fold], groups: Mapping[str, str] | None = None) -> None:
    """Prove that no video and no group is learnt from and held out in one fold, or held out in two.

    Raises:
        DatasetError: naming the first video or group that leaks.
    """
    out_in: dict[str, int] = {}
    kin_out_in: dict[str, int] = {}
    groups = groups or {}
    for fold in folds:
        if both := set(fold.train) & set(fold.held_out):
            raise DatasetError(f"fold {fold.number}: {min(both)!r} is learnt from and held out")
        if not fold.train or not fold.held_out:
            raise DatasetError(f"fold {fold.number} has nothing to {'hold out' if fold.train else 'learn from'}")
        kin = {groups[v] for v in fold.train if v in groups} & {groups[v] for v in fold.held_out if v in groups}
        if kin:
            raise DatasetError(f"fold {fold.number}: group {min(kin)!r} is learnt from and held out")
        for video in fold.held_out:
            if out_in.setdefault(video, fold.number) != fold.number:
                raise DatasetError(f"{video!r} is held out in folds {out_in[video]} and {fold.number}")
            group = groups.get(video)
            if group is not None and kin_out_in.setdefault(group, fold.number) != fold.number:
                raise DatasetError(f"group {group!r} is held out in folds {kin_out_in[group]} and {fold.number}")
