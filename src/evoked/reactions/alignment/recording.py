"""A recording, opened once for each thing that is asked of it: description, sound, thumbnails, digest."""

from functools import cached_property
from pathlib import Path
from typing import NoReturn

from evoked.core.errors import MissingMedia
from evoked.core.files import sha256
from evoked.core.progress import Progress, silent
from evoked.media.probe import Media, probe
from evoked.reactions.alignment.audio.soundtrack import Soundtrack, load_soundtrack
from evoked.reactions.alignment.video.thumbnails import FrameThumbnails, content_thumbnails, reaction_thumbnails

__all__ = ["Recording", "as_recording", "is_same_recording"]


class Recording:
    """A media file and what was read of it; each part is read when it is first asked for, and only once.

    It belongs to the process that made it and cannot be pickled: give a worker the path.

    Args:
        path: a media file; nothing is read yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._soundtrack: Soundtrack | None = None
        self._reaction_thumbnails: FrameThumbnails | None = None
        self._content_thumbnails: FrameThumbnails | None = None
        self._damage: tuple[str, ...] = ()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a Recording cannot be pickled: send its path ({self.path}) and open it in the other process")

    @cached_property
    def media(self) -> Media:
        """Its description; MediaError or a subclass if it cannot be read."""
        return probe(self.path)

    @cached_property
    def digest(self) -> str:
        """Its sha256, 64 hex digits."""
        return sha256(self.path)

    @property
    def damage(self) -> tuple[str, ...]:
        """What was wrong with the parts that have been read so far, one line each; empty for a whole file."""
        return self._damage

    @property
    def soundtrack(self) -> Soundtrack:
        """All its sound (115 MB for an hour); NoSoundError if it has none, MediaError if it cannot be read."""
        if self._soundtrack is None:
            self._soundtrack = load_soundtrack(self.path, self.media)
            self.note(*self._soundtrack.damage)
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
            self.note(*self._reaction_thumbnails.damage)
        return self._reaction_thumbnails

    def content_thumbnails(self, progress: Progress = silent) -> FrameThumbnails:
        """Its thumbnails as a content (9 MB for an hour); args and errors as `reaction_thumbnails`."""
        if self._content_thumbnails is None:
            self._content_thumbnails = content_thumbnails(self.path, progress, self.media)
            self.note(*self._content_thumbnails.damage)
        return self._content_thumbnails

    def note(self, *lines: str) -> None:
        """Add lines to `damage`; a line that is there already is not added again."""
        self._damage = tuple(dict.fromkeys((*self._damage, *lines)))

    def free_sound(self) -> None:
        """Give back the memory of its sound."""
        self._soundtrack = None

    def free(self) -> None:
        """Give back the memory of its sound and thumbnails; description, digest and damage are kept."""
        self._soundtrack = self._reaction_thumbnails = self._content_thumbnails = None


def as_recording(file: Path | Recording) -> Recording:
    """The recording itself, or a new one of a path."""
    return file if isinstance(file, Recording) else Recording(file)


def is_same_recording(one: Recording, other: Recording) -> bool:
    """Whether two recordings are one file or hold the same bytes; their digests are made only if sizes are equal.

    Raises:
        MissingMedia: if one is not there.
    """
    for recording in (one, other):
        if not recording.path.exists():
            raise MissingMedia(f"no file at {recording.path}: check the name")
    if one.path.samefile(other.path):
        return True
    return one.path.stat().st_size == other.path.stat().st_size and one.digest == other.digest
