"""Themes of videos, written to the manifest: from a table, from yt-dlp's .info.json, or from saved API answers.

Saved answers are those of the YouTube Data API's videos.list (parts snippet, contentDetails, topicDetails); nothing is
fetched here. Channels and durations that the manifest lacks are taken over too.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from evoked.core.errors import DatasetError
from evoked.core.files import parse_json, sha256
from evoked.core.provenance import Provenance
from evoked.core.tables import SUFFIXES, read_provenance, read_table
from evoked.dataset.manifest import MANIFEST, VideoEntry, read_manifest, write_manifest

__all__ = ["ThemesFound", "VideoFacts", "add_themes", "read_facts"]

ISO_DURATION = re.compile(r"P(?:(\d+)D)?T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?")


@dataclass(frozen=True)
class VideoFacts:
    """What a source says of a video.

    Attributes:
        video: its name or id.
        themes: names, in the source's order.
        channel: who published it.
        duration_s: its length.
    """

    video: str
    themes: tuple[str, ...]
    channel: str | None = None
    duration_s: float | None = None


@dataclass(frozen=True)
class ThemesFound:
    """What was taken over.

    Attributes:
        entries: number of videos of the dataset with themes now.
        changed: number of videos whose entry changed.
        strangers: videos of the sources that are not in the dataset.
    """

    entries: int
    changed: int
    strangers: tuple[str, ...]


def add_themes(folder: Path, sources: Sequence[Path], *, again: bool = False) -> ThemesFound:
    """Add themes to a dataset's manifest.

    Args:
        folder: of the dataset.
        sources: files of `read_facts`, or folders of .info.json files.
        again: give up the themes that are there; else new ones are added to them.

    Returns:
        What was taken over.

    Raises:
        DatasetError: if a source cannot be read, or names no video of the dataset.
        OutputError: if the manifest cannot be written.
    """
    entries = read_manifest(folder)
    by_id = {entry.source_id: video for video, entry in entries.items() if entry.source_id}
    changed, strangers = dict(entries), []
    files = [f for source in sources for f in (sorted(source.glob("*.json")) if source.is_dir() else [source])]
    seen: set[str] = set()
    for path in files:
        for facts in read_facts(path):
            video = facts.video if facts.video in entries else by_id.get(facts.video)
            if video is None:
                strangers.append(facts.video)
                continue
            changed[video] = _merged(changed[video], facts, again=again and video not in seen)
            seen.add(video)
    if not seen:
        raise DatasetError(f"none of {len(files)} files names a video of {folder}")
    if changed != entries:
        before = (read_provenance(folder / MANIFEST) or {}).get("inputs", {})
        inputs = {**before, **{path.name: sha256(path) for path in files}}
        made = Provenance("dataset themes", {"again": again}, inputs)
        write_manifest(folder / MANIFEST, changed.values(), made)
    count = sum(entries[video] != entry for video, entry in changed.items())
    return ThemesFound(sum(bool(entry.themes) for entry in changed.values()), count, tuple(sorted(strangers)))


def _merged(entry: VideoEntry, facts: VideoFacts, *, again: bool) -> VideoEntry:
    there = () if again or not entry.themes else tuple(text.strip() for text in entry.themes.split(";"))
    themes = dict.fromkeys(text for text in (*there, *facts.themes) if text)
    return replace(
        entry,
        themes="; ".join(themes) or None,
        channel=entry.channel or facts.channel,
        duration_s=entry.duration_s if entry.duration_s is not None else facts.duration_s,
    )


def read_facts(path: Path) -> list[VideoFacts]:
    """Read what a file says of videos.

    Args:
        path: a table video,themes (.csv, .parquet; themes separated by semicolons, or several rows per video), an
            .info.json of yt-dlp (categories), or a saved answer of the YouTube Data API's videos.list (topicDetails).

    Returns:
        One per row or video.

    Raises:
        DatasetError: if it cannot be read, or is none of these.
    """
    if path.suffix.lower() in SUFFIXES and path.suffix.lower() != ".json":
        columns = read_table(path, required=("video", "themes"))
        return [
            VideoFacts(str(video), _split(str(themes or "")))
            for video, themes in zip(columns["video"], columns["themes"], strict=True)
        ]
    try:
        body = parse_json(path.read_bytes())
        facts = list(_facts_of_json(body))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{path} cannot be read: {type(error).__name__}: {error}") from error
    if not facts:
        raise DatasetError(f"{path} is neither an .info.json of yt-dlp nor an answer of videos.list")
    return facts


def _facts_of_json(body: Any) -> Iterator[VideoFacts]:
    for answer in body if isinstance(body, list) else [body]:
        if answer.get("kind", "").startswith("youtube#video"):
            for item in answer.get("items", ()):
                topics = item.get("topicDetails", {}).get("topicCategories", ())
                names = tuple(unquote(str(url).rsplit("/", 1)[-1]).replace("_", " ") for url in topics)
                length = _seconds(item.get("contentDetails", {}).get("duration"))
                yield VideoFacts(str(item["id"]), names, item.get("snippet", {}).get("channelTitle"), length)
        elif "id" in answer and ("extractor" in answer or "categories" in answer):
            length = answer.get("duration")
            names = tuple(str(name) for name in answer.get("categories") or ())
            channel = answer.get("channel") or answer.get("uploader")
            yield VideoFacts(str(answer["id"]), names, channel, None if length is None else float(length))


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(";") if part.strip())


def _seconds(text: str | None) -> float | None:
    match = ISO_DURATION.fullmatch(text or "")
    if not match or not any(match.groups()):
        return None
    days, hours, minutes, seconds = (float(group or 0) for group in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
