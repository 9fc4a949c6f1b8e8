"""Audit a dataset's split: the same video, or one that shows the same pictures, in two parts is a leak."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from evoked.core.errors import DatasetError, MediaError
from evoked.core.files import sha256, writing
from evoked.core.progress import Progress, silent
from evoked.dataset.manifest import VideoEntry, read_manifest
from evoked.dataset.near_duplicates import HashedVideo, SimilarPair, find_similar
from evoked.dataset.perceptual_hash import VIEWS, hash_pictures
from evoked.dataset.result_files import without_extension

__all__ = ["HASHES", "AuditFinding", "DatasetAudit", "audit_dataset"]

HASHES = "hashes"
"""Folder of a dataset with the perceptual hashes, a file per video's sha256."""


@dataclass(frozen=True)
class AuditFinding:
    """Two videos, or videos of one channel, that belong together.

    Attributes:
        kind: "same file", "same pictures" or "same channel".
        videos: their names.
        parts: their parts; None: in none.
        leak: whether a model would be tested on what it has learnt from.
        detail: seconds in common, where they begin, mirrored or cropped; or the channel.
    """

    kind: str
    videos: tuple[str, ...]
    parts: tuple[str | None, ...]
    leak: bool
    detail: str = ""


@dataclass(frozen=True)
class DatasetAudit:
    """What an audit found.

    Attributes:
        findings: leaks first.
        compared: videos whose pictures were compared.
        notes: videos that could not be.
    """

    findings: tuple[AuditFinding, ...]
    compared: int
    notes: tuple[str, ...]

    @property
    def leaks(self) -> int:
        """Number of findings that are leaks."""
        return sum(finding.leak for finding in self.findings)


def audit_dataset(
    folder: Path, videos: Path | None = None, *, by_channel: bool = False, progress: Progress = silent
) -> DatasetAudit:
    """Look for videos that belong together, and stand in two parts.

    Args:
        folder: of the dataset.
        videos: folder with the video files, named as in the manifest; None: pictures are not compared. Hashes are kept
            in the dataset, so that a second audit is quick.
        by_channel: whether a channel in two parts is a leak, as where the split was made by channel.
        progress: called with the videos that are done.

    Returns:
        The findings.

    Raises:
        DatasetError: if the manifest or the folder cannot be read.
        OutputError: if hashes cannot be kept.
    """
    entries = read_manifest(folder)
    findings = [*_same_files(entries), *_same_channels(entries, by_channel)]
    notes: list[str] = []
    hashed: dict[str, HashedVideo] = {}
    if videos is not None:
        hashed = _hash_all(folder, videos, entries, notes, progress)
        same = {frozenset(f.videos) for f in findings if f.kind == "same file"}
        findings += [_finding(pair, entries) for pair in find_similar(hashed)
                     if frozenset((pair.first, pair.second)) not in same]  # fmt: skip
    findings.sort(key=lambda finding: (not finding.leak, finding.kind, finding.videos))
    return DatasetAudit(tuple(findings), len(hashed), tuple(notes))


def _across(entries: Mapping[str, VideoEntry], videos: tuple[str, ...]) -> bool:
    return len({entries[video].part for video in videos if entries[video].part}) > 1


def _grouped(entries: Mapping[str, VideoEntry], key: Callable[[VideoEntry], str | None]) -> Iterator[tuple[str, ...]]:
    groups: dict[str, list[str]] = {}
    for video, entry in entries.items():
        if (value := key(entry)) is not None:
            groups.setdefault(value, []).append(video)
    yield from (tuple(own) for own in groups.values() if len(own) > 1)


def _parts(entries: Mapping[str, VideoEntry], videos: tuple[str, ...]) -> tuple[str | None, ...]:
    return tuple(entries[video].part for video in videos)


def _same_files(entries: Mapping[str, VideoEntry]) -> Iterator[AuditFinding]:
    for group in _grouped(entries, lambda entry: entry.sha256):
        for pair in combinations(group, 2):
            yield AuditFinding("same file", pair, _parts(entries, pair), _across(entries, pair))


def _same_channels(entries: Mapping[str, VideoEntry], leak: bool) -> Iterator[AuditFinding]:
    for group in _grouped(entries, lambda entry: entry.channel):
        if _across(entries, group):
            channel = str(entries[group[0]].channel)
            yield AuditFinding("same channel", group, _parts(entries, group), leak, channel)


def _finding(pair: SimilarPair, entries: Mapping[str, VideoEntry]) -> AuditFinding:
    videos = pair.first, pair.second
    how = "".join(f", {word}" for word, yes in (("mirrored", pair.mirrored), ("cropped", pair.cropped)) if yes)
    detail = f"{pair.seconds} s in common, from {pair.first_s} s and {pair.second_s} s{how}"
    return AuditFinding("same pictures", videos, _parts(entries, videos), _across(entries, videos), detail)


def _hash_all(
    folder: Path, videos: Path, entries: Mapping[str, VideoEntry], notes: list[str], progress: Progress
) -> dict[str, HashedVideo]:
    """The hashes of every video that is there."""
    if not videos.is_dir():
        raise DatasetError(f"no folder {videos}")
    files = {path.name: path for path in videos.iterdir() if path.is_file()}
    by_stem = {without_extension(name): path for name, path in files.items()}
    hashed: dict[str, HashedVideo] = {}
    absent = 0
    for done, video in enumerate(entries):
        progress(done, len(entries), video)
        path = files.get(video) or by_stem.get(video)
        if path is None:
            absent += 1
            continue
        try:
            hashed[video] = _hashed(folder, path)
        except MediaError as error:
            notes.append(f"{video}: {error}")
    if absent:
        notes.append(f"{absent} of {len(entries)} videos are not in {videos}: their pictures were not compared")
    if not hashed:
        raise DatasetError(f"none of the dataset's {len(entries)} videos is in {videos}")
    return hashed


def _hashed(folder: Path, path: Path) -> HashedVideo:
    kept = folder / HASHES / f"{sha256(path)}.npy"
    if kept.is_file():
        try:
            rows = np.load(kept, allow_pickle=False)
        except (OSError, ValueError):  # cut off: made again
            rows = np.zeros(0)
        if rows.dtype == np.uint64 and rows.ndim == 2 and rows.shape[1] == len(VIEWS) + 1:
            return HashedVideo(rows[:, :-1], rows[:, -1].astype(np.bool_))
    hashes, valid = hash_pictures(path)
    with writing(kept) as temporary, temporary.open("wb") as file:
        np.save(file, np.concatenate([hashes, valid[:, None].astype(np.uint64)], axis=1))
    return HashedVideo(hashes, valid)
