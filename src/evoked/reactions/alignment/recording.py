"""A media file that is read once, when needed: description, sound, thumbnails, digest."""

from collections.abc import Collection
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Literal, NoReturn

from evoked.core.damage import Damage
from evoked.core.errors import MissingMedia
from evoked.core.progress import Progress, silent
from evoked.media.file_header import sha256_with_header
from evoked.media.probe import Media, probe
from evoked.reactions.alignment.audio.soundtrack import Soundtrack, load_soundtrack
from evoked.reactions.alignment.video.thumbnails import FrameThumbnails, content_thumbnails, reaction_thumbnails

__all__ = ["Recording", "Stream", "as_recording", "is_same_recording"]

Stream = Literal["audio", "video"]
STREAMS: tuple[Stream, ...] = ("audio", "video")


class Recording:
    """A media file and what was read of it; everything is read at its first use, and only once.

    It belongs to the process that made it and cannot be pickled: give a worker the path.

    Args:
        path: a media file; nothing is read yet.

    Attributes:
        audio_track: which of its audio streams is read, from 1; 0: the one that a player plays.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.audio_track = 0
        self._soundtrack: Soundtrack | None = None
        self._reaction_thumbnails: FrameThumbnails | None = None
        self._content_thumbnails: FrameThumbnails | None = None
        self._damage: dict[Stream, tuple[str, ...]] = {}
        self._defects: dict[Stream, tuple[Damage, ...]] = {}
        self._notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, media: Media) -> "Recording":
        """A recording whose description is known, or shall be another than the file's own, such as turned."""
        recording = cls(media.path)
        recording.__dict__["media"] = media
        return recording

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a Recording cannot be pickled: send its path ({self.path}) and open it in the other process")

    @cached_property
    def media(self) -> Media:
        """Its description; MediaError or a subclass if it cannot be read."""
        return probe(self.path, self.audio_track)

    def choose_track(self, audio_track: int) -> None:
        """Read another of its audio streams from now on: its number from 1, or 0 for the one that a player plays."""
        if audio_track != self.audio_track:
            self.audio_track = audio_track
            self.__dict__.pop("media", None)
            self._soundtrack = None
            self._damage.pop("audio", None)
            self._defects.pop("audio", None)

    @property
    def other_tracks(self) -> tuple[int, ...]:
        """Its audio streams without the one that is read, from 1."""
        current = self.media.sound.track if self.media.sound else 0
        return tuple(n for n in range(1, len(self.media.audio_tracks) + 1) if n != current)

    @cached_property
    def digest(self) -> str:
        """Its sha256, 64 hex digits."""
        return sha256_with_header(self.path)

    @property
    def damage(self) -> tuple[str, ...]:
        """Damage of the streams read so far, audio first, then notes; one line each, empty for an intact file."""
        return tuple(dict.fromkeys((*self.damage_of(STREAMS), *self._notes)))

    def damage_of(self, streams: Collection[Stream]) -> tuple[str, ...]:
        """Damage of some streams, as far as they have been read: audio first, one line each."""
        return tuple(dict.fromkeys(chain.from_iterable(self._damage.get(s, ()) for s in STREAMS if s in streams)))

    @property
    def soundtrack(self) -> Soundtrack:
        """All its sound (115 MB for an hour); NoSoundError if it has none, MediaError if it cannot be read."""
        if self._soundtrack is None:
            self._soundtrack = load_soundtrack(self.path, self.media)
            self._add_damage("audio", (*self._soundtrack.damage, *self._soundtrack.notes))
            self._add_defects("audio", self._soundtrack.defects)
        return self._soundtrack

    def reaction_thumbnails(self, progress: Progress = silent) -> FrameThumbnails:
        """Its thumbnails as a reaction (58 MB for an hour of 16:9).

        Args:
            progress: is called with the number of thumbnails made and of all.

        Raises:
            NoPictureError: if it has no picture, or none that can be decoded.
            MediaError: if it cannot be read.
        """
        if self._reaction_thumbnails is None:
            self._reaction_thumbnails = reaction_thumbnails(self.path, progress, self.media)
            self._add_damage("video", self._reaction_thumbnails.damage)
            self._add_defects("video", self._reaction_thumbnails.defects)
        return self._reaction_thumbnails

    def content_thumbnails(self, progress: Progress = silent) -> FrameThumbnails:
        """Its thumbnails as a content (9 MB for an hour).

        Args:
            progress: is called with the number of thumbnails made and of all.

        Raises:
            NoPictureError: if it has no picture, or none that can be decoded.
            MediaError: if it cannot be read.
        """
        if self._content_thumbnails is None:
            self._content_thumbnails = content_thumbnails(self.path, progress, self.media)
            self._add_damage("video", self._content_thumbnails.damage)
            self._add_defects("video", self._content_thumbnails.defects)
        return self._content_thumbnails

    def note(self, *lines: str) -> None:
        """Add lines to `damage`; a line that it holds already is not added again."""
        self._notes = tuple(dict.fromkeys((*self._notes, *lines)))

    def _add_damage(self, stream: Stream, lines: tuple[str, ...]) -> None:
        self._damage[stream] = tuple(dict.fromkeys((*self._damage.get(stream, ()), *lines)))

    def defects_of(self, streams: Collection[Stream] = STREAMS) -> tuple[Damage, ...]:
        """Damage of some streams with kinds and seconds, as far as they have been read, each once."""
        return tuple(dict.fromkeys(chain.from_iterable(self._defects.get(s, ()) for s in STREAMS if s in streams)))

    def _add_defects(self, stream: Stream, defects: tuple[Damage, ...]) -> None:
        self._defects[stream] = tuple(dict.fromkeys((*self._defects.get(stream, ()), *defects)))

    def free_sound(self) -> None:
        """Free the memory of its sound."""
        self._soundtrack = None

    def free(self) -> None:
        """Free the memory of its sound and thumbnails; description, digest and damage are kept."""
        self._soundtrack = self._reaction_thumbnails = self._content_thumbnails = None


def as_recording(file: Path | Recording) -> Recording:
    """The recording itself, or a new one of a path."""
    return file if isinstance(file, Recording) else Recording(file)


def is_same_recording(first: Recording, second: Recording) -> bool:
    """Whether two recordings are one file or hold the same bytes; digests are computed only if sizes are equal.

    Args:
        first, second: the two; their order does not matter.

    Returns:
        True if they are the same.

    Raises:
        MissingMedia: if one of the files is missing.
    """
    for recording in (first, second):
        if not recording.path.exists():
            raise MissingMedia(f"no file at {recording.path}: check the name")
    if first.path.samefile(second.path):
        return True
    return first.path.stat().st_size == second.path.stat().st_size and first.digest == second.digest
