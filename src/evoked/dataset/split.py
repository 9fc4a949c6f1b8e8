"""Which videos train, validate and test: as the paper's protocol says, from a table, or at random."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evoked.core.errors import DatasetError
from evoked.core.tables import read_table
from evoked.dataset.result_files import without_extension

__all__ = ["PARTS", "SPLIT_2018", "VideoSplit", "read_split", "split_at_random", "split_liris", "videos_in"]

PARTS = ("train", "validate", "test")
SYNONYMS = {"training": "train", "validation": "validate", "val": "validate", "dev": "validate", "testing": "test"}
SPLIT_2018 = {"validate": range(14), "train": range(14, 54), "test": range(54, 66)}
"""MediaEval 2018 as the paper used it: development part 1 validates, the rest of development trains."""


@dataclass(frozen=True, eq=False)
class VideoSplit:
    """A split of whole videos.

    Attributes:
        parts: video → one of PARTS; videos that are not in it are left out.
        notes: how they were assigned, where that is not the paper's protocol; and what was left out.
    """

    parts: Mapping[str, str]
    notes: tuple[str, ...] = ()


def split_liris(names: Sequence[str], seed: int = 0) -> VideoSplit:
    """Split videos of LIRIS-ACCEDE as the paper did.

    MediaEval 2018 by its numbers (SPLIT_2018); without the test videos, whose annotations were given out later, the
    test part is empty. Other videos, and those of 2018 where none is left to train or to validate, are assigned at
    random, with a note.

    Args:
        names: of the videos.
        seed: of the random split.

    Returns:
        The split.

    Raises:
        DatasetError: if they must be split at random and are fewer than three.
    """
    part_of = {number: subset for subset, numbers in SPLIT_2018.items() for number in numbers}
    matches = {name: re.fullmatch(r"MEDIAEVAL18_(\d+)", name, re.IGNORECASE) for name in names}
    numbers = {name: int(match[1]) for name, match in matches.items() if match}
    if strangers := sorted(name for name in names if numbers.get(name) not in part_of):
        return split_at_random(names, seed, f"{strangers[0]} is not one of MediaEval 2018's 00-65")
    parts = {name: part_of[number] for name, number in numbers.items()}
    if absent := [subset for subset in ("train", "validate") if subset not in parts.values()]:
        numbers_of = {"train": "14-53", "validate": "00-13"}
        return split_at_random(
            names, seed, f"MediaEval 2018's {numbers_of[absent[0]]}, which {absent[0]}, are not here"
        )
    return VideoSplit(parts)


def split_at_random(
    names: Sequence[str], seed: int = 0, reason: str = "no split was given", shares: tuple[int, int, int] = (60, 15, 25)
) -> VideoSplit:
    """Assign whole videos at random, at least one to each part.

    Args:
        names: of the videos; their order does not matter.
        seed: another seed, another split.
        reason: why it is random, for the note.
        shares: of train, validate and test.

    Returns:
        The split, and a note that says that it is random.

    Raises:
        DatasetError: for fewer than three videos.
    """
    if len(names) < len(PARTS):
        raise DatasetError(f"{len(names)} videos cannot be split into {', '.join(PARTS)}: three are the least")
    shuffled = [sorted(names)[i] for i in np.random.default_rng(seed).permutation(len(names))]
    counts = [max(1, round(len(names) * share / sum(shares))) for share in shares[1:]]
    while sum(counts) > len(names) - 1:
        counts[counts.index(max(counts))] -= 1
    train_count = len(names) - sum(counts)
    parts = ["train"] * train_count + ["validate"] * counts[0] + ["test"] * counts[1]
    note = (
        f"split at random, {':'.join(map(str, shares))}, seed {seed}: {reason}; --split FILE says which video is what"
    )
    return VideoSplit(dict(zip(shuffled, parts, strict=True)), (note,))


def read_split(path: Path, names: Sequence[str]) -> VideoSplit:
    """Read a table `video,part`, such as the manifest of a dataset.

    Args:
        path: the table, in any form that `read_table` reads.
        names: of the videos that there are; the table may name them with a file extension.

    Returns:
        The split; videos that the table does not name are left out, and names that are no video, with a note each.

    Raises:
        DatasetError: if the table cannot be read, a video is listed twice, or a part is none of PARTS.
    """
    columns = read_table(path, required=("video", "part"))
    parts: dict[str, str] = {}
    unknown: list[str] = []
    for row, (listed, value) in enumerate(zip(columns["video"], columns["part"], strict=True), start=1):
        if listed is not None and value is None:
            continue  # a video of the manifest that is in no part
        subset = SYNONYMS.get(str(value).lower(), str(value).lower())
        if listed is None or subset not in PARTS:
            raise DatasetError(
                f"{path} row {row}: need a video and one of {', '.join(PARTS)}, got {listed!r}, {value!r}"
            )
        video = next((name for name in (listed, without_extension(listed)) if name in names), None)
        if (video or listed) in (*parts, *unknown):
            raise DatasetError(f"{path} row {row}: {video or listed} is listed twice; a video is in one part")
        if video is None:
            unknown.append(listed)
        else:
            parts[video] = subset
    notes = []
    if unknown:
        notes.append(f"in {path.name}, but not among the videos: {_some(unknown)}")
    if left_out := sorted(set(names) - set(parts)):
        notes.append(f"left out: not in {path.name}: {_some(left_out)}")
    return VideoSplit(parts, tuple(notes))


def videos_in(split: VideoSplit, part: str) -> tuple[str, ...]:
    """The videos of one part, sorted.

    Args:
        split: of `read_split`.
        part: train, validate or test.

    Returns:
        Their names.

    Raises:
        DatasetError: if there is none.
    """
    videos = tuple(sorted(video for video, own in split.parts.items() if own == part))
    if not videos:
        raise DatasetError(f"the split has no video here in the part {part}")
    return videos


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
