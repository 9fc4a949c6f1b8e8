"""Split a dataset: each video's part is written to its manifest; parts that are there are kept."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from evoked.core.errors import DatasetError
from evoked.core.files import sha256
from evoked.core.provenance import Provenance
from evoked.core.tables import read_provenance, read_table
from evoked.dataset.labels import read_labels
from evoked.dataset.manifest import MANIFEST, VideoEntry, count_parts, read_manifest, write_manifest
from evoked.dataset.part_assignment import (
    ExpressionSeconds,
    PartComparison,
    SplitConfig,
    assign_parts,
    compare_parts,
    count_seconds,
)

__all__ = ["LABELS", "DatasetSplit", "split_dataset"]

LABELS = "labels.parquet"
"""Name of the labels in the folder of a dataset."""


@dataclass(frozen=True)
class DatasetSplit:
    """A dataset's split.

    Attributes:
        entries: video → its entry in the manifest, as written.
        counts: part → number of videos.
        kept: number of videos that had a part before.
        comparison: whether the parts' expressions are alike; None without labels.
    """

    entries: Mapping[str, VideoEntry]
    counts: Mapping[str, int]
    kept: int
    comparison: PartComparison | None


def split_dataset(
    folder: Path,
    config: SplitConfig | None = None,
    *,
    labels: Path | None = None,
    groups: Path | None = None,
    by_channel: bool = False,
    again: bool = False,
) -> DatasetSplit:
    """Assign each video of a dataset to train, validate or test, and write the manifest.

    Args:
        folder: of the dataset.
        config: shares, strategy and seed.
        labels: table of labels, to stratify and to compare the parts; None: labels.parquet of the folder, if there.
        groups: table video,group: a group is in one part.
        by_channel: a channel of the manifest is in one part.
        again: give up the parts that are in the manifest.

    Returns:
        The split.

    Raises:
        DatasetError: if the dataset cannot be split so; the manifest is unchanged then.
        OutputError: if the manifest cannot be written.
    """
    config = config or SplitConfig()
    entries = read_manifest(folder)
    place = labels or (folder / LABELS if (folder / LABELS).is_file() else None)
    counts = _counts(place, entries)
    if config.strategy == "stratify" and counts is None:
        raise DatasetError(f"to stratify, labels are needed: no {LABELS} in {folder}; give --labels FILE")
    named = _groups(groups, entries) if groups else {}
    if by_channel:
        named |= {video: entry.channel for video, entry in entries.items() if entry.channel}
        if not named:
            raise DatasetError(f"{folder / MANIFEST} has no channels, so videos cannot be grouped by channel")
    kept = {} if again else {video: entry.part for video, entry in entries.items() if entry.part}
    parts = assign_parts(list(entries), config, kept=kept, groups=named, counts=counts)
    changed = {video: replace(entry, part=parts[video]) for video, entry in entries.items()}
    comparison = None if counts is None else compare_parts(parts, counts, seed=config.split_seed)
    if changed != entries:
        inputs = {path.name: sha256(path) for path in (place, groups) if path is not None}
        before = (read_provenance(folder / MANIFEST) or {}).get("inputs", {})
        used = asdict(config) | {"by_channel": by_channel, "again": again, "kept": len(kept)}
        write_manifest(folder / MANIFEST, changed.values(), Provenance("dataset split", used, {**before, **inputs}))
    return DatasetSplit(changed, count_parts(changed), len(kept), comparison)


def _counts(place: Path | None, entries: Mapping[str, VideoEntry]) -> ExpressionSeconds | None:
    if place is None:
        return None
    labels = read_labels(place)
    known = {video: rows for video, rows in labels.items() if video in entries}
    if not known:
        raise DatasetError(f"{place} has labels of none of the dataset's {len(entries)} videos")
    return count_seconds(known)


def _groups(table: Path, entries: Mapping[str, VideoEntry]) -> dict[str, str]:
    columns = read_table(table, required=("video", "group"))
    found = dict(zip(columns["video"], columns["group"], strict=True))
    if strange := sorted(str(video) for video in found if video not in entries):
        raise DatasetError(f"{table}: {strange[0]} is no video of the dataset")
    return {video: group for video, group in found.items() if group is not None}
